"""A gateway's state, backups, trial, logs and designers. Source: gateway-api 2.1, 2.3 and 2.6."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ignition_toolkit.errors import GatewayRefused
from ignition_toolkit.gateway.answers import gwinfo_of, number
from ignition_toolkit.gateway.call import Call
from ignition_toolkit.gateway.transfers import Progress, download, upload

if TYPE_CHECKING:
    from ignition_toolkit.gateway.exchange import Exchange

API = "/data/api/v1"
BACKUP = f"{API}/backup"
TRIAL = f"{API}/trial"
#: Where the state is told, in 8.1 and 8.3; older versions had the second.
PING, OLD_PING = "/StatusPing", "/main/StatusPing"
#: Seconds that a backup, and a restore, may take without a word.
BACKUP_S = 300.0
#: Seconds without an answer after which a gateway that is only asked for its state is given up.
PING_S = 10.0


class Upkeep:
    """Calls about the gateway as a whole. Each raises GatewayError; a cancel ends it at once.

    Args:
        exchange: with the gateway.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def ping(self, *, patient: bool = True) -> dict[str, Any]:  # Any: JSON values
        """Return what StatusPing says: `state`, and `details` while it is commissioned.

        Needs no key, on 8.1 and 8.3 alike.
        """
        call = Call("GET", PING, read_s=PING_S, patient=patient, public=True)
        try:
            said = await self._exchange.json(call)
        except GatewayRefused as error:
            if error.status != 404:
                raise
            old = Call("GET", OLD_PING, read_s=PING_S, patient=patient, public=True)
            said = await self._exchange.json(old)
        if not isinstance(said, dict) or not isinstance(said.get("state"), str):
            raise self._exchange.error(call, GatewayRefused, "expected a `state` in its answer")
        return dict(said)

    async def gwinfo(self) -> dict[str, str]:
        """Return the fields of `/system/gwinfo`; needs no key, on 8.1 and 8.3 alike."""
        return gwinfo_of(await self._exchange.text(Call("GET", "/system/gwinfo", public=True)))

    async def info(self, *, patient: bool = True) -> dict[str, Any]:  # Any: JSON values
        """Return `gateway-info`, of 8.3."""
        return await self._object(Call("GET", f"{API}/gateway-info", patient=patient))

    async def overview(self) -> dict[str, Any]:  # Any: JSON values
        """Return `overview`, of 8.3: uptime in ms, memory, load, disk, licence."""
        return await self._object(Call("GET", f"{API}/overview"))

    async def uptime_s(self) -> float | None:
        """Return the seconds since the gateway's process began; None when it does not say."""
        uptime = number((await self.overview()).get("uptime"))
        return None if uptime is None else uptime / 1000

    async def problems(self) -> list[dict[str, Any]]:  # Any: JSON values
        """Return what the gateway itself reports as problems."""
        return await self._exchange.items(f"{API}/overview/problems")

    async def restart(self) -> None:
        """Have the gateway restart; it answers at once. Never sent twice.

        Cancellation: whether it restarts is unknown.
        """
        path = f"{API}/restart-tasks/restart"
        call = Call("POST", path, {"confirm": "true"}, patient=False)
        answer = await self._exchange.answer(call)
        if answer.body.strip() == b"false":
            raise self._exchange.error(call, GatewayRefused, "it answered `false`")

    async def backup(self, file: Path, progress: Progress) -> int:
        """Write a backup to a file; return its bytes."""
        return await download(self._exchange, Call("GET", BACKUP, read_s=BACKUP_S), file, progress)

    async def restore(self, file: Path, progress: Progress, *, disabled: bool) -> None:
        """Have the gateway take a backup and restart with it.

        Cancellation: whether it does is unknown once all of it was sent.
        """
        query = {"restoreDisabled": "true" if disabled else None}
        call = Call("POST", BACKUP, query, read_s=BACKUP_S)
        await upload(self._exchange, call, file, "application/octet-stream", progress)

    async def trial(self) -> dict[str, Any]:  # Any: JSON values
        """Return the state of the trial; needs no key."""
        return await self._object(Call("GET", TRIAL, public=True))

    async def reset_trial(self) -> dict[str, Any]:  # Any: JSON values
        """Begin the trial anew; the gateway refuses while it is not over."""
        return await self._object(Call("POST", TRIAL))

    async def logs(self, query: dict[str, str | int | None]) -> list[dict[str, Any]]:
        """Return events of the gateway's log that match, without what we log in with."""
        events = await self._exchange.items(f"{API}/logs", query)
        redactor = self._exchange.session.redactor()
        return [cast("dict[str, Any]", redactor.value(event)) for event in events]

    async def designers(self) -> list[dict[str, Any]]:  # Any: JSON values
        """Return the designers that are open."""
        return await self._exchange.items(f"{API}/designers")

    # Any: JSON values.
    async def _object(self, call: Call) -> dict[str, Any]:
        value = await self._exchange.json(call)
        if not isinstance(value, dict):
            raise self._exchange.error(call, GatewayRefused, "expected an object")
        return dict(value)
