"""Browsers that have logged in: known by a random value in a cookie, for a bounded time."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

#: Seconds after which a person logs in again: a long shift.
LIFE_S = 12 * 3600.0

#: Sessions at once; the oldest one ends when there is one more.
MAX_SESSIONS = 1000

RANDOM_BYTES = 32


class LoginSessions:
    """The sessions of this process; they end with it.

    Args:
        clock: gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By digest, so that how long a look takes says nothing of a value. In the order of their
        # beginning, which is that of their ends.
        self._ends: dict[bytes, float] = {}

    def open(self) -> str:
        """Begin a session; return the value of its cookie."""
        value = secrets.token_urlsafe(RANDOM_BYTES)
        self._forget_old()
        self._ends[_digest(value)] = self._clock() + LIFE_S
        return value

    def knows(self, value: str) -> bool:
        """Whether `value` is the cookie of a session that has not ended."""
        ends_at = self._ends.get(_digest(value))
        return ends_at is not None and self._clock() < ends_at

    def close(self, value: str) -> None:
        """End a session; nothing happens when there is none."""
        self._ends.pop(_digest(value), None)

    def _forget_old(self) -> None:
        now = self._clock()
        for key in list(self._ends):
            if now < self._ends[key] and len(self._ends) < MAX_SESSIONS:
                return
            del self._ends[key]


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
