"""The janitor's loop: messages in, trees ended, answers out.

One thread, and nothing that blocks but the poll. A worker that is dead, slow or talks nonsense
cannot stop it. It ends when its stdin ends or its worker has died, and everything of that
worker with it.
"""

from __future__ import annotations

import math
import os
import select
import time
from collections.abc import Iterable
from contextlib import suppress
from signal import SIGUSR2

from ignition_toolkit.janitor import proc, wire
from ignition_toolkit.janitor.children import ChildLists, ancestors
from ignition_toolkit.janitor.clock import Clock
from ignition_toolkit.janitor.orphans import Orphans
from ignition_toolkit.janitor.sweep import Hunt
from ignition_toolkit.janitor.tree import Forest, Member, Tree
from ignition_toolkit.janitor.wire import Inbox, Outbox, WireError

#: Seconds after which an end that does not succeed is reported as stuck.
STUCK_S = 5.0
#: Seconds that a runner whose start was under way when the worker died is looked for.
LATE_START_S = 0.3
#: Entries of one list in an answer; the others are counted.
MAX_LISTED = 500
#: Messages handled in a row before other work gets its turn.
MAX_MESSAGES = 1000
_AFTER_ERROR_S = 0.05

#: Keys of the trees that are no token's; a token has no brackets.
_SWEEP = "<sweep>"
_FAREWELL = "<farewell>"


class Janitor:
    """A janitor that has heard its worker's hello."""

    def __init__(self, hello: wire.Hello, lists: ChildLists, inbox: Inbox, outbox: Outbox) -> None:
        """Begin to serve the worker that `hello` names; its children of now are looked up."""
        self._inbox = inbox
        self._outbox = outbox
        self._worker = hello.process
        self._folder_prefix = f"{hello.folder}."
        self._worker_prefix = f"{hello.folder}.{hello.worker}."
        self._clock = Clock()
        protected = ancestors(os.getpid()) | ancestors(hello.process.pid) | ancestors(1)
        self._forest = Forest(lists, protected)
        orphans = Orphans(
            self._forest,
            hello.process,
            is_named=self._is_of_worker,
            runners=lambda: self._clock.runners,
            is_settled=self._is_settled,
        )
        self._hunt = Hunt(self._forest, orphans)
        #: What earlier ends could not end, by token.
        self._left: dict[str, list[Member]] = {}
        self._sweeps_wanted = 0
        self._late_start_until = 0.0
        self._is_leaving = False
        self._worker_handle = self._open_worker()

    def run(self) -> None:
        """Serve until the worker is gone, then end everything of it, which takes 5 s at most."""
        while not self._is_done:
            self._read()
            if self._inbox.is_closed and not self._inbox.lines:
                self._leave()
            self._begin()
            if self._forest.trees:
                self._step()
                self._answer()
            self._wait()
        if self._worker_handle >= 0:
            os.close(self._worker_handle)

    @property
    def _is_done(self) -> bool:
        return self._is_leaving and not self._forest.trees

    def _open_worker(self) -> int:
        """Return a descriptor that becomes readable when the worker has died, -1 without one.

        The end of stdin alone would not do: a forked copy of the worker may hold the pipe open.
        """
        handle = -1
        with suppress(OSError):
            handle = os.pidfd_open(self._worker.pid)
        if proc.is_gone(self._worker):
            self._outbox.say("error", message=f"hello: expected a live worker, {self._worker}")
            if handle >= 0:
                os.close(handle)
            return -1
        return handle

    def _wait(self) -> None:
        """Block until a message, the worker's death, room for answers, or the next deadline."""
        if self._is_done:
            return
        poll = select.poll()
        if not self._is_leaving:
            poll.register(self._inbox.handle, select.POLLIN)
            if self._worker_handle >= 0:
                poll.register(self._worker_handle, select.POLLIN)
        if self._outbox.is_waiting:
            poll.register(self._outbox.handle, select.POLLOUT)
        for handle, _ in poll.poll(self._timeout_ms()):
            if handle == self._worker_handle:
                self._read()
                self._leave()
        self._outbox.flush()

    def _timeout_ms(self) -> int | None:
        pauses = [self._hunt.pause()] if self._forest.trees else []
        if self._inbox.lines or (self._sweeps_wanted and not pauses):
            pauses.append(0.0)
        next_at = self._clock.next_at()
        if next_at is not None and not self._is_leaving:
            pauses.append(max(0.0, next_at - time.monotonic()))
        return math.ceil(min(pauses) * 1000) if pauses else None

    def _read(self) -> bool:
        """Handle the messages that are there; say whether that were all."""
        for _ in range(MAX_MESSAGES):
            while not self._inbox.lines:
                if not self._inbox.fill():
                    return True
            self._handle(self._inbox.lines.popleft())
        return False

    def _is_settled(self) -> bool:
        return self._read() and not self._clock.is_starting(time.monotonic())

    def _handle(self, line: bytes) -> None:
        try:
            message = wire.parse(line)
            self._check_token(message)
        except WireError as error:
            self._outbox.say("error", message=str(error), line=repr(line[:200]))
            return
        self._obey(message)

    def _check_token(self, message: wire.Message) -> None:
        token = getattr(message, "token", None)
        if token is not None and not token.startswith(self._worker_prefix):
            expected = f"expected a token of this worker, {self._worker_prefix}..."
            raise WireError(f"{expected}, found {token!r}")

    def _obey(self, message: wire.Message) -> None:
        match message:
            case wire.Spawning(token):
                self._clock.start_is_announced(token, time.monotonic())
            case wire.Watch(token, runner):
                self._clock.watch(token, runner)
            case wire.Forget(token):
                self._clock.forget(token)
                self._left.pop(token, None)
            case wire.End(token, at, ask_at):
                self._clock.end(token, at, ask_at)
            case wire.Spare(token):
                if self._clock.spare(token):
                    self._outbox.say("spared", token=token)
            case _:
                self._obey_other(message)

    def _obey_other(self, message: wire.Message) -> None:
        """Obey what is not about a token."""
        match message:
            case wire.Keep(process, mark):
                self._forest.kept.add(process, mark)
            case wire.Sweep():
                self._sweeps_wanted += 1
            case wire.Ping(number):
                self._outbox.say("pong", id=number, scans=self._hunt.scans)
            case wire.Hello():
                self._outbox.say("error", message="expected one hello, found another")

    def _begin(self) -> None:
        """Ask and freeze the runners whose time has come; when leaving, all of them have been."""
        if self._is_leaving:
            return
        now = time.monotonic()
        for runner in self._clock.take_asks(now):
            proc.send(runner, SIGUSR2)
        for token in self._clock.take_due(now):
            self._plant_token(token)
        if self._sweeps_wanted and _SWEEP not in self._forest.trees:
            self._sweeps_wanted -= 1
            self._forest.plant(Tree(_SWEEP, owns=self._is_of_dead_worker))

    def _plant_token(self, token: str) -> None:
        tree = Tree(token, root=self._clock.runner(token), oldest=self._worker.start)
        self._forest.plant(tree, self._left.pop(token, ()))

    def _is_of_dead_worker(self, marker: str) -> bool:
        return marker.startswith(self._folder_prefix) and not self._is_of_worker(marker)

    def _is_of_worker(self, marker: str) -> bool:
        return marker.startswith(self._worker_prefix)

    def _leave(self) -> None:
        """The worker is gone: begin to end everything of it, at once."""
        if self._is_leaving:
            return
        self._is_leaving = True
        now = time.monotonic()
        if self._clock.is_starting(now):
            self._late_start_until = now + LATE_START_S
        for token in {*self._clock.tokens, *self._left} - set(self._forest.trees):
            self._plant_token(token)
        rest = Tree(_FAREWELL, owns=self._is_of_worker, oldest=self._worker.start, adopts=True)
        self._forest.plant(rest)

    def _step(self) -> None:
        try:
            self._hunt.step()
        except Exception as error:  # noqa: BLE001 - border: what fails in one look may do in the next
            self._outbox.say("error", message=f"a look at /proc failed: {error!r}")
            time.sleep(_AFTER_ERROR_S)

    def _answer(self) -> None:
        """Answer for the trees that are over, well or not, and forget them."""
        now = time.monotonic()
        for tree in list(self._forest.trees.values()):
            is_late = now - tree.began >= STUCK_S
            is_held = tree.key == _FAREWELL and now < self._late_start_until
            if is_late or (self._hunt.is_clean(tree) and not is_held):
                self._forest.uproot(tree)
                self._say_over(tree)

    def _say_over(self, tree: Tree) -> None:
        if tree.key == _FAREWELL:
            return
        is_clean = self._hunt.is_clean(tree)
        report: dict[str, object] = {
            "killed": _list(_describe_killed(m, tree) for m in tree.killed)
        }
        if not is_clean or tree.key == _SWEEP:
            report["leftovers"] = _list(_describe_left(member) for member in tree.alive)
        if tree.key == _SWEEP:
            self._outbox.say("swept", **report)
            return
        if not is_clean:
            self._left[tree.key] = tree.alive
        times = {"began": tree.began, "t": time.monotonic()}
        self._outbox.say("clean" if is_clean else "stuck", token=tree.key, **times, **report)
        self._clock.is_answered(tree.key)


def _list(entries: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """Return the entries, the last one telling how many more there were if they were many."""
    listed = list(entries)
    more = len(listed) - MAX_LISTED
    return listed if more <= 0 else [*listed[:MAX_LISTED], {"pid": 0, "name": f"and {more} more"}]


def _describe_killed(member: Member, tree: Tree) -> dict[str, object]:
    entry: dict[str, object] = {"pid": member.identity.pid, "name": member.name}
    return {**entry, "runner": True} if member.identity == tree.root else entry


def _describe_left(member: Member) -> dict[str, object]:
    stat = proc.read_stat(member.identity.pid)
    state = stat.state if stat else "?"
    owner = proc.read_owner(member.identity.pid)
    if member.is_refused:
        why = f"it belongs to user {owner}, and user {os.getuid()} may not signal it"
    elif state == "D":
        why = "it has its SIGKILL but sleeps in the kernel and cannot be interrupted"
    else:
        why = f"it has not ended {STUCK_S:g} s after its SIGKILL"
    return {
        "pid": member.identity.pid,
        "start": member.identity.start,
        "name": member.name,
        "state": state,
        "uid": owner,
        "why": why,
    }
