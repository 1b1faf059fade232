"""The table of addresses: one row for each that is documented, and how a request finds its row."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from ignition_toolkit.simulator.world import World


class Need(Enum):
    """What a caller needs to be let in."""

    NOTHING = "nothing"
    #: A key, a session, or a policy that lets everybody in.
    TOKEN = "token"  # noqa: S105 - a kind of access


@dataclass(frozen=True)
class Call:
    """A request that has found its row."""

    world: World
    request: Request
    #: The parts in braces of the row's path, decoded.
    path: dict[str, str]

    @property
    def query(self) -> QueryParams:
        """The request's query."""
        return self.request.query_params


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Row:
    """One documented address."""

    method: str
    path: str
    handler: Handler
    #: Where the facts stand: the section of the collected facts, and for guesses the word.
    section: str
    need: Need = Need.TOKEN

    @property
    def name(self) -> str:
        """Method and path, by which tests name the row."""
        return f"{self.method} {self.path}"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the encoded path, so that a name may hold a slash."""
        parts = re.split(r"\{(\w+)\}", self.path)
        texts = (
            f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
        return re.compile("".join(texts))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parts in braces of an encoded path, None where it is another address."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        return {name: unquote(text) for name, text in found.groupdict().items()}


def find(rows: Sequence[Row], method: str, path: str) -> tuple[Row, dict[str, str]] | bool:
    """Return the row of a request with the parts of its path.

    Returns:
        Else True where the path exists for another method, and False where it does not.
    """
    known = False
    for row in rows:
        if (parts := row.match(path)) is not None:
            if row.method == method:
                return row, parts
            known = True
    return known
