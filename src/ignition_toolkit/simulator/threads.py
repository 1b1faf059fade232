"""A simulated gateway in a thread of its own, for callers without an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Iterator

from ignition_toolkit.simulator.gateway import SimulatedGateway

#: Seconds for the gateway to answer; generous, as the machine may be busy.
OPEN_S = 30.0


@contextlib.contextmanager
def serving_in_thread(gateway: SimulatedGateway) -> Iterator[SimulatedGateway]:
    """Hold a gateway open in a thread while the block runs.

    Raises:
        StateFileUnusable, CannotListen: as the gateway does, the first also at the end.
    """
    loop_of: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
    ended: concurrent.futures.Future[None] = concurrent.futures.Future()
    leave = asyncio.Event()

    async def hold_open() -> None:
        async with gateway:
            loop_of.set_result(asyncio.get_running_loop())
            await leave.wait()

    def run() -> None:
        try:
            asyncio.run(hold_open())
        except Exception as error:  # noqa: BLE001 - the border of the thread, its starter gets it
            (ended if loop_of.done() else loop_of).set_exception(error)
        else:
            ended.set_result(None)

    thread = threading.Thread(target=run, name="simulated gateway")
    thread.start()
    try:
        loop = loop_of.result(OPEN_S)
        try:
            yield gateway
        finally:
            loop.call_soon_threadsafe(leave.set)
            ended.result(OPEN_S)
    finally:
        thread.join(OPEN_S)
