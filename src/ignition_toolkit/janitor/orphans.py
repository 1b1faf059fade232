"""Children of the worker whose runner has died: a run's leftovers without a lineage.

The worker is a subreaper, so the children of a runner that dies become its own. Among its
children are also fresh runners, live ones and the janitor; telling them apart is what this
module does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from ignition_toolkit.janitor import proc
from ignition_toolkit.janitor.proc import Identity, Stat
from ignition_toolkit.janitor.tree import Forest, Tree


class Orphans:
    """Finds the orphans that belong to the trees of a forest.

    The worker has to announce every child that it starts, before it starts it; a child that was
    never announced, carries no marker and came after `hello` is taken for an orphan when a
    run whose runner is dead is ended.
    """

    def __init__(
        self,
        forest: Forest,
        worker: Identity,
        is_named: Callable[[str], bool],
        runners: Callable[[], Collection[Identity]],
        is_settled: Callable[[], bool],
    ) -> None:
        """Take a picture of the children that the worker has now; they are never orphans.

        Args:
            forest: where orphans are taken to.
            worker: the process whose children are looked at.
            is_named: says whether a marker's value is of this worker. Any other says nothing: a
                run may start programs with whatever environment it likes.
            runners: returns the runners that are announced.
            is_settled: reads the messages that are waiting and says whether no announced
                start is still without its answer.
        """
        self._forest = forest
        self._worker = worker
        self._is_named = is_named
        self._runners = runners
        self._is_settled = is_settled
        #: Whether the last look left something open: a runner is being started, so that an
        #: unmarked child cannot be told from it, or a child had ended before it was looked at.
        self.is_undecided = False
        self._born_before = frozenset(stat.identity for stat in self._children())

    def find(self) -> int:
        """Take and freeze the orphans of the forest's trees; return how many were not known."""
        self.is_undecided = False
        candidates = [stat for stat in self._children() if not self._is_known(stat)]
        if not candidates or proc.is_gone(self._worker):
            return int(self.is_undecided)
        # In this order: a runner that is in the list was announced before it was forked, so
        # its announcement is read now at the latest.
        is_settled = self._is_settled()
        runners = set(self._runners())
        strangers = [stat for stat in candidates if stat.identity not in runners]
        return sum([self._decide(stat, is_settled) for stat in strangers])

    def _children(self) -> Iterator[Stat]:
        for _, pids in self._forest.lists.each([self._worker.pid], anew=False):
            for pid in reversed(pids):
                if self._forest.knows(pid):
                    continue
                if stat := proc.read_stat(pid):
                    yield stat
                else:
                    self.is_undecided = True

    def _is_known(self, stat: Stat) -> bool:
        who = stat.identity
        is_own = who in self._born_before or who in self._forest.protected
        return is_own or stat.ppid != self._worker.pid or self._forest.kept.has(stat)

    def _decide(self, stat: Stat, is_settled: bool) -> bool:
        """Take an orphan if it is of a tree of the forest; say whether it is."""
        marker = self._marker(stat)
        if marker is not None:
            tree = self._forest.tree_of_marker(marker)
        elif is_settled:
            tree = self._forest.tree_of_session(stat) or self._tree_without_root(stat)
        else:
            self.is_undecided = True
            return False
        if tree is not None:
            self._forest.take(stat, tree)
        return tree is not None

    def _marker(self, stat: Stat) -> str | None:
        """Return the marker of this worker that a process has, or its session's leader."""
        leader = proc.read_stat(stat.session) if stat.session != stat.pid else None
        markers = (proc.read_marker(who) for who in (stat, leader) if who)
        return next((marker for marker in markers if marker and self._is_named(marker)), None)

    def _tree_without_root(self, stat: Stat) -> Tree | None:
        """Return the tree with the youngest dead root that is not younger than the orphan."""
        trees = (tree for tree in self._forest.trees.values() if tree.oldest <= stat.start)
        fitting = [tree for tree in trees if tree.takes_orphans()]
        return max(fitting, key=lambda tree: tree.oldest, default=None)
