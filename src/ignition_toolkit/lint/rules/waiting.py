"""Waits without an end."""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes

from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.rules.base import Rule, Sight, ends_in, rule, short
from ignition_toolkit.lint.scene import Scene, Site
from ignition_toolkit.lint.syntax import is_none, keyword, names_in, own_of

_FOREVER = frozenset(
    {
        "asyncio.Event.wait", "asyncio.Condition.wait", "asyncio.Condition.wait_for",
        "asyncio.Lock.acquire", "asyncio.Semaphore.acquire", "asyncio.BoundedSemaphore.acquire",
        "asyncio.Barrier.wait", "asyncio.Queue.get", "asyncio.Queue.put", "asyncio.Queue.join",
        "asyncio.PriorityQueue.get", "asyncio.LifoQueue.get", "asyncio.subprocess.Process.wait",
        "asyncio.subprocess.Process.communicate", "asyncio.open_connection",
        "asyncio.open_unix_connection", "asyncio.StreamReader.read", "anyio.Event.wait",
        "asyncio.StreamReader.readline", "asyncio.StreamReader.readuntil", "anyio.sleep_forever",
        "asyncio.StreamReader.readexactly", "asyncio.get_running_loop().sock_recv",
        "asyncio.get_running_loop().sock_connect", "asyncio.get_running_loop().sock_accept",
        "asyncio.open_connection().read", "asyncio.get_running_loop().create_future()",
    }
)  # fmt: skip
_CLIENTS = ("httpx", "httpx2", "aiohttp", "requests", "websockets")
#: Words by which a loop shows that it looks at the clock.
_CLOCK = ("time", "deadline", "timeout", "remaining", "until", "elapsed", "left", "monotonic",
          "attempts", "retries", "tries")  # fmt: skip


@rule
class UnboundedWait(Rule):
    """A wait with no deadline anywhere up the chain."""

    code = "ITK111"
    name = "a wait without a deadline"
    harm = (
        "it ends at once; but where nobody presses it, what never comes is waited for until the"
        " step's timeout, and the error then says nothing of what was missing"
    )
    fix = (
        "Put `async with asyncio.timeout(seconds):` around it, here or in a caller, or poll by"
        " `cancellable_poll(..., timeout=...)`."
    )
    handlers_only = True

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for waits, unless a caller set a deadline."""
        if reach is None or reach.has_deadline:
            return
        for site in scene.calls:
            if _is_endless(site, scene) and not scene.has_deadline(site.node):
                yield Sight(site.node, f"`{short(site.names)}` waits without a deadline")
        yield from self._loops(scene)

    def _loops(self, scene: Scene) -> Iterator[Sight]:
        """A loop that sleeps and never looks at the clock."""
        for node in scene.body:
            if isinstance(node, nodes.While) and not scene.has_deadline(node):
                sleeps = [
                    one
                    for one in own_of(node.body)
                    if isinstance(one, nodes.Call) and scene.site(one).calls("cancellable_sleep")
                ]
                if sleeps and not _looks_at_clock(node):
                    yield Sight(node, "a loop that sleeps and looks at no clock")


def _is_endless(site: Site, scene: Scene) -> bool:
    if ends_in(site.names, _FOREVER):
        # As an argument of anybody else it is for them to say when it ends.
        return isinstance(site.node.parent, nodes.Await) or any(
            one.calls("asyncio.wait_for", "asyncio.shield")
            for one, _ in scene.calls_around(site.node)
        )
    if site.calls("asyncio.wait"):
        return is_none(keyword(site.node, "timeout"))
    timeout = keyword(site.node, "timeout")
    return (
        timeout is not None
        and is_none(timeout)
        and any(name.partition(".")[0] in _CLIENTS for name in site.names)
    )


def _looks_at_clock(node: nodes.While) -> bool:
    said = {name.lower() for one in [node.test, *node.body] for name in names_in(one)}
    return any(word in name for name in said for word in _CLOCK)
