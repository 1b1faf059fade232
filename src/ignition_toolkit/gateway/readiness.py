"""When a gateway is ready, and how it is known that it has restarted.

Source: gateway-api sections 3.1 to 3.6. Ready is a StatusPing of RUNNING without `details`, and a
`gateway-info` that answers: StatusPing alone says RUNNING also while the commissioner has the port.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ignition_toolkit.errors import (
    GatewayDenied,
    GatewayError,
    GatewayNotReady,
    GatewayRefused,
    GatewayUnreachable,
    GatewayUnsupported,
)
from ignition_toolkit.gateway.login import ensure_login
from ignition_toolkit.gateway.target import GatewayTarget
from ignition_toolkit.gateway.transfers import Progress
from ignition_toolkit.gateway.upkeep import Upkeep
from ignition_toolkit.gateway.waiting import Waited, wait_until

if TYPE_CHECKING:
    from ignition_toolkit.gateway.exchange import Exchange

#: Seconds by which an uptime must be shorter than without a restart to prove one: clocks drift.
MARGIN_S = 1.0


@dataclass(frozen=True)
class Before:
    """What was known before a restart was asked for.

    Args:
        t: monotonic second.
        uptime_s: of the gateway; None when it did not say.
    """

    t: float
    uptime_s: float | None


class Readiness:
    """Looks at one gateway. A cancel ends each method at once.

    Args:
        exchange: with the gateway.
        progress: told how long is waited, and for what.
    """

    def __init__(self, exchange: Exchange, progress: Progress) -> None:
        self._exchange = exchange
        self._upkeep = Upkeep(exchange)
        self._progress = progress
        self._was_down = False
        self._restarts = False

    async def state(self) -> str | None:
        """Return None when the gateway is ready, else what it is instead, in a few words.

        Raises GatewayError only for what waiting will not change: a certificate that is not
        trusted, a redirect, an address where no gateway answers.
        """
        try:
            return await self._state()
        except GatewayUnreachable as error:
            stopped = bool(error.fields.get("sent"))
            found = "does not answer" if stopped else "refuses connections or is not there"
        except GatewayNotReady as error:
            found = "STARTING (503)" if error.status == 503 else "waits to be commissioned"
        except GatewayRefused as error:
            # Modules and services answer strangely while they come up.
            if not self._may_pass(error):
                raise
            found = f"answers {error.status}, and not with its state"
        self._was_down = True
        return found

    def _may_pass(self, error: GatewayRefused) -> bool:
        status = error.status or 0
        # What was a gateway a moment ago is one, whatever page stands in for it meanwhile.
        return status >= 500 or (self._restarts and status in (200, 404))

    async def _state(self) -> str | None:
        said = await self._upkeep.ping(patient=False)
        details = said.get("details")
        if said["state"] != "RUNNING" or details:
            self._was_down = True
            return f"{said['state']}{f' ({details})' if details else ''}"
        try:
            await self._upkeep.info(patient=False)
        except (GatewayDenied, GatewayUnsupported):
            # Whoever refuses is up; 8.1 has no such address and says RUNNING when it is.
            return None
        return None

    async def wait(self, timeout_s: float) -> Waited:
        """Wait until the gateway is ready.

        Raises GatewayNotReady, which says the last state, the seconds waited and what to do.
        """
        timeout_s = self._exchange.bounded(timeout_s)
        waited = await wait_until(self.state, timeout_s, self._progress)
        if waited.in_vain:
            raise self._in_vain(waited, timeout_s, "did not become ready")
        return waited

    async def before_restart(self) -> Before:
        """Return what a restart is proved by later. Raises GatewayError."""
        uptime = await self._upkeep.uptime_s()
        return Before(time.monotonic(), uptime)

    async def wait_for_restart(self, before: Before, timeout_s: float) -> Waited:
        """Wait until the gateway is ready and has restarted since `before`.

        A restart is proved by its uptime; where that cannot be read, by a look at which the
        gateway was not ready. Raises GatewayNotReady as `wait` does.
        """
        self._was_down, self._restarts = False, True
        # What a browser's log-in has opened does not outlive the restart.
        self._exchange.session.expire()

        async def look() -> str | None:
            found = await self.state()
            if found is None and not await self._has_restarted(before):
                return "RUNNING, and has not restarted yet"
            return found

        timeout_s = self._exchange.bounded(timeout_s)
        waited = await wait_until(look, timeout_s, self._progress)
        if waited.in_vain:
            raise self._in_vain(waited, timeout_s, "was not seen to come back from its restart")
        return waited

    async def _has_restarted(self, before: Before) -> bool:
        try:
            await ensure_login(self._exchange)
            # Taken before: a slow answer must not make the uptime look shorter than it is.
            asked_at = time.monotonic()
            uptime = await self._upkeep.uptime_s()
        except GatewayDenied:
            # A session that was opened before it went down is not known any more: log in anew.
            self._exchange.session.expire()
            return False
        except GatewayError:
            # It answers in part while its services come up, and goes down once more.
            return False
        if uptime is None or before.uptime_s is None:
            return self._was_down
        without = before.uptime_s + asked_at - before.t
        return uptime < before.uptime_s or uptime < without - MARGIN_S

    def _in_vain(self, waited: Waited, timeout_s: float, what: str) -> GatewayNotReady:
        return not_ready(self._exchange.target, waited, timeout_s, what)


def not_ready(
    target: GatewayTarget, waited: Waited, timeout_s: float, what: str
) -> GatewayNotReady:
    """Return the error of a wait in vain: which gateway, its last state, how long, what to do."""
    same = target.name == target.url
    who = target.url if same else f"{target.name} ({target.url})"
    message = (
        f"gateway {who} {what} within {timeout_s:g} s: waited {waited.seconds:.1f} s, its last"
        f" state was: {waited.last}. Look at {target.url} in a browser and at logs/wrapper.log on"
        " the gateway; if it only needs longer, give a larger `timeout`, and the step a larger one"
    )
    fields = {"gateway": target.name, "request": None, "status": None, "last_state": waited.last}
    return GatewayNotReady(message, **fields)
