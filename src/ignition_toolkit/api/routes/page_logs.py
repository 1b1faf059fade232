"""What an execution has said and left: its log, its artifacts, and its record as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from io import RawIOBase
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from ignition_toolkit.api.parts import PartsOf
from ignition_toolkit.api.routes.page_requests import MAX_SEARCH
from ignition_toolkit.api.worker_port import ArchivePort
from ignition_toolkit.execution.junit import junit_xml
from ignition_toolkit.storage import EventRow, LogFilter
from ignition_toolkit.storage.log_lines import LEVELS
from ignition_toolkit.web.filters import LogView
from ignition_toolkit.web.pages import LOG_LINES

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

#: Lines that are shown before and after one that a link leads to.
LINES_AFTER = 200

#: Lines that are read at once for a download, and bytes of an artifact.
DOWNLOAD_LINES = 2000
PIECE_BYTES = 256 * 1024

#: A browser that opens an artifact all the same runs nothing of it and loads nothing for it.
ARTIFACT_HEADERS = {
    "content-security-policy": "sandbox; default-src 'none'",
    "content-type": "application/octet-stream",
}


@dataclass(frozen=True)
class LogQuery:
    """Which lines an address asks for, and what else the page is to say."""

    wanted: LogFilter
    line: int = 0
    before: int | None = None
    notice: str = ""

    def noting(self, notice: str) -> LogQuery:
        """Return the same with a sentence about what the person has just tried."""
        return replace(self, notice=notice)


async def _log_query(
    level: str = LEVELS[0],
    q: Annotated[str, Query(max_length=MAX_SEARCH)] = "",
    line: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
) -> LogQuery:
    known = level if level in LEVELS else LEVELS[0]
    return LogQuery(LogFilter(known, q.strip()), line, before)


LogQueryOf = Annotated[LogQuery, Depends(_log_query)]


async def log_view(
    archive: ArchivePort, execution_id: str, query: LogQuery, asked_at: int
) -> LogView:
    """Return the window on a log that an address asks for: around a line, before one, or the end.

    A line is found whatever the filter is. `asked_at` is the number of the last event just before.
    """
    wanted, after, before = query.wanted, list[EventRow](), query.before
    if query.line:
        wanted, before = LogFilter(), query.line + 1
        after = list(
            await archive.next_lines(execution_id, wanted, limit=LINES_AFTER + 1, after=query.line)
        )
    limit = LOG_LINES - (LINES_AFTER if query.line else 0)
    # One more than is shown tells whether there are older ones.
    lines = list(await archive.newest_lines(execution_id, wanted, limit=limit + 1, before=before))
    newest = len(after) <= LINES_AFTER if query.line else query.before is None
    return LogView(
        execution_id,
        [*lines[-limit:], *after[:LINES_AFTER]],
        wanted,
        has_older=len(lines) > limit,
        is_newest=newest,
        line=query.line,
        asked_at=asked_at,
    )


@router.get("/executions/{execution_id}/log")
async def log(execution_id: str, parts: PartsOf, query: LogQueryOf) -> str:
    """Return the part of a page that shows the log."""
    worker = parts.worker
    asked_at = await worker.last_event_id()
    item = await worker.execution(execution_id)
    return parts.pages.log(item, await log_view(worker.archive, execution_id, query, asked_at))


@router.get("/executions/{execution_id}/log.txt")
async def log_text(execution_id: str, parts: PartsOf, query: LogQueryOf) -> Response:
    """Return the wanted lines as text, all of them, as a file."""
    await parts.worker.execution(execution_id)
    text = _text(parts.worker.archive, execution_id, query.wanted)
    headers = _attachment(f"{execution_id}.log")
    return StreamingResponse(text, media_type="text/plain; charset=utf-8", headers=headers)


async def _text(archive: ArchivePort, execution_id: str, wanted: LogFilter) -> AsyncIterator[str]:
    after, more = 0, True
    while more:
        rows = await archive.next_lines(execution_id, wanted, limit=DOWNLOAD_LINES, after=after)
        yield "".join(_line(row.data) for row in rows)
        after = rows[-1].id if rows else after
        more = len(rows) == DOWNLOAD_LINES


def _line(data: dict[str, Any]) -> str:  # Any: a log event as JSON
    message = str(data["message"]).replace("\r", "\\r").replace("\n", "\n    ")
    return f"{data['at']} {data['level']:<7} {data.get('step_id') or '-'} {message}\n"


@router.get("/executions/{execution_id}/export.json")
async def export_json(execution_id: str, parts: PartsOf) -> Response:
    """Return an execution with its steps and its record as a file."""
    item = await parts.worker.execution(execution_id)
    text = item.model_dump_json(indent=2)
    headers = _attachment(f"{execution_id}.json")
    return Response(text, media_type="application/json", headers=headers)


@router.get("/executions/{execution_id}/export.xml")
async def export_junit(execution_id: str, parts: PartsOf) -> Response:
    """Return an execution as JUnit XML, as a file."""
    item = await parts.worker.execution(execution_id)
    headers = _attachment(f"{execution_id}.xml")
    return Response(junit_xml(item), media_type="application/xml", headers=headers)


@router.get("/executions/{execution_id}/artifacts")
async def artifacts(execution_id: str, parts: PartsOf) -> str:
    """Return the part of a page that lists the files that an execution has left."""
    found = await parts.worker.archive.artifacts(execution_id)
    return parts.pages.artifacts(execution_id, found)


@router.get("/executions/{execution_id}/artifacts/{name:path}")
async def artifact(execution_id: str, name: str, parts: PartsOf) -> Response:
    """Return a file that an execution has left; never to be shown in a page."""
    # An object, not the number: it is closed too when the client leaves before the first piece.
    file = await parts.worker.archive.open_artifact(execution_id, name)
    headers = {**ARTIFACT_HEADERS, **_attachment(name.rpartition("/")[2])}
    return StreamingResponse(_pieces(file), headers=headers)


async def _pieces(file: RawIOBase) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    with file:
        while piece := await loop.run_in_executor(None, file.read, PIECE_BYTES):
            yield piece


def _attachment(name: str) -> dict[str, str]:
    return {"content-disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}"}
