"""Every step kind of the family is cancelled while a gateway keeps it waiting.

One contract for all: a new kind joins it by existing. The simulated gateway's own log tells what
was open at the moment of the cancel, and that it was dropped.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.models import CancellationRecord, CancelOutcome
from ignition_toolkit.simulator import Entry, SimulatedGateway, make_module
from ignition_toolkit.simulator import Settings as GatewaySettings
from tests.integration.execution.rig import SOON_S, Rig, playbook, step, step_statuses, steps
from tests.integration.gateway_steps.given import (
    ASKING,
    KINDS,
    SILENT,
    WAYS,
    keep_waiting,
    parameters_of,
)
from tests.polling import poll_until_async

CASES = [(kind, way) for kind in ASKING for way in WAYS]
#: Of each kind one way in the gate, another one for the next kind; all in `make stress`.
IN_THE_GATE = [(kind, WAYS[number % len(WAYS)]) for number, kind in enumerate(ASKING)]

#: Seconds after a cancel at which nothing may act any more.
PROMISE_S = 0.5


@pytest.fixture(scope="module")
def simulated_gateway_settings() -> GatewaySettings:
    return GatewaySettings(
        restart_delay_s=0,
        # Modules that are left behind uploaded have no say in the next test.
        commissioning_after_restart=False,
    )


@pytest.fixture(scope="module")
def module_file(files: Path) -> Path:
    return make_module(files / "line.modl", "com.acme.line", size_bytes=1_000_000)


@pytest.fixture
def gateway(simulated: SimulatedGateway) -> Iterator[SimulatedGateway]:
    """Give the simulated gateway, and have it well again afterwards."""
    simulated.forget_requests()
    yield simulated
    simulated.clear_faults()
    simulated.start()


async def met(rig: Rig, gateway: SimulatedGateway, kind: str, way: str, file: Path) -> None:
    if KINDS[kind].type == "gateway.reset_trial":
        gateway.expire_trial()
    keep_waiting(gateway, way, KINDS[kind])
    text = playbook(
        step("a", kind, **parameters_of(kind, file)),
        step("b", "utility.log", message="never"),
        parameters=[{"name": "gateway_url", "type": "string"}],
    )
    execution_id = await rig.start(text, gateway_url=gateway.base_url)
    entry = await held(rig, gateway, execution_id)
    cancelled_at = time.time()
    view, record = await rig.cancelled(execution_id)
    assert step_statuses(view) == {"a": "cancelled", "b": "pending"}
    assert steps(view)["a"].error is None
    assert_told(record, gateway, entry)
    await assert_dropped(gateway, entry, cancelled_at)


async def held(rig: Rig, gateway: SimulatedGateway, execution_id: str) -> Entry:
    """Return the request that the gateway keeps waiting."""

    found: list[Entry] = []

    def is_held(view: ExecutionView) -> bool:
        found[:] = [one for one in gateway.requests(is_open=True) if one.fault is not None]
        assert found or not view.status.final, (view, gateway.requests())
        return bool(found)

    await rig.until(execution_id, is_held)
    (entry,) = found
    return entry


def assert_told(record: CancellationRecord, gateway: SimulatedGateway, entry: Entry) -> None:
    # On a busy machine the grace may be over first; tests/integration/gateway hold that the client
    # lets go at once.
    assert record.outcome in (CancelOutcome.COOPERATIVE, CancelOutcome.KILLED), record
    assert record.step_id == "a"
    (line,) = record.in_flight
    assert unquote(line).startswith(f"{entry.method} {gateway.base_url}{entry.path}"), record


async def assert_dropped(gateway: SimulatedGateway, entry: Entry, cancelled_at: float) -> None:
    await poll_until_async(lambda: not gateway.requests(is_open=True), SOON_S)
    (seen,) = [one for one in gateway.requests() if one.number == entry.number]
    assert seen.dropped_at is not None, "the gateway's answer was waited for"
    assert seen.dropped_at >= cancelled_at
    assert gateway.requests(after=entry.number) == [], "something was asked after the cancel"


@pytest.mark.parametrize(("kind", "way"), IN_THE_GATE)
async def test_a_step_is_cancelled_while_the_gateway_keeps_it_waiting(
    rig: Rig, gateway: SimulatedGateway, module_file: Path, kind: str, way: str
) -> None:
    await met(rig, gateway, kind, way, module_file)


@pytest.mark.stress
@pytest.mark.parametrize(("kind", "way"), [case for case in CASES if case not in IN_THE_GATE])
async def test_a_step_is_cancelled_whatever_the_gateway_does(
    rig: Rig, gateway: SimulatedGateway, module_file: Path, kind: str, way: str
) -> None:
    await met(rig, gateway, kind, way, module_file)


@pytest.mark.parametrize("kind", sorted(SILENT))
async def test_a_step_that_asks_nothing_completes_whatever_the_gateway_does(
    rig: Rig, gateway: SimulatedGateway, kind: str
) -> None:
    gateway.add_fault("never-answer")
    text = playbook(step("a", kind), parameters=[{"name": "gateway_url", "type": "string"}])
    view = await rig.run(text, gateway_url=gateway.base_url)
    assert view.status == "completed"
    assert gateway.requests() == []


async def test_a_restart_is_skipped_and_its_record_names_the_request(
    rig: Rig, gateway: SimulatedGateway
) -> None:
    """The run goes on afterwards, in the same runner."""
    gateway.add_fault("never-answer", method="POST")
    text = playbook(
        step("a", "gateway.restart"),
        step("b", "gateway.ping"),
        parameters=[{"name": "gateway_url", "type": "string"}],
    )
    execution_id = await rig.start(text, gateway_url=gateway.base_url)
    await held(rig, gateway, execution_id)
    await rig.worker.skip(execution_id)
    view = await rig.final(execution_id)
    assert step_statuses(view) == {"a": "skipped", "b": "completed"}
    record = steps(view)["a"].cancellation
    assert record is not None
    assert record.outcome is CancelOutcome.COOPERATIVE
    assert [line.split(" ")[0] for line in record.in_flight] == ["POST"]
    assert not [line for line in await rig.log(execution_id) if "replaced" in line]


async def test_a_download_whose_process_is_killed_leaves_nothing_in_a_folder_elsewhere(
    rig: Rig, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    gateway.add_fault("half-open", path="/data/api/v1/backup")
    text = playbook(
        step("a", "gateway.backup", file=str(tmp_path / "gw.gwbk")),
        parameters=[{"name": "gateway_url", "type": "string"}],
    )
    execution_id = await rig.start(text, gateway_url=gateway.base_url)
    await poll_until_async(lambda: list(tmp_path.iterdir()), SOON_S)
    (part,) = tmp_path.iterdir()
    os.kill(int(part.name.split(".")[-2]), signal.SIGKILL)
    view = await rig.final(execution_id)
    assert step_statuses(view) == {"a": "failed"}
    await poll_until_async(lambda: not list(tmp_path.iterdir()), SOON_S)
