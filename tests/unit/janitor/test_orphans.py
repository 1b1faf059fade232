"""Orphans are told from fresh runners, live runners and the worker's own children."""

from collections.abc import Iterable, Iterator

import pytest

from ignition_toolkit.janitor import proc
from ignition_toolkit.janitor.orphans import Orphans
from ignition_toolkit.janitor.proc import Identity, Sent, Stat
from ignition_toolkit.janitor.tree import Forest, Tree

WORKER = Identity(5, 50)
DEAD = Identity(6, 60)


class World:
    """A made-up machine with one worker, pid 5, whose dead runner 6 had the token `t`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stats: dict[int, Stat] = {}
        self.markers: dict[int, str] = {}
        self.runners: set[Identity] = set()
        self.is_settled = True
        self.is_kernels = True
        self.add(WORKER.pid, parent=1)
        monkeypatch.setattr(proc, "read_stat", self.stats.get)
        monkeypatch.setattr(proc, "read_marker", lambda stat: self.markers.get(stat.pid))
        monkeypatch.setattr(proc, "is_gone", lambda identity: identity.pid not in self.stats)
        monkeypatch.setattr(proc, "send", lambda identity, number: Sent.DELIVERED)
        self.forest = Forest(self, [])
        self.tree = Tree("t", root=DEAD)

    def add(
        self, pid: int, *, parent: int = WORKER.pid, session: int = 1, state: str = "S"
    ) -> None:
        self.stats[pid] = Stat(pid, b"p", state, parent, session, 0, 1, pid * 10)

    def newest(self, parent: int) -> list[int]:
        return []

    def each(self, parents: Iterable[int], *, anew: bool = True) -> Iterator[tuple[int, list[int]]]:
        for parent in parents:
            yield parent, [pid for pid, stat in self.stats.items() if stat.ppid == parent]

    def orphans(self) -> Orphans:
        return Orphans(
            self.forest,
            WORKER,
            is_named=lambda marker: marker in {"t", "u", "not ended"},
            runners=lambda: self.runners,
            is_settled=lambda: self.is_settled,
        )

    def taken(self) -> dict[int, str]:
        return {
            member.identity.pid: tree.key
            for tree in self.forest.trees.values()
            for member in tree.members
        }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(monkeypatch)
    world.forest.plant(world.tree)
    return world


def test_an_unmarked_child_belongs_to_the_run_whose_runner_is_dead(world: World) -> None:
    orphans = world.orphans()
    world.add(7)
    assert orphans.find() == 1
    assert world.taken() == {7: "t"}
    assert orphans.find() == 0
    assert not orphans.is_undecided


def test_children_from_before_hello_and_announced_runners_are_no_orphans(world: World) -> None:
    world.add(7)
    orphans = world.orphans()
    world.add(8)
    world.runners.add(Identity(8, 80))
    assert orphans.find() == 0
    assert world.taken() == {}


def test_a_reused_pid_of_a_child_from_before_hello_protects_nobody(world: World) -> None:
    world.add(7)
    orphans = world.orphans()
    world.stats[7] = world.stats[7]._replace(start=999)
    assert orphans.find() == 1


def test_nothing_unmarked_is_decided_while_a_runner_is_being_started(world: World) -> None:
    orphans = world.orphans()
    world.add(7)
    world.is_settled = False
    assert orphans.find() == 0
    assert orphans.is_undecided
    world.is_settled = True
    assert orphans.find() == 1
    assert not orphans.is_undecided


def test_a_marked_orphan_is_decided_at_once_and_by_its_marker(world: World) -> None:
    other = Tree("u", root=Identity(9, 65))
    world.forest.plant(other)
    orphans = world.orphans()
    world.is_settled = False
    for pid, marker in ((10, "t"), (11, "u"), (12, "not ended")):
        world.add(pid)
        world.markers[pid] = marker
    assert orphans.find() == 2
    assert world.taken() == {10: "t", 11: "u"}
    assert not orphans.is_undecided


@pytest.mark.parametrize("marker", ["", "of another worker"])
def test_a_marker_that_is_not_of_this_worker_says_nothing(world: World, marker: str) -> None:
    """A run may start a worker of its own, or set the variable to anything."""
    orphans = world.orphans()
    world.add(7)
    world.markers[7] = marker
    world.is_settled = False
    assert orphans.find() == 0
    assert orphans.is_undecided
    world.is_settled = True
    assert orphans.find() == 1


def test_an_orphan_has_the_marker_of_its_sessions_leader(world: World) -> None:
    orphans = world.orphans()
    world.add(20, parent=1, session=20)
    world.markers[20] = "not ended"
    world.add(21, session=20)
    assert orphans.find() == 0
    world.markers[20] = "t"
    assert orphans.find() == 1


def test_an_orphan_in_a_session_of_a_tree_belongs_to_it(world: World) -> None:
    younger = Tree("u", root=Identity(9, 65))
    world.forest.plant(younger)
    orphans = world.orphans()
    world.add(10, session=DEAD.pid)
    world.add(11)
    assert orphans.find() == 2
    assert world.taken() == {10: "t", 11: "u"}


def test_while_the_runners_of_all_ended_runs_live_no_unmarked_child_is_taken(
    world: World,
) -> None:
    orphans = world.orphans()
    world.add(DEAD.pid, parent=WORKER.pid)
    world.runners.add(DEAD)
    world.add(7)
    assert orphans.find() == 0
    assert world.taken() == {}


def test_a_child_that_is_older_than_every_ended_run_is_not_taken(world: World) -> None:
    orphans = world.orphans()
    world.stats[7] = Stat(7, b"p", "S", WORKER.pid, 1, 0, 1, DEAD.start - 1)
    assert orphans.find() == 0


def test_a_child_that_had_ended_before_it_was_looked_at_leaves_the_look_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a chain that forks on, its successor is in no list yet."""
    orphans = world.orphans()
    world.add(7)
    stats = dict(world.stats)
    monkeypatch.setattr(proc, "read_stat", lambda pid: stats.get(pid) if pid != 7 else None)
    assert orphans.find() == 1
    assert orphans.is_undecided


def test_the_children_of_whoever_has_a_dead_workers_pid_are_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphans = world.orphans()
    world.add(7)
    monkeypatch.setattr(proc, "is_gone", lambda identity: True)
    assert orphans.find() == 0
    assert world.taken() == {}
