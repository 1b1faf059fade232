"""The fields of a page's form, as a request brings them."""

from __future__ import annotations

from fastapi import Request
from starlette.exceptions import HTTPException

from ignition_toolkit.web.forms import read_form


async def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form, whosever it is. Raises HTTPException when it is none."""
    try:
        return read_form(await request.body())
    except ValueError as error:
        raise HTTPException(400, f"The form cannot be read: {error}.") from error
