"""Queries over the stored lines of one execution's log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ignition_toolkit.storage.rows import EventRow, LostLines
from ignition_toolkit.storage.tables import events
from ignition_toolkit.storage.values import clean_text

#: From the least to the gravest.
LEVELS = ("debug", "info", "warning", "error")

#: Rows that are read at once.
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines of a log are wanted.

    Args:
        level: this level and graver ones, one of LEVELS.
        text: occurs in the message or in the step's id; the case of ASCII letters does not count.
    """

    level: str = LEVELS[0]
    text: str = ""

    def fits(self, data: dict[str, Any]) -> bool:  # Any: a log event as JSON
        """Whether a line is wanted. The pages' `log.js` has the same rule."""
        if LEVELS.index(data["level"]) < LEVELS.index(self.level):
            return False
        said = f"{data.get('step_id') or ''}\n{data['message']}"
        return _lower(clean_text(self.text)) in _lower(said)

    def condition(self) -> sa.ColumnElement[bool]:
        """Return a condition that every wanted line fulfils, and only few others."""
        # The column holds JSON as the writer encodes it, without blanks, keys in quotes.
        stored = sa.type_coerce(events.c.data, sa.Text)
        parts: list[sa.ColumnElement[bool]] = [events.c.kind == "log"]
        wanted = LEVELS[LEVELS.index(self.level) :]
        if len(wanted) < len(LEVELS):
            parts.append(sa.or_(*(stored.contains(f'"level":"{level}"') for level in wanted)))
        if self.text:
            encoded = json.dumps(clean_text(self.text), ensure_ascii=False)[1:-1]
            parts.append(stored.icontains(encoded, autoescape=True))
        return sa.and_(*parts)


def _lower(text: str) -> bytes:
    # Of bytes only ASCII letters have a case, here as in the database.
    return text.encode("utf-8", "replace").lower()


def newest_lines(
    connection: sa.Connection,
    execution_id: str,
    wanted: LogFilter,
    *,
    before: int | None,
    limit: int,
) -> list[EventRow]:
    """Return the newest wanted lines with a number below `before`, oldest of them first."""
    candidates = _candidates(connection, execution_id, wanted, before, newest_first=True)
    return _wanted(candidates, wanted, limit)[::-1]


def next_lines(
    connection: sa.Connection, execution_id: str, wanted: LogFilter, *, after: int, limit: int
) -> list[EventRow]:
    """Return the oldest wanted lines with a number above `after`, in order."""
    candidates = _candidates(connection, execution_id, wanted, after, newest_first=False)
    return _wanted(candidates, wanted, limit)


def lost_lines(connection: sa.Connection, execution_id: str) -> LostLines:
    """Return what the notes in an execution's log say of lines that are missing from it."""
    # A text cannot look like the key: its quotes are encoded.
    notes = sa.type_coerce(events.c.data, sa.Text).contains('"dropped":')
    mine = events.c.execution_id == clean_text(execution_id)
    query = sa.select(events.c.id, events.c.data).where(mine, events.c.kind == "log", notes)
    found = connection.execute(query.order_by(events.c.id)).all()
    return LostLines(sum(data["dropped"] for _, data in found), found[-1].id if found else 0)


def _wanted(candidates: Iterator[EventRow], wanted: LogFilter, limit: int) -> list[EventRow]:
    return list(islice((row for row in candidates if wanted.fits(row.data)), limit))


def _candidates(
    connection: sa.Connection,
    execution_id: str,
    wanted: LogFilter,
    beyond: int | None,
    *,
    newest_first: bool,
) -> Iterator[EventRow]:
    """Yield lines that may be wanted, in order, read piece by piece."""
    number = events.c.id
    mine = events.c.execution_id == clean_text(execution_id)
    query = sa.select(events).where(mine, wanted.condition()).limit(_CHUNK)
    query = query.order_by(number.desc() if newest_first else number)
    while True:
        limits = [] if beyond is None else [number < beyond if newest_first else number > beyond]
        rows = [EventRow(**row) for row in connection.execute(query.where(*limits)).mappings()]
        yield from rows
        if len(rows) < _CHUNK:
            return
        beyond = rows[-1].id
