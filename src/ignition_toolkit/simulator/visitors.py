"""Designers, Perspective sessions and Vision clients. Source: gateway-api section 2.6.

They are not saved: their connections end with the gateway.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ignition_toolkit.simulator.clock import Clock

#: Seconds without a word after which a visitor counts as dead.
TIMEOUT_S = 60.0

MIB = 2**20


class VisitorKind(StrEnum):
    """What somebody has opened."""

    DESIGNER = "designer"
    PERSPECTIVE = "perspective"
    VISION = "vision"


@dataclass
class Visitor:
    """One designer, session or client."""

    kind: VisitorKind
    user: str
    project: str
    address: str
    since: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    page_id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    #: When it was lost; None while it talks to the gateway.
    lost_at: float | None = None


class Visitors:
    """Everybody who is there, or was and has not been removed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._here: dict[str, Visitor] = {}

    def open(self, kind: VisitorKind, user: str, project: str, address: str) -> str:
        """Have somebody come. Returns the id."""
        visitor = Visitor(kind, user, project, address, self._clock.now)
        self._here[visitor.id] = visitor
        return visitor.id

    def lose(self, visitor_id: str) -> None:
        """Have somebody fall silent; after its timeout it counts as dead. Raises KeyError."""
        self._here[visitor_id].lost_at = self._clock.now

    def close(self, visitor_id: str) -> bool:
        """Have somebody leave. Returns whether it was there."""
        return self._here.pop(visitor_id, None) is not None

    def clear(self) -> None:
        """Have everybody leave."""
        self._here.clear()

    def get(self, kind: VisitorKind, visitor_id: str) -> Visitor | None:
        """Return one of a kind."""
        found = self._here.get(visitor_id)
        return found if found is not None and found.kind is kind else None

    def all_of(self, kind: VisitorKind) -> list[Visitor]:
        """Return all of a kind, in the order in which they came."""
        return [one for one in self._here.values() if one.kind is kind]

    def is_live(self, visitor: Visitor) -> bool:
        """Say whether it has been heard of lately."""
        return visitor.lost_at is None or self._clock.now - visitor.lost_at < TIMEOUT_S

    # Any: JSON values.
    def item(self, visitor: Visitor) -> dict[str, Any]:
        """Return a designer or a client as the interface shows it; times in milliseconds."""
        now = self._clock.now
        silent = 0.0 if visitor.lost_at is None else now - visitor.lost_at
        item: dict[str, Any] = {
            "id": visitor.id,
            "user": visitor.user,
            "uptime": int((now - visitor.since) * 1000),
            "lastcomm": int(silent * 1000),
            "timeout": int(TIMEOUT_S * 1000),
            "memory": {"used": 210 * MIB, "max": 1024 * MIB},
            "project": visitor.project,
            "address": visitor.address,
            "timezone": "UTC",
        }
        if visitor.kind is VisitorKind.VISION:
            item["tagCount"] = 0
        return item

    # Any: JSON values.
    def session(self, visitor: Visitor) -> dict[str, Any]:
        """Return a Perspective session as the interface shows it."""
        return {
            "id": visitor.id,
            "username": visitor.user,
            "authorized": bool(visitor.user),
            "project": visitor.project,
            "clientAddress": visitor.address,
            "lastComm": self.item(visitor)["lastcomm"],
            "sessionScope": "browser",
            "activePages": 1,
            "pageIds": [visitor.page_id],
            "recentBytesSent": 1024,
            "totalBytesSent": 65536,
            "userAgent": "Mozilla/5.0",
        }

    # Any: JSON values.
    def page(self, visitor: Visitor) -> dict[str, Any]:
        """Return the one page of a session."""
        return {
            "id": visitor.page_id,
            "created": int(visitor.since * 1000),
            "lastKeepalive": self._clock.now_ms,
            "roundtrip": 12,
            "connectCount": 1,
            "viewCount": 1,
            "componentCount": 3,
            "bindingCount": 2,
        }

    # Any: JSON values.
    def view(self, visitor: Visitor) -> dict[str, Any]:
        """Return the one view of a page."""
        return {
            "id": f"{visitor.page_id}-main",
            "resourcePath": "main",
            "mountPath": "C",
            "componentCount": 3,
            "bindingCount": 2,
        }
