"""The files that pages refer to, from memory."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from ignition_toolkit.api.parts import PartsOf

router = APIRouter(include_in_schema=False)

#: Seconds; the addresses in pages change with the content.
KEEP_S = 24 * 3600


@router.get("/static/{name}")
async def static_file(name: str, parts: PartsOf, request: Request, v: str = "") -> Response:
    """Return one file. Without its version, as scripts name each other, it is not kept."""
    file = parts.static.get(name)
    if file is None:
        raise HTTPException(404)
    keep = f"private, max-age={KEEP_S}" if v == file.version else "no-cache"
    headers = {"cache-control": keep, "etag": f'"{file.version}"'}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
