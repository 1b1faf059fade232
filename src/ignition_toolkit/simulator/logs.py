"""The gateway's log, its loggers, and the log as a database file.

Source: gateway-api section 2.6. The tables inside the database are a guess.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.clock import Clock
from ignition_toolkit.simulator.state import LogEvent, State

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF")
DEFAULT_LEVEL = "INFO"

#: Parameters of the list, which are no filters. The last two are taken and have no effect.
PARAMETERS = ("startTime", "endTime", "minLevel", "logger", "properties", "allowedMarkers")

#: Events that are kept.
KEPT = 100_000

TABLE = """
CREATE TABLE logging_event (
    event_id INTEGER PRIMARY KEY,
    timestmp BIGINT NOT NULL,
    formatted_message TEXT NOT NULL,
    logger_name TEXT NOT NULL,
    level_string TEXT NOT NULL,
    thread_name TEXT
)
"""
INSERT = (
    "INSERT INTO logging_event (timestmp, formatted_message, logger_name, level_string) "
    "VALUES (?, ?, ?, ?)"
)


class LogStore:
    """All events and the levels of loggers."""

    def __init__(self, clock: Clock, state: State) -> None:
        self._clock = clock
        self._state = state

    def add(self, logger: str, level: str, message: str) -> None:
        """Log an event now. Raises ValueError for a level that does not exist."""
        if level not in LEVELS[:-1]:
            raise ValueError(f"expected a level of {', '.join(LEVELS[:-1])}")
        now = self._clock.now_ms
        event = LogEvent(timestamp=now, logger_name=logger, level=level, message=message)
        self._state.logs.append(event)
        del self._state.logs[:-KEPT]

    # Any: JSON values.
    def find(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the events that the parameters choose. Raises Refused 400."""
        start, end = _whole(query, "startTime"), _whole(query, "endTime")
        least = LEVELS.index(_level(query.get("minLevel", LEVELS[0])))
        logger = query.get("logger")
        return [
            _item(event)
            for event in self._state.logs
            if (start is None or event.timestamp >= start)
            and (end is None or event.timestamp <= end)
            and LEVELS.index(event.level) >= least
            and logger in (None, event.logger_name)
        ]

    # Any: JSON values.
    def loggers(self) -> list[dict[str, Any]]:
        """Return the loggers that have logged or whose level was set; `context` is a guess."""
        levels = self._state.levels
        names = sorted({event.logger_name for event in self._state.logs} | set(levels))
        return [
            {"name": name, "level": levels.get(name, DEFAULT_LEVEL), "context": ""}
            for name in names
        ]

    def set_level(self, logger: str, level: str | None) -> None:
        """Set a logger's level. Raises Refused 400."""
        self._state.levels = {**self._state.levels, logger: _level(level)}

    def reset_levels(self) -> None:
        """Give every logger its first level."""
        self._state.levels = {}

    def events(self) -> list[LogEvent]:
        """Return all events as they are now."""
        return list(self._state.logs)


def write_database(path: Path, events: Iterable[LogEvent]) -> None:
    """Write a new SQLite file with the events; reads and writes files, so not in the loop."""
    database = sqlite3.connect(path)
    try:
        with database:
            database.execute(TABLE)
            rows = ((one.timestamp, one.message, one.logger_name, one.level) for one in events)
            database.executemany(INSERT, rows)
    finally:
        database.close()


# Any: JSON values.
def _item(event: LogEvent) -> dict[str, Any]:
    item = event.model_dump()
    item["loggerName"] = item.pop("logger_name")
    return item


def _level(text: str | None) -> str:
    if text is None or text.upper() not in LEVELS:
        raise Refused(400, f"level is none of {', '.join(LEVELS)}.")
    return text.upper()


def _whole(query: Mapping[str, str], name: str) -> int | None:
    try:
        return int(query[name]) if name in query else None
    except ValueError as wrong:
        raise Refused(400, f"{name} is not a number of milliseconds.") from wrong
