"""The server's side of the janitor: tells it what to end and when, and hears what it did."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ignition_toolkit.errors import InternalError
from ignition_toolkit.execution.owner import ProcessIdentity
from ignition_toolkit.execution.pipe_reader import PipeReader
from ignition_toolkit.execution.pipe_writer import PipeWriter
from ignition_toolkit.playbook.models import Leftover, Process

logger = logging.getLogger(__name__)

#: Seconds in which a janitor has to come up.
START_S = 15.0
#: Seconds between its death and its next start; doubled each time, up to the last.
RESTART_S = (0.05, 5.0)
#: Seconds that it has to end everything and leave when it is told that the worker closes.
CLOSE_S = 7.0


@dataclass(frozen=True)
class Ended:
    """What the janitor did to one tree. Times are monotonic seconds."""

    token: str
    #: When it began to kill, and when it had verified that nothing is left.
    began: float
    t: float
    killed: tuple[Process, ...] = ()
    #: Whether the runner itself was alive when it was killed.
    runner_killed: bool = False
    leftovers: tuple[Leftover, ...] = ()


@dataclass
class _Pending:
    at: float
    ask_at: float | None
    answer: asyncio.Future[Ended | None]


@dataclass
class _State:
    """What a janitor that is started anew has to be told again."""

    starting: set[str] = field(default_factory=set)
    watched: dict[str, tuple[int, int]] = field(default_factory=dict)
    ends: dict[str, _Pending] = field(default_factory=dict)
    sweeps: list[asyncio.Future[dict[str, Any]]] = field(default_factory=list)
    pings: dict[int, asyncio.Future[None]] = field(default_factory=dict)


class JanitorLink:
    """One janitor, started again when it dies. To be used from the supervision loop only.

    Args:
        folder, worker: the first two parts of the markers of this worker's runners.
        on_clean: called with the pids that an end or a sweep killed, so that those which are
            this process's children are reaped.
    """

    def __init__(self, folder: str, worker: str, on_clean: Callable[[], None]) -> None:
        self._folder = folder
        self._worker = worker
        self._on_clean = on_clean
        self._state = _State()
        self._ready = asyncio.Event()
        self._closing = False
        self._pause = RESTART_S[0]
        self._next_ping = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._commands: PipeWriter | None = None
        self._answers: PipeReader | None = None
        self._ended = asyncio.Event()
        self._rest = b""
        self._pidfd = -1

    @property
    def pid(self) -> int | None:
        """The janitor's pid."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the janitor and wait until it answers. Raises InternalError after 15 s."""
        self._spawn()
        try:
            await asyncio.wait_for(self._ready.wait(), START_S)
        except TimeoutError:
            raise InternalError(f"the janitor did not come up within {START_S:g} s") from None

    def _spawn(self) -> None:
        loop = asyncio.get_running_loop()
        self._ready.clear()
        self._ended = asyncio.Event()
        process = subprocess.Popen(
            [sys.executable, "-m", "ignition_toolkit.janitor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._pidfd = os.pidfd_open(process.pid)
        loop.add_reader(self._pidfd, self._on_death)
        self._commands = PipeWriter(os.dup(process.stdin.fileno()))
        self._answers = PipeReader(os.dup(process.stdout.fileno()), self._on_data)
        process.stdin.close()
        process.stdout.close()
        self._rest = b""
        self._introduce()

    def _introduce(self) -> None:
        me = ProcessIdentity.mine()
        self._say(
            "hello", folder=self._folder, worker=self._worker, worker_pid=me.pid,
            worker_start=me.start,
        )  # fmt: skip
        for token in self._state.starting:
            self._say("spawning", token=token)
        for token, (pid, start) in self._state.watched.items():
            self._say("watch", token=token, pid=pid, start=start)
        for token, pending in self._state.ends.items():
            self._say("end", token=token, at=pending.at, ask_at=pending.ask_at)
        for _ in self._state.sweeps:
            self._say("sweep")

    def _say(self, op: str, **fields: object) -> None:
        if self._commands is not None:
            self._commands.write(json.dumps({"op": op, **fields}).encode() + b"\n")

    def spawning(self, token: str) -> None:
        """Say that a runner is about to be started."""
        self._state.starting.add(token)
        self._say("spawning", token=token)

    def watch(self, token: str, pid: int, start: int) -> None:
        """Say which process the runner is."""
        self._state.starting.discard(token)
        self._state.watched[token] = (pid, start)
        self._say("watch", token=token, pid=pid, start=start)

    def forget(self, token: str) -> None:
        """Say that a runner was not started, or is over."""
        self._state.starting.discard(token)
        self._state.watched.pop(token, None)
        self._say("forget", token=token)

    def end(self, token: str, *, at: float, ask_at: float | None = None) -> asyncio.Future[Any]:
        """Have a tree ended at a monotonic second; the earliest of several stays.

        Returns a future: an `Ended` when the tree is gone or could not be ended in 5 s, None when
        the end was taken back by `spare`.
        """
        pending = self._state.ends.get(token)
        if pending is None:
            pending = _Pending(at, ask_at, asyncio.get_running_loop().create_future())
            self._state.ends[token] = pending
        pending.at = min(at, pending.at)
        self._say("end", token=token, at=at, ask_at=ask_at)
        return pending.answer

    def spare(self, token: str) -> None:
        """Take an end back, unless it has begun; the future of `end` tells which."""
        if token in self._state.ends:
            self._say("spare", token=token)

    async def sweep(self) -> tuple[tuple[Process, ...], tuple[Leftover, ...]]:
        """End what dead workers of this data folder have left; return (killed, leftovers)."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._state.sweeps.append(answer)
        self._say("sweep")
        said = await answer
        return _processes(said), _leftovers(said)

    async def answers(self, within: float) -> bool:
        """Whether the janitor answers within so many seconds."""
        self._next_ping += 1
        number = self._next_ping
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._state.pings[number] = answer
        self._say("ping", id=number)
        try:
            await asyncio.wait_for(answer, within)
        except TimeoutError:
            return False
        finally:
            self._state.pings.pop(number, None)
        return True

    def _on_data(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_answer(json.loads(line))

    def _on_answer(self, said: dict[str, Any]) -> None:
        match said["op"]:
            case "ready":
                self._ready.set()
                self._pause = RESTART_S[0]
            case "clean" | "stuck":
                self._settle(said["token"], _ended(said))
                self._on_clean()
            case "spared":
                self._settle(said["token"], None)
            case "swept":
                if self._state.sweeps and not (first := self._state.sweeps.pop(0)).done():
                    first.set_result(said)
                self._on_clean()
            case "pong":
                if (ping := self._state.pings.get(said["id"])) and not ping.done():
                    ping.set_result(None)
            case _:
                logger.error("the janitor says: %s", said, extra={"action": "janitor_error"})

    def _settle(self, token: str, ended: Ended | None) -> None:
        pending = self._state.ends.pop(token, None)
        if pending is not None and not pending.answer.done():
            pending.answer.set_result(ended)

    def _on_death(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        assert self._process is not None
        assert self._answers is not None and self._commands is not None
        self._answers.drain()
        self._answers.close()
        self._commands.close()
        code = self._process.poll()
        self._ended.set()
        if self._closing:
            return
        logger.error(
            "the janitor ended (exit code %s); it is started again", code,
            extra={"action": "janitor_lost"},
        )  # fmt: skip
        loop.call_later(self._pause, self._restart)
        self._pause = min(self._pause * 2, RESTART_S[1])

    def _restart(self) -> None:
        if not self._closing:
            self._spawn()

    async def close(self) -> None:
        """Let the janitor end everything of this worker, and leave. Bounded by `CLOSE_S`."""
        self._closing = True
        if self._commands is None or self._ended.is_set():
            return
        self._commands.close()
        try:
            await asyncio.wait_for(self._ended.wait(), CLOSE_S)
        except TimeoutError:
            logger.error("the janitor did not leave in %s s", CLOSE_S)


def _ended(said: dict[str, Any]) -> Ended:
    return Ended(
        token=said["token"],
        began=said["began"],
        t=said["t"],
        killed=_processes(said, runner=False),
        runner_killed=any(entry.get("runner") for entry in said["killed"]),
        leftovers=_leftovers(said),
    )


def _processes(said: dict[str, Any], *, runner: bool = True) -> tuple[Process, ...]:
    return tuple(
        Process(pid=entry["pid"], name=entry["name"])
        for entry in said["killed"]
        if runner or not entry.get("runner")
    )


def _leftovers(said: dict[str, Any]) -> tuple[Leftover, ...]:
    return tuple(Leftover.model_validate(entry) for entry in said.get("leftovers", []))
