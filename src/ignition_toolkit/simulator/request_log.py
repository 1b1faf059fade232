"""What was asked of the simulated gateway, and whether the client stayed for the answer.

Tests of cancelling take it as the truth: a request is over when its answer was handed to the
system, or dropped when its client went away before.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

#: Requests that are remembered.
KEPT = 10_000


@dataclass
class Entry:
    """One request. Times are the machine's, in seconds since 1970."""

    number: int
    method: str
    path: str
    query: str
    began_at: float
    #: Of the API key that came along, whether it is good or not; the key itself is not kept.
    key_name: str | None = None
    #: Of the answer, once it has begun.
    status: int | None = None
    #: When the whole answer was given to the system.
    ended_at: float | None = None
    #: When the client was seen to have gone before that, or was thrown out.
    dropped_at: float | None = None
    received_bytes: int = 0
    sent_bytes: int = 0
    #: Kind of the fault that was played to it.
    fault: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the answer is still awaited."""
        return self.ended_at is None and self.dropped_at is None

    def end(self) -> None:
        """Note that the answer is complete, unless the client has gone."""
        if self.is_open:
            self.ended_at = time.time()

    def drop(self) -> None:
        """Note that the client has gone, unless it has its answer."""
        if self.is_open:
            self.dropped_at = time.time()

    # Any: JSON values.
    def to_json(self) -> dict[str, Any]:
        """Return all fields."""
        return asdict(self)


class RequestLog:
    """The last KEPT requests, oldest first. Headers and bodies hold secrets and are not kept."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._numbers = itertools.count(1)

    def begin(self, method: str, path: str, query: str, key_name: str | None) -> Entry:
        """Note that a request has come."""
        entry = Entry(next(self._numbers), method, path, query, time.time(), key_name)
        self._entries.append(entry)
        return entry

    def find(
        self,
        method: str | None = None,
        path: str | None = None,
        *,
        is_open: bool | None = None,
        after: int = 0,
    ) -> list[Entry]:
        """Return the requests that fit, oldest first.

        Args:
            method, path: None for any; the path without its query.
            is_open: only those whose answer is awaited, or only the others.
            after: only those with a higher number.
        """
        entries: Iterable[Entry] = [entry for entry in self._entries if entry.number > after]
        if method is not None:
            entries = [entry for entry in entries if entry.method == method]
        if path is not None:
            entries = [entry for entry in entries if entry.path == path]
        return [entry for entry in entries if is_open is None or entry.is_open == is_open]

    def clear(self) -> None:
        """Forget all requests; the numbers go on."""
        self._entries.clear()
