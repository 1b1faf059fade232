"""Keeps runners warm, hands each out once, and has one that answers questions."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ignition_toolkit.errors import InternalError, RunnerLost
from ignition_toolkit.execution.janitor_link import Ended, JanitorLink
from ignition_toolkit.execution.owner import process_start
from ignition_toolkit.execution.runner_process import RunnerProcess, spawn
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.models import Program
from ignition_toolkit.protocol import (
    Check,
    Checked,
    Describe,
    Described,
    Envelope,
    Ready,
    StepProblem,
)

logger = logging.getLogger(__name__)

#: Seconds in which a runner has to say that it is ready.
READY_S = 30.0
#: Runners that are started at the same time: each takes a core for a moment.
STARTS_AT_ONCE = 4
#: Seconds before the next try after a runner that did not come up.
RETRY_S = 1.0
#: Seconds in which a check or the catalog has to be answered; handlers' modules are imported.
ANSWER_S = 30.0
#: Seconds that a final status waits for a runner's temporary files to be removed.
REMOVE_S = 0.1


class RunnerPool:
    """The runners of one worker. To be used from the supervision loop only.

    Args:
        janitor: ends them.
        prefix: what their markers begin with, `<folder>.<worker>.`.
        run_dir: folder for their own folders.
        warm: how many to keep ready.
    """

    def __init__(self, janitor: JanitorLink, prefix: str, run_dir: Path, warm: int) -> None:
        self._janitor = janitor
        self._prefix = prefix
        self._run_dir = run_dir
        self._warm = warm
        self._count = 0
        self._ready: list[RunnerProcess] = []
        self._waiting: list[asyncio.Future[RunnerProcess]] = []
        self._starting = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._threads = ThreadPoolExecutor(STARTS_AT_ONCE, thread_name_prefix="itk-spawn")
        self._questions = Questions(self)
        self._closed = False
        #: Pids of all runners that are not cleaned up, to be left alone by whoever reaps orphans.
        self.pids: set[int] = set()
        #: Why the last runner did not come up; None when it did.
        self.problem: str | None = None

    @property
    def warm_pids(self) -> list[int]:
        """Pids of the runners that are ready."""
        return [runner.pid for runner in self._ready]

    async def take(self) -> RunnerProcess:
        """Return a runner that is ready and nobody else's. Cancellation: takes none."""
        while self._ready:
            runner = self._ready.pop(0)
            if not runner.ended.is_set():
                self.refill()
                return runner
        future: asyncio.Future[RunnerProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.refill()
        try:
            return await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)

    def give_back(self, runner: RunnerProcess) -> None:
        """Take back a runner that was not sent anything."""
        self._hand_out(runner)

    def refill(self) -> None:
        """Start as many runners as are missing."""
        if self._closed:
            return
        missing = self._warm + len(self._waiting) - len(self._ready) - self._starting
        for _ in range(min(missing, STARTS_AT_ONCE - self._starting)):
            self._starting += 1
            self._run(self._start_one())

    def _run(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_one(self) -> None:
        try:
            runner = await self.start_runner()
        except (InternalError, OSError) as error:
            self.problem = str(error)
            logger.error("no runner: %s", error, extra={"action": "runner_start_failed"})
            await asyncio.sleep(RETRY_S)
        else:
            self.problem = None
            self._hand_out(runner)
        finally:
            self._starting -= 1
            self.refill()

    def _hand_out(self, runner: RunnerProcess) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(runner)
                self._waiting.remove(future)
                return
        self._ready.append(runner)
        runner.on_broken = lambda _error: self._lose(runner)

    def _lose(self, runner: RunnerProcess) -> None:
        if runner in self._ready and not self._closed:
            self._ready.remove(runner)
            self._run(self.discard(runner))
            self.refill()

    async def start_runner(self) -> RunnerProcess:
        """Start a runner and wait until it is ready. Raises RunnerLost."""
        self._count += 1
        token = f"{self._prefix}{self._count}"
        folder = self._run_dir / str(self._count)
        self._janitor.spawning(token)
        loop = asyncio.get_running_loop()
        try:
            spawned = await loop.run_in_executor(self._threads, spawn, token, folder)
        except BaseException:
            self._janitor.forget(token)
            raise
        self.pids.add(spawned.process.pid)
        start = process_start(spawned.process.pid) or 0
        self._janitor.watch(token, spawned.process.pid, start)
        runner = RunnerProcess(token, folder, spawned, start)
        try:
            await _wait_ready(runner)
        except BaseException:
            await asyncio.shield(self.discard(runner))
            raise
        return runner

    async def discard(self, runner: RunnerProcess) -> Ended:
        """End a runner's tree now and remove its folder; return what the janitor did."""
        loop = asyncio.get_running_loop()
        ended: Ended = await self._janitor.end(runner.token, at=loop.time())
        await self.clean_up(runner)
        return ended

    async def clean_up(self, runner: RunnerProcess) -> None:
        """Forget a runner whose tree was ended, and remove its folder."""
        try:
            await asyncio.wait_for(runner.ended.wait(), 1.0)
        except TimeoutError:
            logger.error("runner %s was ended and is still there", runner.pid)
            return
        runner.close()
        self.pids.discard(runner.pid)
        self._janitor.forget(runner.token)
        removal = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: shutil.rmtree(runner.folder, ignore_errors=True)
        )
        await asyncio.wait({removal}, timeout=REMOVE_S)

    async def describe(self) -> Catalog:
        """Return the catalog of the installed step kinds."""
        return Catalog.model_validate(await self._questions.ask(Describe()))

    async def check(self, program: Program, modules: Mapping[str, str]) -> list[StepProblem]:
        """Check the parameters of a program's steps, as written."""
        answer = await self._questions.ask(Check(request=0, program=program, modules=dict(modules)))
        return list(answer)

    async def close(self) -> None:
        """Stop starting runners. The janitor ends those that are there."""
        self._closed = True
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def release_pipes(self) -> None:
        """Close the pipes of the runners that are left, after the janitor has ended them."""
        for runner in self._ready:
            runner.close()
        self._questions.close()


async def _wait_ready(runner: RunnerProcess) -> None:
    """Wait for a runner's first message. Raises RunnerLost with what it wrote to stderr."""
    said = asyncio.Event()
    errors = bytearray()

    def hear(envelope: Envelope) -> None:
        if isinstance(envelope.body, Ready):
            said.set()

    runner.on_message = hear
    runner.on_broken = lambda _error: said.set()
    runner.on_output = lambda _stream, data: errors.extend(data[: 4096 - len(errors)])
    try:
        await asyncio.wait_for(said.wait(), READY_S)
    except TimeoutError:
        raise RunnerLost(f"a runner did not come up within {READY_S:g} s") from None
    if runner.ended.is_set() or errors:
        await asyncio.sleep(0)
    if runner.broken:
        text = errors.decode("utf-8", "replace").strip()
        raise RunnerLost(f"a runner ended while it was starting: {text or 'it wrote nothing'}")


class Questions:
    """One runner that is asked and never runs an execution. Started when first needed."""

    def __init__(self, pool: RunnerPool) -> None:
        self._pool = pool
        self._runner: RunnerProcess | None = None
        self._turn = asyncio.Lock()

    async def ask(self, question: Check | Describe) -> Any:
        """Ask, one question at a time. Raises InternalError when no answer comes."""
        async with self._turn:
            if self._runner is None or self._runner.ended.is_set():
                self._runner = await self._pool.take()
            runner = self._runner
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            runner.on_message = lambda envelope: _answered(envelope, answer)
            runner.on_broken = lambda error: _failed(answer, error)
            runner.on_output = lambda _stream, _data: None
            runner.send(question)
            try:
                return await asyncio.wait_for(answer, ANSWER_S)
            except (TimeoutError, InternalError) as error:
                self._runner = None
                await self._pool.discard(runner)
                what = str(error) or f"no answer within {ANSWER_S:g} s"
                raise InternalError(f"the step kinds could not be asked: {what}") from error

    def close(self) -> None:
        """Close the pipes."""
        if self._runner is not None:
            self._runner.close()


def _answered(envelope: Envelope, answer: asyncio.Future[Any]) -> None:
    if answer.done():
        return
    if isinstance(envelope.body, Described):
        answer.set_result(envelope.body.catalog)
    elif isinstance(envelope.body, Checked):
        answer.set_result(envelope.body.problems)


def _failed(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
