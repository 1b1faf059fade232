"""What worker and janitor say to each other: one JSON object a line, each with an `op`.

Lines in are told from garbage here; lines out wait in a bounded buffer, because the worker may
be dead or slow, and the janitor never waits for it.
"""

from __future__ import annotations

import json
import os
import select
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ignition_toolkit.janitor.proc import Identity

#: Longest line that is read; the longest real one is far below 1 KiB.
MAX_LINE_BYTES = 65536
#: Answers that wait for a worker that does not read; what comes on top is dropped and counted.
MAX_WAITING_BYTES = 1 << 20
_MAX_TOKEN = 200
_MAX_WHOLE = (1 << 63) - 1
_MAX_PID = (1 << 31) - 1
_MAX_TIME = 1e12


class WireError(ValueError):
    """A line that is no message; the text says what was expected and what was found."""


class Hello(NamedTuple):
    """The first message: whose janitor this is."""

    folder: str
    worker: str
    process: Identity


class Spawning(NamedTuple):
    """A runner is about to be forked."""

    token: str


class Watch(NamedTuple):
    """A runner has been forked."""

    token: str
    runner: Identity


class Forget(NamedTuple):
    """A start has failed, or a runner is over and verified."""

    token: str


class End(NamedTuple):
    """A tree is to be ended at this monotonic time, its runner asked before where it is stuck."""

    token: str
    at: float
    ask_at: float | None


class Spare(NamedTuple):
    """An end is taken back."""

    token: str


class Keep(NamedTuple):
    """A process was left to a person: it is to be left alone.

    So is what descends from it, and what bears its mark, where it has one.
    """

    process: Identity
    mark: str | None = None


class Sweep(NamedTuple):
    """Leftovers of dead workers of this data folder are to be ended."""


class Ping(NamedTuple):
    """The worker wants to know whether the janitor answers."""

    number: int


Message = Hello | Spawning | Watch | Forget | End | Spare | Keep | Sweep | Ping


def parse(line: bytes) -> Message:
    """Read one line.

    Raises:
        WireError: it is not a JSON object, has no known `op`, or a field is missing or wrong.
    """
    try:
        said: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError(f"expected a JSON object on one line, found no JSON: {error}") from error
    if not isinstance(said, dict):
        raise WireError(f"expected a JSON object, found {type(said).__name__}")
    op = said.get("op")
    if not isinstance(op, str) or op not in _PARSERS:
        raise WireError(f"expected an op of {', '.join(_PARSERS)}; found {op!r:.100}")
    return _PARSERS[op](_Fields(op, said))


class _Fields:
    """The fields of one message, each read with its type checked."""

    def __init__(self, op: str, said: Mapping[str, object]) -> None:
        self._op = op
        self._said = said

    def text(self, key: str) -> str:
        value = self._said.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_TOKEN:
            raise self._wrong(key, f"a text of 1 to {_MAX_TOKEN} characters")
        return value

    def text_or_none(self, key: str) -> str | None:
        return None if self._said.get(key) is None else self.text(key)

    def whole(self, key: str, most: int) -> int:
        value = self._said.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self._wrong(key, f"a whole number of 0 to {most}")
        return value

    def time(self, key: str) -> float:
        value = self._said.get(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # Written so that NaN, for which no comparison holds, is refused too.
        if isinstance(value, int | float) and is_number and -_MAX_TIME <= value <= _MAX_TIME:
            return float(value)
        raise self._wrong(key, "a finite number of seconds of the monotonic clock")

    def time_or_none(self, key: str) -> float | None:
        return None if self._said.get(key) is None else self.time(key)

    def process(self, pid_key: str, start_key: str) -> Identity:
        return Identity(self.whole(pid_key, _MAX_PID), self.whole(start_key, _MAX_WHOLE))

    def _wrong(self, key: str, expected: str) -> WireError:
        found = self._said.get(key)
        return WireError(f"{self._op}: expected {key!r} to be {expected}, found {found!r:.100}")


_PARSERS: dict[str, Callable[[_Fields], Message]] = {
    "hello": lambda f: Hello(
        f.text("folder"), f.text("worker"), f.process("worker_pid", "worker_start")
    ),
    "spawning": lambda f: Spawning(f.text("token")),
    "watch": lambda f: Watch(f.text("token"), f.process("pid", "start")),
    "forget": lambda f: Forget(f.text("token")),
    "end": lambda f: End(f.text("token"), f.time("at"), f.time_or_none("ask_at")),
    "spare": lambda f: Spare(f.text("token")),
    "keep": lambda f: Keep(f.process("pid", "start"), f.text_or_none("mark")),
    "sweep": lambda _: Sweep(),
    "ping": lambda f: Ping(f.whole("id", _MAX_WHOLE)),
}


class Inbox:
    """Lines from a pipe, read without ever waiting for the end of one."""

    def __init__(self, handle: int) -> None:
        """Read from this descriptor."""
        self.handle = handle
        #: Lines that were read and not taken yet.
        self.lines: deque[bytes] = deque()
        #: The other side has closed the pipe, or is dead.
        self.is_closed = False
        self._rest = b""
        self._is_skipping = False

    def fill(self) -> bool:
        """Read once, if that needs no waiting; say whether something was read.

        Of a line longer than MAX_LINE_BYTES only the beginning is kept, which is no message.
        """
        if self.is_closed or not select.select([self.handle], [], [], 0)[0]:
            return False
        try:
            part = os.read(self.handle, MAX_LINE_BYTES)
        except OSError:
            part = b""
        self.is_closed = not part
        *lines, self._rest = (self._rest + part).split(b"\n")
        if lines and self._is_skipping:
            self._is_skipping = False
            del lines[0]
        self.lines.extend(line for line in lines if line.strip())
        self._skip_if_too_long()
        return not self.is_closed

    def _skip_if_too_long(self) -> None:
        if self._is_skipping:
            self._rest = b""
        elif len(self._rest) > MAX_LINE_BYTES:
            self.lines.append(self._rest)
            self._rest = b""
            self._is_skipping = True


class Outbox:
    """Lines into a pipe, written as far as it takes them, and never waited for."""

    def __init__(self, handle: int) -> None:
        """Write to this descriptor, which becomes non-blocking."""
        self.handle = handle
        os.set_blocking(handle, False)
        self._is_closed = False
        self._waiting = bytearray()
        self._dropped = 0

    @property
    def is_waiting(self) -> bool:
        """Say whether something is left to be written once the pipe takes more."""
        return bool(self._waiting)

    def say(self, op: str, **fields: object) -> None:
        """Write a message, or keep it for later; drop and count it when too much waits."""
        if self._is_closed:
            return
        line = json.dumps({"op": op, **fields}).encode() + b"\n"
        if len(self._waiting) + len(line) > MAX_WAITING_BYTES:
            self._dropped += 1
            return
        is_first = not self._waiting
        self._waiting += line
        if is_first:
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the pipe takes it now; a broken pipe drops it all."""
        try:
            while self._waiting:
                del self._waiting[: os.write(self.handle, self._waiting)]
        except BlockingIOError:
            return
        except OSError:
            self._is_closed = True
            self._waiting.clear()
            return
        if self._dropped:
            count, self._dropped = self._dropped, 0
            self.say("error", message=f"{count} answers were dropped because nobody read them")
