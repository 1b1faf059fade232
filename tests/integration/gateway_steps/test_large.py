"""Large files cost no memory, and are stopped at once. For `make stress`: they take a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus
from ignition_toolkit.simulator import Settings as GatewaySettings
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.execution.rig import SOON_S, Rig, playbook, step, steps
from tests.polling import poll_until_async

MIB = 2**20
UPLOAD_BYTES, DOWNLOAD_BYTES = 200 * MIB, 500 * MIB
#: Memory that a runner may have at most, everything that it shares with others included.
MOST_BYTES = 100 * MIB
#: Seconds after a cancel at which the step is over.
PROMISE_S = 0.5
#: Seconds that a transfer may take on a busy machine.
LONG_S = 300.0

UPLOAD = "/data/api/v1/modules/upload"
BACKUP = "/data/api/v1/backup"
GATEWAY = [{"name": "gateway_url", "type": "string"}]

pytestmark = [pytest.mark.stress, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def simulated_gateway_settings() -> GatewaySettings:
    return GatewaySettings(backup_bytes=DOWNLOAD_BYTES)


@pytest.fixture(scope="module")
def large(files: Path) -> Path:
    """Return a file of zeros, which is no module: the gateway says so when it has all of it."""
    path = files / "large.modl"
    with path.open("wb") as out:
        out.truncate(UPLOAD_BYTES)
    return path


@pytest.fixture(autouse=True)
def forgotten(simulated: SimulatedGateway) -> Iterator[None]:
    simulated.forget_requests()
    yield
    simulated.clear_faults()


def upload(large: Path) -> str:
    return playbook(step("a", "gateway.upload_module", file=str(large)), parameters=GATEWAY)


def download() -> str:
    return playbook(step("a", "gateway.backup", file="large.gwbk"), parameters=GATEWAY)


def runners() -> list[Path]:
    """Return where /proc tells of the processes that were forked as runners."""
    marked = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"ignition_toolkit.runner" in line and b"--folder" in line:
            marked.append(process)
    return marked


def peak_bytes(process: Path) -> int:
    try:
        status = (process / "status").read_text()
    except OSError:
        return 0
    lines = [line.split() for line in status.split("\n") if line.startswith("VmHWM:")]
    return int(lines[0][1]) * 1024 if lines else 0


async def watched(rig: Rig, execution_id: str) -> int:
    """Return the most memory that any runner ever had until the execution is over."""
    most = 0
    deadline = time.monotonic() + LONG_S
    while not (await rig.view(execution_id)).status.final:
        most = max([most, *map(peak_bytes, runners())])
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return most


async def test_a_large_upload_costs_no_memory_and_tells_how_far_it_is(
    rig: Rig, simulated: SimulatedGateway, large: Path
) -> None:
    execution_id = await rig.start(upload(large), gateway_url=simulated.base_url)
    assert await watched(rig, execution_id) < MOST_BYTES
    view = await rig.view(execution_id)
    error = steps(view)["a"].error
    assert error is not None
    assert "Unable to read module file" in error
    assert simulated.requests("POST", UPLOAD)[0].received_bytes == UPLOAD_BYTES
    told = [row.data for row in await rig.events(execution_id, "progress")]
    assert told[-1]["done"] == told[-1]["total"] == UPLOAD_BYTES
    assert len(told) >= 3


async def test_a_large_download_costs_no_memory(rig: Rig, simulated: SimulatedGateway) -> None:
    execution_id = await rig.start(download(), gateway_url=simulated.base_url)
    assert await watched(rig, execution_id) < MOST_BYTES
    view = await rig.view(execution_id)
    assert view.status is ExecutionStatus.COMPLETED, view
    output = steps(view)["a"].output
    assert output is not None
    assert output["size_bytes"] == Path(output["file"]).stat().st_size >= DOWNLOAD_BYTES
    Path(output["file"]).unlink()


@pytest.mark.parametrize("way", ["upload", "download"])
async def test_a_large_transfer_is_cancelled_in_the_middle(
    rig: Rig, simulated: SimulatedGateway, large: Path, way: str
) -> None:
    text = upload(large) if way == "upload" else download()
    execution_id = await rig.start(text, gateway_url=simulated.base_url)
    path = UPLOAD if way == "upload" else BACKUP

    def is_under_way() -> bool:
        found = simulated.requests(path=path, is_open=True)
        return bool(found) and found[0].received_bytes + found[0].sent_bytes > 10 * MIB

    await poll_until_async(is_under_way, SOON_S)
    view, record = await rig.cancelled(execution_id)
    assert record.outcome is CancelOutcome.COOPERATIVE
    assert record.step_stopped_ms is not None
    assert record.step_stopped_ms <= 1000 * PROMISE_S
    assert len(record.in_flight) == 1
    await poll_until_async(lambda: not simulated.requests(is_open=True), SOON_S)
    assert simulated.requests(path=path)[0].dropped_at is not None
    folder = rig.worker.settings.data_dir / "artifacts" / execution_id
    assert not list(folder.glob("*"))
    assert view.status is ExecutionStatus.CANCELLED
