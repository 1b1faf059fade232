"""Every shipped playbook of the family completes against a gateway, and so does every step kind."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.execution.requests import (
    CredentialRequest,
    GatewayRequest,
    Requester,
    RerunRequest,
    StartRequest,
)
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.runner.kinds import handlers_of
from ignition_toolkit.simulator import Settings as GatewaySettings
from ignition_toolkit.simulator import SimulatedGateway, make_module
from tests.integration.execution.rig import SOON_S, Rig, step_statuses, steps
from tests.polling import poll_until_async

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "playbooks" / "gateway"
KINDS = handlers_of("ignition_toolkit.steps.gateway")

LINE = "com.acme.line"


@pytest.fixture(scope="module")
def simulated_gateway_settings() -> GatewaySettings:
    return GatewaySettings(trial_s=10**6)


@pytest.fixture(scope="module")
def simulated_gateway_clock() -> float:
    """Have a restart take less than two seconds."""
    return 30.0


async def run(rig: Rig, name: str, simulated: SimulatedGateway, **parameters: Any) -> ExecutionView:
    """Run a shipped playbook against the simulated gateway to its end.

    The gateway has been up for a while: its clock is quicker than ours, and what it has been up
    since a restart could otherwise be more than what it had been before.
    """
    simulated.pass_time(3600)
    known = {} if "gateway" in parameters else {"gateway_url": simulated.base_url}
    given = {**known, **parameters}
    request = StartRequest(f"gateway/{name}.yaml", None, given, requested_by="tester")
    return await rig.final((await rig.worker.start(request)).execution_id)


async def completed(
    rig: Rig, name: str, simulated: SimulatedGateway, **parameters: Any
) -> dict[str, Any]:
    """Run a playbook, which must complete with every step; return the outputs by step."""
    view = await run(rig, name, simulated, **parameters)
    assert view.status is ExecutionStatus.COMPLETED, view.error
    assert set(step_statuses(view).values()) == {"completed"}, step_statuses(view)
    return {found.step_id: found.output for found in view.step_results}


def project_name(simulated: SimulatedGateway) -> str:
    return simulated._world.state.projects[0].name


async def test_health_check(rig: Rig, simulated: SimulatedGateway) -> None:
    simulated.log("acme.Line", "WARN", "the line has stopped")
    found = await completed(rig, "health_check", simulated)
    assert found["ping"] == {"state": "RUNNING", "details": None, "running": True}
    assert found["info"]["version"] == "8.3.6"
    assert found["modules"]["count"] == 3
    log = Path(found["logs"]["file"]).read_text()
    assert "the line has stopped" in log
    assert "INFO" not in log
    assert found["verify"]["healthy"] is True


async def test_a_gateway_that_is_not_healthy_is_told_check_by_check(
    rig: Rig, simulated: SimulatedGateway
) -> None:
    simulated.expire_trial()
    try:
        view = await run(rig, "health_check", simulated, modules=["Perspective", "no.such"])
    finally:
        await completed(rig, "reset_trial", simulated)
    assert view.status is ExecutionStatus.FAILED
    error = steps(view)["verify"].error
    assert error is not None
    assert "module Perspective: INACTIVE" in error
    assert "module no.such: not there" in error
    assert "trial: 0 s left, expected 1800 s" in error


async def test_restart_and_wait_at_a_registered_gateway(
    rig: Rig, simulated: SimulatedGateway
) -> None:
    """The token of its entry goes to it, and nowhere else."""
    simulated.add_key("plant", "key-of-the-plant")
    by, token = Requester("api", "tester"), Secret("plant:key-of-the-plant")
    await rig.worker.put_credential(
        CredentialRequest("plant-key", CredentialType.API_TOKEN, token, by)
    )
    entry = GatewayEntry(name="plant", urls=(simulated.base_url,), credential="plant-key")
    await rig.worker.put_gateway(GatewayRequest(entry, by))
    simulated.forget_requests()
    found = await completed(rig, "restart_and_wait", simulated, gateway="plant", timeout=120)
    assert found["restart"]["waited_s"] > 0
    assert {entry.key_name for entry in simulated.requests()} == {None, "plant"}
    await rig.worker.remove_gateway("plant", by)


async def test_a_gateway_that_never_comes_back_fails_the_restart_and_says_what_to_do(
    rig: Rig, simulated: SimulatedGateway
) -> None:
    simulated.configure(restart_s=None)
    try:
        view = await run(rig, "restart_and_wait", simulated, timeout=1)
    finally:
        simulated.configure(restart_s=40)
        simulated.start()
    error = steps(view)["restart"].error
    assert error is not None
    assert f"gateway {simulated.base_url} was not seen to come back" in error
    assert re.search(r"within 1 s: waited [1-9]\d*\.\d s, ", error)
    assert "STARTING" in error
    assert "wrapper.log" in error


async def test_install_and_upgrade_a_module(
    rig: Rig, simulated: SimulatedGateway, files: Path
) -> None:
    first, second = files / "line-1.modl", files / "line-2.modl"
    make_module(first, LINE, name="Line", version="1.0.0", eula="Pay.")
    make_module(second, LINE, name="Line", version="2.0.0", eula="Pay.")
    await completed(rig, "stage_module", simulated, file=str(first))
    refused = await run(rig, "install_module", simulated, file=str(first))
    error = steps(refused)["install"].error
    assert error is not None
    assert "set accept_certificate: true once you have looked at it" in error
    accepted = {"accept_certificate": True, "accept_license": True, "grace": 0}
    found = await completed(
        rig, "install_module", simulated, file=str(first), restart=True, **accepted
    )
    assert found["install"]["state"] == "ACTIVE"
    assert found["install"]["restarted"] is True
    found = await completed(
        rig, "upgrade_module", simulated, module="Line", file=str(second), **accepted
    )
    assert found["before"]["version"].startswith("1.0.0")
    assert found["after"]["version"].startswith("2.0.0")


async def test_backup_and_restore(rig: Rig, simulated: SimulatedGateway, files: Path) -> None:
    file = files / "plant.gwbk"
    found = await completed(rig, "backup_before_change", simulated, file=str(file))
    assert found["backup"] == {"file": str(file), "size_bytes": file.stat().st_size}
    found = await completed(rig, "restore_backup", simulated, file=str(file))
    assert found["restore"]["waited_s"] > 0
    assert Path(found["present"]["file"]).name == "before_restore.gwbk"


async def test_deploy_a_project(rig: Rig, simulated: SimulatedGateway, files: Path) -> None:
    name = project_name(simulated)
    found = await run(rig, "deploy_project", simulated, project=name, file=str(files / "none.zip"))
    kept = steps(found)["keep"].output
    assert kept is not None
    done = await completed(rig, "deploy_project", simulated, project=name, file=kept["file"])
    assert done["look"]["name"] == name


async def test_a_cancelled_deployment_brings_the_old_project_back(
    rig: Rig, simulated: SimulatedGateway, files: Path
) -> None:
    name = project_name(simulated)
    # Never read: the import is under way when it is cancelled.
    new = files / "new.zip"
    new.write_bytes(b"not looked at")
    imports = "POST", f"/data/api/v1/projects/import/{name}"
    simulated.forget_requests()
    simulated.add_fault("never-answer", method="POST", count=1)
    given = {"gateway_url": simulated.base_url, "project": name, "file": str(new)}
    request = StartRequest("gateway/deploy_project.yaml", None, given, requested_by="tester")
    execution_id = (await rig.worker.start(request)).execution_id
    await poll_until_async(lambda: simulated.requests(*imports, is_open=True), SOON_S)
    view, record = await rig.cancelled(execution_id)
    assert [(done.step_id, done.status.value) for done in record.on_cancel] == [
        ("on_cancel/back", "completed")
    ]
    (line,) = record.in_flight
    assert line.startswith(f"POST {simulated.base_url}/data/api/v1/projects/import/")
    unanswered, back = simulated.requests(*imports)
    assert unanswered.dropped_at is not None
    assert (back.status, back.query) == (200, "overwrite=true")
    assert step_statuses(view)["deploy"] == "cancelled"

    # A run that begins at the import has not kept the project itself.
    simulated.forget_requests()
    simulated.add_fault("never-answer", method="POST", count=1)
    again = RerunRequest(from_step="deploy", requested_by="tester")
    execution_id = (await rig.worker.rerun(execution_id, again)).execution_id
    await poll_until_async(lambda: simulated.requests(*imports, is_open=True), SOON_S)
    _view, record = await rig.cancelled(execution_id)
    assert [done.status.value for done in record.on_cancel] == ["completed"], record
    assert simulated.requests(*imports)[1].status == 200


async def test_a_deployment_that_is_cancelled_before_it_changed_anything_takes_nothing_back(
    rig: Rig, simulated: SimulatedGateway
) -> None:
    name = project_name(simulated)
    simulated.forget_requests()
    exports = "GET", f"/data/api/v1/projects/export/{name}"
    simulated.add_fault("never-answer", path=exports[1], count=1)
    given = {"gateway_url": simulated.base_url, "project": name, "file": "/none.zip"}
    request = StartRequest("gateway/deploy_project.yaml", None, given, requested_by="tester")
    execution_id = (await rig.worker.start(request)).execution_id
    await poll_until_async(lambda: simulated.requests(*exports, is_open=True), SOON_S)
    view, record = await rig.cancelled(execution_id)
    assert [done.status.value for done in record.on_cancel] == ["completed"], record
    assert steps(view)["on_cancel/back"].output == {"project_name": name, "imported": False}
    assert simulated.requests("POST") == []


async def test_check_login(rig: Rig, simulated: SimulatedGateway) -> None:
    person = {"username": "admin", "password": "password"}
    found = await completed(rig, "check_login", simulated, credential=person)
    assert found["login"]["method"] == "session"


def test_every_step_kind_of_the_family_is_in_a_shipped_playbook() -> None:
    used = {
        step["type"]
        for path in SHIPPED.glob("*.yaml")
        for step in yaml.safe_load(path.read_text("utf-8"))["steps"]
    }
    assert KINDS.keys() - used == set()


def test_every_shipped_playbook_is_run_here() -> None:
    here = Path(__file__).read_text("utf-8")
    assert [path.stem for path in SHIPPED.glob("*.yaml") if f'"{path.stem}"' not in here] == []


def test_every_shipped_playbook_begins_with_a_comment_for_its_reader() -> None:
    for path in SHIPPED.glob("*.yaml"):
        lines = path.read_text("utf-8").split("\n")
        comment = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
        assert any(f"itk run gateway/{path.name} " in line for line in comment), path
        assert len(comment) >= 5, path


def test_every_shipped_playbook_has_a_page_that_says_how_to_use_it() -> None:
    pages = ROOT / "docs" / "how-to" / "gateway"
    index = (pages / "README.md").read_text("utf-8")
    names = {path.stem for path in SHIPPED.glob("*.yaml")}
    assert {path.stem for path in pages.glob("*.md")} == {*names, "README"}
    for name in names:
        page = (pages / f"{name}.md").read_text("utf-8")
        assert f"itk run gateway/{name}.yaml" in page, name
        assert "## When you cancel it" in page, name
        assert f"]({name}.md)" in index, name
