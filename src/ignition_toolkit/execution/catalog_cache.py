"""Keeps the catalog of step kinds in the data folder, under a key of what is installed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.playbook.catalog import Catalog, installed_key

FILE_NAME = "catalog.json"


async def load_catalog(data_dir: Path, pool: RunnerPool) -> Catalog:
    """Return the catalog: the kept one while its key is right, else a runner's answer."""
    loop = asyncio.get_running_loop()
    kept = await loop.run_in_executor(None, _read, data_dir / FILE_NAME)
    if kept is not None:
        return kept
    catalog = await pool.describe()
    await loop.run_in_executor(None, _write, data_dir / FILE_NAME, catalog)
    return catalog


def _read(path: Path) -> Catalog | None:
    try:
        kept = Catalog.from_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return kept if kept.key == installed_key() else None


def _write(path: Path, catalog: Catalog) -> None:
    new = path.with_suffix(".new")
    new.write_text(catalog.to_json(), encoding="utf-8")
    os.replace(new, path)
