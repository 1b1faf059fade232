"""A restart against a gateway that never comes back is cancelled rightly at random moments.

What the simulated gateway was asked, by its own log, and what the record says must agree: before
the request to restart, while it is under way, and while its end is waited for in vain.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus
from ignition_toolkit.simulator import Entry, SimulatedGateway
from ignition_toolkit.simulator import Settings as GatewaySettings
from tests.integration.execution.rig import SOON_S, Rig, step_statuses
from tests.polling import poll_until_async

POST = "POST", "/data/api/v1/restart-tasks/restart"
TIMEOUT_S = 120.0
#: Seconds by which answers are late, so that moments fall into requests as well as between them.
LATE_S = 0.05
#: How often each third of the playbook is met: before the POST, while it is open, and after it.
THIRDS = ("before", "during", "after")
IN_THE_GATE, ALL = 3, 30


@pytest.fixture(scope="module")
def simulated_gateway_settings() -> GatewaySettings:
    return GatewaySettings(restart_s=None, restart_delay_s=10)


@pytest.fixture(scope="module")
def simulated_gateway_clock() -> float:
    """Have time pass, and quickly: the gateway is down a third of a second after the POST."""
    return 30.0


@pytest.fixture
def gateway(simulated: SimulatedGateway) -> Iterator[SimulatedGateway]:
    simulated.forget_requests()
    yield simulated
    simulated.clear_faults()
    simulated.start()


@dataclass(frozen=True)
class Moment:
    """When to cancel: a random while after the gateway was seen in a third of the playbook."""

    third: str
    seed: int

    @property
    def wait_s(self) -> float:
        """Seconds from the beginning of the third: up to about all of it."""
        longest = {"before": 6 * LATE_S, "during": LATE_S, "after": 40 * LATE_S}[self.third]
        return random.Random(self.seed).uniform(0, longest)


def moments(count: int) -> list[Moment]:
    """Return so many moments, spread evenly over the thirds; the seed of each is its number."""
    return [Moment(THIRDS[seed % len(THIRDS)], seed) for seed in range(count)]


async def begun(gateway: SimulatedGateway, moment: Moment) -> None:
    """Wait until the playbook is in a moment's third, as the gateway sees it."""
    if moment.third == "before":
        await poll_until_async(gateway.requests, SOON_S)
        return
    is_over = moment.third == "after"
    await poll_until_async(
        lambda: gateway.requests(*POST, is_open=False if is_over else None), 60.0
    )


async def met(rig: Rig, gateway: SimulatedGateway, moment: Moment) -> None:
    # What it has been up must not be more after a restart than it had been before.
    gateway.pass_time(3600)
    gateway.add_fault("delay", seconds=LATE_S)
    given = {"gateway_url": gateway.base_url, "timeout": TIMEOUT_S}
    request = StartRequest("gateway/restart_and_wait.yaml", None, given)
    execution_id = (await rig.worker.start(request)).execution_id
    await begun(gateway, moment)
    await asyncio.sleep(moment.wait_s)
    await rig.cancel(execution_id)
    view = await rig.final(execution_id)
    await poll_until_async(lambda: not gateway.requests(is_open=True), SOON_S)
    asked = gateway.requests()
    assert_judged(view, asked, moment, gateway.base_url)
    # A gateway that is there again is what a step that went on would be waiting for.
    gateway.clear_faults()
    gateway.start()
    await asyncio.sleep(4 * LATE_S)
    assert gateway.requests() == asked, "something was asked after the cancel"


def assert_judged(view: ExecutionView, asked: list[Entry], moment: Moment, url: str) -> None:
    record = view.cancellation
    assert view.status is ExecutionStatus.CANCELLED, (moment, view)
    assert record is not None
    assert record.outcome in (CancelOutcome.COOPERATIVE, CancelOutcome.KILLED), (moment, record)
    assert (record.leftovers, view.error) == ((), None)
    posts = [entry for entry in asked if (entry.method, entry.path) == POST]
    assert len(posts) <= 1, "a restart is never asked for twice"
    # What the gateway saw dropped is what the record says is open. An answer that was on its way
    # at that moment is in both or in the record alone: nobody had read it yet.
    dropped = [f"{entry.method} {url}{entry.path}" for entry in asked if entry.dropped_at]
    flight = [line.partition("?")[0] for line in record.in_flight]
    assert len(flight) <= 1, record
    assert set(dropped) <= set(flight), (moment, record, asked)
    last = f"{asked[-1].method} {url}{asked[-1].path}"
    # One that was announced and not sent any more is in flight too, as nobody can tell.
    is_unsent = all(entry.ended_at for entry in asked)
    assert is_unsent or flight in ([], [last]), (moment, record, asked)
    assert_where(view, posts, moment)


def assert_where(view: ExecutionView, posts: list[Entry], moment: Moment) -> None:
    """Look that the step that was cancelled is one that this third has."""
    statuses = step_statuses(view)
    assert list(statuses.values()).count("cancelled") <= 1, (moment, statuses)
    assert statuses["ready"] == statuses["verify"] == "pending", "it never comes back"
    if posts:
        assert statuses["restart"] == "cancelled", (moment, statuses)
        assert view.cancellation is not None
        assert view.cancellation.step_id == "restart"
    else:
        assert moment.third == "before", (moment, statuses)


@pytest.mark.parametrize("moment", moments(IN_THE_GATE), ids=str)
async def test_a_restart_is_cancelled_rightly_at_any_moment(
    rig: Rig, gateway: SimulatedGateway, moment: Moment
) -> None:
    await met(rig, gateway, moment)


@pytest.mark.stress
@pytest.mark.parametrize("moment", moments(ALL)[IN_THE_GATE:], ids=str)
async def test_a_restart_is_cancelled_rightly_at_thirty_moments(
    rig: Rig, gateway: SimulatedGateway, moment: Moment
) -> None:
    await met(rig, gateway, moment)
