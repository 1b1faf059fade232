"""Questions to a runner that never runs an execution: the catalog, and checks of steps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from ignition_toolkit.errors import InternalError, ProtocolError
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.runner_process import Deaf, RunnerProcess
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.models import Program
from ignition_toolkit.protocol import (
    Check,
    Checked,
    Describe,
    Described,
    Envelope,
    StepProblem,
)

logger = logging.getLogger(__name__)

#: Seconds that a question waits for a runner to ask.
RUNNER_S = 30.0
#: Seconds in which it has to be answered; handlers' modules are imported for it.
ANSWER_S = 30.0


class Questions:
    """Asks one runner, one question at a time. To be used from the supervision loop only.

    The runner is taken when the first question comes, and replaced when it does not answer.
    """

    def __init__(self, pool: RunnerPool) -> None:
        self._pool = pool
        self._turn = asyncio.Lock()
        self._runner: RunnerProcess | None = None
        self._number = 0

    async def describe(self) -> Catalog:
        """Return the catalog of the installed step kinds. Raises InternalError."""
        answer = await self._ask(Describe())
        assert isinstance(answer, Described)
        return Catalog.model_validate(answer.catalog)

    async def check(self, program: Program, modules: Mapping[str, str]) -> list[StepProblem]:
        """Check the parameters of a program's steps, as written. Raises InternalError."""
        self._number += 1
        check = Check(request=self._number, program=program, modules=dict(modules))
        answer = await self._ask(check)
        assert isinstance(answer, Checked)
        return list(answer.problems)

    async def forget(self) -> None:
        """Let go of the runner, which may know modules that have changed since."""
        async with self._turn:
            await self._discard()

    async def _ask(self, question: Check | Describe) -> Described | Checked:
        async with self._turn:
            try:
                return await self._ask_once(question)
            except ProtocolError:
                # It may have died in the very moment in which it was taken: another is asked.
                try:
                    return await self._ask_once(question)
                except ProtocolError as error:
                    raise _unanswered(error.message) from error

    async def _ask_once(self, question: Check | Describe) -> Described | Checked:
        runner = await self._take()
        hearing = _Hearing(question)
        runner.listen(hearing)
        runner.send(question)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await hearing.answer
        except TimeoutError as error:
            await self._discard()
            text = f"no answer within {ANSWER_S:g} s: a module of step kinds hangs on import"
            raise _unanswered(text) from error
        except ProtocolError:
            await self._discard()
            raise
        except asyncio.CancelledError:
            # Its answer would be taken for that of the next question.
            await asyncio.shield(self._discard())
            raise

    async def _take(self) -> RunnerProcess:
        if self._runner is not None and not self._runner.usable:
            await self._discard()
        if self._runner is None:
            try:
                async with asyncio.timeout(RUNNER_S):
                    self._runner = await self._pool.take()
            except TimeoutError as error:
                why = self._pool.problem or "the machine is too busy to start one"
                raise _unanswered(f"no runner came up within {RUNNER_S:g} s: {why}") from error
        return self._runner

    async def _discard(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await self._pool.discard(runner)


class _Hearing(Deaf):
    """Waits for the answer to one question."""

    def __init__(self, question: Check | Describe) -> None:
        self._question = question
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Described | Checked] = loop.create_future()

    def on_message(self, envelope: Envelope) -> None:
        body = envelope.body
        if not isinstance(body, Described | Checked) or self.answer.done():
            return
        if isinstance(self._question, Check) and (
            not isinstance(body, Checked) or body.request != self._question.request
        ):
            return
        self.answer.set_result(body)

    def on_broken(self, error: ProtocolError) -> None:
        self._fail(error)

    def on_ended(self) -> None:
        self._fail(ProtocolError("the runner that was asked has ended"))

    def _fail(self, error: ProtocolError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            # Asked for by nobody when the question was cancelled.
            self.answer.exception()


def _unanswered(why: str) -> InternalError:
    return InternalError(f"the step kinds could not be asked: {why}")
