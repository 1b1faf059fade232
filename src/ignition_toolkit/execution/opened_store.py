"""Opens the database of a data folder."""

from __future__ import annotations

from collections.abc import Callable

from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.storage import EventRow, Store, database_url


def open_store(
    settings: Settings, on_commit: Callable[[list[EventRow]], None] | None = None
) -> Store:
    """Open the store of a data folder that this process owns; see `Store.open`."""
    url = settings.database_url or database_url(settings.data_dir / "itk.db")
    return Store.open(url, on_commit=on_commit)
