"""Finding, freezing and killing process trees by lineage.

A :class:`Forest` holds the trees that are being ended at this moment, so that one look serves
them all. What is found is frozen at once, so that it cannot fork on; what is killed is killed
deepest first, because the death of a frozen group's parent makes the kernel resume it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from signal import SIGCONT, SIGKILL, SIGSTOP, Signals

from ignition_toolkit.janitor import proc
from ignition_toolkit.janitor.children import NEWEST, ChildLists
from ignition_toolkit.janitor.kept import Kept
from ignition_toolkit.janitor.proc import Identity, Sent, Stat

#: Seconds to wait for what was frozen to stand still; a thread in the kernel may take longer.
FREEZE_S = 0.02
#: Seconds after which looking for descendants gives way to killing those that were found.
COLLECT_S = 0.06
#: Seconds for which the links of a chain that forks on are stopped one after the other.
CATCH_S = 0.02
#: Seconds between two looks at whether corpses still lie there; pids take longer to go round.
PRUNE_S = 0.5
_LOOK_S = 0.0005


class Member:
    """One process of a tree."""

    __slots__ = (
        "identity",
        "is_frozen",
        "is_gone",
        "is_killed",
        "is_refused",
        "name",
        "parent",
        "tree",
    )

    def __init__(self, stat: Stat, tree: Tree) -> None:
        self.identity = stat.identity
        self.name = stat.name
        self.parent = stat.ppid
        self.tree = tree
        self.is_frozen = False
        #: It has ended.
        self.is_gone = False
        #: It was alive and has its SIGKILL.
        self.is_killed = False
        #: The kernel did not let us signal it.
        self.is_refused = False


class Tree:
    """What is to be ended together and answered for together."""

    def __init__(
        self,
        key: str,
        *,
        root: Identity | None = None,
        owns: Callable[[str], bool] | None = None,
        oldest: int = 0,
        spares_root: bool = False,
        adopts: bool = False,
    ) -> None:
        """Describe a tree; nothing is looked up yet.

        Args:
            key: its name towards the caller; without `owns` the token that marks its members.
            root: the runner, None when none is known.
            owns: whether a marker's value says that a process belongs to this tree, for a tree
                of many tokens.
            oldest: the start of the oldest process that can belong to it, in clock ticks; where
                there is a root, its own start is taken.
            spares_root: the root is this process itself: its descendants are ended, it is not.
            adopts: orphans of the worker that name no owner belong to it even without a root.
        """
        self.key = key
        self.owns = owns
        self.root = root
        self.oldest = root.start if root else oldest
        self.spares_root = spares_root
        self.adopts = adopts
        self.members: list[Member] = []
        self.killed: list[Member] = []
        self.began = time.monotonic()
        #: Passes in a row that found nothing new of this tree.
        self.quiet = 0

    @property
    def alive(self) -> list[Member]:
        """Return the members that had not ended when they were looked at last."""
        return [member for member in self.members if not member.is_gone]

    def takes_orphans(self) -> bool:
        """Say whether an orphan without a name of its own can be this tree's: its root is dead."""
        return self.adopts or (
            self.root is not None and not self.spares_root and proc.is_gone(self.root)
        )


class Forest:
    """The trees that are being ended, with every process known to be theirs."""

    def __init__(self, lists: ChildLists, protected: Iterable[Identity]) -> None:
        """Start empty.

        Args:
            lists: how children are found.
            protected: processes that are never frozen or killed, nor their children looked at
                (except as the `root` of a tree that spares it).
        """
        self.lists = lists
        self.protected = frozenset(protected)
        self._never = frozenset(who.pid for who in self.protected)
        self.trees: dict[str, Tree] = {}
        self._members: dict[int, Member] = {}
        #: Sessions whose leader is marked or of a tree, dead leaders included.
        self._sessions: dict[int, Tree] = {}
        #: Processes that had ended when they were seen: neither news nor worth a second look.
        self._corpses: dict[int, Identity] = {}
        self._pruned_at = time.monotonic()
        #: What was left to people.
        self.kept = Kept(self._is_never_kept)

    def plant(self, tree: Tree, known: Iterable[Member] = ()) -> None:
        """Begin to end a tree: its root is frozen now.

        Args:
            tree: a tree with a key that is not in the forest.
            known: processes of it that an earlier attempt could not end.
        """
        assert tree.key not in self.trees, "the members of the first would be forgotten, frozen"
        self.trees[tree.key] = tree
        for member in known:
            stat = proc.read_stat(member.identity.pid)
            if stat and stat.identity == member.identity:
                self.take(stat, tree)
        if tree.root is None:
            return
        stat = proc.read_stat(tree.root.pid)
        if stat is None:
            # A runner leads a session of its own; its number is not given away while it is used.
            self._sessions.setdefault(tree.root.pid, tree)
        elif stat.identity == tree.root:
            self.take(stat, tree)

    def _is_never_kept(self, who: Identity) -> bool:
        return who in self.protected or any(tree.root == who for tree in self.trees.values())

    def uproot(self, tree: Tree) -> None:
        """Forget a tree, its members and its sessions."""
        del self.trees[tree.key]
        self._sessions = {sid: its for sid, its in self._sessions.items() if its is not tree}
        for member in tree.members:
            if self._members.get(member.identity.pid) is member:
                del self._members[member.identity.pid]

    def knows(self, pid: int) -> bool:
        """Say whether this pid is a member that has not ended, or a corpse that was seen."""
        member = self._members.get(pid)
        return pid in self._corpses or (member is not None and not member.is_gone)

    def tree_of_marker(self, marker: str) -> Tree | None:
        """Return the tree that a marker's value names."""
        exact = self.trees.get(marker)
        wide = (tree for tree in self.trees.values() if tree.owns and tree.owns(marker))
        return exact or next(wide, None)

    def tree_of_session(self, stat: Stat) -> Tree | None:
        """Return the tree whose sessions a process is in."""
        return self._sessions.get(stat.session)

    def take(self, stat: Stat, tree: Tree) -> bool:
        """Make a process a member and freeze it.

        Returns:
            Whether it is alive and was not known. Protected processes and corpses never become
            members, but the session that they lead is remembered.
        """
        if self.knows(stat.pid) or self.kept.has(stat):
            return False
        if stat.session == stat.pid:
            self._sessions.setdefault(stat.pid, tree)
        if stat.identity in self.protected:
            return False
        tree.quiet = 0
        if proc.is_over(stat):
            self._corpses[stat.pid] = stat.identity
            return False
        member = Member(stat, tree)
        self._members[stat.pid] = member
        tree.members.append(member)
        member.is_frozen = self._send(member, SIGSTOP) is Sent.DELIVERED
        return True

    def collect(self, find_more: Callable[[], int]) -> None:
        """Find and freeze all descendants of all members, and what `find_more` finds.

        Passes are repeated until one finds nothing new, then everything is waited for to stand
        still (FREEZE_S at most), then looked at again: now nobody can fork on unseen. Ends
        after about COLLECT_S in any case.
        """
        until = time.monotonic() + COLLECT_S
        self._pass_until_quiet(find_more, until)
        self._await_still(min(until, time.monotonic() + FREEZE_S))
        self._pass_until_quiet(find_more, until)

    def kill(self) -> None:
        """Kill every member that is alive and has not been killed, deepest first, in one pass."""
        waiting = [m for tree in self.trees.values() for m in tree.alive if not m.is_killed]
        for member in sorted(waiting, key=self._depth, reverse=True):
            sent = self._send(member, SIGKILL)
            if sent is Sent.DELIVERED:
                member.is_killed = True
                member.tree.killed.append(member)

    def look_who_is_gone(self) -> None:
        """Bring `is_gone` of all members up to date."""
        self._prune_corpses()
        for tree in self.trees.values():
            for member in tree.alive:
                if proc.is_gone(member.identity):
                    self._note_gone(member)

    def _send(self, member: Member, number: Signals) -> Sent:
        sent = proc.send(member.identity, number)
        member.is_refused = sent is Sent.REFUSED
        if sent is Sent.GONE:
            self._note_gone(member)
        return sent

    def _note_gone(self, member: Member) -> None:
        """Note that a member has ended; its corpse, wherever it is listed, is no news."""
        member.is_gone = True
        self._corpses[member.identity.pid] = member.identity

    def _pass_until_quiet(self, find_more: Callable[[], int], until: float) -> None:
        while self._pass() + find_more() and time.monotonic() < until:
            pass

    def _pass(self) -> int:
        """List the children of every member once; return how many were not known.

        Newest first: in a chain that forks on, only the newest link is alive, and hundreds of dead
        ones may be listed before it. One that had ended before it could be looked at is news too:
        what it forked is in no list yet. (Guarded by the chain's tests.)
        """
        owner = {m.identity.pid: tree for tree in self.trees.values() for m in tree.alive}
        owner |= {t.root.pid: t for t in self.trees.values() if t.root and t.spares_root}
        queue = list(owner)
        news = 0
        older: list[tuple[Tree, list[int]]] = []
        for parent, children in self.lists.each(queue):
            fresh = [pid for pid in reversed(children) if self._is_fresh(pid, owner)]
            if fresh:
                self._catch(parent, fresh[:NEWEST])
                queue += self._take_children(fresh[:NEWEST], owner, owner[parent])
                older.append((owner[parent], fresh[NEWEST:]))
                news += len(fresh)
        for tree, pids in older:
            self._take_children(pids, owner, tree)
        return news

    def _is_fresh(self, pid: int, owner: dict[int, Tree]) -> bool:
        if pid in owner or self.knows(pid):
            return False
        # It must not be caught either: nobody would let it run on.
        return not self.kept.knows(pid)

    def _catch(self, parent: int, pids: Iterable[int]) -> None:
        """Stop children that were listed a moment ago, before anything is read of them.

        One that forks on is gone by the time that it has been looked at. So the youngest are
        stopped until there is none that was not; `_take_children` lets go of a stranger.
        """
        until = time.monotonic() + CATCH_S
        caught: set[int] = set()
        while pids and time.monotonic() < until:
            for pid in pids:
                if pid not in self._never:
                    proc.stop_unseen(pid)
            caught.update(pids)
            youngest = reversed(self.lists.newest(parent))
            pids = [pid for pid in youngest if pid not in caught and self._is_fresh(pid, {})]

    def _take_children(self, pids: Iterable[int], owner: dict[int, Tree], tree: Tree) -> list[int]:
        """Take listed children, noting their owner; return those that are alive."""
        tree.quiet = 0
        taken = []
        for pid in pids:
            stat = proc.read_stat(pid)
            if stat is None:
                continue
            if stat.ppid not in owner or self.kept.has(stat):
                # The pid has changed hands since the list was read, or the parent has ended; or it
                # is a person's, and was caught before anything was read of it.
                proc.send(stat.identity, SIGCONT)
            elif self.take(stat, tree):
                owner[pid] = tree
                taken.append(pid)
        return taken

    def _prune_corpses(self) -> None:
        """Let go of corpses that were reaped, as their pids may be given to others."""
        now = time.monotonic()
        if now - self._pruned_at > PRUNE_S:
            self._pruned_at = now
            corpses = self._corpses.values()
            self._corpses = {who.pid: who for who in corpses if proc.identify(who.pid) == who}

    def _await_still(self, until: float) -> None:
        moving = [m for tree in self.trees.values() for m in tree.alive if m.is_frozen]
        while moving := [m for m in moving if not m.is_killed and not proc.is_still(m.identity)]:
            if time.monotonic() >= until:
                return
            time.sleep(_LOOK_S)

    def _depth(self, member: Member) -> int:
        """Count the known ancestors of a member."""
        depth, pid = 0, member.parent
        while (parent := self._members.get(pid)) and depth < len(self._members):
            depth, pid = depth + 1, parent.parent
        return depth
