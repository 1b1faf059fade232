"""Every shipped browser playbook completes, and so does every kind of both families."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.execution.requests import (
    CredentialRequest,
    GatewayRequest,
    Requester,
    StartRequest,
)
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.runner.kinds import handlers_of
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.execution.rig import Rig, step_statuses, steps

SHIPPED = Path(__file__).parents[3] / "playbooks" / "browser"
KINDS = {
    *handlers_of("ignition_toolkit.steps.browser"),
    *handlers_of("ignition_toolkit.steps.perspective"),
}


@pytest.fixture
def project(simulated: SimulatedGateway) -> str:
    simulated.forget_acts()
    return simulated._world.state.projects[0].name


async def run(rig: Rig, name: str, simulated: SimulatedGateway, **given: Any) -> ExecutionView:
    """Run a shipped playbook against the simulated gateway to its end."""
    parameters = {"gateway_url": simulated.base_url, **given}
    request = StartRequest(f"browser/{name}.yaml", None, parameters, requested_by="tester")
    return await rig.final((await rig.worker.start(request)).execution_id)


async def completed(
    rig: Rig, name: str, simulated: SimulatedGateway, **given: Any
) -> dict[str, Any]:
    """Run a playbook, which must complete with every step; return the outputs by step."""
    view = await run(rig, name, simulated, **given)
    errors = {found.step_id: found.error for found in view.step_results}
    assert view.status is ExecutionStatus.COMPLETED, (view.error, errors)
    assert set(step_statuses(view).values()) == {"completed"}, step_statuses(view)
    return {found.step_id: found.output for found in view.step_results}


async def test_login_check(rig: Rig, simulated: SimulatedGateway, project: str) -> None:
    by, password = Requester("api", "tester"), Secret("hunter2-operator")
    simulated.configure(user_name="operator", user_password=password.reveal())
    stored = CredentialRequest(
        "operator", CredentialType.PASSWORD, password, by, username="operator"
    )
    await rig.worker.put_credential(stored)
    found = await completed(rig, "login_check", simulated, credential="operator")
    assert found["login"] == {"url": f"{simulated.base_url}/app"}
    assert Path(found["picture"]["path"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.stress
async def test_login_check_fails_with_the_pages_own_words(
    rig: Rig, simulated: SimulatedGateway, project: str
) -> None:
    by, password = Requester("api", "tester"), Secret("hunter2-operator")
    stored = CredentialRequest(
        "operator", CredentialType.PASSWORD, password, by, username="operator"
    )
    await rig.worker.put_credential(stored)
    simulated.configure(user_name="operator", user_password="another")
    view = await run(rig, "login_check", simulated, credential="operator")
    assert view.status is ExecutionStatus.FAILED
    error = steps(view)["login"].error or ""
    assert "did not take the log-in: Incorrect username or password" in error
    assert "hunter2" not in repr(view)


async def test_page_smoke_test(rig: Rig, simulated: SimulatedGateway, project: str) -> None:
    found = await completed(rig, "page_smoke_test", simulated, project=project, page="slow")
    assert found["components"]["count"] == len(found["components"]["components"])
    button = {"type": "ia.input.button", "path": "C$0:0:1.0", "id": "start", "label": None}
    assert button in found["components"]["components"]
    (opened,) = simulated.acts("socket-open")
    assert opened.target == "pws"


@pytest.mark.stress
async def test_page_smoke_test_fails_where_a_page_does(
    rig: Rig, simulated: SimulatedGateway, project: str
) -> None:
    view = await run(rig, "page_smoke_test", simulated, project=project, page="broken")
    error = steps(view)["quality"].error or ""
    assert "error at C$0:0:1, pending at C$0:0:2" in error
    listed = await rig.worker.archive.artifacts(view.execution_id)
    kept = {found.name for found in listed.items}
    assert {"failed_quality_1.png", "trace_quality_1.zip"} <= kept
    view = await run(rig, "page_smoke_test", simulated, project="no such")
    assert "Project Not Found" in (steps(view)["open"].error or "")


async def test_menu_check(rig: Rig, simulated: SimulatedGateway, project: str) -> None:
    await completed(rig, "menu_check", simulated, project=project, entry="Line", page="line")
    (click,) = simulated.acts("click", "Line")
    assert click.page == f"/data/perspective/client/{project}".replace(" ", "%20")


async def test_form_test(rig: Rig, simulated: SimulatedGateway, project: str) -> None:
    found = await completed(rig, "form_test", simulated, person="Bea")
    (sent,) = simulated.acts("form")
    drawing = Path(found["empty"]["path"])
    assert sent.values == {
        "name": "Bea",
        "password": "7 characters",
        "line": "2",
        "urgent": "yes",
        "drawing": f"{drawing.name} ({drawing.stat().st_size} bytes)",
    }
    assert found["fields"] == {"result": 5}
    assert Path(found["receipt"]["path"]).read_text() == "The order is taken.\n"


async def look(rig: Rig, url: str, tls: Literal["verify", "insecure"]) -> ExecutionView:
    """Run the smoke test at a gateway that is registered so."""
    by = Requester("api", "tester")
    entry = GatewayEntry(name="signed-by-itself", urls=(url,), tls=tls)
    await rig.worker.put_gateway(GatewayRequest(entry, by))
    given = {"gateway": "signed-by-itself", "project": "demo"}
    request = StartRequest("browser/page_smoke_test.yaml", None, given, "tester")
    view = await rig.final((await rig.worker.start(request)).execution_id)
    await rig.worker.remove_gateway("signed-by-itself", by)
    return view


async def test_a_certificate_that_nobody_signed_is_an_error_unless_the_gateways_entry_says_so(
    rig: Rig,
) -> None:
    async with SimulatedGateway(tls=True) as simulated:
        url = simulated.tls_url or ""
        view = await look(rig, url, "verify")
        assert view.status is ExecutionStatus.FAILED
        said = steps(view)["open"].error or ""
        assert "net::ERR_CERT_" in said
        assert "have the machine trust the certificate, or register the gateway" in said
        assert simulated.acts("load") == []
        view = await look(rig, url, "insecure")
        assert view.status is ExecutionStatus.COMPLETED, view.error
        assert len(simulated.acts("load")) == 1


def test_every_kind_and_every_playbook_is_in_these_tests() -> None:
    names = {path.stem for path in SHIPPED.glob("*.yaml")}
    assert names == {"login_check", "page_smoke_test", "menu_check", "form_test"}
    read = [yaml.safe_load(path.read_text("utf-8")) for path in SHIPPED.glob("*.yaml")]
    used = {step["type"] for playbook in read for step in playbook["steps"]}
    assert used >= KINDS
