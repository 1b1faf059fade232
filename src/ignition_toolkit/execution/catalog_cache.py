"""Keeps the catalog of step kinds in the data folder, under a key of what is installed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ignition_toolkit.playbook.catalog import Catalog

logger = logging.getLogger(__name__)

FILE_NAME = "catalog.json"


def read_kept(data_dir: Path, key: str) -> Catalog | None:
    """Return the kept catalog, None when there is none for this key. Blocks.

    One with broken modules is not believed: what they lacked may have been installed since, which
    the key does not show.
    """
    try:
        kept = Catalog.from_json((data_dir / FILE_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return kept if kept.key == key and not kept.broken else None


def keep(data_dir: Path, catalog: Catalog) -> None:
    """Keep a catalog for the next start, which is slower without. Blocks."""
    path = data_dir / FILE_NAME
    new = path.with_suffix(".new")
    try:
        new.write_text(catalog.to_json(), encoding="utf-8")
        os.replace(new, path)
    except OSError as error:
        logger.warning("the catalog of step kinds could not be kept in %s: %s", path, error)
