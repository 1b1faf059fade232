"""Who sits at this command line."""

from __future__ import annotations

import getpass


def login_name() -> str | None:
    """Return the login name of this user, None when the system has none for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None
