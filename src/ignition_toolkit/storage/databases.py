"""The databases that the store knows, by their URLs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.backend import Backend
from ignition_toolkit.storage.postgres import Postgres
from ignition_toolkit.storage.sqlite import EXPECTED_URL, Sqlite


def backend_of(url: str) -> Backend:
    """Return the database that an URL names.

    Raises:
        StoreError: it names none that the store knows.
    """
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError as error:
        raise StoreError(f"{EXPECTED_URL}, found text that is no URL.") from error
    if parsed.drivername == "postgresql+psycopg":
        return Postgres(parsed)
    return Sqlite.of_url(parsed)
