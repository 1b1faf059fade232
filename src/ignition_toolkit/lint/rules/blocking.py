"""Calls that hold the event loop's thread, so that no cancel is heard."""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes

from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.rules.base import Rule, Sight, ends_in, rule, runs_in_loop, short
from ignition_toolkit.lint.scene import Scene, Site
from ignition_toolkit.lint.syntax import above, argument, caught_names, is_none

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")
_BLOCKING = frozenset(
    {
        "time.sleep", "builtins.input", "os.system", "os.wait", "os.waitpid", "os.wait3",
        "os.wait4",
        "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output",
        "subprocess.getoutput", "subprocess.getstatusoutput", "subprocess.Popen.wait",
        "subprocess.Popen.communicate", "urllib.request.urlopen", "urllib.request.urlretrieve",
        "urllib3.request", "urllib3.PoolManager.request", "http.client.HTTPConnection.request",
        "http.client.HTTPConnection.getresponse", "http.client.HTTPSConnection.getresponse",
        "concurrent.futures.Future.result", "concurrent.futures.Future.exception",
        "concurrent.futures.wait", "concurrent.futures.as_completed",
        "threading.Thread.join", "threading.Timer.join", "threading.Lock.acquire",
        "threading.RLock.acquire", "threading.Semaphore.acquire", "threading.Condition.acquire",
        "threading.BoundedSemaphore.acquire", "threading.Condition.wait", "threading.Event.wait",
        "threading.Condition.wait_for", "threading.Barrier.wait", "multiprocessing.Process.join",
        "multiprocessing.Pool.map", "multiprocessing.Pool.apply", "multiprocessing.Event.wait",
        "multiprocessing.Lock.acquire", "multiprocessing.Queue.get", "queue.Queue.get",
        "queue.Queue.join", "queue.SimpleQueue.get", "queue.LifoQueue.get",
        "queue.PriorityQueue.get", "socket.create_connection", "socket.getaddrinfo",
        "socket.gethostbyname", "socket.gethostbyaddr", "socket.socket.accept",
        "socket.socket.connect", "socket.socket.recv", "socket.socket.recv_into",
        "socket.socket.recvfrom", "socket.socket.send", "socket.socket.sendall",
        "select.select", "select.poll().poll", "signal.pause", "signal.sigwait",
        "signal.sigwaitinfo", "ftplib.FTP", "smtplib.SMTP", "smtplib.SMTP_SSL", "getpass.getpass",
        "asyncio.run", "asyncio.get_running_loop().run_until_complete", "pyautogui.sleep",
        "pyautogui.typewrite", "pyautogui.write", "pyautogui.click", "pyautogui.press",
        "pyautogui.hotkey", "paramiko.SSHClient.connect", "paramiko.SSHClient.exec_command",
        "playwright.sync_api.sync_playwright",
        *(f"{library}.{verb}" for library in ("requests", "httpx", "httpx2") for verb in _VERBS),
        *(f"requests.Session.{verb}" for verb in _VERBS),
        *(f"{library}.Client.{verb}" for library in ("httpx", "httpx2") for verb in _VERBS),
    }
)  # fmt: skip
#: What blocks only if it is allowed to, and the name and place of the argument that says so.
_MAY_BLOCK = {
    "acquire": (0, "blocking"), "get": (0, "block"), "select": (3, "timeout"),
    "poll": (0, "timeout"), "wait": (0, "timeout"), "wait_for": (1, "timeout"),
    "join": (0, "timeout"), "result": (0, "timeout"), "exception": (0, "timeout"),
}  # fmt: skip
_BOUNDS = {"wait": 0, "wait_for": 1, "join": 0, "result": 0, "exception": 0, "select": 3}


@rule
class BlockingCall(Rule):
    """A call that holds the event loop, reached from a coroutine."""

    code = "ITK108"
    name = "a blocking call that a coroutine reaches"
    harm = (
        "nothing is heard while the call holds the event loop: the step's cleanup never runs, and"
        " its process, with the browser and all that it holds, is killed after 250 ms"
    )
    fix = (
        "Take what can be awaited: `cancellable_sleep`, an asynchronous client, asyncio's own"
        " subprocesses, queues and locks; where there is none, a process of its own that is ended"
        " in `finally`."
    )

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for blocking calls in what runs in a loop."""
        if not runs_in_loop(scene, reach):
            return
        in_handler = reach is not None and reach.entry is not None
        for site in scene.calls:
            if ends_in(_told(site), _BLOCKING) and not _is_polite(site, scene):
                if not in_handler and _is_bounded(site.node):
                    continue
                yield Sight(site.node, f"`{short(site.names)}` blocks the event loop")


def _told(site: Site) -> frozenset[str]:
    """The names by which a thing is known; the mere spelling of an unknown one proves nothing."""
    return frozenset(name for name in site.names if not name.startswith("?."))


def _is_polite(site: Site, scene: Scene) -> bool:
    """Say whether a call does not block here: it is told not to, or what it waits for is there."""
    call = site.node
    if isinstance(call.parent, nodes.Await) or _is_nonblocking(call, scene):
        return True
    name = _method(call)
    if name in {"result", "exception"} and _is_over(call, scene):
        return True
    if name in {"waitpid", "wait4"} and len(call.args) > 1:
        return not _is_nothing(call.args[1])
    place = _MAY_BLOCK.get(name)
    return place is not None and _is_nothing(argument(call, *place))


def _is_bounded(call: nodes.Call) -> bool:
    """Say whether a wait is given a timeout. Outside handlers its author is believed."""
    place = _BOUNDS.get(_method(call))
    return place is not None and not is_none(argument(call, place, "timeout"))


def _method(call: nodes.Call) -> str:
    return str(call.func.attrname) if isinstance(call.func, nodes.Attribute) else ""


def _is_nonblocking(call: nodes.Call, scene: Scene) -> bool:
    """A socket that was told not to block, or whose refusal is caught."""
    if any(_method(site.node) == "setblocking" for site in scene.calls):
        return True
    return any(
        "BlockingIOError" in caught_names(handler)
        for parent, child in above(call, scene.function)
        if isinstance(parent, nodes.Try) and any(one is child for one in parent.body)
        for handler in parent.handlers
    )


def _is_over(call: nodes.Call, scene: Scene) -> bool:
    """A future that was looked at before, or that a callback is given when it is over."""
    future = _receiver(call)
    if not scene.is_async and future in _parameters(scene):
        return True
    return _asks_for_loop(call, scene) or any(
        _method(site.node) in {"done", "add_done_callback"} and _receiver(site.node) == future
        for site in scene.calls
    )


def _asks_for_loop(call: nodes.Call, scene: Scene) -> bool:
    """A function that asks first whether it runs in the loop knows when it may wait."""
    return any(
        "running_loop" in node.test.as_string() and (node.lineno or 0) < (call.lineno or 0)
        for node in scene.body
        if isinstance(node, nodes.If)
    )


def _receiver(call: nodes.Call) -> str:
    return call.func.expr.as_string() if isinstance(call.func, nodes.Attribute) else ""


def _parameters(scene: Scene) -> set[str]:
    arguments = scene.function.args
    return {one.name for one in [*(arguments.posonlyargs or ()), *(arguments.args or ())]}


def _is_nothing(node: nodes.NodeNG | None) -> bool:
    return isinstance(node, nodes.Const) and node.value is not None and not node.value
