"""Wakes the readers of events when new ones were committed. It carries no events.

Readers ask the store for what comes after the last number they have seen, so nothing can be
missed, nothing comes twice, and a reader that is slow holds back nobody and fills no queue.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection


class Subscription:
    """One reader's bell. Made by `EventHub.subscribe`, used on the loop that asked for it."""

    def __init__(
        self, hub: EventHub, loop: asyncio.AbstractEventLoop, execution_id: str | None
    ) -> None:
        self.execution_id = execution_id
        self._hub = hub
        self._loop = loop
        self._rung = asyncio.Event()
        # Guarded by the hub's lock: a burst of commits costs the loop one call, not one each.
        self.ringing = False

    async def wait(self, timeout: float) -> bool:
        """Wait for something new since the last wait that returned True.

        Args:
            timeout: seconds, 0 or more.

        Returns:
            True as soon as there may be something new, or the hub was closed; False when the time
            is over. A wake-up may be false: read, and wait again.

        Cancellation: raises CancelledError at once; what was new is still new to the next wait.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        except TimeoutError:
            return False
        # Before the reader reads: what is committed from here on rings again.
        self._rung.clear()
        self._hub.heard(self)
        return True

    @property
    def over(self) -> bool:
        """Whether the hub was closed: nothing new will come."""
        return self._hub.closed

    def close(self) -> None:
        """End the subscription. May be called twice."""
        self._hub.forget(self)

    def ring(self) -> bool:
        """Wake the reader, from any thread. Returns False when its loop is gone."""
        try:
            self._loop.call_soon_threadsafe(self._rung.set)
        except RuntimeError:
            return False
        return True


class EventHub:
    """Where the store's writer rings and readers of any event loop listen.

    All methods may be called from any thread, except `subscribe`, which binds to a running loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        #: The newest committed event that was published, 0 before the first.
        self.last_id = 0

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def publish(self, last_id: int, execution_ids: Collection[str] | None = None) -> None:
        """Say that events up to `last_id` are committed. Never blocks, never raises.

        Args:
            last_id: the newest event's number.
            execution_ids: the executions that the new events belong to. Readers of one execution
                are then woken for it alone; without, all are.
        """
        self.last_id = max(self.last_id, last_id)
        self._ring(execution_ids)

    def subscribe(self, execution_id: str | None = None) -> Subscription:
        """Listen, on the running event loop; subscribe first and read then, or a gap is possible.

        Args:
            execution_id: be woken for this execution alone; None: for all.
        """
        subscription = Subscription(self, asyncio.get_running_loop(), execution_id)
        with self._lock:
            self._subscriptions.add(subscription)
        if self._closed:
            self._ring(None)
        return subscription

    def close(self) -> None:
        """Wake every reader for the last time: `over` is then True. May be called twice."""
        self._closed = True
        self._ring(None)

    def forget(self, subscription: Subscription) -> None:
        """Drop a subscription; called by its own `close`."""
        with self._lock:
            self._subscriptions.discard(subscription)

    def heard(self, subscription: Subscription) -> None:
        """Let the next commit ring again; called by the subscription when its reader wakes."""
        with self._lock:
            subscription.ringing = False

    def _ring(self, execution_ids: Collection[str] | None) -> None:
        with self._lock:
            for subscription in list(self._subscriptions):
                if subscription.ringing or not _concerns(subscription, execution_ids):
                    continue
                subscription.ringing = subscription.ring()
                if not subscription.ringing:
                    self._subscriptions.discard(subscription)


def _concerns(subscription: Subscription, execution_ids: Collection[str] | None) -> bool:
    wanted = subscription.execution_id
    return wanted is None or execution_ids is None or wanted in execution_ids
