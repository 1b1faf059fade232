"""The rules, each by its code; `docs/rules.md` says the same to people."""

from ignition_toolkit.lint.rules import (  # noqa: F401 - each takes its rules in
    blocking,
    cleanup,
    conditions,
    outsiders,
    sleeping,
    swallowing,
    tasks,
    waiting,
)
from ignition_toolkit.lint.rules.base import RULES, Rule, Sight

__all__ = ["RULES", "Rule", "Sight"]
