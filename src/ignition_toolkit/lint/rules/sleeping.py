"""Sleeps, loops of sleeps, and looking for a cancel by hand."""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes

from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.rules.base import Rule, Sight, rule
from ignition_toolkit.lint.scene import Scene, Site
from ignition_toolkit.lint.syntax import above

_SLEEPS = ("asyncio.sleep", "asyncio.tasks.sleep", "anyio.sleep", "trio.sleep")


@rule
class DirectSleep(Rule):
    """A handler sleeps without the utility."""

    code = "ITK101"
    name = "asyncio.sleep in a handler"
    harm = (
        "it ends at once, but nothing tells it from the sleeps that poll, and each has a deadline,"
        " a drift and a fault of its own"
    )
    fix = "Write `await cancellable_sleep(seconds)`."
    handlers_only = True

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for sleeps outside loops; those in loops are ITK102's."""
        for site in _sleeps(scene):
            if _loop_around(site, scene) is None:
                yield Sight(site.node, "`asyncio.sleep` in a step handler's code")


@rule
class PollingLoop(Rule):
    """A handler polls by a loop of its own."""

    code = "ITK102"
    name = "a polling loop written by hand"
    harm = (
        "what is looked at between two sleeps is waited for without a bound, and sleeping in slices"
        " makes no cancel quicker"
    )
    fix = (
        "Write `await cancellable_poll(condition, timeout=..., poll_interval=...)`;"
        " for a plain wait, or in a loop that keeps a deadline itself, `cancellable_sleep`."
    )
    handlers_only = True

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for loops that sleep."""
        seen = set()
        for site in _sleeps(scene):
            loop = _loop_around(site, scene)
            if loop is not None and loop not in seen:
                seen.add(loop)
                yield Sight(loop, "a loop around `asyncio.sleep`, written by hand")


def _sleeps(scene: Scene) -> Iterator[Site]:
    for site in scene.calls:
        if site.calls(*_SLEEPS) and not _is_zero(site.node):
            yield site


def _is_zero(call: nodes.Call) -> bool:
    """`asyncio.sleep(0)` lets others run; it is no wait."""
    return bool(call.args) and isinstance(call.args[0], nodes.Const) and call.args[0].value == 0


def _loop_around(site: Site, scene: Scene) -> nodes.NodeNG | None:
    for parent, _ in above(site.node, scene.function):
        if isinstance(parent, nodes.While | nodes.For):
            return parent
    return None


_ASKED = ("cancelled", "cancelling")


@rule
class ManualCheck(Rule):
    """Code asks its own task whether it was cancelled."""

    code = "ITK103"
    name = "asking one's own task whether it is cancelled"
    harm = (
        "the answer is always no: inside a running task `cancelled()` is never true, and the check"
        " never fires"
    )
    fix = "Take the check out; the CancelledError comes by itself at the next await."

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for `current_task().cancelled()`, also by a variable."""
        for site in scene.calls:
            if site.calls("current_task().cancelled"):
                yield Sight(site.node, "`cancelled()` of the current task, asked by itself")
