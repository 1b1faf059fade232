"""What every request passes: names, pages of other sites, size and type of bodies."""

import asyncio
import json

import httpx2
import pytest
from fastapi import FastAPI

from ignition_toolkit.api import body as body_module
from ignition_toolkit.api.body import DRAIN_BYTES, MAX_BODY_BYTES
from ignition_toolkit.playbook.models import ExecutionStatus
from tests.unit.api.asgi import Conversation
from tests.unit.api.fake_worker import FakeWorker

JSON = ("content-type", "application/json")
START = "/api/executions"
BODY = b'{"playbook_path": "tests/test_cancellation.yaml"}'


@pytest.mark.parametrize("path", ["/", "/api/health", "/api/events", "/static/live.js", "/nowhere"])
async def test_a_foreign_host_sees_nothing(
    client: httpx2.AsyncClient, worker: FakeWorker, path: str
) -> None:
    answer = await client.get(path, headers={"host": "evil.example"})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "evil.example" in answer.json()["detail"]
    assert "ITK_ALLOWED_HOSTS" in answer.json()["detail"]
    assert worker.reads == 0


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "evil.example"], ["127.0.0.1", "127.0.0.1"]])
async def test_exactly_one_host_is_expected(app: FastAPI, hosts: list[str]) -> None:
    headers = [("host", host) for host in hosts]
    async with Conversation(app, "/api/health", headers=headers or [("host", "")]) as talk:
        assert (await talk.start())[0] == 403
        await talk.rest()


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1:8088"])
async def test_a_page_of_another_site_starts_and_cancels_nothing(
    client: httpx2.AsyncClient, worker: FakeWorker, origin: str
) -> None:
    view = worker.add()
    asked = [
        client.post(START, content=BODY, headers=dict([JSON, ("origin", origin)])),
        client.post(f"{START}/{view.execution_id}/cancel", headers={"origin": origin}),
        client.post(f"{START}/cancel", headers={"origin": origin}),
    ]
    for answer in await asyncio.gather(*asked):
        assert answer.status_code == 403
        assert origin in answer.json()["detail"]
    assert worker.started == []
    assert worker.cancels == []
    assert worker.views[view.execution_id].status is ExecutionStatus.RUNNING


async def test_our_own_page_and_a_client_without_origin_pass(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    view = worker.add()
    address = f"{START}/{view.execution_id}/cancel"
    own = await client.post(address, headers={"origin": "http://127.0.0.1:5000"})
    none = await client.post(address)
    assert (own.status_code, none.status_code) == (202, 202)


async def test_a_foreign_origin_may_still_read(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/health", headers={"origin": "http://evil.example"})
    assert answer.status_code == 200
    # Without this header a browser keeps the answer from that page.
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json, text/plain",
    ],
)
async def test_a_body_that_does_not_say_it_is_json_is_refused(
    client: httpx2.AsyncClient, worker: FakeWorker, kind: str
) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = await client.post(START, content=BODY, headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]
    assert worker.started == []


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON ; charset=UTF-8", 'application/json;charset="utf-8"'],
)
async def test_a_body_that_says_it_is_json_is_taken(client: httpx2.AsyncClient, kind: str) -> None:
    answer = await client.post(START, content=BODY, headers={"content-type": kind})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"not json",
        b"\xff\xfe{\x00}\x00",
        b'{"parameters": {"a": NaN}}',
        b'{"parameters": {"a": 1e999}}',
        b'{"parameters": {"a": -1E+400}}',
        b'{"parameters": {"a": ' + b"9" * 310 + b".0}}",
        b'{"parameters": {"a": ' + b"9" * 305 + b"e9}}",
        b'{"parameters": {"a": "\\ud800"}}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
async def test_a_body_that_is_not_json_is_refused_and_nothing_breaks(
    client: httpx2.AsyncClient, worker: FakeWorker, text: bytes
) -> None:
    answer = await client.post(START, content=text, headers=dict([JSON]))
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(":json")
    assert worker.started == []


async def test_a_body_declared_too_big_is_refused_before_any_of_it_is_kept(app: FastAPI) -> None:
    size = 10 * MAX_BODY_BYTES
    headers = [JSON, ("content-length", str(size))]
    pieces = [b"x" * MAX_BODY_BYTES] * 10
    async with Conversation(app, START, "POST", headers, pieces) as talk:
        status, sent = await talk.start()
        first, more = await talk.part()
        assert status == 413
        assert sent["connection"] == "close"
        assert str(MAX_BODY_BYTES) in json.loads(first)["detail"]
        assert more, "the answer is complete only after the rest was read away"
        assert await talk.rest() == b""
        assert talk.read == size


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", "²"])
async def test_a_length_that_is_none_is_refused(app: FastAPI, length: str) -> None:
    headers = [JSON, ("content-length", length)]
    async with Conversation(app, START, "POST", headers, [BODY]) as talk:
        assert (await talk.start())[0] == 413
        await talk.rest()


async def test_a_body_that_grows_too_big_is_refused_while_it_is_read(
    app: FastAPI, worker: FakeWorker
) -> None:
    headers = [JSON, ("transfer-encoding", "chunked")]
    pieces = [b" " * (MAX_BODY_BYTES // 2)] * 3
    async with Conversation(app, START, "POST", headers, pieces) as talk:
        assert (await talk.start())[0] == 413
        await talk.rest()
    assert worker.started == []


async def test_what_is_read_away_of_a_refused_body_has_a_bound(app: FastAPI) -> None:
    headers = [JSON, ("transfer-encoding", "chunked")]
    pieces = [b" " * MAX_BODY_BYTES] * 100
    async with Conversation(app, START, "POST", headers, pieces) as talk:
        assert (await talk.start())[0] == 413
        await talk.rest()
        assert talk.read <= DRAIN_BYTES + 3 * MAX_BODY_BYTES


async def test_a_client_that_waits_to_be_asked_for_a_refused_body_is_not_asked(
    app: FastAPI,
) -> None:
    headers = [JSON, ("content-length", str(10**9)), ("expect", "100-continue")]
    async with Conversation(app, START, "POST", headers, [b"x"] * 10) as talk:
        assert (await talk.start())[0] == 413
        await talk.rest()
        assert talk.read == 0


async def test_a_body_of_the_largest_size_is_taken(client: httpx2.AsyncClient) -> None:
    text = json.dumps({"playbook_path": "a", "parameters": {"filler": ""}}).encode()
    filler = b"x" * (MAX_BODY_BYTES - len(text))
    text = text.replace(b'"filler": ""', b'"filler": "' + filler + b'"')
    assert len(text) == MAX_BODY_BYTES
    answer = await client.post(START, content=text, headers=dict([JSON]))
    assert answer.status_code == 202


async def test_a_body_that_does_not_come_is_not_waited_for(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "BODY_S", 0.05)
    monkeypatch.setattr(body_module, "DRAIN_S", 0.05)
    headers = [JSON, ("content-length", "100")]
    async with Conversation(app, START, "POST", headers, [b"{"], stalls=True) as talk:
        assert (await talk.start())[0] == 408
        await talk.rest()


async def test_a_client_that_leaves_in_the_middle_of_its_body_starts_nothing(
    app: FastAPI, worker: FakeWorker
) -> None:
    headers = [JSON, ("content-length", "100")]
    async with Conversation(app, START, "POST", headers, [], stalls=True) as talk:
        talk.leave()
    assert worker.started == []


async def test_a_get_may_carry_a_small_body_of_any_type(client: httpx2.AsyncClient) -> None:
    answer = await client.request("GET", "/api/health", content=b"whatever")
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/health", "/nowhere", "/static/live.js"])
async def test_every_answer_keeps_a_browser_in_its_bounds(
    client: httpx2.AsyncClient, path: str
) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
