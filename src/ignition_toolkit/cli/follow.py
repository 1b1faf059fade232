"""Follows one execution to its end: shows it, and passes on what the person at the keys asks.

Nothing here waits for a reader that does not read: a paused pager holds back neither a cancel
nor the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from functools import partial

from ignition_toolkit.cli.output import Output
from ignition_toolkit.cli.places import Place
from ignition_toolkit.cli.screens import Screen
from ignition_toolkit.cli.worker_log import WorkerLog, say_at_once
from ignition_toolkit.errors import ServerUnreachable, StoreError, ToolkitError
from ignition_toolkit.execution.stop_signals import StopSignals
from ignition_toolkit.execution.views import ExecutionView

#: Seconds without any answer after which a place is given up.
PATIENCE_S = 60.0

#: Seconds between two tries of a cancel that could not be delivered.
CANCEL_RETRY_S = 0.5

#: Seconds that the last lines may take when nothing is written, or somebody has pressed Ctrl-C.
LAST_LINES_S = 1.0


class Abandoned(Exception):
    """The person left before the end.

    Args:
        delivered: whether the cancel had been accepted.
    """

    def __init__(self, *, delivered: bool) -> None:
        super().__init__(delivered)
        self.delivered = delivered


class Follower:
    """Follows one execution.

    Args:
        place: where it runs.
        screen: makes text of what happens.
        out: where the text goes.
        err: where notes go that the screen does not want.
        interrupts: what the person asks for.
        log: of the worker in this process; its lines are shown as notes.
    """

    def __init__(
        self,
        place: Place,
        screen: Screen,
        out: Output,
        err: Output,
        interrupts: StopSignals,
        log: WorkerLog,
    ) -> None:
        self._place = place
        self._screen = screen
        self._out = out
        self._err = err
        self._interrupts = interrupts
        self._log = log
        self._bell = asyncio.Event()
        self._drawing = asyncio.Lock()
        self._cancel_delivered = False
        self._abandoned = False

    async def follow(self, begun: ExecutionView) -> ExecutionView:
        """Return the execution in its final status, as the place says it, never as a log ends.

        Raises:
            Abandoned: a second SIGINT came, and the place goes on by itself.
            ServerUnreachable, StoreError: the place gave no answer for PATIENCE_S.

        Cancellation: at once; the execution goes on.
        """
        try:
            with self._log_as_notes():
                async with asyncio.TaskGroup() as group:
                    return await self._follow(begun, group)
        except BaseExceptionGroup as failed:
            # One of them is the reason, the others are what its end did to its companions.
            raise failed.exceptions[0] from None
        finally:
            self._out.offer(self._screen.leave())

    async def _follow(self, begun: ExecutionView, group: asyncio.TaskGroup) -> ExecutionView:
        execution_id = begun.execution_id
        obeying = group.create_task(self._obey(execution_id, group))
        showing = group.create_task(self._show(begun))
        redrawing = group.create_task(self._redraw())
        try:
            view = await self._final_view(execution_id)
            await self._let_finish(showing)
            showing.cancel()
            redrawing.cancel()
            ending = group.create_task(self._draw(lambda: self._screen.end(view)))
            await self._let_finish(ending)
            ending.cancel()
        finally:
            for task in (obeying, redrawing, showing):
                task.cancel()
        return view

    async def _final_view(self, execution_id: str) -> ExecutionView:
        answered_at = time.monotonic()
        while not self._abandoned:
            try:
                view = await self._place.execution(execution_id)
                if view.status.final:
                    return view
                answered_at = time.monotonic()
            except (ServerUnreachable, StoreError):
                if time.monotonic() - answered_at > PATIENCE_S:
                    raise
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._place.look_s):
                    await self._bell.wait()
            self._bell.clear()
        raise Abandoned(delivered=self._cancel_delivered)

    async def _show(self, begun: ExecutionView) -> None:
        await self._draw(lambda: self._screen.begin(begun))
        async with aclosing(self._place.events(begun.execution_id)) as batches:
            async for batch in batches:
                await self._draw(partial(self._screen.events, batch))
                if any(event.is_last for event in batch):
                    self._bell.set()
                    return

    async def _redraw(self) -> None:
        while self._screen.tick_s is not None:
            await asyncio.sleep(self._screen.tick_s)
            await self._draw(self._screen.tick)

    async def _draw(self, make: Callable[[], str]) -> None:
        # One at a time, or two halves of lines would mix.
        async with self._drawing:
            if self._out.failure is None:
                await self._out.send(make())
                self._say_if_lost()

    def _say_if_lost(self) -> None:
        failure = self._out.failure
        if failure is not None and not self._out.reader_gone:
            self._err.offer(f"itk: output is lost, the run goes on: {failure.strerror}\n")

    async def _let_finish(self, task: asyncio.Task[None]) -> None:
        """Let the last lines out: as long as a reader takes, unless Ctrl-C was pressed."""
        until = time.monotonic() + LAST_LINES_S
        while not task.done() and time.monotonic() < until:
            await asyncio.wait({task}, timeout=0.05)
            if self._out.sending and not self._interrupts.wishes:
                until = time.monotonic() + LAST_LINES_S

    async def _obey(self, execution_id: str, group: asyncio.TaskGroup) -> None:
        wishes = 1
        await self._interrupts.reached(wishes)
        cancelling = group.create_task(self._cancel(execution_id))
        self._note(f"{self._interrupts.first}: cancelling; Ctrl-C again kills at once")
        try:
            while True:
                await self._interrupts.reached(wishes + 1)
                wishes = self._interrupts.wishes
                if not self._place.kill_now(execution_id):
                    self._abandoned = True
                    self._bell.set()
        finally:
            cancelling.cancel()

    async def _cancel(self, execution_id: str) -> None:
        while not self._cancel_delivered:
            try:
                await self._place.cancel(execution_id)
                self._cancel_delivered = True
            except ServerUnreachable as error:
                self._note(f"the cancel is not delivered yet: {error.message}")
                await asyncio.sleep(CANCEL_RETRY_S)
            except ToolkitError as error:
                self._note(f"it cannot be cancelled: {error.message}")
                return

    @contextlib.contextmanager
    def _log_as_notes(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        # A worker logs in its own threads; what is drawn is drawn in this one.
        self._log.say = lambda text: _soon(loop, partial(self._note, text))
        try:
            yield
        finally:
            self._log.say = say_at_once

    def _note(self, text: str) -> None:
        shown = self._screen.note(text) if self._out.failure is None else None
        if shown is None:
            self._err.offer(f"itk: {text}\n")
        else:
            self._out.offer(shown)


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    # The loop may be closed by the time that another thread has something to say.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
