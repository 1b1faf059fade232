"""Which names a request may be addressed to, and which web pages may change something here.

A browser sends requests for every page that it shows. `Host` tells our own name from one that
somebody else's name server pointed at this machine; `Origin` tells our pages from foreign ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ignition_toolkit.errors import OperatorError

VARIABLE = "ITK_ALLOWED_HOSTS"
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/@?#\s]+)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Authority:
    """A host name in small letters and the port that was written after it, if any."""

    name: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `name`, `name:port`, `[ipv6]` or `[ipv6]:port`; None if it is none of them."""
        found = _AUTHORITY.fullmatch(text.lower())
        if found is None:
            return None
        port = found["port"]
        return cls(found["name"], int(port) if port is not None else None)

    def __str__(self) -> str:
        return self.name if self.port is None else f"{self.name}:{self.port}"

    def with_port(self, default: int) -> tuple[str, int]:
        """Return name and port, the port being `default` where none was written."""
        return self.name, self.port if self.port is not None else default


class HostRules:
    """The names under which this server may be spoken to.

    Args:
        allowed: further names, each `name` (any port) or `name:port`.

    Raises:
        OperatorError: one of them is not a host name.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(_entry(text) for text in allowed)

    @classmethod
    def from_environment(cls, own: Iterable[str] = ()) -> Self:
        """Take the further names from ITK_ALLOWED_HOSTS, separated by commas.

        Args:
            own: names that the server has without being told.
        """
        parts = (part.strip() for part in os.environ.get(VARIABLE, "").split(","))
        return cls([*own, *(part for part in parts if part)])

    @property
    def names(self) -> list[str]:
        """Every name, as a person would list them."""
        listed = sorted(str(authority) for authority in self._allowed)
        return [*sorted(LOOPBACK_NAMES), *(name for name in listed if name not in LOOPBACK_NAMES)]

    def allows_host(self, host: str) -> bool:
        """Whether a `Host` header names this server."""
        authority = Authority.parse(host)
        if authority is None:
            return False
        return authority.name in LOOPBACK_NAMES or self._is_listed(authority)

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may change something on the server called `host`.

        It may if it is a page of this very server, or of a listed name. Another port of this
        machine is another program.
        """
        found = _ORIGIN.fullmatch(origin.lower())
        authority = Authority.parse(found["authority"]) if found else None
        mine = Authority.parse(host)
        if found is None or authority is None or mine is None:
            return False
        port = _DEFAULT_PORTS[found["scheme"]]
        return authority.with_port(port) == mine.with_port(port) or self._is_listed(authority)

    def _is_listed(self, authority: Authority) -> bool:
        return bool({authority, Authority(authority.name, None)} & self._allowed)


def _entry(text: str) -> Authority:
    authority = Authority.parse(text)
    if authority is None:
        raise OperatorError(
            f"{VARIABLE} has {text!r}: expected host names separated by commas, "
            "each alone or with a port, as in itk.example.com,10.0.0.5:5000"
        )
    return authority
