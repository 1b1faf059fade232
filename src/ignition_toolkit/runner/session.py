"""The life of one runner: warm, then one execution, then gone. Or checks, one after another."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
import traceback
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn, TextIO, cast

from pydantic import ValidationError

from ignition_toolkit.janitor.sweep import end_own_tree
from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.engine import EngineResult, PlaybookEngine
from ignition_toolkit.playbook.json_values import from_wire
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus
from ignition_toolkit.protocol import (
    MARKER,
    Cancel,
    Check,
    Checked,
    Command,
    Continue,
    Describe,
    Described,
    Done,
    Pause,
    Proceed,
    Ready,
    Skip,
    Start,
    Watch,
    commands,
    what_is_wrong,
)
from ignition_toolkit.runner.channel import (
    CommandReader,
    EventWriter,
    isolate_standard_streams,
)
from ignition_toolkit.runner.cleanness import Cleanness, CountingExecutor, has_children
from ignition_toolkit.runner.host import LogForwarder, RunnerHost
from ignition_toolkit.runner.kinds import check_program, describe
from ignition_toolkit.runner.machine import what_is_missing
from ignition_toolkit.runner.turns import Turns, TurnSelector
from ignition_toolkit.runner.watchdog import Watchdog

#: Seconds that the execution's objects, such as a browser, have to close at the end of a run.
CLOSE_S = 2.0
#: Second after a cancel at which closing them is given up: the step's end is within the grace.
CLOSE_BY_S = 0.2
#: Seconds that the end of a run waits for what was logged before it.
FLUSH_S = 2.0
#: Characters of the newest logs that are told before the end of a run, flood or not.
LAST_LOGS = 32 * 1024
#: Seconds that the end of the command pipe leaves to the janitor before the runner ends itself.
JANITOR_HEAD_START_S = 0.3
#: Seconds in which the runner then ends what it started.
END_OWN_TREE_S = 2.0
#: Seconds that a runner which has children waits to be ended with them; the janitor comes at once.
LINGER_S = 60.0
#: File in the runner's folder that `faulthandler` writes to when it is asked where it stands.
STUCK_FILE = "stuck.txt"
#: Bytes that are kept free for it.
STUCK_BYTES = 16 * 1024
#: Exit status of a runner whose event loop broke, or that was sent no command of ours.
BROKEN_EXIT = 70
#: Exit status of a runner whose server went away.
SERVER_GONE_EXIT = 75


class Session:
    """Reads commands and acts on them.

    Args:
        loop: the event loop of the main thread.
        turns: those of the loop.
        command_fd, event_fd: the private descriptors.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        turns: Turns,
        command_fd: int,
        event_fd: int,
    ) -> None:
        self._loop = loop
        self._inbox: asyncio.Queue[Command] = asyncio.Queue(maxsize=1000)
        self._writer = EventWriter(event_fd)
        self._reader = CommandReader(command_fd, self._on_line, self._on_end)
        self._watchdog = Watchdog(turns, self._writer.send)
        self._engine: PlaybookEngine | None = None
        self._host: RunnerHost | None = None
        self._early: list[Command] = []
        self._cancelled = asyncio.Event()
        self._server_gone = threading.Event()
        self._close_by = 0.0
        self._executor = CountingExecutor()
        loop.set_default_executor(self._executor)

    async def run(self) -> None:
        """Serve until an execution is over; checks go on until the process is ended."""
        self._writer.start()
        self._reader.start()
        self._writer.send(Ready())
        while True:
            command = await self._inbox.get()
            if isinstance(command, Start):
                await self._execute(command)
                return
            self._answer(command)

    def _answer(self, command: Command) -> None:
        if isinstance(command, Describe):
            catalog = describe().model_dump(mode="json")
            self._writer.send(Described(catalog=catalog))
        elif isinstance(command, Check):
            problems = tuple(check_program(command.program, command.modules))
            self._writer.send(Checked(request=command.request, problems=problems))

    async def _execute(self, start: Start) -> None:
        self._watchdog.start()
        threads = (self._writer, self._reader, self._watchdog)
        cleanness = Cleanness(self._executor, {thread.native_id or 0 for thread in threads})
        self._host = RunnerHost(start, self._writer, cleanness, self._watchdog)
        logging.getLogger().addHandler(LogForwarder(self._host))
        logging.getLogger().setLevel(logging.INFO)
        parameters = cast("dict[str, object]", from_wire(start.parameters))
        resume = start.resume.model_validate(from_wire(start.resume.model_dump()))
        self._engine = PlaybookEngine(start.program, parameters, self._host, resume)
        if start.paused:
            self._engine.pause()
        for command in self._early:
            self._steer(command)
        prefixes = start.on_cancel
        if prefixes is None and (problem := what_is_missing(start.program, start.modules)):
            return await self._finish(EngineResult(ExecutionStatus.FAILED, error=problem))
        run = self._engine.run() if prefixes is None else self._engine.run_on_cancel(prefixes)
        return await self._finish(await run)

    async def _finish(self, result: EngineResult) -> None:
        assert self._host is not None
        self._host.live_view.end()
        is_completed = result.status is ExecutionStatus.COMPLETED and not self._cancelled.is_set()
        kept = self._host.handed_over() if is_completed else ()
        if result.ended:
            await self._close_resources(self._host)
        done = Done(status=result.status, error=result.error, ended=result.ended, handed_over=kept)
        if self._cancelled.is_set():
            self._writer.shorten_log(LAST_LOGS)
        self._writer.send(done)
        if not self._writer.flush(FLUSH_S):
            self._writer.shorten_log(LAST_LOGS)
            # What is left must be told. A supervisor that does not read ends this process, and
            # the reader's thread does when the supervisor is gone.
            self._writer.flush()
        if self._server_gone.is_set() or has_children():
            # The reader's thread ends what is left, or the janitor does. What this process has
            # started is found most surely while its parent is there.
            threading.Event().wait(LINGER_S)

    async def _close_resources(self, host: RunnerHost) -> None:
        """Close what the steps shared; after a cancel, and as soon as one comes, in a moment."""
        closing = asyncio.create_task(host.close(CLOSE_S))
        hurry = asyncio.create_task(self._cancelled.wait())
        await asyncio.wait({closing, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if not closing.done():
            await asyncio.wait({closing}, timeout=self._close_by - self._loop.time())
        closing.cancel()
        hurry.cancel()

    def _on_line(self, line: bytes) -> None:
        """In the reader's thread: hand a command to the event loop."""
        try:
            command = commands.validate_json(line)
        except ValidationError as error:
            # The supervisor is of the same installation; it is told by the end of the process.
            why = what_is_wrong(error)
            sys.stderr.write(f"the runner was sent something that is no command: {why}\n")
            os._exit(BROKEN_EXIT)
        self._loop.call_soon_threadsafe(self._take, command)
        if isinstance(command, Cancel | Skip):
            self._writer.hurry(LAST_LOGS)

    def _take(self, command: Command) -> None:
        if isinstance(command, (Start, Check, Describe)):
            self._inbox.put_nowait(command)
        elif self._engine is None:
            # A cancel may overtake the making of the engine; it must not be lost.
            self._early.append(command)
        else:
            self._steer(command)

    def _steer(self, command: Command) -> None:
        engine, host = self._engine, self._host
        assert engine is not None and host is not None
        match command:
            case Cancel():
                self._cancel(engine, CancelReason(command.source, command.requested_by))
            case Pause():
                engine.pause()
            case Continue():
                engine.resume()
            case Skip():
                engine.skip(command.step_id)
            case Proceed():
                host.proceed()
            case Watch():
                host.live_view.watch(command.watched)

    def _cancel(self, engine: PlaybookEngine, reason: CancelReason) -> None:
        self._close_by = self._loop.time() + CLOSE_BY_S
        self._cancelled.set()
        if self._host is not None:
            self._host.live_view.end()
        engine.cancel(reason)

    def _on_end(self) -> None:
        """In the reader's thread: the server is gone. The janitor ends this tree, or we do."""
        self._server_gone.set()
        # A step whose processes are ended must not be followed by the next one.
        self._loop.call_soon_threadsafe(self._take, Cancel(source=CancelSource.SHUTDOWN))
        leave_after_server()


def leave_after_server() -> NoReturn:
    """Give the janitor a head start, then end everything this runner started, and leave."""
    time.sleep(JANITOR_HEAD_START_S)
    token = os.environ.get(MARKER, "")
    if token:
        end_own_tree(token, deadline=time.monotonic() + END_OWN_TREE_S)
    os._exit(SERVER_GONE_EXIT)


def prepare_process(folder: Path) -> TextIO:
    """Make this process a reaper of orphans that can be asked where it stands.

    Signals that a person's terminal sends do not stop a runner: only its supervisor does. The
    handler is a function and not SIG_IGN, which everything the runner starts would inherit.

    Returns: the file that `faulthandler` writes to, to be kept open.
    """
    import ctypes

    pr_set_child_subreaper = 36
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    stuck = open(folder / STUCK_FILE, "w", encoding="utf-8")  # noqa: SIM115 - open to the end
    # The disk may be full when the answer is written. The NULs behind it are no lines of a trace.
    with contextlib.suppress(OSError):
        os.posix_fallocate(stuck.fileno(), 0, STUCK_BYTES)
    # This thread only: a look at the frames of threads that run is a crash in waiting.
    faulthandler.register(signal.SIGUSR2, file=stuck, all_threads=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a step prints is seen at once, and in the encoding that the supervisor reads.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    return stuck


def main(folder: Path, stdout_fd: int) -> NoReturn:
    """Be a runner until the execution is over, then leave without unwinding anything."""
    command_fd, event_fd = isolate_standard_streams(stdout_fd)
    watch_children_without_threads()
    turns = Turns()
    loop = asyncio.SelectorEventLoop(TurnSelector(turns))
    asyncio.set_event_loop(loop)
    # A copy that comes back to the event loop leaves before it takes an event from the original.
    os.register_at_fork(after_in_child=lambda: loop.call_soon(os._exit, 0))
    try:
        with prepare_process(folder):
            loop.run_until_complete(Session(loop, turns, command_fd, event_fd).run())
            os._exit(0)
    except BaseException:  # noqa: BLE001 - border: the top; a step's threads must not hold it
        traceback.print_exc()
        os._exit(BROKEN_EXIT)


def watch_children_without_threads() -> None:
    """Have asyncio wait for a step's children by descriptors, as Python does since 3.12.

    A thread for each child would live as long as a browser, and no step would leave the process
    clean.
    """
    if sys.version_info < (3, 12):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
