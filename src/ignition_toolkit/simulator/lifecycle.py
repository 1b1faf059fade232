"""Restarts and commissioning: in which phase the gateway is, by its own clock.

Source: gateway-api sections 3.1 to 3.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

from ignition_toolkit.simulator.clock import Clock
from ignition_toolkit.simulator.settings import Settings

#: Seconds that the gateway has been up when the simulator starts.
FIRST_UPTIME_S = 3600.0

#: Of a restart in which connections are refused, the part in which they are.
REFUSING_SHARE = 0.6


class Phase(Enum):
    """What the gateway is doing. The values are StatusPing's words."""

    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    #: No process listens: connections are refused.
    DOWN = "DOWN"
    STARTING = "STARTING"
    #: The commissioner has the port.
    COMMISSIONING = "COMMISSIONING"


class Lifecycle:
    """The phases of one gateway.

    Args:
        settings: how restarts go.
        clock: the gateway's.
        on_start: called when the gateway's process has begun anew, before it answers.
        needs_commissioning: asked when it would be RUNNING.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        on_start: Callable[[], None],
        needs_commissioning: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_start = on_start
        self._needs_commissioning = needs_commissioning
        self._plan: list[tuple[float, Phase]] = []
        self._phase = Phase.RUNNING if settings.commissioned else Phase.COMMISSIONING
        #: When the process began that answers now.
        self.started_at = clock.now - FIRST_UPTIME_S
        #: When RUNNING was last reached; modules load from then on.
        self.running_at = self.started_at
        self.restarts = 0
        #: The commissioner has done its work, and the gateway behind it starts.
        self._finished = False

    @property
    def phase(self) -> Phase:
        """The phase now; what was due since the last look has happened when it returns."""
        while self._plan and self._plan[0][0] <= self._clock.now:
            at, phase = self._plan.pop(0)
            self._enter(phase, at)
        return self._phase

    @property
    def next_change_at(self) -> float:
        """When the phase changes by itself; math.inf for never."""
        return self._plan[0][0] if self._plan else math.inf

    @property
    def uptime_s(self) -> float:
        """Seconds since the gateway's process began."""
        return self._clock.now - self.started_at

    def restart(self) -> None:
        """Begin a restart, as the settings have it."""
        settings, now = self._settings, self._clock.now
        total = math.inf if settings.restart_s is None else settings.restart_s
        down_at = now + min(settings.restart_delay_s, total)
        back_at = now + total
        self._plan = []
        if settings.stopping_s:
            self._plan.append((down_at, Phase.STOPPING))
            down_at = min(down_at + settings.stopping_s, back_at)
        if settings.restart_mode == "refuses":
            self._plan.append((down_at, Phase.DOWN))
            down_at += (back_at - down_at) * REFUSING_SHARE
        self._plan += [(down_at, Phase.STARTING), (back_at, Phase.RUNNING)]
        self.restarts += 1
        self._clock.ring()

    def stop(self) -> None:
        """Have no process listen, until `restart` or `start`."""
        self._plan = []
        self._enter(Phase.DOWN, self._clock.now)
        self._clock.ring()

    def start(self) -> None:
        """Start at once what was stopped, or end the commissioning."""
        now = self._clock.now
        self._plan = [(now, Phase.STARTING), (now, Phase.RUNNING)]
        self._clock.ring()

    def finish_commissioning(self) -> None:
        """Start the gateway behind the commissioner; that takes what a restart takes."""
        settings, now = self._settings, self._clock.now
        total = math.inf if settings.restart_s is None else settings.restart_s
        self._plan = [(now, Phase.STARTING), (now + total, Phase.RUNNING)]
        self._finished = True
        self._clock.ring()

    def commission(self) -> None:
        """Have the commissioner take the port."""
        self._plan = []
        self._enter(Phase.COMMISSIONING, self._clock.now)
        self._clock.ring()

    def _enter(self, phase: Phase, at: float) -> None:
        if phase is Phase.STARTING:
            self.started_at = at
            self._on_start()
        if phase is Phase.RUNNING:
            self.running_at = at
            # What the commissioner was not told to accept does not call it again at once.
            if self._needs_commissioning() and not self._finished:
                phase = Phase.COMMISSIONING
            self._finished = False
        self._phase = phase
