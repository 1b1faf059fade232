"""What a person wants to see of executions and of a log: from an address, and back into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from ignition_toolkit.execution.requests import Wanted
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.storage import LogFilter

#: Choices of how long ago an execution was asked for: value, words, how long.
TIMES: dict[str, tuple[str, timedelta]] = {
    "1h": ("in the last hour", timedelta(hours=1)),
    "24h": ("in the last 24 hours", timedelta(hours=24)),
    "7d": ("in the last 7 days", timedelta(days=7)),
    "30d": ("in the last 30 days", timedelta(days=30)),
}

#: Choices of a log's level, the least one first.
LEVELS = (
    ("debug", "everything"),
    ("info", "info and graver"),
    ("warning", "warnings and errors"),
    ("error", "errors only"),
)


@dataclass(frozen=True)
class ListFilter:
    """Which executions the list shows; an empty text takes all, and so does one of no meaning."""

    status: str = ""
    playbook: str = ""
    within: str = ""

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return bool(self.status or self.playbook or self.within)

    def wanted(self, now: datetime, *, over: bool) -> Wanted:
        """Return what to ask a worker for: what is over, or what is not."""
        status = ExecutionStatus(self.status) if self.status in set(ExecutionStatus) else None
        path = self.playbook or None
        return Wanted(status=status, over=over, playbook_path=path, since=self.since(now))

    def since(self, now: datetime) -> datetime | None:
        """Return when the oldest execution that is shown was asked for; None: no limit."""
        return now - TIMES[self.within][1] if self.within in TIMES else None

    def query(self, offset: int) -> str:
        """Return the query of the address that shows these executions from `offset` on."""
        fields = {
            "status": self.status,
            "playbook": self.playbook,
            "within": self.within,
            "offset": str(offset) if offset else "",
        }
        return urlencode({name: value for name, value in fields.items() if value})


class LogLine(Protocol):
    """One stored `log` event."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def data(self) -> dict[str, Any]:  # Any: a `LogEvent` as JSON
        """What it says."""
        ...


@dataclass(frozen=True)
class LogView:
    """A window on the lines of an execution's log.

    Args:
        execution_id: the execution.
        lines: those of the window, in order.
        wanted: the filter that they passed.
        has_older: whether there may be wanted ones before them.
        is_newest: whether there were none behind them.
        line: number of the one that a link led to; 0: none.
        asked_at: number of the last event before the lines were read.
    """

    execution_id: str
    lines: Sequence[LogLine]
    wanted: LogFilter
    has_older: bool = False
    is_newest: bool = True
    line: int = 0
    asked_at: int = 0

    @property
    def level(self) -> str:
        """The least level that is shown."""
        return self.wanted.level

    @property
    def text(self) -> str:
        """What is searched for."""
        return self.wanted.text

    @property
    def is_filtered(self) -> bool:
        """Whether lines may be left out."""
        return self.wanted != LogFilter()

    @property
    def first(self) -> int:
        """Number of the first line of the window, 0 where it is empty."""
        return self.lines[0].id if self.lines else 0

    @property
    def upto(self) -> int:
        """Number of the event up to which the newest wanted lines are all here."""
        return max(self.asked_at, self.lines[-1].id if self.lines else 0)

    def address(self, before: int | None = None) -> str:
        """Return the address of a page with this log, up to a line."""
        return self._with_query(self._path, before)

    def part(self, before: int | None = None) -> str:
        """Return the address of the log alone, up to a line."""
        return self._with_query(f"{self._path}/log", before)

    @property
    def download(self) -> str:
        """The address of all wanted lines as text."""
        return self._with_query(f"{self._path}/log.txt", None)

    @property
    def _path(self) -> str:
        return f"/executions/{quote(self.execution_id, safe='')}"

    def _with_query(self, path: str, before: int | None) -> str:
        fields = {"level": self.level if self.level != LogFilter().level else "", "q": self.text}
        fields["before"] = str(before) if before is not None else ""
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"{path}?{query}" if query else path
