"""The trial licence: how long it lasts by the gateway's clock, and its reset.

Source: gateway-api section 2.3, measured on 8.3.3, 8.3.8 and 8.3.9.
"""

from __future__ import annotations

from typing import Any

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.clock import Clock
from ignition_toolkit.simulator.settings import Settings
from ignition_toolkit.simulator.state import State


class Trial:
    """The trial of one gateway; with a licence it never ends."""

    def __init__(self, settings: Settings, clock: Clock, state: State) -> None:
        self._settings = settings
        self._clock = clock
        self._state = state
        if state.trial_began_at is None:
            state.trial_began_at = clock.now

    @property
    def seconds_left(self) -> int:
        """Whole seconds until it ends."""
        began = self._state.trial_began_at or 0.0
        return max(0, int(began + self._settings.trial_s - self._clock.now + 0.5))

    @property
    def expired(self) -> bool:
        """Whether modules have stopped for want of a licence."""
        return not self._settings.licensed and self.seconds_left == 0

    def expire(self) -> None:
        """Let it end now."""
        self._state.trial_began_at = self._clock.now - self._settings.trial_s

    def reset(self) -> None:
        """Begin it anew. Raises Refused 403 while it is not over."""
        if not self.expired:
            raise Refused(403)
        self._state.trial_began_at = self._clock.now

    # Any: JSON values.
    def to_json(self) -> dict[str, Any]:
        """Return the body of `GET /data/api/v1/trial`; `licenseMode` of a licence is a guess."""
        licensed = self._settings.licensed
        return {
            "licenseMode": "Licensed" if licensed else "Trial",
            "trialState": "NoneInDemo" if licensed else "AllInDemo",
            "trialSecondsLeft": 0 if licensed else self.seconds_left,
            "expired": self.expired,
            "emergency": False,
            "emergencySecondsLeft": 0,
            "development": False,
            "developmentSecondsLeft": 0,
        }

    # Any: JSON values.
    def banners(self) -> list[dict[str, Any]]:
        """Return the trial's banner, none with a licence."""
        if self._settings.licensed:
            return []
        left = self.seconds_left
        # Any: JSON values.
        data: dict[str, Any] = {
            "severity": "info" if left else "warning",
            "expireTime": self._clock.now_ms + left * 1000 if left else None,
            "toolTips": [],
            "actions": [],
        }
        return [{"order": 0, "type": "trial", "data": data}]
