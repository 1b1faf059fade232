"""Lines: who has a claimed thing, and who comes after in which order."""

from __future__ import annotations

from collections.abc import Iterable

from ignition_toolkit.execution.views import Claim


class Lines:
    """One line for each claimed thing, of executions in the order of asking.

    Who stands first has the thing, or takes it as soon as it starts. An execution joins all its
    lines at one moment, so that two never stand in one order here and in the other there: nobody
    waits for somebody who waits for it, and nobody is passed by a later one that wants the same.
    """

    def __init__(self) -> None:
        # A dict keeps the order and gives up any member at once; empty lines are not kept.
        self._lines: dict[Claim, dict[str, None]] = {}
        self._claims: dict[str, tuple[Claim, ...]] = {}

    def join(self, execution_id: str, claims: Iterable[Claim]) -> None:
        """Put an execution, which is in none, at the end of the line for each of its claims."""
        self._claims[execution_id] = tuple(sorted(claims))
        for claim in self._claims[execution_id]:
            self._lines.setdefault(claim, {})[execution_id] = None

    def leave(self, execution_id: str) -> tuple[Claim, ...]:
        """Take an execution out of all its lines; return its claims, none when it is in none."""
        claims = self._claims.pop(execution_id, ())
        for claim in claims:
            line = self._lines[claim]
            del line[execution_id]
            if not line:
                del self._lines[claim]
        return claims

    def missing(self, execution_id: str) -> list[Claim]:
        """Return the claims of an execution for which somebody stands before it, in order."""
        return [claim for claim in self._claims[execution_id] if self.first(claim) != execution_id]

    def first(self, claim: Claim) -> str:
        """Return who stands first; somebody has to be in that line."""
        return next(iter(self._lines[claim]))
