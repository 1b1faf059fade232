"""Section 2.1: ping, state, identity; and what 8.1 has of it."""

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.simulator.trial import Trial
from tests.unit.simulator.conftest import JSON, Asker

INFO = "GET /data/api/v1/gateway-info"


async def test_ping_and_gwinfo_answer_without_a_key(ask: Asker) -> None:
    ask.headers = {}
    assert await ask.json("GET /StatusPing") == {"state": "RUNNING"}
    assert await ask.json("GET /main/StatusPing") == {"state": "RUNNING"}
    text = (await ask("GET /system/gwinfo")).text
    assert text.startswith("ContextStatus=RUNNING;PlatformName=Ignition;Version=8.3.6;")
    assert text.endswith(";")


async def test_gateway_info_has_the_recorded_fields_and_no_version_state_or_uptime(
    ask: Asker,
) -> None:
    info = await ask.json(INFO)
    assert info["ignitionVersion"] == "8.3.6 (b2026042713)"
    assert info["port"] == "8088"
    assert info["license"]["mode"] == "Trial"
    assert not {"version", "state", "uptime"} & set(info)


async def test_overview_tells_uptime_load_and_trial(ask: Asker, gateway: SimulatedGateway) -> None:
    before = await ask.json("GET /data/api/v1/overview")
    gateway.pass_time(10)
    after = await ask.json("GET /data/api/v1/overview")
    assert after["uptime"] - before["uptime"] == pytest.approx(10_000, abs=2)
    assert after["license"] == {"state": "trial", "trialRemaining": 7189}
    assert 0 <= after["cpu"] <= 1


async def test_an_expired_trial_is_a_problem(ask: Asker, gateway: SimulatedGateway) -> None:
    assert (await ask.json("GET /data/api/v1/overview/problems"))["items"] == []
    gateway.expire_trial()
    items = (await ask.json("GET /data/api/v1/overview/problems"))["items"]
    assert set(items[0]) == {"title", "description", "resolution", "url", "actionLabel"}


@pytest.mark.parametrize(
    "row",
    ["GET /data/api/v1/overview/name", "GET /data/api/v1/systemPerformance/charts"],
)
async def test_what_nobody_has_captured_is_a_setting(
    row: str, ask: Asker, gateway: SimulatedGateway
) -> None:
    assert await ask.json(row) == {}
    gateway.configure(uncaptured={row.removeprefix("GET "): ["as you like"]})
    assert await ask.json(row) == ["as you like"]


async def test_load_has_a_percentage_and_threads(ask: Asker) -> None:
    gauges = await ask.json("GET /data/api/v1/systemPerformance/currentGauges")
    assert set(gauges) == {"cpu", "heapMemory", "nonHeapMemory", "maxMemory"}
    threads = await ask.json("GET /data/api/v1/systemPerformance/threads")
    assert set(threads) == {"running", "waiting", "timedWaiting", "blocked"}


async def test_the_openapi_document_needs_a_key_unless_the_setting_opens_it(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    document = await ask.json("GET /openapi.json")
    assert "get" in document["paths"]["/data/api/v1/gateway-info"]
    ask.headers = {}
    assert (await ask("GET /openapi.json")).status_code == 401
    gateway.configure(openapi_needs_token=False)
    assert (await ask("GET /openapi.json")).status_code == 200
    assert (await ask("GET /openapi")).status_code == 200


async def test_8_1_has_no_rest_interface(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(version="8.1.28")
    assert (await ask(INFO)).status_code == 404
    assert "Version=8.1.28;" in (await ask("GET /system/gwinfo")).text
    assert (await ask("GET /StatusPing")).status_code == 200


async def test_a_lapsed_trial_ends_webdev_and_perspective(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    path = "/system/webdev/plant/status"
    gateway.configure(uncaptured={path: {"line": 3}})
    webdev = "GET /system/webdev/{project}/{route}"
    assert await ask.json(webdev, project="plant", route="status") == {"line": 3}
    posted = "POST /system/webdev/{project}/{route}"
    assert await ask.json(posted, project="plant", route="status") == {"line": 3}
    assert (await ask(webdev, project="plant", route="other")).status_code == 404
    gateway.expire_trial()
    assert (await ask(webdev, project="plant", route="status")).status_code == 402
    page = await ask("GET /data/perspective/client/{project}", project="nowhere")
    assert "Project Not Found</h1>" in page.text


async def test_an_unknown_path_is_told_and_a_wrong_method_is_an_empty_404(ask: Asker) -> None:
    unknown = await ask("GET /data/api/v1/connections/database", headers=JSON)
    assert unknown.status_code == 404
    assert unknown.json() == {
        "message": "No route match for path: /v1/connections/database",
        "url": "/data/api/v1/connections/database",
        "status": "404",
    }
    wrong = await ask("POST /data/api/v1/gateway-info", headers=JSON)
    assert (wrong.status_code, wrong.content) == (404, b"")


async def test_a_mistake_of_the_simulator_is_a_500_and_is_logged(
    ask: Asker,
    gateway: SimulatedGateway,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(Trial, "to_json")
    assert (await ask("GET /data/api/v1/trial", headers=JSON)).json()["status"] == "500"
    assert "GET /data/api/v1/trial failed" in caplog.text
    (entry,) = gateway.requests()
    assert entry.dropped_at is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_not_json_is_a_400(content: bytes, ask: Asker) -> None:
    headers = {"Content-Type": "application/json"}
    response = await ask("POST /data/api/v1/projects", content=content, headers=headers)
    assert response.status_code == 400
