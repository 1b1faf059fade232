"""Scans of projects and configuration, and the locks that hold them off.

Source: gateway-api section 2.3, the vendor's OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.clock import Clock
from ignition_toolkit.simulator.settings import Settings


@dataclass(frozen=True)
class Lock:
    """Who holds scans off, and until when by the gateway's clock."""

    actor: str
    taken_at: float
    until: float


class Scanner:
    """The scans of one kind.

    Args:
        settings: how long they take.
        clock: the gateway's.
        on_end: called when a scan is over, at the next `settle`.
    """

    def __init__(self, settings: Settings, clock: Clock, on_end: Callable[[], None]) -> None:
        self._settings = settings
        self._clock = clock
        self._on_end = on_end
        self._began_at: float | None = None
        self._found = True
        self._lock: Lock | None = None
        self.scans = 0

    def begin(self) -> None:
        """Scan; that releases the lock."""
        self._lock = None
        self._began_at = self._clock.now
        self._found = False
        self.scans += 1

    def settle(self) -> None:
        """Have a scan that is over take effect."""
        if not self._found and not self.is_active:
            self._found = True
            self._on_end()

    @property
    def is_active(self) -> bool:
        """Whether a scan is under way."""
        return self._began_at is not None and self._clock.now < self._ends_at

    @property
    def _ends_at(self) -> float:
        return (self._began_at or 0.0) + self._settings.scan_s

    @property
    def lock(self) -> Lock | None:
        """The lock that is held now."""
        held = self._lock is not None and self._clock.now < self._lock.until
        return self._lock if held else None

    async def acquire(self, actor: str, acquire_s: float, hold_s: float) -> Lock:
        """Hold scans off for some seconds.

        Raises:
            Refused: somebody else does: 409 at once, or 408 after `acquire_s`, as the settings
                have it.
        """
        if (held := self.lock) is not None and self._settings.scan_lock_refusal == 408:
            await self._clock.wait_until(min(held.until, self._clock.now + acquire_s))
        if self.lock is not None:
            raise Refused(self._settings.scan_lock_refusal)
        self._lock = Lock(actor, self._clock.now, self._clock.now + hold_s)
        return self._lock

    # Any: JSON values.
    def to_json(self) -> dict[str, Any]:
        """Return the state of the last scan; times in milliseconds."""
        if self._began_at is None:
            return {"scanActive": False, "lastScanTimestamp": 0, "lastScanDuration": 0}
        last = self._began_at if self.is_active else self._ends_at
        return {
            "scanActive": self.is_active,
            "lastScanTimestamp": int(last * 1000),
            "lastScanDuration": int(self._settings.scan_s * 1000),
        }
