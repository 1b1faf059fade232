"""A gateway's projects. Source: gateway-api section 2.4, and 2.3 for scans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ignition_toolkit.gateway.answers import number
from ignition_toolkit.gateway.call import Call, segment
from ignition_toolkit.gateway.transfers import Progress, download, upload

if TYPE_CHECKING:
    from ignition_toolkit.gateway.exchange import Exchange

API = "/data/api/v1/projects"
SCAN = "/data/api/v1/scan/projects"
#: Seconds that exporting and importing may take without a word.
EXPORT_S, IMPORT_S = 120.0, 300.0


class Projects:
    """Calls about projects. Each raises GatewayError; a cancel ends it at once.

    Args:
        exchange: with the gateway.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def all(self) -> list[dict[str, Any]]:  # Any: JSON values
        """Return all projects."""
        return await self._exchange.items(f"{API}/list")

    async def get(self, name: str) -> dict[str, Any]:  # Any: JSON values
        """Return one project; its resources are not told."""
        found = await self._exchange.json(Call("GET", f"{API}/find/{segment(name)}"))
        return dict(found) if isinstance(found, dict) else {}

    async def export(self, name: str, file: Path, progress: Progress) -> int:
        """Write a project as a zip file; return its bytes."""
        call = Call("GET", f"{API}/export/{segment(name)}", read_s=EXPORT_S)
        return await download(self._exchange, call, file, progress)

    async def import_(self, name: str, file: Path, progress: Progress, *, overwrite: bool) -> None:
        """Make a project of a zip file.

        Cancellation: whether the gateway has taken it is unknown once all of it was sent.
        """
        path = f"{API}/import/{segment(name)}"
        call = Call("POST", path, {"overwrite": "true" if overwrite else None}, read_s=IMPORT_S)
        await upload(self._exchange, call, file, "application/zip", progress)

    async def begin_scan(self) -> Scan:
        """Have the gateway look for changed project files."""
        before = Scan.of(await self._exchange.json(Call("GET", SCAN)))
        begun = Scan.of(await self._exchange.json(Call("POST", SCAN)))
        return Scan(begun.active, before.timestamp)

    async def scan_status(self) -> Scan:
        """Return what is known of the newest scan."""
        return Scan.of(await self._exchange.json(Call("GET", SCAN)))


@dataclass(frozen=True)
class Scan:
    """A scan of the project files.

    Args:
        active: whether one is under way.
        timestamp: of the newest, in the gateway's milliseconds; 0 when there was none.
        duration: of the newest, in milliseconds.
    """

    active: bool
    timestamp: float
    duration: float | None = None

    # Any: a JSON value.
    @classmethod
    def of(cls, status: Any) -> Scan:
        """Return what a body says; one without a word is no scan."""
        fields = status if isinstance(status, dict) else {}
        timestamp = number(fields.get("lastScanTimestamp")) or 0.0
        duration = number(fields.get("lastScanDuration"))
        return cls(fields.get("scanActive") is True, timestamp, duration)
