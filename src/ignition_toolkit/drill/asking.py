"""The asker's side of a probe: starts its process, gives it jobs, ends it."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ignition_toolkit.drill.job import Breach, Job, Report, Way
from ignition_toolkit.protocol import MARKER

#: Seconds beyond a job's own budget after which its probe is given up.
PATIENCE_S = 120.0
#: Seconds that a probe has to leave by itself, and then those to end the try that is under way.
LEAVE_S = 6.0

_READ_BYTES = 1 << 16
_numbers = itertools.count(1)


class Probe:
    """A process that tries kinds, one after the other; to be used in a `with` statement.

    It is started at once, and anew after a job that it did not survive. Everything that it
    starts carries a marker of its own. What a kind does, it does: only kinds whose surroundings
    are simulated are to be tried.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._started()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def report(self, job: Job) -> Report:
        """Have a kind tried, and return what came of it.

        Blocks for the job's budget, and a little longer where a try has begun by then. A probe
        that ends, or answers nothing, is ended itself; the report says so.
        """
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(job.model_dump_json().encode() + b"\n")
            process.stdin.flush()
            line = _line(process.stdout, job.budget_s + PATIENCE_S)
        except BrokenPipeError:
            line = b""
        if line:
            return Report.model_validate_json(line)
        self.close()
        text = "the process that tries it has ended, or does not answer; see its output above"
        return Report(kind=job.kind, breaches=(Breach(way=Way.CANCEL, moment=0, text=text),))

    @property
    def pid(self) -> int | None:
        """Pid of the process, None when there is none."""
        return self._process.pid if self._process is not None else None

    def close(self) -> None:
        """End the process, if there is one, and remove its files."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._folder = tempfile.TemporaryDirectory(prefix="itk-contract-")
            self._process = _start(Path(self._folder.name))
        return self._process


def _start(folder: Path) -> subprocess.Popen[bytes]:
    """Start a probe; what it imports is found where this process finds it."""
    environment = {
        **os.environ,
        MARKER: f"contract{os.getpid()}.p.{next(_numbers)}",
        "PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ignition_toolkit.drill.probe", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def _line(stream: IO[bytes], seconds: float) -> bytes:
    """Return a line of the stream without its end; empty when it ends or nothing comes."""
    found = bytearray()
    while not found.endswith(b"\n"):
        if not select.select([stream], [], [], seconds)[0]:
            return b""
        data = os.read(stream.fileno(), _READ_BYTES)
        if not data:
            return b""
        found += data
    return bytes(found[:-1])


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None and process.stdout is not None
    # What a probe that has ended was not sent any more has no reader.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    for ask in (process.terminate, process.kill):
        try:
            process.wait(LEAVE_S)
            break
        except subprocess.TimeoutExpired:
            ask()
    process.wait()
    process.stdout.close()
