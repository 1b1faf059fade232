"""The files that pages refer to, from memory."""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from ignition_toolkit.api.parts import PartsOf

router = APIRouter(include_in_schema=False)

#: Seconds; the addresses in pages change with the content.
KEEP_S = 24 * 3600


@router.get("/static/{name}")
async def static_file(name: str, parts: PartsOf) -> Response:
    """Return one file."""
    file = parts.static.get(name)
    if file is None:
        raise HTTPException(404)
    keep = {"cache-control": f"private, max-age={KEEP_S}", "etag": f'"{file.version}"'}
    return Response(file.content, media_type=file.media_type, headers=keep)
