"""What a person asked of a run: the signals between steps and to the running one."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from ignition_toolkit.playbook.cancellation import CancelReason


class ControlSignal(StrEnum):
    """What the engine does next."""

    RUN = "run"
    PAUSE = "pause"
    SKIP = "skip"
    CANCEL = "cancel"


class StateManager:
    """Holds the signals of one run. To be used from its event loop only.

    A cancel is never taken back and never forgotten: one that arrives before the run begins is
    found when it begins (test_cancel_before_run_is_not_lost).
    """

    def __init__(self) -> None:
        self._paused = False
        self._skip = False
        self._reason: CancelReason | None = None
        self._changed = asyncio.Event()

    @property
    def reason(self) -> CancelReason | None:
        """Why the run is cancelled, or None."""
        return self._reason

    @property
    def cancelled(self) -> bool:
        """Whether the run is cancelled."""
        return self._reason is not None

    @property
    def paused(self) -> bool:
        """Whether a pause is asked for."""
        return self._paused

    @property
    def signal(self) -> ControlSignal:
        """The strongest signal that is set."""
        if self._reason is not None:
            return ControlSignal.CANCEL
        if self._skip:
            return ControlSignal.SKIP
        return ControlSignal.PAUSE if self._paused else ControlSignal.RUN

    def cancel(self, reason: CancelReason) -> bool:
        """Set CANCEL; return False when it was set already (the first reason stays)."""
        if self._reason is not None:
            return False
        self._reason = reason
        self._changed.set()
        return True

    def pause(self) -> None:
        """Ask for a pause after the current step."""
        self._paused = True

    def resume(self) -> None:
        """Take the pause back."""
        self._paused = False
        self._changed.set()

    def skip(self) -> None:
        """Ask for the next step to be skipped."""
        self._skip = True
        self._changed.set()

    def take_skip(self) -> bool:
        """Return whether a skip is asked for, and forget it."""
        asked, self._skip = self._skip, False
        return asked

    async def wait_while_paused(self) -> None:
        """Return when the signal is not PAUSE. Cancellation: raises at once."""
        while self.signal is ControlSignal.PAUSE:
            self._changed.clear()
            await self._changed.wait()

    async def wait_between_attempts(self, seconds: float) -> None:
        """Return after `seconds`, or when a skip or a cancel is asked for.

        A pause does not shorten the wait and takes effect after the step. Cancellation: raises
        at once.
        """
        try:
            # Not asyncio.wait_for: in Python 3.11 it loses a cancel that comes with the event.
            async with asyncio.timeout(seconds):
                while self.signal not in (ControlSignal.CANCEL, ControlSignal.SKIP):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return
