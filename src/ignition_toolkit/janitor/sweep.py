"""Ending trees until nothing of them is found: lineage first, then scans of all of /proc.

A scan finds what has left the lineage: by the marker in its environment, and by its session
where the session's leader is marked or of the tree (Chromium's children carry no marker).
"""

from __future__ import annotations

import os
import time

from ignition_toolkit.janitor import proc
from ignition_toolkit.janitor.children import ancestors, choose_lists
from ignition_toolkit.janitor.orphans import Orphans
from ignition_toolkit.janitor.proc import Identity, Stat
from ignition_toolkit.janitor.tree import PRUNE_S, Forest, Tree

#: Scans in a row that must find nothing new before a tree is believed to be gone.
QUIET_PASSES = 2
#: Seconds between two full rounds while all that is left is to wait for the killed to go.
ROUND_S = 0.1
#: Seconds that a process in uninterruptible sleep gets to wake up and show its environment.
UNSURE_S = 0.1
_WAIT_S = 0.002
#: Of the time that it waits for the killed to go, the part in which it looks for them is at most a
#: third: it runs before everybody else, and who is to die needs a processor for that.
_REST = 2.0
_MAX_WAIT_S = 0.02
_UNDECIDED_S = 0.01


class Hunt:
    """Ends all trees of a forest together: one scan serves them all."""

    def __init__(self, forest: Forest, orphans: Orphans | None = None) -> None:
        """Hunt in this forest; `orphans` looks at the worker's children, where there is one."""
        self.forest = forest
        self._orphans = orphans
        #: How often /proc was scanned.
        self.scans = 0
        self._round_at = 0.0
        self._is_undecided = False
        self._look_s = 0.0
        #: Processes that slept too deep to be asked, and since when; this scan's and the last's.
        self._unsure: dict[Identity, float] = {}
        self._were_unsure: dict[Identity, float] = {}
        #: Pids of processes that are older than all trees, and since when they were noted.
        self._older: set[int] = set()
        self._older_than = 0
        self._older_since = 0.0

    def step(self) -> None:
        """Do one round, or only look who is gone when nothing else is left to do.

        A round takes some 10 ms, and COLLECT_S longer at most; the caller reads its messages
        between two steps.
        """
        if not self._is_waiting() or time.monotonic() >= self._round_at + ROUND_S:
            self._round()
        began = time.monotonic()
        self.forest.look_who_is_gone()
        self._look_s = time.monotonic() - began

    def pause(self) -> float:
        """Return the seconds to wait before the next step."""
        if self._is_undecided:
            return _UNDECIDED_S
        if not self._is_waiting():
            return 0.0
        return min(max(_WAIT_S, _REST * self._look_s), _MAX_WAIT_S)

    def is_clean(self, tree: Tree) -> bool:
        """Say whether nothing of a tree is left: enough quiet passes, and every member gone."""
        return tree.quiet >= QUIET_PASSES and not tree.alive

    def _is_waiting(self) -> bool:
        return all(tree.quiet >= QUIET_PASSES for tree in self.forest.trees.values())

    def _round(self) -> None:
        self._round_at = time.monotonic()
        self._is_undecided = False
        self.forest.collect(self._find_orphans)
        self.forest.kill()
        for tree in self.forest.trees.values():
            tree.quiet += 1
        self._scan()
        if self._is_undecided or (self._orphans and self._orphans.is_undecided):
            self._is_undecided = True
            for tree in self.forest.trees.values():
                tree.quiet = 0

    def _find_orphans(self) -> int:
        return self._orphans.find() if self._orphans else 0

    def _scan(self) -> None:
        """Look at every process once; what is found is frozen and killed in the next round."""
        self.scans += 1
        self._were_unsure, self._unsure = self._unsure, {}
        oldest = min(tree.oldest for tree in self.forest.trees.values())
        self._forget_older(oldest)
        unmarked = [stat for pid in proc.list_pids() if (stat := self._look_at(pid, oldest))]
        # Only now are all leaders known that this scan can find.
        for stat in unmarked:
            if tree := self.forest.tree_of_session(stat):
                self._take(stat, tree)

    def _look_at(self, pid: int, oldest: int) -> Stat | None:
        """Take a process if its marker says so; return it when only its session can."""
        if pid in self._older or self.forest.knows(pid):
            return None
        stat = proc.read_stat(pid)
        if stat is None or proc.is_over(stat):
            return None
        if stat.start < oldest:
            self._older.add(pid)
            return None
        marker = proc.read_marker(stat)
        if marker is None:
            self._is_undecided |= self._may_show_later(stat)
        elif tree := self.forest.tree_of_marker(marker):
            self._take(stat, tree)
            return None
        return stat

    def _forget_older(self, oldest: int) -> None:
        """Look at all again when a tree is older than before, or when pids may have new owners."""
        now = time.monotonic()
        if oldest < self._older_than or now - self._older_since > PRUNE_S:
            self._older.clear()
            self._older_since = now
        self._older_than = oldest

    def _take(self, stat: Stat, tree: Tree) -> None:
        if stat.start >= tree.oldest:
            self.forest.take(stat, tree)

    def _may_show_later(self, stat: Stat) -> bool:
        """Say whether a process sleeps too deep to be asked, but only since a moment ago."""
        if stat.state != "D" or stat.is_kernel_thread:
            return False
        now = time.monotonic()
        since = self._were_unsure.get(stat.identity, now)
        self._unsure[stat.identity] = since
        return now - since < UNSURE_S


def end_own_tree(token: str, *, deadline: float) -> list[dict[str, object]]:
    """End everything this process has started, but not this process.

    For a runner whose server and janitor have both died. It ends all descendants of the calling
    process, everything marked with exactly its token, and the sessions of both. The caller then
    leaves by `os._exit`, as its other threads may start new things at any time.

    Args:
        token: the value of ITK_RUN that the calling process was started with.
        deadline: the `time.monotonic()` at which to give up.

    Returns:
        `{"pid", "name"}` of each process that was alive and was killed.
    """
    own = proc.identify(os.getpid())
    tree = Tree(token, root=own, spares_root=True)
    forest = Forest(choose_lists(), ancestors(os.getpid()))
    forest.plant(tree)
    hunt = Hunt(forest)
    while not hunt.is_clean(tree) and time.monotonic() < deadline:
        hunt.step()
        time.sleep(hunt.pause())
    return [{"pid": member.identity.pid, "name": member.name} for member in tree.killed]
