"""The page on which a person logs in, and the button that logs out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ignition_toolkit.api.access import Access, address_of, retry_after, unauthorized
from ignition_toolkit.api.form_fields import form_fields
from ignition_toolkit.api.parts import Parts, PartsOf
from ignition_toolkit.api.returning import (
    HOME,
    LOGGED_OUT,
    LOGIN_PATH,
    LOGOUT_PATH,
    UNDONE,
    local_path,
    logged_out_address,
)
from ignition_toolkit.web.forms import TOKEN_FIELD

router = APIRouter(include_in_schema=False)

NOTES: Mapping[str, str] = {
    UNDONE: "You were not logged in any more, and nothing was done. Log in, and do it again.",
    LOGGED_OUT: "You are logged out.",
}

STALE = "The server has started anew since this page was opened. Please try again."
WRONG = "This is not the server's access token."
WRONG_AGAIN = "This is not the server's access token. Many wrong ones have come from here of late."


@router.get(LOGIN_PATH)
async def login_page(
    request: Request,
    parts: PartsOf,
    goes_to: Annotated[str, Query(alias="next")] = HOME,
    note: str = "",
) -> Response:
    """Show the page, or go on at once when there is nothing to log in to."""
    access, goes_to = parts.access, local_path(goes_to)
    if access is None or access.admits(request.headers):
        return RedirectResponse(goes_to, status_code=303)
    page = parts.pages.login(access.form_token, goes_to, note=NOTES.get(note, ""))
    return HTMLResponse(page)


@router.post(LOGIN_PATH)
async def log_in(request: Request, parts: PartsOf) -> Response:
    """Open a session for who knows the token, and go on where the person wanted to be."""
    if parts.access is None:
        return RedirectResponse(HOME, status_code=303)
    fields = await form_fields(request)
    goes_to = local_path(fields.get("next", ""))
    if refusal := _refusal(request, parts, parts.access, fields):
        return refusal
    answer = RedirectResponse(goes_to, status_code=303)
    parts.access.log_in(answer, request.headers)
    return answer


@router.post(LOGOUT_PATH)
async def log_out(request: Request, parts: PartsOf) -> Response:
    """End the session. The button sends no fields, so there is no form to check."""
    if parts.access is None:
        return RedirectResponse(HOME, status_code=303)
    answer = RedirectResponse(logged_out_address(), status_code=303)
    parts.access.log_out(answer, request.headers)
    return answer


def _refusal(
    request: Request, parts: Parts, access: Access, fields: Mapping[str, str]
) -> Response | None:
    """Return the page again with what is wrong, None when nothing is."""

    def again(message: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
        goes_to = local_path(fields.get("next", ""))
        page = parts.pages.login(access.form_token, goes_to, message=message)
        return HTMLResponse(page, status_code=status, headers=headers)

    if not access.form_token.fits(fields.get(TOKEN_FIELD, "")):
        return again(STALE, 403)
    # What is copied from a file often has a line end.
    if access.fits(fields.get("token", "").strip()):
        return None
    wait_s = access.attempts.wrong(address_of(request.scope))
    if wait_s is None:
        challenge = unauthorized("another one").headers["www-authenticate"]
        return again(WRONG, 401, {"www-authenticate": challenge})
    return again(WRONG_AGAIN, 429, {"retry-after": retry_after(wait_s)})
