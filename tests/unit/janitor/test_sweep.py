"""Scans find what has left the lineage, and a tree is believed gone only after quiet passes."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator

import pytest

from ignition_toolkit.janitor import proc, sweep
from ignition_toolkit.janitor.children import choose_lists
from ignition_toolkit.janitor.proc import Identity
from ignition_toolkit.janitor.sweep import Hunt, end_own_tree
from ignition_toolkit.janitor.tree import Forest, Tree
from tests.polling import poll_until
from tests.subreaper import adopt_orphans

TOKEN = "unit.sweep.1"


@pytest.fixture
def marked() -> Iterator[subprocess.Popen[bytes]]:
    """Give a marked leader of a session with an unmarked member."""
    with subprocess.Popen(
        ["sh", "-c", "env -i sleep 20 & wait"],
        env={"ITK_RUN": TOKEN, "PATH": os.environ["PATH"]},
        start_new_session=True,
    ) as process:
        poll_until(lambda: b"sleep" in b"".join(map(name_of, children_of(process.pid))))
        yield process
        process.kill()


def children_of(pid: int) -> list[int]:
    return next(choose_lists().each([pid]))[1]


def name_of(pid: int) -> bytes:
    return proc.read_file(f"/proc/{pid}/comm")


def identity_of(pid: int) -> Identity:
    found = proc.identify(pid)
    assert found is not None
    return found


def run(hunt: Hunt, tree: Tree, deadline_s: float = 5) -> None:
    until = time.monotonic() + deadline_s
    while not hunt.is_clean(tree):
        assert time.monotonic() < until, "not clean in time"
        hunt.step()
        time.sleep(hunt.pause())


def no_lineage(monkeypatch: pytest.MonkeyPatch, forest: Forest) -> None:
    """Let the lineage show nothing, so that only the scan can find anything."""
    monkeypatch.setattr(forest, "collect", lambda find_more: None)


def test_marker_and_session_find_what_the_lineage_does_not(
    marked: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = identity_of(children_of(marked.pid)[0])
    forest, tree = Forest(choose_lists(), []), Tree(TOKEN)
    no_lineage(monkeypatch, forest)
    forest.plant(tree)
    run(Hunt(forest), tree)
    assert {member.identity for member in tree.killed} == {identity_of(marked.pid), child}
    assert proc.is_gone(child)


def test_what_is_older_than_the_tree_is_not_its(marked: subprocess.Popen[bytes]) -> None:
    forest = Forest(choose_lists(), [])
    tree = Tree(TOKEN, oldest=identity_of(marked.pid).start + 1)
    forest.plant(tree)
    run(Hunt(forest), tree)
    assert tree.killed == []
    assert marked.poll() is None


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scans see this process only: elsewhere somebody may sleep too deep to be asked."""
    monkeypatch.setattr(proc, "list_pids", lambda: [os.getpid()])


def test_a_tree_that_shows_nothing_is_believed_after_two_scans(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone(monkeypatch)
    forest, tree = Forest(choose_lists(), []), Tree("nobody")
    forest.plant(tree)
    hunt = Hunt(forest)
    hunt.step()
    assert not hunt.is_clean(tree)
    hunt.step()
    assert hunt.is_clean(tree)
    assert hunt.scans == 2


def test_news_start_the_count_of_quiet_scans_anew(marked: subprocess.Popen[bytes]) -> None:
    forest, tree = Forest(choose_lists(), []), Tree("nobody")
    forest.plant(tree)
    hunt = Hunt(forest)
    hunt.step()
    tree.key = TOKEN
    forest.trees = {TOKEN: tree}
    hunt.step()
    assert tree.quiet == 0
    run(hunt, tree)
    assert len(tree.killed) == 2


def test_a_process_too_deep_asleep_to_be_asked_holds_up_the_verdict_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be ours; it may also sleep for ever and be somebody else's."""
    own = proc.read_stat(os.getpid())
    assert own is not None
    alone(monkeypatch)
    monkeypatch.setattr(proc, "read_stat", lambda pid: own._replace(state="D"))
    forest, tree = Forest(choose_lists(), [own.identity]), Tree(TOKEN)
    forest.plant(tree)
    hunt = Hunt(forest)
    began = time.monotonic()
    run(hunt, tree)
    assert time.monotonic() - began >= sweep.UNSURE_S
    assert hunt.scans > 2


def test_while_the_killed_are_waited_for_proc_is_not_scanned_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen(["sleep", "20"]) as process:
        forest, tree = Forest(choose_lists(), []), Tree("t", root=identity_of(process.pid))
        forest.plant(tree)
        hunt = Hunt(forest)
        alone(monkeypatch)
        monkeypatch.setattr(proc, "is_gone", lambda identity: False)
        until = time.monotonic() + 0.25
        while time.monotonic() < until:
            hunt.step()
            time.sleep(hunt.pause())
        assert hunt.scans <= 8
        assert not hunt.is_clean(tree)


class NoChildren:
    """Lists that show no children, so that this process's own are left alone."""

    is_kernels = True

    def each(self, parents: Iterable[int], *, anew: bool = True) -> Iterator[tuple[int, list[int]]]:
        return ((parent, []) for parent in parents)


def test_what_was_left_to_a_person_is_not_ended_nor_what_descends_from_it(
    marked: subprocess.Popen[bytes],
) -> None:
    """Neither by its marker nor as a child of what is ended; a stranger's number is no help."""
    kept, child = identity_of(marked.pid), identity_of(children_of(marked.pid)[0])
    with subprocess.Popen(["sleep", "20"], env={"ITK_RUN": TOKEN}) as other:
        victim = identity_of(other.pid)
        forest, tree = Forest(choose_lists(), []), Tree(TOKEN)
        forest.kept.add(kept, None)
        forest.kept.add(Identity(victim.pid, victim.start + 1), None)
        forest.plant(tree)
        run(Hunt(forest), tree)
        assert {member.identity for member in tree.killed} == {victim}
    assert not proc.is_gone(kept)
    assert not proc.is_gone(child)
    for who in (kept, child):
        stat = proc.read_stat(who.pid)
        assert stat is not None
        assert stat.state != "T"


def test_what_bears_the_mark_of_what_was_left_to_a_person_is_not_ended() -> None:
    """Also when it is nobody's child any more; all else of the run is ended, and stands still."""
    environment = {"ITK_RUN": TOKEN, "ITK_DESIGNER": "left", "PATH": os.environ["PATH"]}
    script = "sleep 20 & env ITK_DESIGNER=lef sleep 20 & env -u ITK_DESIGNER sleep 20 & echo; wait"
    adopt_orphans(True)
    try:
        with subprocess.Popen(
            ["sh", "-c", script], env=environment, start_new_session=True, stdout=subprocess.PIPE
        ) as launcher:
            assert launcher.stdout is not None
            launcher.stdout.readline()
            poll_until(lambda: len(sleepers(launcher.pid)) == 3)
            orphans = sleepers(launcher.pid)
            gone = identity_of(launcher.pid)
            launcher.kill()
        poll_until(lambda: {stat_of(pid).ppid for pid in orphans} == {os.getpid()})
        [kept] = [pid for pid in orphans if marked_as(pid) == "left"]
        forest, tree = Forest(choose_lists(), []), Tree(TOKEN, oldest=gone.start)
        forest.kept.add(gone, "left")
        forest.plant(tree)
        run(Hunt(forest), tree)
        assert {member.identity.pid for member in tree.killed} == set(orphans) - {kept}
        assert stat_of(kept).state == "S"
        os.kill(kept, signal.SIGKILL)
    finally:
        for pid in orphans:
            os.waitpid(pid, 0)
        adopt_orphans(False)


def test_a_worker_that_descends_from_what_is_kept_has_its_runs_ended() -> None:
    """A server that was started from within a Designer ends what it has to end all the same."""
    me = identity_of(os.getpid())
    with subprocess.Popen(["sleep", "20"], env={"ITK_RUN": TOKEN}) as process:
        victim = identity_of(process.pid)
        forest, tree = Forest(choose_lists(), [me]), Tree(TOKEN)
        forest.kept.add(identity_of(os.getppid()), None)
        forest.plant(tree)
        run(Hunt(forest), tree)
        assert {member.identity for member in tree.killed} == {victim}


def test_a_caught_child_that_is_a_persons_goes_on() -> None:
    """It is stopped with its siblings before anything is read of it."""
    environment = {"ITK_RUN": TOKEN, "PATH": os.environ["PATH"]}
    script = "env ITK_DESIGNER=left sleep 20 & sleep 20 & wait"
    with subprocess.Popen(["sh", "-c", script], env=environment) as root:
        poll_until(lambda: len(sleepers(root.pid)) == 2)
        [kept] = [pid for pid in sleepers(root.pid) if marked_as(pid) == "left"]
        who = identity_of(root.pid)
        forest, tree = Forest(choose_lists(), []), Tree(TOKEN, root=who)
        forest.kept.add(Identity(who.pid, who.start + 1), "left")
        forest.plant(tree)
        run(Hunt(forest), tree)
        assert len(tree.killed) == 2
        poll_until(lambda: stat_of(kept).state == "S")
        os.kill(kept, signal.SIGKILL)


def sleepers(parent: int) -> list[int]:
    """Return the children that run `sleep`."""
    return [pid for pid in children_of(parent) if name_of(pid) == b"sleep\n"]


def stat_of(pid: int) -> proc.Stat:
    found = proc.read_stat(pid)
    assert found is not None
    return found


def marked_as(pid: int) -> str | None:
    return proc.read_hand_over_mark(stat_of(pid))


def test_ending_ones_own_tree_gives_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "choose_lists", NoChildren)
    monkeypatch.setattr(Hunt, "is_clean", lambda self, tree: False)
    began = time.monotonic()
    assert end_own_tree("nobody", deadline=began + 0.1) == []
    assert 0.1 <= time.monotonic() - began < 2


def test_ending_ones_own_tree_spares_oneself_and_ends_what_is_marked(
    marked: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "choose_lists", NoChildren)
    killed = end_own_tree(TOKEN, deadline=time.monotonic() + 5)
    assert sorted(str(entry["name"]) for entry in killed) == ["sh", "sleep"]
    assert marked.wait() == -signal.SIGKILL
