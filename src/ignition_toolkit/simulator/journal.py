"""What pages of the simulated gateway tell of a person's acts: the truth for tests of browsers."""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

#: Acts that are remembered.
KEPT = 10_000

#: Characters that are kept of each text.
LONGEST = 200


@dataclass(frozen=True)
class Act:
    """One act on a page. Its time is the machine's, in seconds since 1970, when it was told."""

    number: int
    #: What happened: `load`, `click`, `change`, `form`, `tick`, `beat`, `socket-open` and so on.
    act: str
    #: The element: its id, else its label, its component's path, or its tag.
    target: str
    #: The page's path.
    page: str
    at: float
    #: Of a form: what was sent, passwords aside.
    values: dict[str, str] = field(default_factory=dict)

    # Any: JSON values.
    def to_json(self) -> dict[str, Any]:
        """Return all fields."""
        return asdict(self)


class Journal:
    """The last KEPT acts, oldest first."""

    def __init__(self) -> None:
        self._acts: deque[Act] = deque(maxlen=KEPT)
        self._numbers = itertools.count(1)

    def add(self, act: str, target: str, page: str, values: dict[str, str] | None = None) -> None:
        """Note an act now; long texts are cut."""
        short = (act[:LONGEST], target[:LONGEST], page[:LONGEST])
        kept = {name[:LONGEST]: text[:LONGEST] for name, text in (values or {}).items()}
        self._acts.append(Act(next(self._numbers), *short, time.time(), kept))

    def find(
        self, act: str | None = None, target: str | None = None, *, after: int = 0
    ) -> list[Act]:
        """Return the acts that fit, oldest first.

        Args:
            act, target: None for any.
            after: only those with a higher number.
        """
        return [
            one
            for one in self._acts
            if one.number > after and act in (None, one.act) and target in (None, one.target)
        ]

    def clear(self) -> None:
        """Forget all acts; the numbers go on."""
        self._acts.clear()
