"""What a simulated gateway holds that was given no state."""

from __future__ import annotations

from ignition_toolkit.simulator.state import State


def sample_state() -> State:
    """Return fresh contents, the same each time."""
    return State()
