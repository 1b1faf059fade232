"""The addresses of the simulated gateway, a module for each family, a row for each address."""

from __future__ import annotations

from ignition_toolkit.simulator.routes import identity, licensing, login, restarts
from ignition_toolkit.simulator.routing import Row

ROWS: tuple[Row, ...] = (*identity.ROWS, *login.ROWS, *licensing.ROWS, *restarts.ROWS)
