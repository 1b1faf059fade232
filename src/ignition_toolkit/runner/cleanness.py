"""Whether a runner may go on after a step was stopped: proved clean, or replaced."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Callable, Set
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from ignition_toolkit.janitor import proc
from ignition_toolkit.janitor.children import choose_lists
from ignition_toolkit.playbook.cancellation import abandoned_work
from ignition_toolkit.playbook.task_place import task_place

R = TypeVar("R")

#: Looks at the children after which those that only ever die are taken for a chain of forks.
MAX_LOOKS = 20


class CountingExecutor(ThreadPoolExecutor):
    """The loop's default executor, which knows whether any of its work is unfinished."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="itk-executor")
        self._unfinished: set[Future[Any]] = set()

    # Any: the signature of the base class.
    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Submit work and count it until it has ended."""
        future = super().submit(fn, *args, **kwargs)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    @property
    def unfinished(self) -> int:
        """How many pieces of work have not ended."""
        return len(self._unfinished)

    def idle_threads(self) -> set[int]:
        """Return the kernel ids of the threads, when none of them works."""
        if self._unfinished:
            return set()
        # The base class's own set: there is no public way to ask for its threads.
        return {thread.native_id for thread in self._threads if thread.native_id is not None}


class Cleanness:
    """Compares the process with what it was before its first step.

    Args:
        executor: the loop's default executor.
        own_threads: kernel ids of the runner's own threads.
    """

    def __init__(self, executor: CountingExecutor, own_threads: set[int]) -> None:
        self._executor = executor
        self._lists = choose_lists()
        # The main thread's kernel id is the pid; its `native_id` is that of before a fork.
        self._own_threads = own_threads | {os.getpid()}
        #: Processes that live as long as the execution, as a browser does.
        self.long_lived: set[int] = set()

    def dirt(self, own_tasks: Set[asyncio.Task[Any]]) -> list[str]:
        """Return a line for each task, timer, thread, job and child that should not be there.

        To be called from the event loop's thread.

        Args:
            own_tasks: the tasks of the runner and of the steps that are meant to run on.
        """
        return [
            *self._tasks(own_tasks),
            *abandoned_work(),
            *_timers(),
            *self._threads(),
            *self._children(),
        ]

    def _tasks(self, own_tasks: Set[asyncio.Task[Any]]) -> list[str]:
        left = asyncio.all_tasks() - own_tasks
        return sorted(f"task {task.get_name()} at {task_place(task)}" for task in left)

    def _threads(self) -> list[str]:
        if self._executor.unfinished:
            return [f"{self._executor.unfinished} job(s) in the executor"]
        running = {int(entry) for entry in os.listdir("/proc/self/task")}
        extra = running - self._own_threads - self._executor.idle_threads()
        names = {thread.native_id: thread.name for thread in threading.enumerate()}
        return [f"thread {names.get(thread, thread)}" for thread in sorted(extra)]

    def _children(self) -> list[str]:
        # A child that had died when it was looked at may have left one of its own, which the list
        # was read too early to hold. So a list proves nothing until it names only the dead that
        # an earlier one named.
        dead: set[int] = set()
        for _ in range(MAX_LOOKS):
            _, listed = next(iter(self._lists.each([os.getpid()])))
            new = set(listed) - self.long_lived - dead
            stats = (proc.read_stat(pid) for pid in new)
            alive = [stat for stat in stats if stat and not proc.is_over(stat)]
            if alive:
                return [f"process {stat.pid} ({stat.name})" for stat in alive]
            if not new:
                return []
            dead |= new
        return ["processes that come and go"]


def has_children() -> bool:
    """Say whether this process has children, dead ones included: they may have had others."""
    return any(children for _, children in choose_lists().each([os.getpid()]))


def _timers() -> list[str]:
    """Return a line for each call that a step has left with the loop for later.

    Timers of asyncio itself wake tasks, which are looked at themselves.
    """
    # There is no public way to ask; a loop that has no such list is another kind of loop.
    scheduled = getattr(asyncio.get_running_loop(), "_scheduled", ())
    return [f"timer {handle!r}" for handle in scheduled if _is_strange(handle)]


def _is_strange(handle: asyncio.TimerHandle) -> bool:
    if handle.cancelled():
        return False
    callback = getattr(handle, "_callback", None)
    while isinstance(callback, functools.partial):
        callback = callback.func
    if isinstance(getattr(callback, "__self__", None), asyncio.Future | asyncio.Event):
        return False
    module = getattr(callback, "__module__", None) or ""
    return not f"{module}.".startswith(("asyncio.", "ignition_toolkit.playbook."))
