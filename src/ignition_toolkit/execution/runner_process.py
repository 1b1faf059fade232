"""One runner process as its supervisor sees it: spawned, spoken to, heard, and seen to end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ignition_toolkit.errors import ProtocolError
from ignition_toolkit.execution.pipe_reader import PipeReader
from ignition_toolkit.execution.pipe_writer import PipeWriter
from ignition_toolkit.playbook.models import Frozen
from ignition_toolkit.protocol import MAX_LINE_BYTES, Envelope, encode

#: What of the server's environment a runner gets. Secrets live elsewhere, and stay there.
ENVIRONMENT = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM",
        "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS",
        "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
        "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "JAVA_HOME",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "PLAYWRIGHT_BROWSERS_PATH",
        "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG",
    }
)  # fmt: skip

#: Further names, separated by commas, that the operator lets through.
PASS_THROUGH_VARIABLE = "ITK_RUNNER_ENV"  # noqa: S105 - a variable's name


def runner_environment(token: str, temporary: Path) -> dict[str, str]:
    """Return the environment of a runner: an allowlist, its marker, and its own TMPDIR."""
    extra = set(os.environ.get(PASS_THROUGH_VARIABLE, "").split(","))
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ENVIRONMENT or name in extra or name.startswith("LC_")
    }
    return {**kept, "ITK_RUN": token, "TMPDIR": str(temporary)}


@dataclass(frozen=True)
class Spawned:
    """A process and the supervisor's ends of its pipes."""

    process: subprocess.Popen[bytes]
    output_fd: int


def spawn(token: str, folder: Path) -> Spawned:
    """Start a runner in a session of its own. Blocks for some milliseconds: for a thread.

    Args:
        token: value of its marker ITK_RUN.
        folder: a folder of its own, made here; `tmp` in it is its TMPDIR.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, mode=0o700)
    output_in, output_out = os.pipe()
    try:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "ignition_toolkit.runner",
                "--folder", str(folder), "--stdout-fd", str(output_out),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(output_out,),
            env=runner_environment(token, temporary),
            start_new_session=True,
        )  # fmt: skip
    except BaseException:
        os.close(output_in)
        raise
    finally:
        os.close(output_out)
    return Spawned(process, output_in)


class RunnerProcess:
    """A running runner. To be used from the supervision loop only.

    The end of its event stream is not its death: `ended` is, which comes from the process's own
    end. `on_message` gets every envelope in order, `on_broken` a ProtocolError when the stream
    ends or is damaged while the process lives.
    """

    def __init__(self, token: str, folder: Path, spawned: Spawned, start: int) -> None:
        self.token = token
        self.folder = folder
        self.pid = spawned.process.pid
        self.start = start
        self.ended = asyncio.Event()
        self.exit_code: int | None = None
        self.on_message: Callable[[Envelope], None] = lambda _envelope: None
        self.on_broken: Callable[[ProtocolError], None] = lambda _error: None
        self.on_output: Callable[[str, bytes], None] = lambda _stream, _data: None
        self._process = spawned.process
        self._rest = bytearray()
        self._seq = 0
        self._broken = False
        self._loop = asyncio.get_running_loop()
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._on_end)
        stdin, stdout, stderr = (
            os.dup(pipe.fileno())
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr)
            if pipe is not None
        )
        self._close_popen_pipes()
        self._commands = PipeWriter(stdin)
        self._events = PipeReader(stdout, self._on_events, self._on_stream_end)
        self._outputs = (
            PipeReader(spawned.output_fd, lambda data: self.on_output("stdout", data)),
            PipeReader(stderr, lambda data: self.on_output("stderr", data)),
        )

    def _close_popen_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def send(self, command: Frozen) -> None:
        """Send a command. Never blocks; nothing happens when the process is gone."""
        self._commands.write(encode(command))

    def _on_events(self, data: bytes) -> None:
        self._rest += data
        if b"\n" not in data:
            if len(self._rest) > MAX_LINE_BYTES:
                self._break(f"a line of more than {MAX_LINE_BYTES} bytes")
            return
        *lines, rest = self._rest.split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            if not self._broken:
                self._on_line(bytes(line))

    def _on_line(self, line: bytes) -> None:
        try:
            envelope = Envelope.model_validate_json(line)
        except ValidationError as error:
            self._break(f"a line that is no message: {line[:80]!r} ({error.error_count()} errors)")
            return
        if envelope.pid != self.pid:
            # A copy made by fork that kept a descriptor: not the runner, so not heard.
            return
        if envelope.seq != self._seq + 1:
            self._break(f"message {envelope.seq} after message {self._seq}")
            return
        self._seq = envelope.seq
        self.on_message(envelope)

    @property
    def broken(self) -> bool:
        """Whether the event stream ended or was damaged."""
        return self._broken

    def _break(self, what: str) -> None:
        self._broken = True
        self.on_broken(ProtocolError(f"the runner's event stream is damaged: {what}"))

    def _on_stream_end(self) -> None:
        if not self._broken and not self.ended.is_set():
            self._broken = True
            text = "the step closed the runner's descriptors, or the runner closed its stream"
            self.on_broken(ProtocolError(text))

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._events.drain()
        for output in self._outputs:
            output.drain()
        self.exit_code = self._process.poll()
        self.ended.set()

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        self._commands.close()
        self._events.close()
        for output in self._outputs:
            output.close()
