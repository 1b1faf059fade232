"""Has old executions removed: once a day in a server, and when somebody asks."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ignition_toolkit.errors import StoreError
from ignition_toolkit.execution.pruning import Pruner
from ignition_toolkit.execution.requests import PruneRequest
from ignition_toolkit.execution.views import PruneReport
from ignition_toolkit.storage.store import Store

logger = logging.getLogger(__name__)

#: Seconds from a server's start to its first look, so that what waits for the start comes first.
FIRST_S = 300.0
#: Seconds from one look to the next.
DAILY_S = 24 * 3600.0
#: Seconds between two pieces of one look: others that ask get their turn.
BETWEEN_S = 1.0
#: Seconds that the daily task has to end.
GONE_S = 1.0


class Retention:
    """Keeps executions for as long as they are to be kept. Works in a thread of its own.

    To be used from the supervision loop only.

    Args:
        store: where they are.
        artifacts: folder of the executions' folders.
        keep_days: see `cut_of`; 0: for ever.
    """

    def __init__(self, store: Store, artifacts: Path, keep_days: int) -> None:
        self._keep_days = keep_days
        self._stop = threading.Event()
        self._pruner = Pruner(store, artifacts, keep_days, self._stop)
        # One thread: one piece at a time, in the order in which they were asked for.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="itk-prune")
        self._daily: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look once a day from now on, unless everything is to be kept."""
        if self._keep_days:
            self._daily = asyncio.create_task(self._look_daily(), name="retention")

    async def prune(self, request: PruneRequest) -> PruneReport:
        """Do one piece of a removal; see Pruner.prune.

        Cancellation: at once; the piece is done to its end.
        """
        if self._stop.is_set():
            raise StoreError("the server is stopping and removes nothing more")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._pruner.prune, request)

    def stop(self) -> None:
        """Begin nothing more; a piece that is being done ends early."""
        self._stop.set()
        if self._daily is not None:
            self._daily.cancel()

    async def close(self) -> None:
        """Stop, and let go of the thread. May be called twice."""
        self.stop()
        if self._daily is not None:
            await asyncio.wait({self._daily}, timeout=GONE_S)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look_daily(self) -> None:
        await asyncio.sleep(FIRST_S)
        while True:
            await self._look()
            await asyncio.sleep(DAILY_S)

    async def _look(self) -> None:
        asked = PruneRequest(source="schedule")
        try:
            report = await self.prune(asked)
            while report.more:
                await asyncio.sleep(BETWEEN_S)
                report = await self.prune(asked)
        except Exception:  # the daily look's border: whatever is wrong, the next one tries again
            logger.exception("old executions were not removed", extra={"action": "prune_failed"})
