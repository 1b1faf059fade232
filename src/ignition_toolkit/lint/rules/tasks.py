"""Tasks that nobody holds."""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes

from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.rules.base import Rule, Sight, rule
from ignition_toolkit.lint.scene import Scene, Site

_MAKERS = (
    "asyncio.create_task", "asyncio.ensure_future", "asyncio.get_running_loop().create_task",
)  # fmt: skip


@rule
class LostTask(Rule):
    """A task that is started and not kept."""

    code = "ITK114"
    name = "a task that nobody holds"
    harm = "the step ends and the task does not: it acts after *cancelled*, or vanishes halfway"
    fix = "Await it, start it in an `asyncio.TaskGroup`, or keep it and cancel it in `finally`."

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for tasks as statements; in handlers also for variables that nobody uses."""
        in_handler = reach is not None and reach.entry is not None
        for site in scene.calls:
            if site.calls(*_MAKERS):
                parent = site.node.parent
                if isinstance(parent, nodes.Expr):
                    yield Sight(site.node, f"`{site.node.func.as_string()}` whose task is dropped")
                elif in_handler and _is_forgotten(site, scene):
                    yield Sight(site.node, "a task that is neither awaited nor cancelled")


def _is_forgotten(site: Site, scene: Scene) -> bool:
    """Say whether the task is put into a local variable that is read nowhere."""
    parent = site.node.parent
    if not isinstance(parent, nodes.Assign) or len(parent.targets) != 1:
        return False
    target = parent.targets[0]
    if not isinstance(target, nodes.AssignName):
        return False
    used = (
        node
        for node in scene.function.nodes_of_class(nodes.Name)
        if node.name == target.name and not _only_calls_back(node)
    )
    return next(used, None) is None


def _only_calls_back(node: nodes.Name) -> bool:
    """`task.add_done_callback(...)` holds nothing."""
    return isinstance(node.parent, nodes.Attribute) and node.parent.attrname in {
        "add_done_callback",
        "set_name",
        "get_name",
    }
