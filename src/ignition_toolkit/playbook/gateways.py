"""Gateways as playbooks name them: registered entries, plain addresses, and which one is meant.

A playbook names its gateway by the parameter `gateway` (the name of an entry) or `gateway_url`
(an address). One that names none works on the gateway of the playbook around it, and the outermost
on the default gateway, if there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from ignition_toolkit.errors import NotFound
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


class Gateways(Frozen):
    """The gateways that are known, and which of them a playbook's parameters mean."""

    entries: tuple[GatewayEntry, ...] = ()
    #: The one for playbooks that name none; null when there is none.
    default: GatewayEntry | None = None

    # Any: parameter values.
    def of(self, *parameters: Mapping[str, Any]) -> GatewayEntry | None:
        """Return the gateway that a playbook works on.

        Args:
            parameters: of the playbook, then of those around it, from the inside out.

        Returns: an entry, an address that stands for itself, or None where nobody names one and
        there is no default.

        Raises NotFound for the name of an entry that is not known.
        """
        for values in parameters:
            if (named := named_gateway(values)) is not None:
                return self.find(named)
        return self.default

    def find(self, named: str) -> GatewayEntry:
        """Return the entry of a name or an address. Raises NotFound for an unknown name."""
        if NAME.fullmatch(named):
            return self._by_name(named)
        return find_at(self.entries, named) or GatewayEntry(urls=(named,))

    def _by_name(self, name: str) -> GatewayEntry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        names = [entry.name for entry in self.entries if entry.name is not None]
        there = f"there are {listed(names)}{nearest(name, names)}" if names else "there is none yet"
        raise NotFound(
            f"no gateway is registered as {shown(name)}; {there}; `itk gateways add` registers "
            f"one, and the parameter {GATEWAY_URL} takes an address",
            name=name,
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
