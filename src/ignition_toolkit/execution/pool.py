"""Keeps runners warm, hands each out once, and cleans up after it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ignition_toolkit.errors import ProtocolError, RunnerLost
from ignition_toolkit.execution.fork_server import ForkServer
from ignition_toolkit.execution.janitor_answers import Ended
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.runner_birth import wait_ready
from ignition_toolkit.execution.runner_folders import remove_runner_folder, remove_worker_folder
from ignition_toolkit.execution.runner_process import Deaf, RunnerProcess
from ignition_toolkit.execution.runner_spawn import (
    executing,
    forking,
    runner_environment,
    spawn,
)
from ignition_toolkit.execution.waiting import happens

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Runners that are started at the same time: each takes a core for a moment.
STARTS_AT_ONCE = max(2, os.cpu_count() or 1)
#: Seconds after a runner was taken until another is started in its place, when nobody waits: its
#: first step should not have to share a core with that, and a short run needs no other.
REFILL_S = 1.0
#: Seconds that the end of the worker waits for a process that is being started.
SPAWN_S = 5.0
#: Seconds before the next try after a runner that did not come up.
RETRY_S = 1.0
#: Seconds that an ended runner has to be seen to have ended.
GONE_S = 1.0
#: Seconds that a final status waits for a runner's temporary files to be removed.
REMOVE_S = 0.1
#: Seconds that the end of the worker waits for the runners' folders to be removed.
REMOVE_ALL_S = 2.0


class RunnerPool:
    """The runners of one worker. To be used from the supervision loop only.

    Args:
        janitor: ends them.
        prefix: what their markers begin with, `<folder>.<worker>.`.
        run_dir: folder for their own folders.
        warm: how many to keep ready.
        command: what to execute as a runner; None to have a fork server fork them.
    """

    def __init__(
        self,
        janitor: JanitorLink,
        prefix: str,
        run_dir: Path,
        warm: int,
        command: Sequence[str] | None = None,
    ) -> None:
        self._janitor = janitor
        self._prefix = prefix
        self._run_dir = run_dir
        self._warm = warm
        self._command = command
        self._forks = ForkServer(run_dir, runner_environment(), prefix)
        self._forks_turn = asyncio.Lock()
        self._count = 0
        self._ready: list[RunnerProcess] = []
        self._alive: dict[int, RunnerProcess] = {}
        self._waiting: list[asyncio.Future[RunnerProcess]] = []
        self._starting = 0
        self._spawning: set[asyncio.Future[Any]] = set()
        self._refill: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._threads = ThreadPoolExecutor(STARTS_AT_ONCE, thread_name_prefix="itk-spawn")
        # Apart from the others: a large folder must not keep a runner from starting.
        self._remover = ThreadPoolExecutor(1, thread_name_prefix="itk-remove")
        self._closed = False
        #: Whether a runner has ever come up, and the loop's second at which the last one did.
        self.has_started = False
        self.last_start_t = 0.0
        #: How many runners have come up, and how many have not.
        self.starts = 0
        self.failed_starts = 0
        #: Why the last runner did not come up; None when it did.
        self.problem: str | None = None

    @property
    def pids(self) -> Collection[int]:
        """Pids of all runners that are not cleaned up."""
        return self._alive.keys()

    @property
    def children(self) -> set[int]:
        """Pids of those and of the fork server, to be left alone by who reaps orphans."""
        return {*self._alive, *([self._forks.pid] if self._forks.pid is not None else [])}

    @property
    def is_spawning(self) -> bool:
        """Whether a runner may be running whose pid is not known yet."""
        return bool(self._spawning)

    @property
    def warm_pids(self) -> list[int]:
        """Pids of the runners that are ready."""
        return [runner.pid for runner in self._ready]

    async def take(self) -> RunnerProcess:
        """Return a runner that is ready and nobody else's. Cancellation: takes none."""
        if self._ready:
            runner = self._ready.pop(0)
            runner.listen(Deaf())
            self._refill_later()
            return runner
        future: asyncio.Future[RunnerProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.refill()
        try:
            return await future
        except asyncio.CancelledError:
            # It may have been handed out in the very moment of the cancel.
            if future.done() and not future.cancelled():
                self.give_back(future.result())
            raise
        finally:
            if future in self._waiting:
                self._waiting.remove(future)

    def give_back(self, runner: RunnerProcess) -> None:
        """Take back a runner that was not sent anything, and hand it to who waits."""
        if not runner.usable:
            self._give_up(runner)
            return
        for future in list(self._waiting):
            self._waiting.remove(future)
            if not future.done():
                future.set_result(runner)
                return
        self._ready.append(runner)
        runner.listen(_Idle(self, runner))

    def lose(self, runner: RunnerProcess) -> None:
        """Clean up after a runner that was ready and has ended, or is of no use any more."""
        if runner in self._ready:
            self._ready.remove(runner)
            self._give_up(runner)

    def _give_up(self, runner: RunnerProcess) -> None:
        if not self._closed:
            logger.warning("warm runner %s ended by itself", runner.pid)
            self._run(self.discard(runner))
            self._refill_later()

    def refill(self) -> None:
        """Start as many runners as are missing."""
        if self._closed:
            return
        missing = self._warm + len(self._waiting) - len(self._ready) - self._starting
        for _ in range(min(missing, STARTS_AT_ONCE - self._starting)):
            self._starting += 1
            self._run(self._start_one())

    def _refill_later(self) -> None:
        if self._refill is not None:
            self._refill.cancel()
        self._refill = asyncio.get_running_loop().call_later(REFILL_S, self.refill)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_one(self) -> None:
        try:
            runner = await self._start_runner()
        except Exception as error:  # noqa: BLE001 - border: whatever is wrong, the next is tried
            if self._closed:
                return
            self.failed_starts += 1
            self._note_problem(str(error))
            await asyncio.sleep(RETRY_S)
        else:
            self.starts += 1
            self.problem, self.has_started = None, True
            self.last_start_t = asyncio.get_running_loop().time()
            self.give_back(runner)
        finally:
            self._starting -= 1
            self.refill()

    def _note_problem(self, problem: str) -> None:
        if problem != self.problem:
            logger.error("no runner: %s", problem, extra={"action": "runner_start_failed"})
        self.problem = problem

    async def _start_runner(self) -> RunnerProcess:
        """Start a runner and wait until it is ready. Raises RunnerLost, OSError."""
        runner = await self._spawn()
        try:
            await wait_ready(runner)
        except RunnerLost:
            await self.discard(runner)
            raise
        return runner

    async def _spawn(self) -> RunnerProcess:
        if self._command is None:
            await self._have_fork_server()
        self._count += 1
        token, folder = f"{self._prefix}{self._count}", self._run_dir / str(self._count)
        start = forking(self._forks) if self._command is None else executing(self._command)
        spawned = await self._announced(token, lambda: spawn(token, folder, start))
        # No await from here to the last line: who reaps orphans must know the pid.
        runner = RunnerProcess(token, folder, spawned)
        self._alive[runner.pid] = runner
        self._janitor.watch(token, runner.pid, runner.start)
        return runner

    async def _have_fork_server(self) -> None:
        async with self._forks_turn:
            if not self._forks.is_up:
                token = self._forks.token
                pid, start = await self._announced(token, self._forks.start)
                self._janitor.watch(token, pid, start)

    async def _announced(self, token: str, start: Callable[[], T]) -> T:
        """Start a process in a thread; the janitor knows that it may be there."""
        if self._closed:
            raise OSError("the worker is being closed")
        self._janitor.spawning(token)
        starting = asyncio.get_running_loop().run_in_executor(self._threads, start)
        self._spawning.add(starting)
        try:
            return await starting
        except OSError:
            self._janitor.forget(token)
            raise
        finally:
            self._spawning.discard(starting)

    async def discard(self, runner: RunnerProcess) -> Ended | None:
        """End a runner's tree now and remove its folder; return what the janitor did."""
        ended = await self._janitor.end(runner.token, at=asyncio.get_running_loop().time())
        await self.clean_up(runner)
        return ended

    async def clean_up(self, runner: RunnerProcess) -> None:
        """Forget a runner whose tree was ended, and remove its folder.

        One that could not be ended is kept in mind, and forgotten when it ends at last.
        """
        if await happens(runner.ended, GONE_S):
            removal = self._forget(runner)
            await asyncio.wait({removal}, timeout=REMOVE_S)
        elif not self._closed:
            logger.error("runner %s was ended and is still there", runner.pid)
            runner.listen(Deaf())
            self._run(self._clean_up_late(runner))

    async def _clean_up_late(self, runner: RunnerProcess) -> None:
        await runner.ended.wait()
        await self._forget(runner)

    def _forget(self, runner: RunnerProcess) -> asyncio.Future[None]:
        runner.close()
        self._alive.pop(runner.pid, None)
        self._janitor.forget(runner.token)
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._remover, remove_runner_folder, runner.folder)

    async def close(self) -> None:
        """Start no more runners; those that are there are the janitor's to end.

        A start that is under way is waited for: a process that nobody knows would be left.
        """
        self._closed = True
        if self._refill is not None:
            self._refill.cancel()
        if self._spawning:
            await asyncio.wait(self._spawning, timeout=SPAWN_S)
        for task in set(self._tasks):
            task.cancel()
        for future in self._waiting:
            future.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GONE_S)
        await asyncio.get_running_loop().run_in_executor(self._remover, self._forks.end)

    async def release(self) -> None:
        """Forget every runner that is left, after the janitor has ended them."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GONE_S
        for runner in self._alive.values():
            if not await happens(runner.ended, max(0.0, deadline - loop.time())):
                logger.error("runner %s could not be ended", runner.pid)
            runner.close()
        self._alive.clear()
        removal = loop.run_in_executor(self._remover, remove_worker_folder, self._run_dir)
        await asyncio.wait({removal}, timeout=REMOVE_ALL_S)
        self._threads.shutdown(wait=False)
        self._remover.shutdown(wait=False)


class _Idle(Deaf):
    """Watches a runner that is ready."""

    def __init__(self, pool: RunnerPool, runner: RunnerProcess) -> None:
        self._pool = pool
        self._runner = runner

    def on_broken(self, error: ProtocolError) -> None:
        self._pool.lose(self._runner)

    def on_ended(self) -> None:
        self._pool.lose(self._runner)
