"""Every Perspective kind is cancelled while a page keeps it waiting; the journal is the truth."""

from __future__ import annotations

from typing import Any

import pytest

from ignition_toolkit.playbook.models import CancelOutcome
from ignition_toolkit.runner.kinds import handlers_of
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.execution.rig import SOON_S, Rig, playbook, step, step_statuses
from tests.polling import poll_until_async

KINDS = sorted(handlers_of("ignition_toolkit.steps.perspective"))
#: The others cost a browser each, and share what is between this one and the page.
IN_THE_GATE = "perspective.open"

#: What the page never comes to; a new kind says it here.
WAITS: dict[str, dict[str, Any]] = {
    "perspective.discover_page": {"selector": "#never"},
    "perspective.login": {"username": "admin", "password": "password"},
    "perspective.open": {"page": "stuck"},
    "perspective.verify_dock_opened": {"dock_id": "never", "timeout": 60_000},
    "perspective.verify_navigation": {"page": "never", "timeout": 60_000},
    "perspective.verify_no_quality_overlays": {"timeout": 60_000},
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(it, marks=() if it == IN_THE_GATE else pytest.mark.stress) for it in KINDS],
)
async def test_a_cancelled_step_leaves_its_page_and_does_nothing_more(
    rig: Rig, simulated: SimulatedGateway, kind: str
) -> None:
    simulated.forget_acts()
    project = {"project": simulated._world.state.projects[0].name}
    given = WAITS[kind] | (project if kind == IN_THE_GATE else {})
    text = playbook(
        step("open", "perspective.open", **project, page="broken"),
        step("a", kind, **given),
        step("b", "utility.log", message="never"),
        parameters=[{"name": "gateway_url", "type": "string"}],
    )
    execution_id = await rig.start(text, gateway_url=simulated.base_url)
    await rig.step_is(execution_id, "a", "running")
    opened = 2 if kind == IN_THE_GATE else 1
    assert await poll_until_async(lambda: len(simulated.acts("socket-open")) == opened, SOON_S)
    view, record = await rig.cancelled(execution_id)
    assert step_statuses(view) == {"open": "completed", "a": "cancelled", "b": "pending"}
    assert record.outcome in (CancelOutcome.COOPERATIVE, CancelOutcome.KILLED), record
    assert record.step_id == "a"
    # The page is gone, and told nothing after that.
    assert await poll_until_async(lambda: len(simulated.acts("socket-close")) == opened, SOON_S)
    assert simulated.acts()[-1].act == "socket-close"
