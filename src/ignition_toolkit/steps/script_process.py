"""One script under way: its interpreter, its pipes, its end, and how it is stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ignition_toolkit.playbook.stuck_trace import stuck_place

#: Seconds after its SIGINT at which a script is asked where it stands, and is killed.
ASK_AFTER_S = 0.12
SCRIPT_GRACE_S = 0.2
#: Seconds that the kernel has to end a killed script.
KILL_WAIT_S = 0.04

_READ_BYTES = 1 << 16
_TRACE_BYTES = 200_000
_CHILD = str(Path(__file__).with_name("script_child.py"))

Sink = Callable[[bytes], None]


class ScriptProcess:
    """Runs a script in an interpreter and a process group of its own.

    Its end is the end of the process, never that of a pipe: a grandchild may hold that open for
    as long as it likes.

    Args:
        script: Python text.
        variables: JSON values that the script can ask for.
        on_stdout, on_stderr, on_report: get the bytes as they come.
    """

    # Any: JSON values of the playbook's choosing.
    def __init__(
        self,
        script: str,
        variables: dict[str, Any],
        on_stdout: Sink,
        on_stderr: Sink,
        on_report: Sink,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._process, self._report_fd, self._stuck_fd = _start(
            {"script": script, "variables": variables}
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._pidfd, self._on_end)
        self._sinks: dict[int, Sink] = {}
        self._read(self._process.stdout.fileno(), on_stdout)
        self._read(self._process.stderr.fileno(), on_stderr)
        self._read(self._report_fd, on_report)

    @property
    def pid(self) -> int:
        """The interpreter's pid, which is its process group's too."""
        return self._process.pid

    async def wait(self) -> None:
        """Return when the interpreter has ended. Cancellation: raises at once, stops nothing."""
        await self._ended.wait()  # itk: ignore[ITK111] a script has its step's timeout

    async def stop(self, on_kill: Callable[[str | None], None]) -> None:
        """End the script's process group: SIGINT, the question where it stands, SIGKILL.

        Takes at most `SCRIPT_GRACE_S` and `KILL_WAIT_S`. Processes that left the group are the
        sweep's. Cancellation: kills at once.

        Args:
            on_kill: called with the place where it stood when it has to be killed, before it is:
                on a busy machine this process may itself be killed while it waits for that.
        """
        try:
            if not await self._ends_politely():
                on_kill(self._stuck_place())
        finally:
            # Also when cancelled once more, and also after a polite end: the group's others.
            self._signal_group(signal.SIGKILL)
            await self._ends_within(KILL_WAIT_S)

    async def _ends_politely(self) -> bool:
        self._signal_group(signal.SIGINT)
        if await self._ends_within(ASK_AFTER_S):
            return True
        os.kill(self.pid, signal.SIGUSR2)
        return await self._ends_within(SCRIPT_GRACE_S - ASK_AFTER_S)

    def close(self) -> int | None:
        """Close the pipes, reap the process; return its exit status, None if it has not ended."""
        for fd in (self._pidfd, *self._sinks):
            self._loop.remove_reader(fd)
        assert self._process.stdout is not None and self._process.stderr is not None
        self._process.stdout.close()
        self._process.stderr.close()
        for fd in (self._report_fd, self._stuck_fd, self._pidfd):
            os.close(fd)
        return self._process.poll()

    def _read(self, fd: int, sink: Sink) -> None:
        os.set_blocking(fd, False)
        self._sinks[fd] = sink
        self._loop.add_reader(fd, self._on_readable, fd)

    def _on_readable(self, fd: int) -> None:
        data = _read_available(fd)
        if data == b"":
            self._loop.remove_reader(fd)
        elif data is not None:
            self._sinks[fd](data)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        for fd, sink in self._sinks.items():
            # What was written before the end is in the pipe, which holds no more than this; what
            # a grandchild writes later is not the script's any more.
            for _ in range(16):
                data = _read_available(fd)
                if not data:
                    break
                sink(data)
        self._ended.set()

    async def _ends_within(self, seconds: float) -> bool:
        try:
            # Not asyncio.wait_for: in Python 3.11 it loses a cancel that comes with the event.
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def _stuck_place(self) -> str | None:
        return stuck_place(os.pread(self._stuck_fd, _TRACE_BYTES, 0).decode("utf-8", "replace"))

    def _signal_group(self, number: signal.Signals) -> None:
        # The group's leader is not reaped before `close`: the number names no other group.
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


# Any: JSON values of the playbook's choosing.
def _start(job: dict[str, Any]) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start an interpreter on a job.

    Returns it, the descriptor that its reports come on, and that of the memory into which it
    writes where it stands.
    """
    job_fd, stuck_fd = _memory_file(job), os.memfd_create("itk-stuck")
    report_in, report_out = os.pipe()
    passed = (job_fd, report_out, stuck_fd)
    try:
        process = subprocess.Popen(
            [sys.executable, "-u", "-P", "-X", "utf8", _CHILD, *map(str, passed)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=passed,
            start_new_session=True,
        )
    except BaseException:
        os.close(report_in)
        os.close(stuck_fd)
        raise
    finally:
        os.close(job_fd)
        os.close(report_out)
    return process, report_in, stuck_fd


def _memory_file(job: dict[str, Any]) -> int:
    """Return a descriptor of a file in memory: a script may be larger than a pipe, and secret."""
    fd = os.memfd_create("itk-script")
    data = memoryview(json.dumps(job, default=str).encode("utf-8", "surrogatepass"))
    while data:
        data = data[os.write(fd, data) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _read_available(fd: int) -> bytes | None:
    """Return what there is to read, empty at the end, None when there is nothing yet."""
    try:
        return os.read(fd, _READ_BYTES)
    except BlockingIOError:
        return None
