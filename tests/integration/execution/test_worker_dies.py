"""The worker's process is killed: nothing of it is left, and the next worker tells the truth."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.errors import WrongState
from ignition_toolkit.execution.reaper import Reaper
from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.rig import (
    SOON_S,
    Point,
    children,
    is_alive,
    playbook,
    step,
    step_statuses,
)
from tests.polling import PollUntil, poll_until_async

E = ExecutionStatus
SCRIPT = Path(__file__).with_name("worker_process.py")


class Doomed:
    """A worker in a process of its own."""

    def __init__(self, data: Path, slots: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(data), str(slots)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._hear() == "open"

    # Any: JSON values.
    def start(self, text: str, **parameters: Any) -> str:
        return self._ask({"start": text, "parameters": parameters})

    def cancel(self, execution_id: str) -> None:
        assert self._ask({"cancel": execution_id}) == "ok"

    def _ask(self, order: dict[str, Any]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        """Kill the worker, and nothing else."""
        with self._process:
            self._process.kill()


OpenDoomed = Callable[..., Doomed]


@pytest.fixture
def doomed(catalog: str, tmp_path: Path, poll_until: PollUntil) -> Iterator[OpenDoomed]:
    opened: list[Doomed] = []
    before = set(children())

    def open_one(slots: int = 4) -> Doomed:
        data = tmp_path / "data"
        data.mkdir(mode=0o700)
        (data / "catalog.json").write_text(catalog)
        opened.append(Doomed(data, slots))
        return opened[-1]

    yield open_one
    for worker in opened:
        worker.kill()
    # What a killed worker leaves comes to this process, once it has had a worker of its own.
    reaper = Reaper(lambda: (), lambda: False)
    poll_until(lambda: reaper.reap() == 0 and set(children()) <= before, SOON_S)


def point(folder: Path, name: str = "point") -> Point:
    return Point(folder / name)


async def test_what_ran_is_interrupted_what_was_cancelled_is_cancelled_what_waited_runs(
    doomed: OpenDoomed, open_rig: OpenRig, tmp_path: Path
) -> None:
    worker = doomed(slots=2)
    running, dying, waiting = (point(tmp_path, name) for name in ("running", "dying", "waiting"))
    runs = worker.start(playbook(step("a", "held.block", point=str(running))))
    dies = worker.start(playbook(step("a", "held.block", point=str(dying))))
    waits = worker.start(playbook(step("a", "held.wait", point=str(waiting))))
    pids = [await running.reached(), await dying.reached()]
    worker.cancel(dies)
    worker.kill()
    rig = open_rig(slots=2)
    assert not any(map(is_alive, pids))
    view = await rig.view(runs)
    assert view.status is E.INTERRUPTED
    assert step_statuses(view) == {"a": "failed"}
    view = await rig.view(dies)
    assert view.status is E.CANCELLED
    assert view.cancellation is not None
    assert view.cancellation.outcome is CancelOutcome.WORKER_LOST
    assert step_statuses(view) == {"a": "cancelled"}
    await waiting.reached()
    waiting.go()
    assert (await rig.final(waits)).status is E.COMPLETED
    statuses = await rig.statuses(runs)
    assert statuses == ["pending", "running", "interrupted"]


async def test_artifacts_with_a_secret_that_died_with_the_worker_are_withheld(
    doomed: OpenDoomed, open_rig: OpenRig, tmp_path: Path
) -> None:
    worker = doomed()
    said = step("say", "held.write", credential="{{ parameter.login }}")
    runs = worker.start(
        playbook(
            said,
            step("a", "held.block", point=str(point(tmp_path))),
            parameters=[{"name": "login", "type": "credential"}],
        ),
        login={"username": "me", "password": "hunter22"},
    )
    await point(tmp_path).reached()
    worker.kill()
    rig = open_rig()
    view = await rig.until(runs, lambda view: "login" in str(view.artifacts_withheld))
    assert view.status is E.INTERRUPTED
    listed = await rig.worker.archive.artifacts(runs)
    assert (listed.items, listed.withheld) == ((), view.artifacts_withheld)
    with pytest.raises(WrongState, match="cannot be looked up any more: parameter login"):
        await rig.worker.archive.open_artifact(runs, "said")
    assert b"hunter22" not in (tmp_path / "data" / "itk.db").read_bytes()
    await rig.worker.release_artifacts(runs, source="cli", requested_by="anna")
    assert (await rig.view(runs)).artifacts_withheld is None
    with await rig.worker.archive.open_artifact(runs, "said") as opened:
        assert await asyncio.to_thread(opened.readall) == b"it is hunter22"
    (note, *_) = (await rig.worker.audit(limit=1, before=None, execution_id=runs)).items
    assert (note.action, note.requested_by) == ("release_artifacts", "anna")


async def test_leftovers_are_ended_before_any_state_is_written(
    doomed: OpenDoomed, open_rig: OpenRig, tmp_path: Path
) -> None:
    """A runner that nobody could end by then is ended by the next worker, first of all."""
    worker = doomed()
    runs = worker.start(
        playbook(
            step("a", "held.leave", point=str(point(tmp_path))),
            step("b", "held.block", point=str(point(tmp_path, "b"))),
        )
    )
    pid = await point(tmp_path, "b").reached()
    left = int((tmp_path / "point.left").read_text())
    worker.kill()
    rig = open_rig()
    assert not is_alive(pid)
    assert not is_alive(left)
    assert (await rig.view(runs)).status is E.INTERRUPTED


async def test_what_waited_with_a_secret_fails_and_names_what_to_give_again(
    doomed: OpenDoomed, open_rig: OpenRig, tmp_path: Path
) -> None:
    worker = doomed(slots=1)
    holding = point(tmp_path)
    worker.start(playbook(step("a", "held.wait", point=str(holding))))
    await holding.reached()
    waits = worker.start(
        playbook(
            step("a", "utility.log", message="m"),
            parameters=[{"name": "login", "type": "credential"}],
        ),
        login={"username": "me", "password": "hunter22"},
    )
    worker.kill()
    rig = open_rig()
    view = await rig.view(waits)
    assert view.status is E.FAILED
    assert "give login again" in (view.error or "")
    database = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("itk.db*"))
    assert b"hunter22" not in database


async def test_on_cancel_steps_that_were_under_way_are_named_and_not_run_again(
    doomed: OpenDoomed, open_rig: OpenRig, tmp_path: Path
) -> None:
    worker = doomed()
    bye = point(tmp_path, "bye")
    dies = worker.start(
        playbook(
            step("a", "held.block", point=str(point(tmp_path))),
            on_cancel=[
                step("first", "utility.log", message="first"),
                step("bye", "held.wait", point=str(bye)),
                step("last", "utility.log", message="last"),
            ],
        )
    )
    await point(tmp_path).reached()
    worker.cancel(dies)
    pid = await bye.reached()
    worker.kill()
    rig = open_rig()
    assert not is_alive(pid)
    view = await rig.view(dies)
    assert view.status is E.CANCELLED
    record = view.cancellation
    assert record is not None
    assert record.outcome is CancelOutcome.KILLED
    assert record.tree_gone_ms is not None
    assert [one.status for one in record.on_cancel] == ["completed", "cancelled", "pending"]
    assert len(bye.pids) == 1


async def test_the_folders_of_dead_workers_runners_are_removed(
    doomed: OpenDoomed, open_rig: OpenRig, tmp_path: Path
) -> None:
    worker = doomed()
    worker.start(playbook(step("a", "held.block", point=str(point(tmp_path)))))
    await point(tmp_path).reached()
    (old,) = (tmp_path / "data" / "run").iterdir()
    assert any(old.iterdir())
    worker.kill()
    rig = open_rig()
    folders = list((tmp_path / "data" / "run").iterdir())
    assert old not in folders
    assert len(folders) == 1
    rig.worker.close()
    assert list((tmp_path / "data" / "run").iterdir()) == []


async def test_everything_of_a_killed_worker_is_gone_without_the_next_one(
    doomed: OpenDoomed, tmp_path: Path
) -> None:
    worker = doomed()
    worker.start(playbook(step("a", "held.block", point=str(point(tmp_path)))))
    pid = await point(tmp_path).reached()
    worker.kill()
    await poll_until_async(lambda: not is_alive(pid), SOON_S)
