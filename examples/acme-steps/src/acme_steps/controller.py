"""The filling line's controller: one question and one answer per TCP connection, in text.

    STATUS 3            ->  3 READY 1200              (line, state, bottles so far)
    RECIPE 3 cola-330   ->  3 ACCEPTED cola-330       or  3 REFUSED the line is running

Foreign errors end here: callers see LineUnreachable and LineRefused only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ignition_toolkit.errors import OutsideError, StepFailed

#: Seconds for one question and its answer.
ANSWER_S = 5.0


class LineUnreachable(OutsideError):
    """The controller does not answer, or answers what its manual does not know."""


class LineRefused(StepFailed):
    """The controller understood, and said no."""


@dataclass(frozen=True)
class LineStatus:
    """What the controller says of one line."""

    state: str
    bottles: int


@dataclass(frozen=True)
class LineController:
    """A controller by its address.

    Cancellation: every method raises at once and closes its connection; nothing is left behind
    here. What the controller does with a question that it already has cannot be taken back.
    """

    host: str
    port: int

    async def status(self, line: str) -> LineStatus:
        """Return how the line stands; raises LineUnreachable."""
        answer = await self._ask(f"STATUS {line}")
        match answer.split():
            case [_, state, bottles] if bottles.isdigit():
                return LineStatus(state.lower(), int(bottles))
        raise LineUnreachable(f"{self} said {answer!r}; expected 'LINE STATE BOTTLES'")

    async def set_recipe(self, line: str, recipe: str) -> None:
        """Give the line a recipe; raises LineRefused with its reason, or LineUnreachable."""
        answer = await self._ask(f"RECIPE {line} {recipe}")
        match answer.split(maxsplit=2):
            case [_, "ACCEPTED", _]:
                return
            case [_, "REFUSED", reason]:
                raise LineRefused(f"line {line} refused the recipe {recipe!r}: {reason}")
        raise LineUnreachable(f"{self} said {answer!r}; expected 'LINE ACCEPTED RECIPE'")

    async def _ask(self, question: str) -> str:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._exchange(question)
        except (TimeoutError, OSError) as error:
            why = str(error) or f"no answer within {ANSWER_S:g} s"
            raise LineUnreachable(f"{self} does not answer {question!r}: {why}") from error

    async def _exchange(self, question: str) -> str:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(f"{question}\n".encode())
            return (await reader.readline()).decode(errors="replace").strip()
        finally:
            # Not waited for: a clean-up must be over long before the 250 ms of a cancel.
            writer.close()

    def __str__(self) -> str:
        return f"the line controller at {self.host}:{self.port}"
