"""Gateways as playbooks name them: registered entries, plain addresses, and which one is meant.

A playbook names its gateway by the parameter `gateway` (the name of an entry) or `gateway_url`
(an address). One that names none works on the gateway of the playbook around it, and the outermost
on the default gateway, if there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field

from ignition_toolkit.errors import NotFound, StepFailed
from ignition_toolkit.playbook.models import Frozen
from ignition_toolkit.playbook.parameters import NAME
from ignition_toolkit.playbook.wording import listed, nearest, shown

#: The parameters of a playbook that name its gateway; the first one that is given counts.
GATEWAY = "gateway"
GATEWAY_URL = "gateway_url"

#: The credential that the server's environment gives: a name that no playbook can spell.
ENVIRONMENT_CREDENTIAL = "$IGNITION_API_TOKEN"

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class GatewayEntry(Frozen):
    """One gateway: registered under a name, or a plain address that stands for itself."""

    #: None for a plain address.
    name: str | None = None
    #: Its addresses, of which the first is the one to use; at least one.
    urls: tuple[str, ...] = Field(min_length=1)
    #: Whether its certificate is checked.
    tls: Literal["verify", "insecure"] = "verify"
    #: File of the authority that signs its certificate; null for those that the system knows.
    ca_file: str | None = None
    #: Name of the credential to use there; null for none.
    credential: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The address to use."""
        return self.urls[0]

    @property
    def title(self) -> str:
        """What it is called in claims and messages: its name, else the address as normalised."""
        return self.name or normalised_gateway(self.url)

    def is_at(self, url: str) -> bool:
        """Whether an address is one of its own."""
        return normalised_gateway(url) in map(normalised_gateway, self.urls)

    def named_by(self, url: str) -> Self:
        """Return it as it is asked where one of its addresses was named.

        That is at its first address; but where TLS was named and the first one is plain, at the
        address that was named, so that no key goes in clear that was meant to go by TLS.
        """
        return self.first_at(url) if is_tls(url) and not is_tls(self.url) else self

    def first_at(self, url: str) -> Self:
        """Return it with this address of its own as the one to use."""
        wanted = normalised_gateway(url)
        urls = sorted(self.urls, key=lambda one: normalised_gateway(one) != wanted)
        return self.model_copy(update={"urls": tuple(urls)})


class Gateways(Frozen):
    """The gateways that are known, and which of them a playbook's parameters mean."""

    entries: tuple[GatewayEntry, ...] = ()
    #: The one for playbooks that name none; null when there is none.
    default: GatewayEntry | None = None
    #: Whether these are all that an execution has claimed: another one is refused.
    complete: bool = False

    # Any: parameter values.
    def of(self, *parameters: Mapping[str, Any]) -> GatewayEntry | None:
        """Return the gateway that a playbook works on.

        Args:
            parameters: of the playbook, then of those around it, from the inside out.

        Returns: an entry, an address that stands for itself, or None where nobody names one and
        there is no default.

        Raises NotFound for the name of an entry that is not known, StepFailed where these are
        all that may be used.
        """
        for values in parameters:
            if (named := named_gateway(values)) is not None:
                return self.find(named)
        return self.default

    def find(self, named: str) -> GatewayEntry:
        """Return the entry of a name or an address. Raises NotFound, StepFailed as `of`."""
        if NAME.fullmatch(named):
            return self._by_name(named)
        if (entry := find_at(self.entries, named)) is not None:
            return entry.named_by(named)
        if self.complete:
            raise self._unclaimed(named)
        return GatewayEntry(urls=(named,))

    def as_registered(self, entry: GatewayEntry) -> GatewayEntry:
        """Return an entry of these with its addresses in the order in which it has them."""
        known = (one for one in self.entries if one.name == entry.name is not None)
        return next(known, entry)

    # Any: parameter values.
    def refuse_unclaimed(self, parameters: Mapping[str, Any]) -> None:
        """Raise StepFailed where parameters name a gateway, and it is none that may be used."""
        if self.complete and (named := named_gateway(parameters)) is not None:
            self.find(named)

    def _by_name(self, name: str) -> GatewayEntry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        if self.complete:
            raise self._unclaimed(name)
        names = [entry.name for entry in self.entries if entry.name is not None]
        there = f"there are {listed(names)}{nearest(name, names)}" if names else "there is none yet"
        raise NotFound(
            f"no gateway is registered as {shown(name)}; {there}; `itk gateways add` registers "
            f"one, and the parameter {GATEWAY_URL} takes an address",
            name=name,
        )

    def _unclaimed(self, named: str) -> StepFailed:
        claimed = listed(entry.title for entry in self.entries)
        return StepFailed(
            f"gateway {shown(named)} was not claimed when the execution began, as only the run has"
            f" told its name, and another execution may be working on it; claimed: {claimed}; give"
            " its name by a parameter of the playbook that is started, whose nested playbooks can"
            " refer to it"
        )


# Any: parameter values.
def named_gateway(parameters: Mapping[str, Any]) -> str | None:
    """Return the name or the address that parameters give, None when they give none.

    The value of `gateway` may be an address too; that of `gateway_url` always is one.
    """
    for parameter in (GATEWAY, GATEWAY_URL):
        value = parameters.get(parameter)
        if isinstance(value, str) and (text := value.strip()):
            is_name = parameter == GATEWAY and NAME.fullmatch(text) is not None
            return text if is_name or _SCHEME.match(text) else f"http://{text.removeprefix('//')}"
    return None


def find_at(entries: Iterable[GatewayEntry], url: str) -> GatewayEntry | None:
    """Return the entry that has an address, None when none has."""
    return next((entry for entry in entries if entry.is_at(url)), None)


def is_tls(url: str) -> bool:
    """Say whether an address is one with TLS."""
    return normalised_gateway(url).startswith("https:")


def normalised_gateway(url: str) -> str:
    """Return the one spelling of a gateway's address: scheme, host and port, nothing else.

    Case and a trailing slash do not matter, and the loopback addresses are one host. A text that
    is no address stands for itself.
    """
    text = url.strip()
    try:
        parts = urlsplit(text if _SCHEME.match(text) else f"http://{text.removeprefix('//')}")
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return text.lower()
    if not host:
        return text.lower()
    host = "localhost" if host in _LOOPBACK else host
    scheme = parts.scheme.lower()
    shown_host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown_host}:{port or _DEFAULT_PORTS.get(scheme, 0)}"
