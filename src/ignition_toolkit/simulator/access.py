"""Who is let in: keys, sessions, and the policies for reading and writing.

Source: gateway-api section 1.1.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Literal

from starlette.requests import Request

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.routing import Need, Row

if TYPE_CHECKING:
    from ignition_toolkit.simulator.world import World

HEADER = "X-Ignition-API-Token"

#: What a key's security level lets it do.
Rights = Literal["write", "read", "none"]


def hash_of(key: str) -> str:
    """Return what is kept of a key; the real gateway's way is not known."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """The API keys that the gateway knows."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Rights]] = {}

    def add(self, name: str, key: str, rights: Rights = "write") -> None:
        """Know a key, in place of one of the same name."""
        self._known[name] = (hash_of(key), rights)

    def remove(self, name: str) -> bool:
        """Forget a key. Returns whether it was known."""
        return self._known.pop(name, None) is not None

    def names(self) -> list[str]:
        """Return the names of all keys."""
        return sorted(self._known)

    def rights_of(self, header: str) -> Rights | None:
        """Return what the bearer of `name:key` may do, None for one who is not known."""
        name, _, key = header.partition(":")
        known, rights = self._known.get(name, ("", "none"))
        return rights if hmac.compare_digest(known, hash_of(key)) else None


def check(world: World, request: Request, row: Row) -> None:
    """Raise Refused, 401 or 403, unless the request may have what the row gives."""
    reads = request.method in ("GET", "HEAD")
    settings = world.settings
    policy = settings.read_policy if reads else settings.write_policy
    if row.need is not Need.TOKEN or policy == "open":
        return
    rights = _rights(world, request, reads=reads)
    if rights is None:
        raise Refused(401)
    may = rights == "write" or (reads and rights == "read")
    if not may or policy == "closed":
        raise Refused(403)


def _rights(world: World, request: Request, *, reads: bool) -> Rights | None:
    """Return what the caller may do, None for one who is not known."""
    if header := request.headers.get(HEADER):
        rights = world.keys.rights_of(header) or world.stored_key_rights(header)
        if rights and world.settings.secure_channel_required and request.url.scheme != "https":
            raise Refused(world.settings.insecure_status)
        return rights
    session = world.logins.session_of(request)
    if session is None:
        return None
    if not reads and request.headers.get("X-CSRF-Token") != session.csrf_token:
        raise Refused(403)
    return "write"
