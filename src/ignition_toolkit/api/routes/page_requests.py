"""What the pages' handlers have in common: forms of ours, and what every page shows."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from ignition_toolkit.api.access import is_open
from ignition_toolkit.api.form_fields import form_fields
from ignition_toolkit.api.parts import Parts, PartsOf
from ignition_toolkit.execution.requests import Wanted
from ignition_toolkit.web.forms import TOKEN_FIELD
from ignition_toolkit.web.page_parts import Frame

#: Executions that are not over and that a page knows by their ids.
BUSY_IDS = 200

#: Seconds that a worker has to say what runs, for a page that tells of a problem.
FRAME_S = 1.0

PAGE_ROWS = 50

#: Characters of what is searched for.
MAX_SEARCH = 200


async def _form(request: Request, parts: PartsOf) -> dict[str, str]:
    """Return the fields of a form of ours; any other is refused."""
    fields = await form_fields(request)
    if not parts.form_token.fits(fields.get(TOKEN_FIELD, "")):
        raise HTTPException(
            403, "This form is not, or no longer, one of this server's: reload the page."
        )
    return fields


FormOf = Annotated[dict[str, str], Depends(_form)]


async def frame_if_any(request: Request) -> Frame | None:
    """Return what a page that tells of a problem shows around that.

    None where the worker does not say it, and where everybody may look without the token.
    """
    if is_open(request.url.path):
        return None
    try:
        async with asyncio.timeout(FRAME_S):
            return await frame_of(request.app.state.parts)
    except Exception:  # noqa: BLE001 - border: a page that tells of a mistake must not make one
        return None


async def frame_of(parts: Parts) -> Frame:
    """Return what a page shows around its own part. To be asked for before anything else."""
    # The number first: an event in between comes twice to the page, never not at all.
    after = await parts.worker.last_event_id()
    running = await parts.worker.executions(Wanted(over=False), limit=BUSY_IDS)
    return Frame([item.execution_id for item in running.items], running.total, after)
