"""What a rule is: its code and texts on top, and one function that looks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from astroid import nodes

from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.scene import Scene
from ignition_toolkit.lint.syntax import is_coroutine
from ignition_toolkit.lint.values import is_named

#: Every rule by its code, in the order of the codes.
RULES: dict[str, type[Rule]] = {}


@dataclass(frozen=True)
class Sight:
    """A place that a rule does not like, and what is there in a few words."""

    node: nodes.NodeNG
    what: str


class Rule(ABC):
    """One way of losing a cancel. Derive, decorate with `rule`, write `look`.

    Attributes:
        code: `ITK` and three digits.
        name: a few words, for lists.
        harm: what happens to the person who presses Cancel; follows "On Cancel".
        fix: what to write instead, as an order.
        handlers_only: look only at what a handler's `execute` reaches.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    harm: ClassVar[str]
    fix: ClassVar[str]
    handlers_only: ClassVar[bool] = False

    @abstractmethod
    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Yield what is wrong in one function.

        Args:
            scene: the function.
            reach: how a handler or a coroutine gets there; None where nobody does.
        """


def rule(cls: type[Rule]) -> type[Rule]:
    """Take a rule in."""
    if cls.code in RULES:
        raise ValueError(f"two rules have the code {cls.code}")
    RULES[cls.code] = cls
    return cls


def runs_in_loop(scene: Scene, reach: Reach | None) -> bool:
    """Say whether a function runs in an event loop's thread: a coroutine, or called by one."""
    if reach is None:
        return scene.is_async
    return any(is_coroutine(one.function.node) for one in reach.chain())


def short(names: frozenset[str]) -> str:
    """Return how a message calls something: its shortest name, without what nobody can tell."""
    name = min(names, key=lambda one: (len(one), one))
    return name.removeprefix("?.").removeprefix("builtins.")


def ends_in(names: frozenset[str], wanted: frozenset[str]) -> bool:
    """Say whether one of the names is one of the wanted, by its end."""
    return any(is_named(name, one) for name in names for one in wanted)
