"""A gateway's modules. Source: gateway-api section 2.2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ignition_toolkit.errors import GatewayRefused
from ignition_toolkit.gateway.call import Call
from ignition_toolkit.gateway.transfers import Progress, upload

if TYPE_CHECKING:
    from ignition_toolkit.gateway.exchange import Exchange

API = "/data/api/v1/modules"
#: Seconds that the gateway may take to read a module that it was sent.
UPLOAD_ANSWER_S = 120.0
#: Answer to an acceptance that was given before.
ALREADY = 409


@dataclass(frozen=True)
class Uploaded:
    """What the gateway says of a module file.

    Act on what is *accepted* and not on what it contains: an unsigned module has no certificate
    and stays quarantined all the same until that is accepted (measured on 8.3.8).
    """

    module_id: str
    certificate_accepted: bool
    license_accepted: bool
    has_certificate: bool
    has_license: bool


@dataclass(frozen=True)
class ModuleState:
    """One module as the gateway lists it."""

    id: str
    name: str
    version: str
    #: ACTIVE, INACTIVE, or a word that nobody has recorded; empty for one that is not loaded.
    state: str = ""
    #: Whether it is to be loaded at the start.
    enabled: bool = True
    #: Why it is not let in; None for one that is.
    quarantined: str | None = None
    #: A newer version of it waits for a restart.
    should_upgrade: bool = False
    fault: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it runs, in the version that is installed."""
        return self.state == "ACTIVE" and not self.should_upgrade and self.quarantined is None

    @property
    def in_words(self) -> str:
        """What keeps it from running, for a sentence."""
        if self.quarantined is not None:
            return f"quarantined: {self.quarantined}"
        if self.should_upgrade:
            return f"still {self.version}: the new version waits for a restart"
        return f"{self.state or 'not loaded'}{f': {self.fault}' if self.fault else ''}"

    def is_called(self, name: str) -> bool:
        """Whether this is its id or its name, in whatever case."""
        return name.strip().casefold() in (self.id.casefold(), self.name.casefold())

    def to_output(self) -> dict[str, Any]:  # Any: JSON values
        """Return it as a step's output."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "state": "QUARANTINED" if self.quarantined is not None else self.state,
            "reason": self.quarantined or self.fault or None,
            "should_upgrade": self.should_upgrade,
        }


class Modules:
    """Calls about modules. Each raises GatewayError; a cancel ends it at once.

    Args:
        exchange: with the gateway.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def all(self) -> list[ModuleState]:
        """Return all modules, the quarantined ones last."""
        healthy = [_healthy(item) for item in await self._exchange.items(f"{API}/healthy")]
        return [*healthy, *await self.quarantined()]

    async def quarantined(self) -> list[ModuleState]:
        """Return the modules that are not let in."""
        return [_quarantined(item) for item in await self._exchange.items(f"{API}/quarantined")]

    async def find(self, name: str) -> ModuleState | None:
        """Return a module by id or name; one that runs before one that is not let in."""
        return next((one for one in await self.all() if one.is_called(name)), None)

    async def upload(self, file: Path, progress: Progress) -> Uploaded:
        """Send a module file. A cancel in the middle leaves nothing that the gateway loads."""
        path = f"{API}/upload"
        call = Call("POST", path, {"fileName": file.name}, read_s=UPLOAD_ANSWER_S)
        said = await upload(self._exchange, call, file, "application/octet-stream", progress)
        if not isinstance(said, dict) or not isinstance(said.get("moduleId"), str):
            raise self._exchange.error(call, GatewayRefused, "expected a moduleId in its answer")
        return Uploaded(
            module_id=said["moduleId"],
            certificate_accepted=said.get("certAccepted") is True,
            license_accepted=said.get("licenseAccepted") is True,
            has_certificate=said.get("containsCert") is True,
            has_license=said.get("containsEula") is True,
        )

    async def certificate(self, module_id: str) -> dict[str, Any]:  # Any: JSON values
        """Return whose certificate a module has; empty when it has none."""
        try:
            found = await self._exchange.json(self._about("GET", "certificate", module_id))
        except GatewayRefused as error:
            if error.status != 404:
                raise
            return {}
        return dict(found) if isinstance(found, dict) else {}

    async def accept_certificate(self, module_id: str) -> None:
        """Accept a module's certificate, or that it has none; also when that was done before."""
        await self._accept("certificate", module_id)

    async def accept_license(self, module_id: str) -> None:
        """Accept a module's licence; also when that was done before."""
        await self._accept("eula", module_id)

    async def _accept(self, what: str, module_id: str) -> None:
        try:
            await self._exchange.json(self._about("POST", what, module_id))
        except GatewayRefused as error:
            if error.status != ALREADY:
                raise

    async def install(self, module_id: str) -> None:
        """Install what was uploaded; the body of the answer is disputed, and only its verdict read.

        Cancellation: the gateway may have installed it.
        """
        await self._exchange.json(self._about("POST", "install", module_id))

    def _about(self, method: str, what: str, module_id: str) -> Call:
        return Call(method, f"{API}/{what}", {"moduleId": module_id})


# Any: JSON values, in both.
def _healthy(item: dict[str, Any]) -> ModuleState:
    exception = item.get("exception")
    words = exception.get("message") if isinstance(exception, dict) else None
    return ModuleState(
        id=str(item.get("id", "")),
        name=str(item.get("name", "")),
        version=str(item.get("version", "")),
        state=str(item.get("state") or ""),
        enabled=item.get("onStartup") != "disabled",
        should_upgrade=item.get("shouldUpgrade") is True,
        fault=str(item.get("faultCause") or words or ""),
    )


def _quarantined(item: dict[str, Any]) -> ModuleState:
    return ModuleState(
        id=str(item.get("id", "")),
        name=str(item.get("name", "")),
        version=str(item.get("version", "")),
        quarantined=str(item.get("reason") or "no reason given"),
    )
