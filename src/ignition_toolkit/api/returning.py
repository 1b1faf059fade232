"""Where a person goes on after the log-in: to a page of this server, and never anywhere else."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

LOGIN_PATH = "/login"
LOGOUT_PATH = "/logout"
HOME = "/"

#: Why somebody is shown the log-in page, as its address says it.
UNDONE, LOGGED_OUT = "undone", "out"

MAX_LENGTH = 2000

#: A path and a query as a browser writes them. Two slashes, or one and a backslash, would begin
#: another server's name.
_LOCAL = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*")


def local_path(text: str) -> str:
    """Return `text` when it is the address of a page of this server, else that of the first one."""
    if len(text) > MAX_LENGTH or _LOCAL.fullmatch(text) is None:
        return HOME
    return HOME if text.partition("?")[0] in (LOGIN_PATH, LOGOUT_PATH) else text


def login_address(scope: Scope, headers: Headers) -> str:
    """Return the address of the log-in page that leads back to where a request was made.

    A request that would have changed something leads back to the page it was sent from, and the
    log-in page says that nothing was done.
    """
    if scope["method"] in ("GET", "HEAD"):
        query = scope["query_string"]
        asked = scope.get("raw_path", b"") + (b"?" + query if query else b"")
        return _address(local_path(asked.decode("latin-1")), "")
    return _address(_page_of(headers), UNDONE)


def logged_out_address() -> str:
    """Return the address of the log-in page for somebody who has just logged out."""
    return _address(HOME, LOGGED_OUT)


def _address(path: str, note: str) -> str:
    said = {"next": "" if path == HOME else quote(path, safe=""), "note": note}
    query = "&".join(f"{name}={value}" for name, value in said.items() if value)
    return f"{LOGIN_PATH}?{query}" if query else LOGIN_PATH


def _page_of(headers: Headers) -> str:
    """Return the page that sent a form; the first one where none of this server did."""
    try:
        sender = urlsplit(headers.get("referer", ""))
    except ValueError:
        return HOME
    if sender.netloc.lower() != headers.get("host", "").lower():
        return HOME
    return local_path(sender.path + (f"?{sender.query}" if sender.query else ""))
