"""Cancels executions: those that are asked for at the same moment together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from ignition_toolkit.execution.dispatch.local import LocalDispatcher
from ignition_toolkit.execution.requests import CancelRequest
from ignition_toolkit.execution.run import Run
from ignition_toolkit.execution.verdict import Verdict
from ignition_toolkit.execution.views import CancelAnswer
from ignition_toolkit.playbook.models import CancellationRecord, CancelOutcome, ExecutionStatus
from ignition_toolkit.storage.store import Store

#: Seconds that the answer to a cancel waits for its commit. The stop itself never waits.
STORE_CANCEL_S = 0.1

Finish = Callable[[Run, Verdict, CancellationRecord | None], Future[None]]


@dataclass(frozen=True)
class _Told:
    """A run that was told of its cancel; `stored` is None when it was being cancelled already."""

    run: Run
    stored: Future[None] | None


@dataclass(frozen=True)
class _Asked:
    """A request, of which runs, and who waits until it was acted on."""

    runs: Sequence[Run]
    request: CancelRequest
    acted: asyncio.Future[list[_Told]]

    def fail(self, error: Exception) -> None:
        """Tell who asked that it did not work, unless nobody waits any more."""
        if not self.acted.done():
            self.acted.set_exception(error)


class Canceller:
    """Tells the janitor and the runners of cancels, and writes them down.

    To be used from the supervision loop only.

    Args:
        store: where they are written.
        dispatcher: starts nothing of what is cancelled.
        finish: sets the final status of an execution that has not begun.
    """

    def __init__(self, store: Store, dispatcher: LocalDispatcher, finish: Finish) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._finish = finish
        self._asked: list[_Asked] = []

    async def cancel(self, runs: Sequence[Run], request: CancelRequest) -> list[CancelAnswer]:
        """Cancel executions; wait for their commits, but not for long.

        Returns an answer for each that was not over. Cancellation: ends the waiting.
        """
        loop = asyncio.get_running_loop()
        asked = _Asked(runs, request, loop.create_future())
        self._asked.append(asked)
        if len(self._asked) == 1:
            # After what is ready to be done now: other requests, too.
            loop.call_soon(self._act)
        told = await asked.acted
        stored = [asyncio.wrap_future(one.stored) for one in told if one.stored is not None]
        if stored:
            await asyncio.wait(stored, timeout=STORE_CANCEL_S)
        return [one.run.answer(already=one.stored is None) for one in told]

    def _act(self) -> None:
        asked, self._asked = self._asked, []
        try:
            self._tell(asked)
        except Exception as error:  # noqa: BLE001 - border: who asked is told, and waits no more
            for one in asked:
                one.fail(error)
            return
        for one in asked:
            self._write(one)

    def _write(self, asked: _Asked) -> None:
        try:
            told = [self._note(run, asked.request) for run in asked.runs if not run.is_over]
        except Exception as error:  # noqa: BLE001 - border: one request's mishap is not the others'
            asked.fail(error)
            return
        if not asked.acted.done():
            asked.acted.set_result(told)

    def _tell(self, asked: Sequence[_Asked]) -> None:
        """Tell everybody before anything is written.

        The janitor is told of all before any runner is, and all runners before anything is written
        for one of them: a runner that stops takes the processor, and a write costs more than a
        message, so that the last of many would be told late.
        """
        wishes = [(run, one.request) for one in asked for run in one.runs if not run.is_over]
        for run, request in wishes:
            run.tell_janitor(request)
        for run, request in wishes:
            run.tell_runner(request)
        # Together: what one of them leaves must not start another that is cancelled as well.
        self._dispatcher.withdraw(run.record.execution_id for run, _ in wishes)

    def _note(self, run: Run, request: CancelRequest) -> _Told:
        if run.record.status is ExecutionStatus.CANCELLING:
            self._store.submit([run.cancel_note(request, already=True)])
            return _Told(run, None)
        if run.supervision is None:
            return _Told(run, self._cancel_pending(run, request))
        cancellation = run.supervision.cancellation or request.record
        return _Told(run, run.record.ask_cancel(cancellation, run.cancel_note(request)))

    def _cancel_pending(self, run: Run, request: CancelRequest) -> Future[None]:
        outcome = CancelOutcome.COOPERATIVE
        ended = {"outcome": outcome, "step_stopped_ms": 0.0, "tree_gone_ms": 0.0}
        record = request.record.model_copy(update=ended)
        run.record.ask_cancel(record, run.cancel_note(request))
        return self._finish(run, Verdict(ExecutionStatus.CANCELLED, None, outcome), record)
