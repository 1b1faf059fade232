"""Threads, processes and browsers: what a cancelled task does not take with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from astroid import nodes

from ignition_toolkit.lint.barriers import has_barrier
from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.project import everything
from ignition_toolkit.lint.rules.base import Rule, Sight, rule, short
from ignition_toolkit.lint.scene import Scene, Site
from ignition_toolkit.lint.syntax import catches_cancel, cleanup_around, own_of
from ignition_toolkit.lint.values import Instance, Outside, Value

_THREADS = (
    "asyncio.to_thread", "run_in_executor", "anyio.to_thread.run_sync", "to_thread.run_sync",
    "run_in_threadpool", "threading.Thread", "threading.Timer", "_thread.start_new_thread",
    "concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor",
)  # fmt: skip
_STOPS = {"set", "stop", "close", "cancel", "shutdown", "terminate", "kill", "put", "put_nowait"}
_PROCESSES = (
    "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "subprocess.Popen",
    "anyio.open_process", "multiprocessing.Process", "os.posix_spawn", "os.posix_spawnp",
    "os.spawnv", "os.spawnl", "os.spawnvp", "os.spawnlp", "os.popen", "os.startfile",
)  # fmt: skip
_FORKS = ("os.fork", "os.forkpty", "pty.fork")
_ENDS = {"kill", "terminate", "killpg", "send_signal", "aclose"}


@rule
class ThreadWithoutStop(Rule):
    """Work in a thread that nothing stops."""

    code = "ITK109"
    name = "work in a thread or executor without a stop"
    harm = (
        "the task ends and the thread works on: what it does comes after *cancelled*, until the"
        " sweep kills the runner"
    )
    fix = (
        "Await it instead; where that cannot be, give the work an Event that it looks at, and set"
        " it in `finally`."
    )
    handlers_only = True

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for threads in functions that stop nothing in their cleanup."""
        if _cleans_up_by(scene, _STOPS):
            return
        for site in scene.calls:
            if site.calls(*_THREADS):
                yield Sight(site.node, f"`{short(site.names)}` without a stop in a cleanup")


@rule
class ProcessWithoutEnd(Rule):
    """A child process that a cancel does not end."""

    code = "ITK110"
    name = "a child process that is not ended on cancel"
    harm = (
        "the await ends and the process lives on, and acts after *cancelled* until the sweep finds"
        " it"
    )
    fix = (
        "Start it before a `try` whose `finally` kills it (its group too, where it starts others),"
        " and wait for its end with a bound."
    )
    handlers_only = True

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for processes in functions that end none in their cleanup, and for forks."""
        ends = _cleans_up_by(scene, _ENDS) or _holder_ends(scene, reach)
        for site in scene.calls:
            if site.calls(*_FORKS):
                yield Sight(site.node, "`os.fork` inside a running event loop")
            elif site.calls(*_PROCESSES) and not ends:
                yield Sight(site.node, f"`{short(site.names)}` without an end in a cleanup")


def _cleans_up_by(scene: Scene, verbs: set[str]) -> bool:
    """Say whether a cleanup of the function calls one of these, or `on_cancel` is given."""
    for node in scene.body:
        if isinstance(node, nodes.Try):
            statements = list(node.finalbody)
            for handler in node.handlers:
                statements += handler.body if catches_cancel(handler) else []
            if any(_verb(one) in verbs for one in own_of(statements)):
                return True
    return any(
        site.calls("with_cancellation_check")
        and any(k.arg == "on_cancel" for k in site.node.keywords)
        for site in scene.calls
    )


def _holder_ends(scene: Scene, reach: Reach | None) -> bool:
    """A class up the chain ends processes of its own, and somebody has it do so.

    That is a caller with a cleanup, or, by the class's own `close`, the engine at the end.
    """
    if reach is None:
        return False
    chain = reach.chain()
    cleans = any(_has_cleanup(step.function.node) for step in chain)
    owners = {step.function.owner for step in chain} - {None, reach.entry}
    return any(
        (cleans or _is_closed(owner, scene))
        and any(_verb(node) in _ENDS for node in everything(owner))
        for owner in owners
        if owner is not None
    )


def _is_closed(owner: nodes.ClassDef, scene: Scene) -> bool:
    return any(scene.resolver.method(owner, name) is not None for name in ("close", "aclose"))


def _has_cleanup(function: nodes.NodeNG) -> bool:
    return any(
        isinstance(node, nodes.Try)
        and (node.finalbody or any(catches_cancel(handler) for handler in node.handlers))
        for node in everything(function)
    )


def _verb(node: nodes.NodeNG) -> str:
    if not isinstance(node, nodes.Call):
        return ""
    func = node.func
    if isinstance(func, nodes.Attribute):
        return str(func.attrname)
    return str(func.name) if isinstance(func, nodes.Name) else ""


_ACTIONS = frozenset(
    {
        "goto", "reload", "go_back", "go_forward", "click", "dblclick", "tap", "fill", "type",
        "press", "check", "uncheck", "set_checked", "select_option", "set_input_files", "hover",
        "focus", "drag_to", "drag_and_drop", "dispatch_event", "evaluate", "evaluate_handle",
        "wait_for_selector", "wait_for_load_state", "wait_for_url", "wait_for_function",
        "wait_for_timeout", "wait_for_event", "wait_for", "inner_text", "text_content",
        "input_value", "is_visible", "screenshot", "pdf", "content", "set_content",
        "press_sequentially", "scroll_into_view_if_needed", "new_page", "new_context", "launch",
        "launch_persistent_context",
    }
)  # fmt: skip
_TYPES = {
    "Page", "Frame", "Locator", "ElementHandle", "FrameLocator", "Browser", "BrowserContext",
    "BrowserType", "Keyboard", "Mouse", "JSHandle",
}  # fmt: skip
#: How people call such objects where nothing says what they are.
_NAMES = re.compile(r"(^|_)(page|frame|locator|browser|chromium|firefox|webkit)$")
_BUILDERS = re.compile(r"\b(page|frame)\.(locator|get_by_\w+|frame_locator|keyboard|mouse)\b")


@rule
class BareBrowserCall(Rule):
    """A Playwright call that is awaited bare."""

    code = "ITK115"
    name = "a Playwright call outside with_cancellation_check"
    harm = (
        "the await ends but the browser may still do it: a click in flight lands, a navigation"
        " goes on and its scripts run"
    )
    fix = (
        "Write `await with_cancellation_check(page.click(...), on_cancel=context.close)`, and never"
        " use the page again after a cancel."
    )
    handlers_only = True

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for awaited calls of Playwright's objects."""
        if reach is None or reach.has_barrier:
            return
        for node in scene.body:
            if isinstance(node, nodes.Await) and isinstance(node.value, nodes.Call):
                if _is_cleanup(node, scene) or has_barrier(scene, node.value):
                    continue
                if _is_action(scene.site(node.value), scene):
                    yield Sight(node.value, f"`{node.value.func.as_string()}` awaited bare")


def _is_cleanup(node: nodes.NodeNG, scene: Scene) -> bool:
    """What a cleanup awaits is ITK112's."""
    return cleanup_around(node, scene.function) is not None


def _is_action(site: Site, scene: Scene) -> bool:
    func = site.node.func
    if not isinstance(func, nodes.Attribute) or func.attrname not in _ACTIONS:
        return False
    values = scene.values(func.expr)
    told = [value for value in values if not _is_untold(value)]
    if told:
        return any(_is_playwright(value) for value in told)
    text = func.expr.as_string()
    return bool(_NAMES.search(text) or _BUILDERS.search(text))


def _is_untold(value: Value) -> bool:
    return isinstance(value, Outside) and value.name.startswith("builtins.")


def _is_playwright(value: Value) -> bool:
    if isinstance(value, Instance):
        return False
    return isinstance(value, Outside) and (
        value.name.startswith("playwright.") or value.name.rpartition(".")[2] in _TYPES
    )
