"""An event loop in a thread of its own, asked from threads and from other event loops."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ignition_toolkit.errors import InternalError

T = TypeVar("T")

#: Seconds that what is still under way has to end when the loop is stopped.
STOP_S = 15.0


class LoopThread:
    """Runs coroutines until `stop`. Its methods may be called from any thread but its own.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    # Any: what a coroutine yields and is sent is its own affair.
    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine; cancelling the future cancels it. Raises InternalError when stopped."""
        with self._lock:
            if self._stopped:
                coroutine.close()
                raise InternalError("the worker is closed")
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and return its result here.

        Cancellation: ends the waiting at once; the coroutine goes on.

        Raises what the coroutine raises; InternalError when the loop is stopped.
        """
        waiting = asyncio.get_running_loop()
        done = asyncio.Event()
        future = self.submit(coroutine)
        future.add_done_callback(lambda _: _wake(waiting, done))
        await done.wait()
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise InternalError("the worker was closed meanwhile") from None

    def call_soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function there soon; nothing happens when the loop is stopped."""
        with self._lock:
            if not self._stopped:
                self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self) -> None:
        """Cancel what is under way, end the thread and close the loop. May be called twice."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        asyncio.run_coroutine_threadsafe(self._wind_up(), self._loop)
        self._thread.join()

    async def _wind_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=STOP_S)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()
        self._loop.stop()


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(event.set)
    except RuntimeError:
        # Who waited is gone, loop and all.
        return
