"""One request to a gateway, as data."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

#: Seconds without a byte of an answer, and for a piece of a body to be taken.
READ_S = 30.0

Query = Mapping[str, str | int | None]


@dataclass(frozen=True)
class Body:
    """What a request carries.

    Args:
        pieces: gives the bytes anew for each try; None for no body.
        content_type: of them.
        size: in bytes, where it is known.
    """

    pieces: Callable[[], AsyncIterator[bytes] | bytes] | None = None
    content_type: str | None = None
    size: int | None = None

    # Any: a JSON value.
    @classmethod
    def of_json(cls, value: Any) -> Body:
        """Return the body that a JSON value is."""
        data = json.dumps(value).encode()
        return cls(lambda: data, "application/json", len(data))

    def headers(self) -> dict[str, str]:
        """Return the headers that describe it."""
        found = {"Content-Type": self.content_type} if self.content_type else {}
        return found | ({"Content-Length": str(self.size)} if self.size is not None else {})


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        query: values of None are left out.
        read_s: seconds without a byte of the answer.
        patient: whether it is tried again where that is allowed.
        public: without a key, for what is open to all.
        private: whether the query is not told to anybody but the gateway.
    """

    method: str
    path: str
    query: Query = field(default_factory=dict)
    body: Body = Body()
    read_s: float = READ_S
    patient: bool = True
    public: bool = False
    private: bool = False

    @property
    def address(self) -> str:
        """Path and query."""
        given = {name: value for name, value in self.query.items() if value is not None}
        return f"{self.path}?{urlencode(given, quote_via=quote)}" if given else self.path

    @property
    def shown(self) -> str:
        """Path and query as people may see them."""
        return self.path if self.private else self.address


@dataclass(frozen=True)
class Answer:
    """An answer that is held in memory."""

    status: int
    body: bytes
    location: str = ""


def segment(name: str) -> str:
    """Return a name as one part of a path."""
    return quote(name, safe="")
