"""The installed step kinds as classes, and those that cannot be loaded."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import NamedTuple

from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.playbook.catalog import ENTRY_POINT_GROUP
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.runner.kinds import handlers_of

#: The distribution whose kinds are the toolkit's own.
OURS = "ignition-toolkit"


class Installed(NamedTuple):
    """What is installed."""

    #: Handlers by kind, sorted.
    kinds: dict[str, type[StepHandler]]
    #: The same, and those that the patterns leave out.
    all: dict[str, type[StepHandler]]
    #: What is wrong with a module, by module.
    broken: dict[str, str]


def installed(patterns: Sequence[str], *, with_own: bool) -> Installed:
    """Import the modules of step kinds and return what they hold.

    Args:
        patterns: of kinds, such as `acme.*`; none for all.
        with_own: whether the toolkit's own kinds are among them.
    """
    found: dict[str, type[StepHandler]] = {}
    broken: dict[str, str] = {}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        if not with_own and entry.dist is not None and entry.dist.name == OURS:
            continue
        try:
            found |= handlers_of(entry.module)
        except HandlerBroken as error:
            broken[entry.module] = error.message
    kinds = {name: found[name] for name in sorted(found) if _matches(name, patterns)}
    return Installed(kinds, found, broken)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
