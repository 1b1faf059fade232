"""The step kinds in this process, where the playbooks' tests do not go: odd gateways, bad input."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import (
    GatewayDenied,
    GatewayNotReady,
    GatewayRefused,
    GatewayUnsupported,
    StepFailed,
)
from ignition_toolkit.gateway import waiting
from ignition_toolkit.gateway.client import GatewayClient
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.step_check import validated
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.simulator import SimulatedGateway, make_module
from ignition_toolkit.steps import gateway as kinds
from tests.integration.gateway.conftest import FakeStep
from tests.polling import poll_until_async

R = TypeVar("R")
LINE = "com.acme.line"
OLD = {"version": "8.1.48 (b2025010101)"}

# Any: values of a step's parameters, and its outputs.
Run = Callable[..., Any]


@dataclass
class FakeContext(FakeStep):
    """A StepContext without an engine."""

    folder: Path = Path()
    entry: GatewayEntry | None = None
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    client: GatewayClient = field(default_factory=GatewayClient)
    lines: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def artifacts(self) -> Path:
        return self.folder

    def log(self, message: str, level: str = "info", stream: str | None = None) -> None:
        self.lines.append(f"{level}: {message}")

    def gateway(self) -> GatewayEntry | None:
        return self.entry

    def remember(self, key: str, value: Any) -> None:
        self.kept[key] = value

    def remembered(self, key: str) -> Any:
        return self.kept.get(key)

    def credential(self, name: str) -> Mapping[str, Any]:
        return self.credentials[name]

    async def use(self, resource: type[R]) -> R:
        assert isinstance(self.client, resource)
        return self.client


@pytest.fixture
async def context(simulated: SimulatedGateway, tmp_path: Path) -> AsyncIterator[FakeContext]:
    made = FakeContext(
        folder=tmp_path / "artifacts",
        entry=GatewayEntry(name="plant", urls=(simulated.base_url,), credential="key"),
        credentials={"key": {"api_token": Secret(simulated.token)}},
    )
    made.folder.mkdir()
    yield made
    await made.client.aclose()


async def run(context: FakeContext, kind: type[StepHandler], **given: Any) -> dict[str, Any]:
    """Run a step kind with parameters as a playbook writes them."""
    # The fake has what these kinds use of a StepContext, and no more.
    return await kind(context).execute(validated(kind, given))  # type: ignore[arg-type]


async def test_without_a_gateway_a_step_says_how_to_name_one(context: FakeContext) -> None:
    context.entry = None
    with pytest.raises(StepFailed, match="IGNITION_GATEWAY_URL"):
        await run(context, kinds.Ping)


@pytest.mark.parametrize("url", ["ftp://me:hidden-word@host", "me:hidden-word@host:99999"])
async def test_an_address_that_is_none_is_not_repeated_with_its_password(
    context: FakeContext, url: str
) -> None:
    context.entry = GatewayEntry(urls=(url,))
    with pytest.raises(StepFailed, match=r"like http://host:8088") as caught:
        await run(context, kinds.Ping)
    assert "hidden-word" not in caught.value.message


@pytest.mark.parametrize("settings", [OLD], indirect=True)
async def test_what_works_with_8_1_works_and_the_rest_says_so(context: FakeContext) -> None:
    assert (await run(context, kinds.Ping))["running"] is True
    info = await run(context, kinds.GetInfo)
    assert (info["version"], info["name"]) == ("8.1.48", None)
    assert (await run(context, kinds.WaitForReady, timeout=0))["waited_s"] >= 0
    for kind in (kinds.ListModules, kinds.ListProjects, kinds.GetHealth, kinds.Restart):
        with pytest.raises(GatewayUnsupported, match=r"8\.1\.48"):
            await run(context, kind)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"username": "admin"},
        {"password": "password"},
        {"api_token": "a:bcdef", "credential": "key"},
        {"credential": {"username": "admin"}},
    ],
)
async def test_a_login_for_nobody_is_refused(context: FakeContext, given: dict[str, Any]) -> None:
    with pytest.raises(StepFailed, match="expected api_token, or username and password"):
        await run(context, kinds.Login, **given)


async def test_a_login_takes_the_place_of_the_entrys_token(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    simulated.add_key("other", "another-key")
    found = await run(context, kinds.Login, api_token="other:another-key")
    assert found == {"method": "api_token", "gateway": "plant"}
    await run(context, kinds.ListProjects)
    assert simulated.requests()[-1].key_name == "other"
    await run(context, kinds.Logout)
    with pytest.raises(GatewayDenied):
        await run(context, kinds.ListProjects)


async def test_a_login_that_is_not_taken_fails_and_changes_nothing(context: FakeContext) -> None:
    with pytest.raises(GatewayDenied):
        await run(context, kinds.Login, api_token="itk:not-this-one")
    assert context.kept == {}
    await run(context, kinds.ListProjects)


@pytest.mark.parametrize(
    "given", [{"api_token": "other:another-key"}, {"username": "admin", "password": "password"}]
)
async def test_a_login_holds_in_the_process_that_takes_the_place_of_this_one(
    simulated: SimulatedGateway, context: FakeContext, given: dict[str, str]
) -> None:
    simulated.add_key("other", "another-key")
    context.entry = GatewayEntry(name="plant", urls=(simulated.base_url,))
    await run(context, kinds.Login, **given)
    await start_anew(context)
    await run(context, kinds.ListProjects)
    await run(context, kinds.Logout)
    await start_anew(context)
    with pytest.raises(GatewayDenied):
        await run(context, kinds.ListProjects)


async def test_a_login_holds_at_another_address_of_the_same_entry(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    other = simulated.base_url.replace("127.0.0.1", "localhost")
    context.entry = GatewayEntry(name="plant", urls=(simulated.base_url, other))
    await run(context, kinds.Login, api_token=simulated.token)
    context.entry = GatewayEntry(name="plant", urls=(other, simulated.base_url))
    await run(context, kinds.ListProjects)


async def start_anew(context: FakeContext) -> None:
    """Have the next step run in a fresh process, as far as the client can tell."""
    await context.client.aclose()
    context.client = GatewayClient()


async def test_a_relative_file_is_one_in_the_executions_folder_for_every_kind(
    context: FakeContext,
) -> None:
    make_module(context.folder / "line.modl", LINE)
    uploaded = await run(context, kinds.UploadModule, file="line.modl")
    assert uploaded["module_id"] == LINE
    accepted = {"accept_certificate": True, "accept_license": True, "grace": 0}
    assert (await run(context, kinds.InstallModule, file="line.modl", **accepted))["id"] == LINE


async def test_an_import_of_nothing_is_refused_unless_that_is_meant(context: FakeContext) -> None:
    given = {"project_name": "Line 3", "file": ""}
    with pytest.raises(StepFailed, match="a name inside the execution's folder"):
        await run(context, kinds.ImportProject, **given)
    found = await run(context, kinds.ImportProject, **given, empty_ok=True)
    assert found == {"project_name": "Line 3", "imported": False}
    assert context.announced == []


@pytest.mark.parametrize("file", ["../x.gwbk", "a/../../x.gwbk", "."])
async def test_a_file_does_not_lead_out_of_the_executions_folder(
    context: FakeContext, file: str
) -> None:
    with pytest.raises(StepFailed, match="a name inside the execution's folder"):
        await run(context, kinds.Backup, file=file)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"install_answer": "spec"},
        {"quarantine_clears": "restart"},
        {"first_install_needs_restart": False},
        {"float_numbers": False, "error_bodies": "html"},
        {"restart_mode": "refuses"},
    ],
    indirect=True,
)
async def test_a_module_is_installed_whatever_nobody_has_measured(
    simulated: SimulatedGateway, context: FakeContext, tmp_path: Path
) -> None:
    file = make_module(tmp_path / "line.modl", LINE, name="Line", eula="Pay.")
    context.on_progress = lambda: simulated.pass_time(3)
    accepted = {"accept_certificate": True, "accept_license": True, "restart": True, "grace": 0}
    found = await run(context, kinds.InstallModule, file=str(file), timeout=60, **accepted)
    assert (found["id"], found["state"]) == (LINE, "ACTIVE")
    assert "info: accepted the certificate of CN=" in "\n".join(context.lines)


async def test_an_unsigned_module_is_accepted_as_such(
    simulated: SimulatedGateway, context: FakeContext, tmp_path: Path
) -> None:
    """It contains no certificate, and is quarantined until that is accepted."""
    file = str(make_module(tmp_path / "line.modl", LINE, signed=False))
    context.on_progress = lambda: simulated.pass_time(3)
    with pytest.raises(StepFailed, match="that it is unsigned; set accept_certificate: true"):
        await run(context, kinds.InstallModule, file=file)
    found = await run(
        context, kinds.InstallModule, file=file, accept_certificate=True, restart=True, grace=0
    )
    assert found["state"] == "ACTIVE"


async def test_a_module_that_may_not_restart_the_gateway_says_that_it_needs_to(
    simulated: SimulatedGateway, context: FakeContext, tmp_path: Path
) -> None:
    file = str(make_module(tmp_path / "line.modl", LINE))
    found = await run(context, kinds.InstallModule, file=file, accept_certificate=True, grace=0)
    assert (found["needs_restart"], found["restarted"]) == (True, False)
    assert simulated.requests("POST", "/data/api/v1/restart-tasks/restart") == []
    with pytest.raises(GatewayNotReady, match="did not report module"):
        await run(context, kinds.WaitForModuleInstallation, module_name=LINE, timeout=0)


async def test_a_module_that_fails_is_named_with_its_fault(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    module = (await run(context, kinds.ListModules))["modules"][0]
    simulated.set_module_fault(module["id"], "out of licences")
    with pytest.raises(GatewayNotReady, match="out of licences"):
        await run(context, kinds.WaitForModuleInstallation, module_name=module["name"], timeout=0)


async def test_a_module_that_nobody_has_is_told_as_such(context: FakeContext) -> None:
    with pytest.raises(GatewayNotReady, match="no module 'nothing' is installed"):
        await run(context, kinds.WaitForModuleInstallation, module_name="nothing", timeout=0)


async def test_a_scan_is_waited_for_until_it_is_over(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    simulated.lay_project("Laid")
    context.on_progress = lambda: simulated.pass_time(0.9)
    await run(context, kinds.ScanProjects)
    assert "Laid" in (await run(context, kinds.ListProjects))["names"]
    assert {message for *_, message in context.told} == {"scanning"}


async def test_a_scan_that_nobody_saw_is_over_all_the_same(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    simulated.configure(scan_s=0)
    simulated.pass_time(5)
    await run(context, kinds.ScanProjects, timeout=0)


async def test_a_scan_that_does_not_end_fails(context: FakeContext) -> None:
    with pytest.raises(GatewayNotReady, match="its last state was: scanning"):
        await run(context, kinds.ScanProjects, timeout=0)


async def test_an_expired_trial_is_reset_and_another_is_left_alone(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    assert (await run(context, kinds.ResetTrial))["reset"] is False
    assert simulated.requests("POST") == []
    simulated.expire_trial()
    assert await run(context, kinds.ResetTrial) == {"reset": True, "seconds_left": 7199}


async def test_a_trial_that_somebody_else_has_reset_is_no_failure(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    simulated.add_fault("failure", method="GET", count=1, body={"expired": True})
    found = await run(context, kinds.ResetTrial)
    assert found["reset"] is False


async def test_lines_of_the_log_are_filtered_by_the_gateway(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    for number, level in enumerate(["INFO", "WARN", "ERROR"]):
        simulated.log("acme.Line", level, f"event {number}")
    simulated.log("acme.Other", "ERROR", "event of another")
    found = await run(
        context, kinds.GetLogs, file="x.jsonl", min_level="WARN", logger="acme.Line", limit=10
    )
    lines = (context.folder / "x.jsonl").read_text().splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["event 1", "event 2"]
    assert (found["count"], found["errors"]) == (2, 1)
    assert [path.name for path in context.folder.iterdir()] == ["x.jsonl"]


async def test_designers_are_waited_for_and_named(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    ann = simulated.open_visitor("designer", "ann", "Line 3", "10.0.0.9")
    await run(context, kinds.WaitForNoDesigners, project_name="Another", timeout=0)
    with pytest.raises(GatewayNotReady, match=r"a designer of ann at 10\.0\.0\.9 with Line 3"):
        await run(context, kinds.WaitForNoDesigners, timeout=0)
    context.on_progress = lambda: simulated.close_visitor(ann)
    assert (await run(context, kinds.WaitForNoDesigners, timeout=60))["waited_s"] >= 0


async def test_a_quarantined_module_is_no_health_unless_it_is_allowed(
    simulated: SimulatedGateway, context: FakeContext, tmp_path: Path
) -> None:
    file = str(make_module(tmp_path / "line.modl", LINE, name="Line"))
    await run(context, kinds.UploadModule, file=file)
    client = (await context.client.of(context)).modules  # type: ignore[arg-type]
    await client.install(LINE)
    with pytest.raises(StepFailed, match=r"quarantine: Line \(Certificate"):
        await run(context, kinds.VerifyHealth)
    assert (await run(context, kinds.VerifyHealth, allow_quarantined=True))["healthy"] is True


async def test_a_gateway_that_waits_to_be_commissioned_is_not_healthy(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    simulated.commission()
    with pytest.raises(GatewayNotReady, match="commissioned"):
        await run(context, kinds.VerifyHealth)


async def test_a_restore_that_is_refused_says_why_and_restarts_nothing(
    simulated: SimulatedGateway, context: FakeContext, tmp_path: Path
) -> None:
    (tmp_path / "x.gwbk").write_text("no backup")
    with pytest.raises(GatewayRefused, match="400"):
        await run(context, kinds.Restore, file=str(tmp_path / "x.gwbk"))
    assert simulated.phase.value == "RUNNING"


async def test_a_restart_without_a_wait_returns_at_once(
    simulated: SimulatedGateway, context: FakeContext
) -> None:
    found = await run(context, kinds.Restart)
    assert found.keys() == {"uptime_before_s"}
    assert len(simulated.requests("POST")) == 1


async def test_a_wait_is_cancelled_between_two_looks_too(
    simulated: SimulatedGateway, context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "FIRST_S", 60.0)
    monkeypatch.setattr(waiting, "LONGEST_S", 60.0)
    simulated.open_visitor("designer", "ann", "Line 3")
    looking = asyncio.ensure_future(run(context, kinds.WaitForNoDesigners, timeout=60))
    await poll_until_async(lambda: context.told)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert context.open == []


def test_the_kinds_are_described_without_the_library_that_they_use() -> None:
    look = "import sys, ignition_toolkit.steps.gateway; sys.exit('httpx2' in sys.modules)"
    subprocess.run([sys.executable, "-c", look], check=True)


def test_a_long_value_of_the_wrong_kind_is_not_shown_in_part() -> None:
    """What a cut leaves of a secret is found by no redactor."""
    with pytest.raises(StepFailed, match="found str of 90 characters") as caught:
        validated(kinds.WaitForReady, {"timeout": f"itk:{'x' * 84}"})
    assert "itk:" not in caught.value.message
