"""The addresses of the simulated gateway, a module for each family, a row for each address."""

from __future__ import annotations

from ignition_toolkit.simulator.routes import (
    identity,
    licensing,
    login,
    logs,
    modes,
    modules,
    perspective,
    projects,
    resources,
    restarts,
    tags,
    trying,
    upkeep,
    visitors,
)
from ignition_toolkit.simulator.routing import Row

FAMILIES = (
    identity,
    login,
    licensing,
    modules,
    restarts,
    upkeep,
    projects,
    resources,
    tags,
    logs,
    visitors,
    modes,
    perspective,
    trying,
)

ROWS: tuple[Row, ...] = tuple(row for family in FAMILIES for row in family.ROWS)
