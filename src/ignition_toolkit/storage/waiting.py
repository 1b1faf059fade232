"""What waits to be written, in order, and how far the database is behind. Used by every thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from ignition_toolkit.storage.writes import Write

#: Log events that may wait; more are dropped and counted.
MAX_WAITING_LOGS = 50_000
#: Groups in one transaction.
MAX_BATCH = 256
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Behind:
    """How far the database is behind what was submitted.

    `waiting` counts changes that are not committed, `since` is when the oldest of them was
    submitted, `error` is why the last attempt failed (None while writing works), `dropped_logs`
    counts log events that were never stored. Removals of old executions are not counted.
    """

    waiting: int
    since: datetime | None
    error: str | None
    dropped_logs: int


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that are committed together, and the future of who submitted them."""

    writes: tuple[Write, ...]
    at: datetime
    done: Future[None]

    @property
    def is_final(self) -> bool:
        """Whether it must be on the disk when it is done."""
        return any(write.is_final for write in self.writes)


class Waiting:
    """The groups that wait, oldest first. One thread takes them, any thread adds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._settling = threading.Condition(self._lock)
        self._groups: deque[Group] = deque()
        self._submitted = 0
        self._settled = 0
        self._writes = 0
        self._logs = 0
        self._dropped_logs = 0
        self._error: str | None = None
        self._pause_s = _FIRST_PAUSE_S
        # Groups at the head that are written alone, so that a bad one fails alone.
        self._alone = 0
        self._nudged = False
        self._close_by: float | None = None

    def add(self, writes: list[Write], done: Future[None]) -> bool | None:
        """Add a group without the log events that are too many.

        Returns:
            Whether something of it was kept; None when nothing is taken any more.
        """
        with self._lock:
            if self._close_by is not None:
                return None
            kept = tuple(write for write in writes if not (write.is_log and self._drops_log()))
            if kept:
                self._groups.append(Group(kept, datetime.now(UTC), done))
                self._submitted += 1
                self._writes += len(kept)
                self._work.notify()
            return bool(kept)

    def _drops_log(self) -> bool:
        if self._logs < MAX_WAITING_LOGS:
            self._logs += 1
            return False
        self._dropped_logs += 1
        return True

    def nudge(self) -> None:
        """Have `wait` return although no group waits."""
        with self._lock:
            self._nudged = True
            self._work.notify()

    def wait(self) -> None:
        """Wait until there is something to do: a group, a nudge, or the end."""
        with self._lock:
            # No deadline: an idle writer waits for work, and `close` is work.
            self._work.wait_for(lambda: self._groups or self._nudged or self._close_by is not None)
            self._nudged = False

    def pause(self) -> None:
        """Wait before the next attempt, longer each time, but not when it is time to close."""
        with self._lock:
            if self._close_by is not None:
                self._work.wait(_FIRST_PAUSE_S)
            else:
                self._work.wait_for(lambda: self._close_by is not None, self._pause_s)
                self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def batch(self) -> list[Group]:
        """Return the groups that are written next, which stay until they are settled."""
        with self._lock:
            return list(islice(self._groups, 1 if self._alone else MAX_BATCH))

    def separate(self, count: int) -> None:
        """Have so many groups, from the head, written one by one."""
        with self._lock:
            self._alone = max(self._alone, count)

    def settle(self, batch: list[Group]) -> bool:
        """Remove groups from the head, written or refused; return whether there was an error."""
        with self._lock:
            for group in batch:
                self._groups.popleft()
                self._writes -= len(group.writes)
                self._logs -= sum(write.is_log for write in group.writes)
            self._alone = max(0, self._alone - len(batch))
            had_error = self._error is not None
            self._error = None
            self._pause_s = _FIRST_PAUSE_S
            return had_error

    def tell_settled(self, count: int) -> None:
        """Wake those who wait in `flush`; the futures of so many groups are done."""
        with self._lock:
            self._settled += count
            self._settling.notify_all()

    def fail(self, error: str) -> bool:
        """Note why an attempt failed; return whether it is the first to fail."""
        with self._lock:
            is_first = self._error is None
            self._error = error
            return is_first

    def rest(self) -> list[Group]:
        """Return all groups that wait."""
        with self._lock:
            return list(self._groups)

    def behind(self) -> Behind:
        """See `Store.behind`."""
        with self._lock:
            since = self._groups[0].at if self._groups else None
            return Behind(self._writes, since, self._error, self._dropped_logs)

    def flush(self, timeout: float) -> bool:
        """See `Store.flush`."""
        with self._lock:
            target = self._submitted
            return self._settling.wait_for(lambda: self._settled >= target, timeout)

    def close(self, timeout: float) -> None:
        """Take no more groups; those that wait have so many seconds. Only the first call counts."""
        with self._lock:
            if self._close_by is None:
                self._close_by = time.monotonic() + timeout
            self._work.notify_all()

    @property
    def is_closing(self) -> bool:
        """Whether nothing is taken any more."""
        with self._lock:
            return self._close_by is not None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do, or no time left to do it."""
        with self._lock:
            if self._close_by is None:
                return False
            return not self._groups or time.monotonic() > self._close_by
