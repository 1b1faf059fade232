"""A worker opens whole or not at all, and closes with nothing left."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from ignition_toolkit.errors import DataFolderBusy, InternalError, StoreError
from ignition_toolkit.execution import adoption, core, janitor_link, janitor_process, programs
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.worker import Worker
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus
from ignition_toolkit.storage import Store
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.rig import children, is_alive, playbook, step
from tests.polling import PollUntil

E = ExecutionStatus


def log(text: str = "m") -> str:
    return playbook(step("a", "utility.log", message=text))


def fail(*arguments: object, **more: object) -> NoReturn:
    raise OSError(28, "No space left on device")


async def fail_later(*arguments: object, **more: object) -> NoReturn:
    raise InternalError("our mistake")


def broken_database(patch: pytest.MonkeyPatch, data: Path) -> None:
    (data / "itk.db").write_bytes(b"no database at all, but long enough to be looked at" * 50)


def no_janitor(patch: pytest.MonkeyPatch, data: Path) -> None:
    patch.setattr(janitor_link, "start_janitor", fail)


def mute_janitor(patch: pytest.MonkeyPatch, data: Path) -> None:
    patch.setattr(janitor_link, "START_S", 0.2)
    patch.setattr(janitor_link, "CLOSE_S", 0.2)
    patch.setattr(
        janitor_link,
        "start_janitor",
        lambda _: janitor_process.start_janitor(["sleep", "60"]),
    )


def no_catalog(patch: pytest.MonkeyPatch, data: Path) -> None:
    patch.setattr(programs.Programs, "look_at_kinds", fail_later)


def no_adoption(patch: pytest.MonkeyPatch, data: Path) -> None:
    patch.setattr(adoption.Adoption, "run", fail_later)


def unreadable_rows(patch: pytest.MonkeyPatch, data: Path) -> None:
    patch.setattr(Store, "unfinished", fail)


def too_slow(patch: pytest.MonkeyPatch, data: Path) -> None:
    async def hang(*arguments: object) -> None:
        await asyncio.Event().wait()

    patch.setattr(core, "START_S", 0.3)
    patch.setattr(programs.Programs, "look_at_kinds", hang)


STAGES: list[tuple[Callable[[pytest.MonkeyPatch, Path], None], type[Exception]]] = [
    (broken_database, StoreError),
    (no_janitor, InternalError),
    (mute_janitor, InternalError),
    (no_catalog, InternalError),
    (no_adoption, InternalError),
    (unreadable_rows, OSError),
    (too_slow, InternalError),
]


@pytest.mark.parametrize(("stage", "error"), STAGES)
def test_an_open_that_fails_leaves_nothing(
    stage: Callable[[pytest.MonkeyPatch, Path], None],
    error: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    poll_until: PollUntil,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    threads, before = set(threading.enumerate()), set(children())
    descriptors = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        stage(patch, data)
        with pytest.raises(error):
            Worker.open(Settings(data_dir=data, warm_runners=1), kind="server")
    assert FolderLock.owner(data) is None
    assert not {pid for pid in set(children()) - before if is_alive(pid)}
    poll_until(lambda: not set(threading.enumerate()) - threads)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_folder_that_is_owned_is_refused_and_stays_its_owners(open_rig: OpenRig) -> None:
    rig = open_rig()
    data = rig.worker.settings.data_dir
    with pytest.raises(DataFolderBusy):
        Worker.open(Settings(data_dir=data), kind="run")
    owner = FolderLock.owner(data)
    assert owner is not None
    assert owner.pid == os.getpid()


async def test_closing_cancels_what_runs_and_keeps_what_waits(open_rig: OpenRig) -> None:
    rig = open_rig(slots=1)
    point = rig.point()
    runs = await rig.start(playbook(step("a", "held.block", point=str(point))))
    waits = await rig.start(log())
    pid = await point.reached()
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.close)
    assert not is_alive(pid)
    assert FolderLock.owner(rig.worker.settings.data_dir) is None
    again = open_rig(slots=1)
    view = await again.view(runs)
    assert view.status is E.CANCELLED
    assert view.cancellation is not None
    assert view.cancellation.source is CancelSource.SHUTDOWN
    assert (await again.final(waits)).status is E.COMPLETED


async def test_a_run_by_itself_leaves_nothing_pending_of_its_own(open_rig: OpenRig) -> None:
    rig = open_rig(slots=1, kind="run")
    point = rig.point()
    await rig.start(playbook(step("a", "held.wait", point=str(point))))
    waits = await rig.start(log())
    await point.reached()
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.close)
    view = await open_rig().view(waits)
    assert view.status is E.CANCELLED
    assert view.cancellation is not None
    assert view.cancellation.source is CancelSource.SHUTDOWN


async def test_a_closed_worker_says_so_and_holds_nobody_up(open_rig: OpenRig) -> None:
    rig = open_rig()
    view = await rig.run(log())
    rig.worker.close()
    rig.worker.close()
    with pytest.raises(InternalError, match="the worker is closed"):
        await rig.worker.start(StartRequest("t.yaml", log()))
    with pytest.raises(InternalError, match="the worker is closed"):
        await rig.worker.health()
    with pytest.raises(InternalError, match="the worker is closed"):
        await rig.cancel(view.execution_id)
    with pytest.raises(StoreError, match="is closed"):
        await rig.view(view.execution_id)
    rig.worker.kill_now(view.execution_id)


async def test_after_a_close_the_folder_can_be_opened_at_once(open_rig: OpenRig) -> None:
    for _ in range(3):
        rig = open_rig()
        assert (await rig.run(log())).status is E.COMPLETED
        rig.worker.close()
    page = await open_rig().worker.executions(limit=10)
    assert page.total == 3


async def test_the_health_is_down_until_a_runner_has_come_up(open_rig: OpenRig) -> None:
    rig = open_rig(warm=0)
    health = await rig.worker.health()
    assert (health.status, health.runner) == ("down", "the first runner is being started")
    await rig.run(log())
    assert (await rig.worker.health()).status == "ok"


async def test_starts_wait_in_the_order_of_asking_and_say_for_what(open_rig: OpenRig) -> None:
    rig = open_rig(slots=1)
    points = [rig.point(str(number)) for number in range(3)]
    ids = [await rig.start(playbook(step("a", "held.wait", point=str(p)))) for p in points]
    waiting = (await rig.until(ids[2], lambda view: view.waiting_for is not None)).waiting_for
    assert waiting is not None
    assert (waiting.kind, waiting.held_by) == ("slot", None)
    assert waiting.name == "one of 1 slots (ITK_MAX_RUNNING)"
    health = await rig.worker.health()
    assert (health.running, health.pending) == (1, 2)
    for number, point in enumerate(points):
        await point.reached()
        assert [bool(other.pids) for other in points] == [n <= number for n in range(3)]
        point.go()
        assert (await rig.final(ids[number])).status is E.COMPLETED
    assert (await rig.view(ids[2])).waiting_for is None
