"""One runner as its supervisor sees it: in order, once, and truly ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ignition_toolkit.errors import ProtocolError
from ignition_toolkit.execution import runner_process
from ignition_toolkit.execution.runner_process import RunnerProcess
from ignition_toolkit.execution.runner_spawn import executing, runner_environment, spawn
from ignition_toolkit.playbook.models import CancelSource
from ignition_toolkit.protocol import Cancel, Continue, Envelope, Pause, Skip
from tests.polling import poll_until_async

SCRIPT = Path(__file__).with_name("scripted_runner.py")
COMMAND = [sys.executable, "-S", "-E", str(SCRIPT)]
UP_S = 30.0


class Ear:
    """Notes what a runner says and what becomes of it."""

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self.output = bytearray()
        self.broken: list[str] = []
        self.ends = 0
        self.raises: Exception | None = None

    def on_message(self, envelope: Envelope) -> None:
        self.messages.append(envelope)
        if self.raises:
            raise self.raises

    def on_output(self, stream: str, data: bytes) -> None:
        self.output += stream.encode() + b":" + data

    def on_broken(self, error: ProtocolError) -> None:
        self.broken.append(error.message)

    def on_ended(self) -> None:
        self.ends += 1

    def kinds(self) -> list[str]:
        return [envelope.body.kind for envelope in self.messages]


class Living:
    """A runner process with an ear."""

    def __init__(self, process: RunnerProcess, ear: Ear) -> None:
        self.process = process
        self.ear = ear

    async def ready(self) -> None:
        await poll_until_async(lambda: self.ear.kinds() == ["ready"], UP_S)


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[Living]:
    loop = asyncio.get_running_loop()
    start = executing([*COMMAND, "ready"])
    spawned = await loop.run_in_executor(None, spawn, "f.w.1", tmp_path / "r", start)
    process, ear = RunnerProcess("f.w.1", tmp_path / "r", spawned), Ear()
    process.listen(ear)
    yield Living(process, ear)
    if not process.ended.is_set():
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.wait_for(process.ended.wait(), UP_S)
    process.close()
    await loop.shutdown_default_executor()


async def test_it_has_a_folder_and_a_tmpdir_of_its_own(runner: Living, tmp_path: Path) -> None:
    # Before it is up, the process may be in the middle of its exec, and has no environment.
    await runner.ready()
    assert (tmp_path / "r" / "tmp").stat().st_mode & 0o777 == 0o700
    environment = Path(f"/proc/{runner.process.pid}/environ").read_bytes().split(b"\0")
    assert b"ITK_RUN=f.w.1" in environment
    assert f"TMPDIR={tmp_path}/r/tmp".encode() in environment
    assert os.getsid(runner.process.pid) == runner.process.pid


async def test_messages_come_in_order_and_the_end_comes_last(runner: Living) -> None:
    await runner.ready()
    runner.process.send(Pause())
    await poll_until_async(lambda: runner.ear.ends, UP_S)
    assert runner.process.exit_code == 3
    assert bytes(runner.ear.output) == b"stderr:last words\n"
    assert runner.ear.ends == 1


async def test_a_killed_process_has_the_signal_as_its_exit_code(runner: Living) -> None:
    await runner.ready()
    os.kill(runner.process.pid, signal.SIGKILL)
    await poll_until_async(lambda: runner.ear.ends, UP_S)
    assert runner.process.exit_code == -signal.SIGKILL
    assert not runner.process.usable


async def test_a_stream_that_ends_while_the_process_lives_is_broken_once(runner: Living) -> None:
    await runner.ready()
    runner.process.send(Continue())
    await poll_until_async(lambda: runner.ear.broken, UP_S)
    assert "closed its descriptors" in runner.ear.broken[0]
    assert len(runner.ear.broken) == 1
    assert runner.ear.ends == 0
    assert not runner.process.usable


async def test_a_line_that_is_no_message_breaks_the_stream_and_is_not_shown(
    runner: Living,
) -> None:
    await runner.ready()
    runner.process.send(Skip())
    await poll_until_async(lambda: runner.ear.broken, UP_S)
    assert "a line of 10 bytes that is no message" in runner.ear.broken[0]
    assert "no message\\n" not in runner.ear.broken[0]


async def test_what_a_forked_copy_says_is_not_heard(runner: Living) -> None:
    await runner.ready()
    # It says one thing under another pid first, with a number of its own.
    runner.process.send(Cancel(source=CancelSource.API))
    await poll_until_async(lambda: runner.ear.broken, UP_S)
    assert runner.ear.kinds() == ["ready"]
    assert "message 3 after message 1" in runner.ear.broken[0]


async def test_a_line_that_is_too_long_breaks_the_stream(
    runner: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    await runner.ready()
    monkeypatch.setattr(runner_process, "MAX_LINE_BYTES", 40)
    runner.process.send(Cancel(source=CancelSource.API))
    await poll_until_async(lambda: runner.ear.broken, UP_S)
    assert "expected at most 40" in runner.ear.broken[0]


async def test_what_the_listener_cannot_take_breaks_the_stream(
    runner: Living, caplog: pytest.LogCaptureFixture
) -> None:
    await runner.ready()
    ear = Ear()
    ear.raises = KeyError("scope")
    runner.process._listener = ear
    runner.process._seq = 2
    runner.process.send(Cancel(source=CancelSource.API))
    await poll_until_async(lambda: ear.broken, UP_S)
    assert "message 3 (pause) made no sense: KeyError" in ear.broken[0]
    assert "Traceback" in caplog.text


async def test_who_listens_late_is_told_what_has_ended_before(runner: Living) -> None:
    await runner.ready()
    runner.process.send(Continue())
    await poll_until_async(lambda: runner.ear.broken, UP_S)
    late = Ear()
    runner.process.listen(late)
    assert (len(late.broken), late.ends) == (1, 0)
    os.kill(runner.process.pid, signal.SIGKILL)
    await poll_until_async(lambda: late.ends, UP_S)
    later = Ear()
    runner.process.listen(later)
    assert (len(later.broken), later.ends) == (1, 1)


async def test_after_close_nobody_is_told_anything(runner: Living) -> None:
    await runner.ready()
    os.kill(runner.process.pid, signal.SIGKILL)
    await poll_until_async(lambda: runner.ear.ends, UP_S)
    runner.process.close()
    runner.process.send(Pause())
    assert runner.ear.ends == 1


def test_a_runner_gets_no_variable_that_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter22")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PLANT", "north")
    monkeypatch.setenv("ITK_RUNNER_ENV", "PLANT,OTHER")
    found = runner_environment()
    assert "DATABASE_PASSWORD" not in found
    assert (found["LC_ALL"], found["PLANT"]) == ("C.UTF-8", "north")


def test_a_runner_that_cannot_be_started_leaves_no_descriptor(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="nonexistent"):
        spawn("f.w.1", tmp_path / "r", executing(["/nonexistent/python"]))
    assert os.listdir("/proc/self/fd") == before


def test_without_a_descriptor_left_no_process_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pidfd(pid: int) -> int:
        raise OSError(24, "Too many open files")

    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(os, "pidfd_open", no_pidfd)
    with pytest.raises(OSError, match="Too many"):
        spawn("f.w.1", tmp_path / "r", executing([*COMMAND, "mute"]))
    assert os.listdir("/proc/self/fd") == before
