"""Designer steps in real runners, on a desktop without a screen, against the stand-in."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.execution.requests import CredentialRequest, Requester, StartRequest
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.execution.worker import Worker
from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus
from ignition_toolkit.runner.kinds import handlers_of
from tests.e2e.used_folder import make_used
from tests.integration.designer.desktop import Screen
from tests.integration.execution.rig import (
    SOON_S,
    Rig,
    is_alive,
    playbook,
    state_of,
    step,
    step_statuses,
    steps,
)
from tests.leaks import Footprint
from tests.polling import poll_until_async
from tests.subreaper import adopt_orphans

KINDS = handlers_of("ignition_toolkit.steps.designer")
PASSWORD = "pass-Wort_1@Anlage"
LONG = "x" * 200


@pytest.fixture
def leaves_nothing() -> None:
    """Leave the look for what is left to `rig`: its runners come and go during these tests."""


@pytest.fixture(scope="module")
def rig(desktop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give an open worker on the desktop, and look that nothing is left of it."""
    folder = tmp_path_factory.mktemp("designer")
    make_used(folder / "data")
    before = Footprint.take()
    worker = open_worker(folder)
    try:
        yield Rig(worker, folder)
    finally:
        worker.close()
        # A worker made this process a subreaper, and nothing else undoes that.
        adopt_orphans(False)
    assert before.left_since(with_handles=False) == []


def open_worker(folder: Path) -> Worker:
    settings = Settings(data_dir=folder / "data", max_running=2, warm_runners=1)
    return Worker.open(settings, kind="server")


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


def forked(launcher: Path) -> int | None:
    """Return the pid of the Java machine that the launcher forked; None while there is none."""
    with contextlib.suppress(FileNotFoundError):
        return int((launcher.parent / "pid").read_text())
    return None


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


async def cancel_typing(rig: Rig, launcher: Path, desktop: str, at: int) -> None:
    """Cancel when so many characters are typed; what a person has open stays."""
    for name in ("count", "pid"):
        (launcher.parent / name).unlink(missing_ok=True)
    text = playbook(
        step("launch", "designer.launch", launcher_file=str(launcher)),
        step("login", "designer.login", username=LONG, password=PASSWORD),
    )
    with contextlib.closing(Screen(desktop)) as screen:
        own = screen.window("Login of another program", is_front=False)
        execution_id = await rig.start(text)
        await poll_until_async(lambda: int(count(launcher) or 0) >= at, SOON_S)
        view, record = await rig.cancelled(execution_id)
        typed, pid = count(launcher), forked(launcher)
        assert step_statuses(view) == {"launch": "completed", "login": "cancelled"}
        assert record.step_id == "login"
        assert pid in {process.pid for process in record.killed}
        assert pid is not None
        assert not is_alive(pid)
        assert int(typed) < len(LONG)
        assert screen.keys_down() == []
        assert own.seen() == []
        assert own.id in screen.listed()


async def test_a_cancel_in_the_middle_of_typing_stops_it_and_ends_the_designer(
    rig: Rig, launcher: Path, desktop: str
) -> None:
    """The forked Java machine is gone too."""
    await cancel_typing(rig, launcher, desktop, 20)


@pytest.mark.stress
@pytest.mark.timeout(1200)
async def test_typing_is_cancelled_twenty_times(rig: Rig, launcher: Path, desktop: str) -> None:
    for turn in range(20):
        await cancel_typing(rig, launcher, desktop, 5 + 5 * turn)


@pytest.mark.stress
@pytest.mark.timeout(1200)
async def test_a_wait_for_a_window_is_cancelled_twenty_times(rig: Rig) -> None:
    for _ in range(20):
        wait = step("a", "designer.wait_for_window", title="nowhere")
        execution_id = await rig.start(playbook(wait))
        await rig.step_is(execution_id, "a", "running")
        _view, record = await rig.cancelled(execution_id)
        assert record.outcome is CancelOutcome.COOPERATIVE


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


def end(pid: int) -> None:
    """End a process that became this one's child, and wait for that."""
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


#: Parameters with which a kind waits for what never comes.
WAITING: dict[str, dict[str, Any]] = {
    "designer.launch": {"window": "nowhere"},
    "designer.login": {"username": "admin", "password": PASSWORD, "window": "nowhere"},
    "designer.open_project": {"project_name": "nowhere"},
    "designer.press": {"key": "Return", "window": "nowhere"},
    "designer.wait_for_window": {"title": "nowhere"},
}
#: Those of them that need no Designer before.
ALONE = {"designer.launch", "designer.wait_for_window"}
#: Kinds that wait for nothing that a test could hold back.
SHORT = {"designer.close", "designer.launch_shortcut", "designer.screenshot"}


def test_every_kind_is_in_the_contract() -> None:
    assert KINDS.keys() == WAITING.keys() | SHORT


@pytest.mark.parametrize("kind", sorted(WAITING))
async def test_a_step_is_cancelled_while_it_waits_for_a_window_that_never_comes(
    rig: Rig, tmp_path: Path, kind: str
) -> None:
    """The Designer has no window here: a launcher that sleeps will do."""
    silent = tmp_path / "silent.sh"
    silent.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    silent.chmod(0o755)
    first = step("launch", "designer.launch", launcher_file=str(silent), on_failure="continue")
    first["parameters"]["timeout"] = 0
    waiting = step("a", kind, **WAITING[kind])
    waiting["parameters"]["timeout"] = 200
    if kind == "designer.launch":
        waiting["parameters"]["launcher_file"] = str(silent)
    before = [] if kind in ALONE else [first]
    execution_id = await rig.start(playbook(*before, waiting))
    await rig.step_is(execution_id, "a", "running")
    view, record = await rig.cancelled(execution_id)
    assert step_statuses(view)["a"] == "cancelled"
    assert steps(view)["a"].error is None
    assert record.outcome in (CancelOutcome.COOPERATIVE, CancelOutcome.KILLED)
    if kind == "designer.launch":
        pid = forked(silent)
        assert pid is None or not is_alive(pid)
