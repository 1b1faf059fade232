"""What a failure of the database means, in words that show nothing that was stored."""

from __future__ import annotations

from sqlalchemy import exc

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.backend import READERS


def reason(error: BaseException) -> str:
    """Return a database error's own words, without the statement and without what was bound."""
    if isinstance(error, exc.TimeoutError):
        return f"all {READERS} reading connections are in use"
    words = str(error.orig) if isinstance(error, exc.DBAPIError) else str(error)
    # PostgreSQL's further lines quote the row that it refused.
    return words.partition("\n")[0].strip()


def refused(error: Exception) -> StoreError:
    """Return what the caller of a group gets that cannot be stored."""
    if isinstance(error, StoreError):
        return error
    made = StoreError(f"The changes of one group cannot be stored: {reason(error)}")
    if not isinstance(error, exc.DBAPIError):
        made.__cause__ = error
    return made
