"""Which access token a command sends to a server, and what to do when that is not the right one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from ignition_toolkit.errors import AccessDenied, OperatorError
from ignition_toolkit.execution.access_token import (
    FILE_NAME,
    VARIABLE,
    AccessToken,
    token_from_environment,
    token_from_folder,
)
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.settings import default_data_dir

_DEFAULT_PORTS = {"http": 80, "https": 443}


def token_for(url: str, data_dir: Path | None = None) -> AccessToken | None:
    """Return the token for a server: ITK_TOKEN, else that of the data folder which it owns.

    Args:
        url: the server's address; a token from a folder goes to the folder's owner only.
        data_dir: the folder; None for the default one.

    Raises:
        OperatorError: ITK_TOKEN cannot be used.
    """
    if given := token_from_environment():
        return given
    try:
        folder = data_dir or default_data_dir()
        owner = FolderLock.owner(folder)
    except OperatorError:
        return None
    if owner is None or owner.kind != "server" or not owner.url:
        return None
    return token_from_folder(folder) if _place(owner.url) == _place(url) else None


def denied(url: str, sent: AccessToken | None) -> AccessDenied:
    """Return the error for a server that does not take what was sent, with what to do."""
    if sent is None:
        found = f"the server at {url} asks for its access token, and none was found"
    else:
        found = f"the server at {url} does not take the access token in {sent.origin}"
    return AccessDenied(
        f"{found}: set {VARIABLE} to what the file `{FILE_NAME}` in its data folder holds, or to "
        f"the {VARIABLE} that it was started with"
    )


def _place(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address; the names of this machine are one."""
    parts: SplitResult = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    return parts.scheme, "127.0.0.1" if host == "localhost" else host, port
