"""Lines: who has a claimed thing, and who comes after in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ignition_toolkit.execution.views import Claim

#: Further names of claimed things, by the claim.
Aliases = Mapping[Claim, Collection[Claim]]


class Lines:
    """One line for each claimed thing, of executions in the order of asking.

    Who stands first has the thing, or takes it as soon as it starts. An execution joins all its
    lines at one moment, so that two never stand in one order here and in the other there: nobody
    waits for somebody who waits for it, and nobody is passed by a later one that wants the same.

    A thing may have several names: it has a line for each, and whoever wants it stands in all.
    """

    def __init__(self) -> None:
        # A dict keeps the order and gives up any member at once; empty lines are not kept.
        self._lines: dict[Claim, dict[str, None]] = {}
        #: What each execution claims, with all the names of it.
        self._claims: dict[str, dict[Claim, tuple[Claim, ...]]] = {}

    def join(
        self, execution_id: str, claims: Iterable[Claim], aliases: Aliases | None = None
    ) -> None:
        """Put an execution, which is in none, at the end of the line for each of its claims."""
        known = aliases or {}
        named = {claim: (claim, *sorted(known.get(claim, ()))) for claim in sorted(claims)}
        self._claims[execution_id] = named
        for name in _all(named):
            self._lines.setdefault(name, {})[execution_id] = None

    def leave(self, execution_id: str) -> tuple[Claim, ...]:
        """Take an execution out of all its lines; return its claims, none when it is in none."""
        named = self._claims.pop(execution_id, {})
        for name in _all(named):
            line = self._lines[name]
            del line[execution_id]
            if not line:
                del self._lines[name]
        return tuple(named)

    def missing(self, execution_id: str) -> list[Claim]:
        """Return the claims of an execution for which somebody stands before it, in order."""
        claims = self._claims[execution_id]
        return [claim for claim in claims if self.first(execution_id, claim) != execution_id]

    def first(self, execution_id: str, claim: Claim) -> str:
        """Return who stands first for a claim of an execution: itself, or who is before it."""
        firsts = (next(iter(self._lines[name])) for name in self._claims[execution_id][claim])
        return next((first for first in firsts if first != execution_id), execution_id)


def _all(named: Mapping[Claim, Iterable[Claim]]) -> set[Claim]:
    return {name for names in named.values() for name in names}
