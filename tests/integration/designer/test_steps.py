"""Designer steps in real runners, on a desktop without a screen, against the stand-in."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.execution.hand_overs import FILE_NAME
from ignition_toolkit.execution.requests import CredentialRequest, Requester, StartRequest
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.models import ExecutionStatus
from tests.e2e.used_folder import make_used
from tests.integration.designer.desktop import OwnWindow, Screen
from tests.integration.designer.scene import LONG, PASSWORD, forked, open_worker
from tests.integration.execution.rig import (
    SOON_S,
    Data,
    Rig,
    is_alive,
    playbook,
    state_of,
    step,
    step_statuses,
    steps,
)
from tests.polling import poll_until_async
from tests.subreaper import adopt_orphans


@pytest.fixture
def leaves_nothing() -> None:
    """Leave the look for what is left to `rig`: its runners come and go during these tests."""


async def run_shipped(rig: Rig, name: str, **parameters: Any) -> ExecutionView:
    request = StartRequest(f"designer/{name}.yaml", None, parameters, requested_by="tester")
    return await rig.final((await rig.worker.start(request)).execution_id)


@pytest.fixture
async def credential(rig: Rig) -> str:
    request = CredentialRequest(
        "designer", CredentialType.PASSWORD, Secret(PASSWORD), Requester("api", "tester"),
        username="admin", replace=True,
    )  # fmt: skip
    await rig.worker.put_credential(request)
    return "designer"


def count(launcher: Path) -> str:
    """Return how many characters the stand-in's field holds, empty before the first change."""
    with contextlib.suppress(FileNotFoundError):
        return (launcher.parent / "count").read_text()
    return ""


def size_of(picture: str) -> tuple[int, ...]:
    return struct.unpack_from(">II", Path(picture).read_bytes(), 16)


async def test_a_project_is_opened_pictured_and_closed(
    rig: Rig, launcher: Path, credential: str
) -> None:
    """Launcher, log-in, list of projects, main window; the launcher has ended by then."""
    view = await run_shipped(
        rig, "open_and_screenshot",
        project_name="Tank Farm", credential=credential, launcher_file=str(launcher),
    )  # fmt: skip
    assert view.status is ExecutionStatus.COMPLETED, view
    said = {found.step_id: found.output or {} for found in view.step_results}
    pid = forked(launcher)
    assert said["launch"] == {"window": "Login - Ignition", "pid": pid}
    assert said["open"] == {"window": "Tank Farm - Ignition Designer", "seen_by_gateway": None}
    assert said["picture"]["window"] == "Tank Farm - Ignition Designer"
    assert size_of(said["picture"]["file"])[0] > 600
    assert said["close"] == {"closed": True}
    assert pid is not None
    assert not is_alive(pid)
    assert PASSWORD not in view.model_dump_json()
    assert not [row for row in await rig.events(view.execution_id) if PASSWORD in str(row.data)]


async def test_a_cancel_in_the_middle_of_typing_ends_the_designer_and_nothing_else(
    rig: Rig, launcher: Path, desktop: str
) -> None:
    """The Java machine is gone that the launcher has forked, and what a person has open stays."""
    text = playbook(
        step("launch", "designer.launch", launcher_file=str(launcher)),
        step("login", "designer.login", username=LONG, password=PASSWORD),
    )
    with contextlib.closing(Screen(desktop)) as screen:
        own = screen.window("Login of another program", is_front=False)
        execution_id = await rig.start(text)
        await poll_until_async(lambda: int(count(launcher) or 0) >= 20, SOON_S)
        view, record = await rig.cancelled(execution_id)
        assert step_statuses(view) == {"launch": "completed", "login": "cancelled"}
        assert record.step_id == "login"
        pid = forked(launcher)
        assert pid is not None
        assert pid in {process.pid for process in record.killed}
        assert not is_alive(pid)
        assert int(count(launcher)) < len(LONG)
        assert screen.keys_down() == []
        assert own.seen() == []
        assert own.id in screen.listed()


async def test_another_window_that_takes_the_keyboard_fails_the_step_and_gets_no_key(
    rig: Rig, launcher: Path, desktop: str
) -> None:
    text = playbook(
        step("launch", "designer.launch", launcher_file=str(launcher)),
        step("login", "designer.login", username=LONG, password=PASSWORD),
        step("close", "designer.close"),
    )
    with contextlib.closing(Screen(desktop)) as screen:
        execution_id = await rig.start(text)
        await poll_until_async(lambda: int(count(launcher) or 0) >= 20, SOON_S)
        chat = screen.window("Chat")
        view = await rig.final(execution_id)
        assert step_statuses(view) == {"launch": "completed", "login": "failed", "close": "pending"}
        error = steps(view)["login"].error
        assert error is not None
        assert "'Login - Ignition' lost the keyboard" in error
        assert "'Chat' has it" in error
        assert chat.seen() == []
        assert screen.keys_down() == []
    pid = forked(launcher)
    assert pid is not None
    assert not is_alive(pid)


async def test_a_step_that_times_out_leaves_the_designer_to_the_next(
    rig: Rig, launcher: Path
) -> None:
    """The runner goes on: the Designer belongs to the execution, not to the step."""
    text = playbook(
        step("launch", "designer.launch", launcher_file=str(launcher), project_name="Packing"),
        step(
            "wait", "designer.wait_for_window", title="nowhere", timeout=0.5,
            on_failure="continue",
        ),
        step("login", "designer.login", username="admin", password=PASSWORD),
        step("open", "designer.open_project", project_name="Packing"),
        step("save", "designer.press", key="ctrl+s", window="Packing"),
        step("change", "designer.press", key="F5", window="Packing"),
        step("close", "designer.close", timeout=3, on_failure="continue"),
        parameters=[{"name": "gateway_url", "type": "string"}],
    )  # fmt: skip
    view = await rig.run(text, gateway_url="http://localhost:9")
    assert step_statuses(view) == {
        "launch": "completed", "wait": "failed", "login": "completed", "open": "completed",
        "save": "completed", "change": "completed", "close": "failed",
    }, view  # fmt: skip
    assert (launcher.parent / "saved").read_text() == "A view of Packing"
    assert (steps(view)["open"].output or {})["seen_by_gateway"] is None
    error = steps(view)["close"].error
    assert error is not None
    # What was left of the step's own time.
    assert "has not closed within 2 s" in error
    assert "'Save changes'" in error


async def test_a_designer_that_is_to_stay_is_handed_over_when_the_execution_completes(
    desktop: str, launcher: Path, tmp_path: Path
) -> None:
    """Neither the end of its tree, nor that of its server, nor the next server ends it."""
    launch = step("launch", "designer.launch", launcher_file=str(launcher), keep_open=True)
    make_used(tmp_path / "data")
    with contextlib.ExitStack() as stack:
        stack.callback(adopt_orphans, False)
        with contextlib.closing(open_worker(tmp_path)) as worker:
            rig = Rig(worker, tmp_path)
            failed = await rig.run(
                playbook(launch, step("b", "designer.press", key="?!", window="L"))
            )
            assert failed.status is ExecutionStatus.FAILED
            ended = forked(launcher)
            assert ended is not None
            assert not is_alive(ended)
            view = await rig.run(playbook(launch))
            assert view.status is ExecutionStatus.COMPLETED
            pid = forked(launcher)
            assert pid is not None
            stack.callback(end, pid)
            log = await rig.log(view.execution_id)
            assert log[-1] == f"handed over, still running: java ({pid})"
            assert state_of(pid) == "S"
        assert state_of(pid) == "S"
        with contextlib.closing(open_worker(tmp_path)) as worker:
            view = await Rig(worker, tmp_path).run(
                playbook(step("see", "designer.wait_for_window", title="Login - Ignition"))
            )
            assert (steps(view)["see"].output or {})["pid"] == pid
        assert state_of(pid) == "S"


#: A launcher that ends; what it has started has an empty environment, or is nobody's child.
SCATTERING = """#!/bin/sh
(setsid sleep 600 & echo $! >{folder}/heir)
(env -i sleep 600 & echo $! >{folder}/bare)
sleep 600 &
echo $! >{folder}/pid.part
mv {folder}/pid.part {folder}/pid
"""
#: A script that leaves something running which is not a Designer's.
LEAVING = """
import subprocess
left = subprocess.Popen(["sleep", "600"], start_new_session=True)
open({file!r}, "w").write(str(left.pid))
"""


@dataclass(frozen=True)
class Scattered:
    """An execution that is over, and the processes that it has started."""

    view: ExecutionView
    #: The Designer's own, wherever they have got to.
    theirs: list[int]
    #: Left by another step.
    other: int


async def run_scattering(rig: Rig, desktop: str, folder: Path, *more: Data) -> Scattered:
    """Run a script that leaves something, a launcher that scatters processes, and more steps."""
    launcher = folder / "launcher.sh"
    launcher.write_text(SCATTERING.format(folder=folder))
    launcher.chmod(0o755)
    script = LEAVING.format(file=str(folder / "left"))
    launch = {"launcher_file": str(launcher), "keep_open": True, "window": "It"}
    text = playbook(
        step("leave", "utility.python", script=script),
        step("launch", "designer.launch", **launch),
        *more,
    )
    with contextlib.closing(Screen(desktop)) as screen:
        execution_id = await rig.start(text)
        pid = await poll_until_async(lambda: forked(launcher), SOON_S)
        assert pid is not None
        OwnWindow(screen, "It", pid=pid)
        view = await rig.final(execution_id)
    theirs = [pid, *(int((folder / name).read_text()) for name in ("heir", "bare"))]
    return Scattered(view, theirs, int((folder / "left").read_text()))


async def test_what_belongs_to_a_handed_over_designer_stays_and_all_else_ends(
    rig: Rig, desktop: str, tmp_path: Path
) -> None:
    found = await run_scattering(rig, desktop, tmp_path)
    try:
        assert found.view.status is ExecutionStatus.COMPLETED, found.view
        assert [state_of(one) for one in found.theirs] == ["S", "S", "S"]
        assert not is_alive(found.other)
        execution_id = found.view.execution_id
        [line] = [line for line in await rig.log(execution_id) if line.startswith("handed over")]
        assert all(f"({one})" in line for one in found.theirs)
        listed = json.loads((rig.worker.settings.data_dir / FILE_NAME).read_text())["processes"]
        assert {one["pid"] for one in listed} >= set(found.theirs)
        assert {one["execution_id"] for one in listed} == {execution_id}
    finally:
        for one in found.theirs:
            end(one)


async def test_all_of_a_designer_ends_when_the_execution_fails(
    rig: Rig, desktop: str, tmp_path: Path
) -> None:
    """Although it was to be handed over: what is nobody's child, and what has no marker."""
    failing = step("b", "designer.press", key="?!", window="It")
    found = await run_scattering(rig, desktop, tmp_path, failing)
    assert found.view.status is ExecutionStatus.FAILED
    assert [one for one in [*found.theirs, found.other] if is_alive(one)] == []


def end(pid: int) -> None:
    """End a process that became this one's child, and wait for that."""
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
