"""Which server a command talks to."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import SplitResult, urlsplit

from ignition_toolkit.errors import OperatorError
from ignition_toolkit.execution.owner import FolderLock, Owner
from ignition_toolkit.execution.settings import default_data_dir

DEFAULT_URL = "http://127.0.0.1:5000"


def chosen_url(option: str | None) -> str | None:
    """Return the address that `--server`, else ITK_SERVER names, None when neither does.

    Raises:
        OperatorError: it is not the address of a server.
    """
    if option is not None:
        return checked_url(option, "--server")
    variable = os.environ.get("ITK_SERVER")
    return checked_url(variable, "ITK_SERVER") if variable else None


def server_url(option: str | None) -> str:
    """Return the address that a command about executions asks.

    That is `--server`, else ITK_SERVER, else the server that owns the default data folder, else
    DEFAULT_URL.
    """
    if url := chosen_url(option):
        return url
    owner = default_owner()
    return (owner.url if owner else None) or DEFAULT_URL


def default_owner() -> Owner | None:
    """Return who owns the default data folder, None when nobody does or it cannot be told."""
    try:
        return FolderLock.owner(default_data_dir())
    except OperatorError:
        return None


def checked_url(text: str, origin: str) -> str:
    """Return an address as `http://host:port`; `host:port` alone is understood.

    Raises:
        OperatorError: it is something else; `origin` says where it came from.
    """
    url = text.strip()
    if "://" not in url:
        url = f"http://{url}"
    try:
        fits = _is_address(urlsplit(url))
    except ValueError:
        fits = False
    if not fits:
        raise OperatorError(
            f"{origin}: expected the address of a server, as in {DEFAULT_URL}, found {text!r}"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_address(parts: SplitResult) -> bool:
    named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    return named and not (parts.query or parts.fragment or parts.username)
