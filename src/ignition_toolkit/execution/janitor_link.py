"""The worker's side of the janitor: tells it what to end and when, and hears what it did."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

from ignition_toolkit.errors import InternalError, ProtocolError
from ignition_toolkit.execution.hand_overs import LeftToPerson, still_there
from ignition_toolkit.execution.janitor_answers import (
    Answer,
    Complaint,
    Ended,
    Over,
    Pong,
    Ready,
    Spared,
    Swept,
    SweptAnswer,
    command_line,
    parse,
)
from ignition_toolkit.execution.janitor_process import (
    JANITOR_COMMAND,
    JanitorProcess,
    start_janitor,
)
from ignition_toolkit.execution.janitor_requests import MAX_KEPT, JanitorRequests
from ignition_toolkit.execution.janitor_watch import JanitorWatch
from ignition_toolkit.execution.owner import ProcessIdentity
from ignition_toolkit.execution.waiting import happens
from ignition_toolkit.playbook.models import HandedOver

logger = logging.getLogger(__name__)

#: Seconds in which a janitor has to come up.
START_S = 15.0
#: Seconds between its death and its next start; doubled each time, up to the last.
RESTART_S = (0.05, 5.0)
#: Seconds that a janitor has to live for the next pause to be the shortest again.
HEALTHY_S = 10.0
#: Seconds that it has to end everything and leave when it is told that the worker closes.
CLOSE_S = 8.0
#: Seconds that the kernel has to end one that does not leave.
KILL_S = 1.0

#: Makes an execution's processes known to the next worker; returns what went wrong, if anything.
RecordHandOver = Callable[[str, Sequence[HandedOver]], Awaitable[str | None]]


class JanitorLink:
    """One janitor, started again when it dies and woken when it was stopped.

    To be used from the supervision loop only.

    Args:
        folder, worker: the first two parts of the markers of this worker's runners.
        me: this process.
        on_clean: called after each end and each sweep, so that orphans of this process which
            were killed are reaped.
        command: what to start as the janitor.
        record: keeps what is left to a person for the next worker.
    """

    def __init__(
        self,
        folder: str,
        worker: str,
        me: ProcessIdentity,
        on_clean: Callable[[], None],
        command: Sequence[str] = JANITOR_COMMAND,
        record: RecordHandOver | None = None,
    ) -> None:
        self._folder = folder
        self._worker = worker
        self._me = me
        self._on_clean = on_clean
        self._command = command
        self._record = record
        self._requests = JanitorRequests()
        self._ready = asyncio.Event()
        self._closing = False
        self._pause = RESTART_S[0]
        self._started_t = 0.0
        self._restart: asyncio.TimerHandle | None = None
        self._starting: asyncio.Task[None] | None = None
        self._next_ping = 0
        self._process: JanitorProcess | None = None
        self._watch = JanitorWatch(self._requests.due_t, lambda: self._process)

    @property
    def pid(self) -> int | None:
        """The janitor's pid, also when it has just died."""
        return self._process.pid if self._process else None

    @property
    def is_starting(self) -> bool:
        """Whether a janitor may be running whose pid is not known yet."""
        return self._starting is not None and not self._starting.done()

    async def start(self) -> None:
        """Start the janitor and wait until it answers. Raises InternalError after 15 s."""
        try:
            await self._spawn()
        except OSError as error:
            raise InternalError(f"the janitor could not be started: {error}") from error
        if not await happens(self._ready, START_S):
            raise InternalError(f"the janitor did not come up within {START_S:g} s")

    async def _spawn(self) -> None:
        """Start a janitor. A cancel waits for it: one that nobody knows would be left behind."""
        self._starting = asyncio.create_task(self._spawn_one())
        try:
            await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            await asyncio.wait({self._starting})
            raise

    async def _spawn_one(self) -> None:
        self._ready.clear()
        self._started_t = time.monotonic()
        loop = asyncio.get_running_loop()
        started = await loop.run_in_executor(None, start_janitor, self._command)
        self._process = JanitorProcess(started, self._on_line, self._on_death)
        self._watch.note_life()
        self._introduce()

    def _introduce(self) -> None:
        self._say(
            "hello", folder=self._folder, worker=self._worker, worker_pid=self._me.pid,
            worker_start=self._me.start,
        )  # fmt: skip
        for op, fields in self._requests.repeat():
            self._say(op, **fields)

    def _say(self, op: str, **fields: object) -> None:
        if self._process is not None:
            self._process.write(command_line(op, fields))

    def spawning(self, token: str) -> None:
        """Say that a runner is about to be started."""
        self._requests.starting.add(token)
        self._say("spawning", token=token)

    def watch(self, token: str, pid: int, start: int) -> None:
        """Say which process the runner is."""
        self._requests.watch(token, pid, start)
        self._say("watch", token=token, pid=pid, start=start)

    async def hand_over(self, execution_id: str, processes: Sequence[HandedOver]) -> str | None:
        """Leave an execution's processes to a person; returns why only until the next start, if so.

        Cancellation: at once; they are not left to anybody then.
        """
        # First what the next worker reads: one that dies in between takes them along, and does not
        # leave them behind for its successor to end.
        problem = await self._record(execution_id, processes) if self._record else None
        for one in processes:
            self.keep(LeftToPerson(one.pid, one.start, one.mark))
        if len(self._requests.kept) > MAX_KEPT:
            await self._forget_dead(frozenset(self._requests.kept))
        return problem

    async def _forget_dead(self, kept: frozenset[LeftToPerson]) -> None:
        there = await asyncio.get_running_loop().run_in_executor(None, still_there, kept)
        self._requests.forget_kept(kept.difference(there))

    def keep(self, one: LeftToPerson) -> None:
        """Say that a process is a person's and to be left alone, with all that belongs to it.

        That is what descends from it, and what bears its mark, where it has one.
        """
        self._requests.keep(one)
        self._say("keep", pid=one.pid, start=one.start, mark=one.mark)

    def forget(self, token: str) -> None:
        """Say that a runner was not started, or is over."""
        self._requests.forget(token)
        self._say("forget", token=token)

    def end(
        self, token: str, *, at: float, ask_at: float | None = None
    ) -> asyncio.Future[Ended | None]:
        """Have a tree ended at a monotonic second; the earliest of several stays.

        Returns a future: an `Ended` when the tree is gone or could not be ended in 5 s, None when
        the end was taken back by `spare` and not asked for again.
        """
        answer = self._requests.end(token, at, ask_at)
        self._say("end", token=token, at=at, ask_at=ask_at)
        self._watch.look_later()
        return answer

    def spare(self, token: str) -> None:
        """Take an end back, unless it has begun; the future of `end` tells which."""
        if self._requests.spare(token):
            self._say("spare", token=token)
            self._watch.look_later()

    async def sweep(self) -> Swept:
        """End what dead workers of this data folder have left."""
        answer: asyncio.Future[Swept] = asyncio.get_running_loop().create_future()
        self._requests.sweeps.append(answer)
        self._say("sweep")
        self._watch.look_later()
        return await answer

    async def answers(self, within: float) -> bool:
        """Whether the janitor answers within so many seconds."""
        self._next_ping += 1
        number = self._next_ping
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests.pings[number] = answer
        self._say("ping", id=number)
        self._watch.look_later()
        try:
            await asyncio.wait_for(answer, within)
        except TimeoutError:
            return False
        finally:
            self._requests.pings.pop(number, None)
        return True

    def _on_line(self, line: bytes) -> None:
        self._watch.note_life()
        try:
            self._on_answer(parse(line))
        except ProtocolError as error:
            logger.error("%s", error, extra={"action": "janitor_error"})

    def _on_answer(self, said: Answer) -> None:
        match said:
            case Ready():
                self._ready.set()
            case Over():
                self._requests.on_over(said.token, said.ended())
                self._on_clean()
            case Spared():
                self._requests.on_spared(said.token)
            case SweptAnswer():
                self._requests.on_swept(said.swept())
                self._on_clean()
            case Pong():
                self._requests.on_pong(said.id)
            case Complaint():
                logger.error(
                    "the janitor says: %s (%s)", said.message, said.line,
                    extra={"action": "janitor_error"},
                )  # fmt: skip

    def _on_death(self) -> None:
        if self._closing:
            return
        assert self._process is not None
        if time.monotonic() - self._started_t >= HEALTHY_S:
            self._pause = RESTART_S[0]
        logger.error(
            "the janitor ended (exit code %s); it is started again in %g s",
            self._process.exit_code, self._pause, extra={"action": "janitor_lost"},
        )  # fmt: skip
        self._start_later()

    def _start_later(self) -> None:
        self._restart = asyncio.get_running_loop().call_later(self._pause, self._start_again)
        self._pause = min(self._pause * 2, RESTART_S[1])

    def _start_again(self) -> None:
        self._starting = asyncio.create_task(self._spawn_one())
        self._starting.add_done_callback(self._on_started_again)

    def _on_started_again(self, starting: asyncio.Task[None]) -> None:
        if starting.cancelled() or (error := starting.exception()) is None:
            return
        logger.error(
            "the janitor could not be started: %s; the next try follows in %g s",
            error, self._pause, extra={"action": "janitor_lost"},
        )  # fmt: skip
        if not self._closing:
            self._start_later()

    async def close(self) -> None:
        """Let the janitor end everything of this worker, and leave. Bounded by `CLOSE_S`.

        One that has died is started once more for this.
        """
        self._closing = True
        self._watch.close()
        if self._restart is not None:
            self._restart.cancel()
        if self._starting is not None:
            await asyncio.wait({self._starting}, timeout=CLOSE_S)
        if self._process is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._leave()
        except (TimeoutError, OSError) as error:
            why = str(error) or f"it took longer than {CLOSE_S:g} s"
            logger.error("the janitor did not leave: %s", why, extra={"action": "janitor_lost"})
            self._process.kill()
            await happens(self._process.ended, KILL_S)

    async def _leave(self) -> None:
        assert self._process is not None
        while True:
            # One that is stopped would not notice the end of its commands.
            self._process.send(signal.SIGCONT)
            self._process.close_commands()
            await self._process.ended.wait()
            if self._process.exit_code == 0:
                return
            await self._spawn()
