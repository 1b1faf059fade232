"""Scans of projects and configuration, and the locks that hold them off.

Source: gateway-api section 2.3, the vendor's OpenAPI document.
"""

from __future__ import annotations

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
    """The scans of one kind."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._began_at: float | None = None
        self._lock: Lock | None = None
        self.scans = 0

    def begin(self) -> None:
        """Scan; that releases the lock."""
        self._lock = None
        self._began_at = self._clock.now
        self.scans += 1

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
        active = self._clock.now < self._began_at + self._settings.scan_s
        ended_at = self._began_at + self._settings.scan_s
        return {
            "scanActive": active,
            "lastScanTimestamp": int((self._began_at if active else ended_at) * 1000),
            "lastScanDuration": int(self._settings.scan_s * 1000),
        }
