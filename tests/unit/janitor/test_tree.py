"""Trees are frozen as they are found, and killed deepest first."""

import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from ignition_toolkit.janitor import proc
from ignition_toolkit.janitor.children import NEWEST, ChildLists, choose_lists
from ignition_toolkit.janitor.proc import Identity, Sent, Stat
from ignition_toolkit.janitor.tree import COLLECT_S, Forest, Member, Tree
from tests.polling import poll_until

Signals = list[tuple[int, signal.Signals]]


class Machine:
    """A made-up /proc: who is whose child, and which signals were sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, parents: dict[int, int]) -> None:
        self.stats = {pid: self.stat(pid, parent) for pid, parent in parents.items()}
        self.sent: Signals = []
        #: Pids that were stopped without a look at who has them.
        self.stopped: list[int] = []
        self.refuses: set[int] = set()
        self.is_kernels = True
        monkeypatch.setattr(proc, "read_stat", self.stats.get)
        monkeypatch.setattr(proc, "send", self.send)
        monkeypatch.setattr(proc, "stop_unseen", self.stopped.append)
        monkeypatch.setattr(proc, "is_still", lambda identity: True)
        monkeypatch.setattr(proc, "is_gone", lambda identity: identity.pid not in self.stats)

    @staticmethod
    def stat(pid: int, parent: int, *, state: str = "S", session: int = 1) -> Stat:
        return Stat(pid, b"p", state, parent, session, 0, 1, pid * 10)

    def send(self, identity: Identity, number: signal.Signals) -> Sent:
        if identity.pid not in self.stats:
            return Sent.GONE
        if identity.pid in self.refuses:
            return Sent.REFUSED
        self.sent.append((identity.pid, number))
        if number is signal.SIGKILL:
            del self.stats[identity.pid]
        return Sent.DELIVERED

    def each(self, parents: Iterable[int], *, anew: bool = True) -> Iterator[tuple[int, list[int]]]:
        for parent in parents:
            yield parent, [pid for pid, stat in self.stats.items() if stat.ppid == parent]

    def newest(self, parent: int) -> list[int]:
        return next(children for _, children in self.each([parent]))[-NEWEST:]

    def pids(self, number: signal.Signals) -> list[int]:
        return [pid for pid, sent in self.sent if sent is number]


class SteppingClock:
    """Stands for the module `time`: each look at the clock takes a millisecond."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("ignition_toolkit.janitor.tree.time", self)

    def monotonic(self) -> float:
        self.sleep(0.001)
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def forest_of(lists: ChildLists, *protected: Identity) -> Forest:
    return Forest(lists, protected)


def plant(forest: Forest, pid: int, key: str = "t") -> Tree:
    tree = Tree(key, root=Identity(pid, pid * 10))
    forest.plant(tree)
    return tree


def nothing_more() -> int:
    return 0


def test_the_deepest_is_killed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The death of a frozen group's parent makes the kernel resume the group."""
    machine = Machine(monkeypatch, {10: 1, 11: 10, 12: 11, 13: 10, 20: 1, 21: 20, 30: 99})
    forest = forest_of(machine)
    first, second = plant(forest, 10, "a"), plant(forest, 20, "b")
    forest.collect(nothing_more)
    assert sorted(machine.pids(signal.SIGSTOP)) == [10, 11, 12, 13, 20, 21]
    forest.kill()
    order = machine.pids(signal.SIGKILL)
    assert order[0] == 12
    assert set(order[1:4]) == {11, 13, 21}
    assert set(order[4:]) == {10, 20}
    assert {m.identity.pid for m in first.killed} == {10, 11, 12, 13}
    assert {m.identity.pid for m in second.killed} == {20, 21}
    forest.look_who_is_gone()
    assert first.alive == second.alive == []


def test_everything_is_frozen_before_anything_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {10: 1, 11: 10, 12: 11})
    forest = forest_of(machine)
    plant(forest, 10)
    forest.collect(nothing_more)
    forest.kill()
    assert [number for _, number in machine.sent] == [signal.SIGSTOP] * 3 + [signal.SIGKILL] * 3


def test_what_was_found_out_of_its_line_is_killed_by_its_depth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, {10: 1, 11: 10})
    forest = forest_of(machine)
    tree = Tree("t")
    forest.plant(tree)
    for pid in (10, 11):
        assert forest.take(machine.stats[pid], tree)
    forest.kill()
    assert machine.pids(signal.SIGKILL) == [11, 10]


def test_the_newest_child_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a chain that forks on, it is the one that is alive."""
    machine = Machine(monkeypatch, {10: 1, 11: 10, 12: 10, 13: 10})
    forest = forest_of(machine)
    plant(forest, 10)
    forest.collect(nothing_more)
    assert machine.pids(signal.SIGSTOP) == [10, 13, 12, 11]


def test_a_chain_that_is_gone_whenever_it_is_looked_at_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, {10: 1, 11: 10})
    forest = forest_of(machine)
    tree = plant(forest, 10)
    listed = machine.each

    def list_and_fork_on(
        parents: Iterable[int], *, anew: bool = True
    ) -> Iterator[tuple[int, list[int]]]:
        for parent, children in listed(parents):
            if (newest := max(machine.stats)) < 20:
                machine.stats[newest + 1] = machine.stat(newest + 1, 10)
                del machine.stats[newest]
            yield parent, children

    monkeypatch.setattr(machine, "each", list_and_fork_on)
    forest.collect(nothing_more)
    assert [member.identity.pid for member in tree.members] == [10, 20]


def test_the_living_link_of_a_long_chain_is_stopped_before_its_dead_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, {10: 1})
    links = iter(range(500, 1000))
    looked_at: list[int] = []

    def link(state: str) -> Stat:
        pid = next(links)
        machine.stats[pid] = Machine.stat(pid, 10, state=state)
        return machine.stats[pid]

    for _ in range(400):
        link("Z")
    alive = [link("S")]

    def newest(parent: int) -> list[int]:
        # Twice it has forked on and ended by the time that its signal comes.
        if len(alive) < 3:
            machine.stats[alive[-1].pid] = alive[-1]._replace(state="Z")
            alive.append(link("S"))
        return list(machine.stats)[-NEWEST:]

    def read_stat(pid: int) -> Stat | None:
        if pid != 10 and alive[-1].pid not in machine.stopped:
            looked_at.append(pid)
        return machine.stats.get(pid)

    monkeypatch.setattr(machine, "newest", newest)
    monkeypatch.setattr(proc, "read_stat", read_stat)
    forest = forest_of(machine)
    tree = plant(forest, 10)
    forest.collect(nothing_more)
    assert [member.identity.pid for member in tree.members] == [10, alive[-1].pid]
    assert looked_at == []


def test_a_protected_process_is_neither_frozen_nor_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {10: 1, 11: 10, 12: 11})
    forest = forest_of(machine, Identity(11, 110))
    plant(forest, 10)
    clock = SteppingClock(monkeypatch)
    began = clock.now
    forest.collect(nothing_more)
    forest.kill()
    assert machine.pids(signal.SIGKILL) == [10]
    assert machine.stopped == []
    assert clock.now - began < 2 * COLLECT_S


def test_a_root_with_another_start_time_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {10: 1, 11: 10})
    forest = forest_of(machine)
    forest.plant(Tree("t", root=Identity(10, 99)))
    forest.collect(nothing_more)
    forest.kill()
    assert machine.sent == []


def test_a_listed_pid_that_has_changed_hands_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, {10: 1, 11: 10})
    forest = forest_of(machine)
    plant(forest, 10)
    listed = machine.each

    def stale(parents: Iterable[int], *, anew: bool = True) -> Iterator[tuple[int, list[int]]]:
        yield from ((parent, [11]) for parent, _ in listed(parents))

    monkeypatch.setattr(machine, "each", stale)
    machine.stats[11] = machine.stat(11, parent=1)
    forest.collect(nothing_more)
    forest.kill()
    assert machine.pids(signal.SIGKILL) == [10]
    assert 11 in machine.stopped
    assert machine.pids(signal.SIGCONT)[-1] == 11


def test_who_may_not_be_signalled_is_noted_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {10: 1})
    machine.refuses.add(10)
    forest = forest_of(machine)
    tree = plant(forest, 10)
    forest.kill()
    assert [member.is_refused for member in tree.alive] == [True]
    assert tree.killed == []
    machine.refuses.clear()
    forest.kill()
    assert [member.is_refused for member in tree.killed] == [False]


def test_who_dies_by_itself_is_not_listed_as_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {10: 1, 11: 10})
    forest = forest_of(machine)
    tree = plant(forest, 10)
    forest.collect(nothing_more)
    del machine.stats[11]
    forest.kill()
    assert [member.identity.pid for member in tree.killed] == [10]
    assert tree.alive == [tree.members[0]]
    forest.look_who_is_gone()
    assert tree.alive == []


def test_a_corpse_is_news_once_and_its_session_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, {10: 1})
    machine.stats[11] = machine.stat(11, 10, state="Z", session=11)
    forest = forest_of(machine)
    tree = plant(forest, 10)
    tree.quiet = 2
    forest.collect(nothing_more)
    assert tree.quiet == 0
    assert forest.tree_of_session(machine.stat(99, 1, session=11)) is tree
    tree.quiet = 2
    forest.look_who_is_gone()
    forest.collect(nothing_more)
    assert tree.quiet == 2
    assert [member.identity.pid for member in tree.members] == [10]


def test_a_reaped_corpse_gives_its_pid_free(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {10: 1})
    machine.stats[11] = machine.stat(11, 10, state="Z")
    forest = forest_of(machine)
    plant(forest, 10)
    forest.collect(nothing_more)
    assert forest.knows(11)
    monkeypatch.setattr("ignition_toolkit.janitor.tree.PRUNE_S", -1.0)
    del machine.stats[11]
    forest.look_who_is_gone()
    assert not forest.knows(11)


def test_a_tree_that_grows_for_ever_does_not_hold_up_the_killing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, {10: 1})
    forest = forest_of(machine)
    plant(forest, 10)

    def one_more() -> int:
        machine.stats[11 + len(machine.stats)] = machine.stat(11 + len(machine.stats), 10)
        return 1

    clock = SteppingClock(monkeypatch)
    began = clock.now
    forest.collect(one_more)
    assert COLLECT_S <= clock.now - began < 2 * COLLECT_S


def test_an_uprooted_tree_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {10: 1})
    machine.stats[10] = machine.stat(10, 1, session=10)
    forest = forest_of(machine)
    tree = plant(forest, 10)
    assert forest.knows(10)
    forest.uproot(tree)
    assert not forest.knows(10)
    assert forest.trees == {}
    assert forest.tree_of_session(machine.stats[10]) is None


def test_what_an_earlier_attempt_left_is_known_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {10: 1, 11: 1, 12: 1})
    old = Tree("t")
    left = [Member(machine.stats[pid], old) for pid in (10, 11, 12)]
    del machine.stats[11]
    machine.stats[12] = machine.stats[12]._replace(start=7)
    forest = forest_of(machine)
    tree = Tree("t")
    forest.plant(tree, left)
    assert [member.identity.pid for member in tree.members] == [10]


@contextmanager
def real_tree() -> Iterator[tuple[subprocess.Popen[bytes], Tree]]:
    """Give a shell with two sleeping children, and a tree that is not planted yet."""
    with subprocess.Popen(["sh", "-c", "sleep 20 & sleep 20 & wait"]) as process:
        lists = choose_lists()
        poll_until(lambda: len(next(lists.each([process.pid]))[1]) == 2)
        root = proc.identify(process.pid)
        assert root is not None
        yield process, Tree("t", root=root)


def test_a_frozen_tree_stands_still_and_a_killed_one_is_gone() -> None:
    with real_tree() as (process, tree):
        forest = forest_of(choose_lists())
        forest.plant(tree)
        forest.collect(nothing_more)
        assert len(tree.members) == 3
        poll_until(lambda: all(proc.is_still(member.identity) for member in tree.members))
        forest.kill()
        poll_until(lambda: all(proc.is_gone(member.identity) for member in tree.members))
        assert process.wait() == -signal.SIGKILL
        assert tree.takes_orphans()
