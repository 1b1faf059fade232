"""What an execution that could not be stopped keeps from others, until a person releases it."""

from __future__ import annotations

from collections.abc import Iterable

from ignition_toolkit.execution.views import Claim, Holding
from ignition_toolkit.playbook.models import Leftover


def held(claims: Iterable[Claim]) -> Holding | None:
    """Return what an execution with these claims holds while it runs, None when nothing."""
    listed = tuple(sorted(claims))
    return Holding(claims=listed) if listed else None


def kept(claims: Iterable[Claim], leftovers: tuple[Leftover, ...]) -> Holding | None:
    """Return what stays blocked when an execution is over, None when nothing does."""
    holds = held(claims) if leftovers else None
    return holds.model_copy(update={"leftovers": leftovers}) if holds else None


def advice(execution_id: str, holds: Holding | None) -> str:
    """Return the end of an error: what stays blocked and how it is released; empty for nothing."""
    if holds is None:
        return ""
    return f"; {holds.title} stays blocked until `itk release {execution_id}`"
