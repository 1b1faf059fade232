"""The server dies, or its janitor, or its database is held: nothing acts on, and nothing lies."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import NewWitness
from tests.e2e.observer import Witness, is_alive
from tests.e2e.server import DOWN_S, Server, serving
from tests.e2e.ways import BY_ID, Stuck
from tests.polling import poll_until

PROMISE_S = 0.5
#: Seconds after the death of a server within which everything that it ran is gone.
ORPHANS_S = 1.5

# A busy server is filled, and started anew, in each of them.
pytestmark = pytest.mark.timeout(300)

#: One of each kind of hard case: no Python code runs, no marker, no lineage that stands still.
HARD = [
    BY_ID[name]
    for name in (
        "gil_held-handler",
        "gil_held-script",
        "swallows_cancel-handler",
        "time_sleep-handler",
        "child_processes-handler",
        "daemon-handler",
        "fork_chain-handler",
        "thread_left-handler",
        "async_sleep-script",
    )
]
#: Is still being stopped when its server dies: it takes the whole grace.
JUST_CANCELLED = BY_ID["swallows_cancel-handler"]

PENDING = (
    "name: Waits its turn\nsteps: [{id: a, name: A, type: utility.log, parameters: {message: m}}]"
)


@dataclass
class Scene:
    """A busy server: what runs, what was just cancelled, what waits for a slot."""

    server: Server
    running: dict[str, Witness]
    #: The one to cancel at the last moment.
    cancelled: str
    pending: str
    watched: list[Witness]


def busy(server: Server, new: NewWitness) -> Scene:
    """Fill a server to its last slot, and have one wait for a slot; one is to be cancelled."""
    ids = {start(server, stuck, witness := new()): (stuck, witness) for stuck in HARD}
    witness = new()
    last = start(server, JUST_CANCELLED, witness)
    for stuck, one in (*ids.values(), (JUST_CANCELLED, witness)):
        stuck.wait_acting(one)
    pending = server.client.start_text(PENDING)
    assert server.client.execution(pending)["status"] == "pending"
    running = {execution_id: one for execution_id, (_, one) in ids.items()}
    server.look()
    return Scene(server, running, last, pending, [*running.values(), witness])


def start(server: Server, stuck: Stuck, witness: Witness) -> str:
    """Start one stuck execution."""
    return server.client.start(stuck.path, beat=str(witness.path))


@contextmanager
def restarted(server: Server) -> Iterator[Server]:
    """Start a server on a dead one's data folder and port, for the length of a block."""
    with serving(server.data_dir, max_running=len(HARD) + 1, port=server.port) as again:
        yield again


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Server]:
    """Give a server that has just as many slots as `busy` fills."""
    with serving(tmp_path / "data", max_running=len(HARD) + 1) as running:
        yield running


def assert_told_truthfully(scene: Scene, server: Server) -> None:
    """Fail unless a restarted server says what became of each execution."""
    for execution_id in scene.running:
        assert server.client.execution(execution_id)["status"] == "interrupted"
    cancelled = server.client.execution(scene.cancelled)
    assert cancelled["status"] == "cancelled", cancelled
    assert cancelled["cancellation"]["outcome"] == "worker_lost", cancelled
    assert server.client.wait(scene.pending)["status"] == "completed"


def test_a_killed_server_leaves_no_process_and_its_record_is_true(
    crowded: Server, witness: NewWitness
) -> None:
    scene = busy(crowded, witness)
    crowded.client.cancel(scene.cancelled)
    killed = crowded.kill()
    poll_until(lambda: not crowded.left(), ORPHANS_S - (time.monotonic() - killed))
    for one in scene.watched:
        one.assert_gone()
        one.assert_silent(since=killed + ORPHANS_S, for_s=0.0)
    with restarted(crowded) as again:
        assert_told_truthfully(scene, again)


def test_the_janitor_killed_before_the_server_leaves_nothing_after_the_restart(
    crowded: Server, witness: NewWitness
) -> None:
    scene = busy(crowded, witness)
    janitor = crowded.janitor()
    crowded.client.cancel(scene.cancelled)
    # Stopped first, so that it cannot start another janitor.
    os.kill(crowded.pid, signal.SIGSTOP)
    os.kill(janitor.pid, signal.SIGKILL)
    poll_until(lambda: not is_alive(janitor))
    crowded.kill()
    with restarted(crowded) as again:
        up = time.monotonic()
        for one in scene.watched:
            one.assert_gone()
            one.assert_silent(since=up)
        assert_told_truthfully(scene, again)


def test_cancels_go_on_working_when_the_janitor_is_stopped_and_when_it_is_killed(
    server: Server, witness: NewWitness, record_property: Callable[[str, object], None]
) -> None:
    one = witness()
    execution_id = start(server, JUST_CANCELLED, one)
    one.wait_acting()
    janitor = server.janitor()
    os.kill(janitor.pid, signal.SIGSTOP)
    asked = server.client.cancel(execution_id)
    server.client.wait(execution_id, {"cancelled"})
    one.assert_gone()
    record_property("last_act_s", round(one.last() - asked, 3))
    assert one.last() - asked <= PROMISE_S
    assert server.janitor() == janitor
    one = witness()
    execution_id = start(server, JUST_CANCELLED, one)
    one.wait_acting()
    janitor = server.janitor()
    os.kill(janitor.pid, signal.SIGKILL)
    asked = server.client.cancel(execution_id)
    server.client.wait(execution_id, {"cancelled"})
    one.assert_gone()
    assert one.last() - asked <= 1.0
    poll_until(lambda: server.janitor() != janitor)
    poll_until(lambda: server.client.http.get("/api/health").status_code == 200)


def database(server: Server) -> Path:
    """Return the file of a server's database."""
    (found,) = server.data_dir.glob("*.db")
    return found


def test_a_cancel_is_in_time_while_another_process_holds_the_database(
    server: Server, witness: NewWitness
) -> None:
    client, witnesses = server.client, [witness() for _ in range(3)]
    ways = [BY_ID[name] for name in ("async_sleep-script", "gil_held-handler", "daemon-handler")]
    ids = [start(server, stuck, one) for stuck, one in zip(ways, witnesses, strict=True)]
    for stuck, one in zip(ways, witnesses, strict=True):
        stuck.wait_acting(one)
    with closing(sqlite3.connect(database(server), isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        asked = [client.cancel(execution_id) for execution_id in ids]
        for one, moment in zip(witnesses, asked, strict=True):
            one.assert_silent(since=moment + 0.5, for_s=0.5)
            one.assert_gone()
        health = client.http.get("/api/health").json()
        assert health["unsaved"] > 0, health
        assert health["problems"], health
        assert "cancelled" not in statuses(holder, ids), "the lock did not hold: no proof"
        holder.execute("ROLLBACK")
    for execution_id in ids:
        execution = client.wait(execution_id, {"cancelled"}, deadline_s=20)
        assert execution["cancellation"]["leftovers"] == [], execution
    with closing(sqlite3.connect(database(server))) as reader:
        poll_until(lambda: statuses(reader, ids) == ["cancelled"] * len(ids))
    poll_until(lambda: client.http.get("/api/health").json()["unsaved"] == 0)


def statuses(database: sqlite3.Connection, ids: list[str]) -> list[str]:
    """Return the stored statuses of some executions."""
    rows = dict(database.execute("SELECT id, status FROM executions").fetchall())
    return [rows[execution_id] for execution_id in ids]


def test_a_shutdown_is_in_time_with_the_database_held_and_what_waited_runs_after_the_restart(
    crowded: Server, witness: NewWitness
) -> None:
    scene = busy(crowded, witness)
    crowded.client.cancel(scene.cancelled)
    with closing(sqlite3.connect(database(crowded), isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        asked = time.monotonic()
        crowded.process.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        late = [one.last() - asked for one in scene.watched if one.last() > asked + PROMISE_S]
        assert not late, f"acted so many seconds after the request: {late}"
        holder.execute("ROLLBACK")
    assert crowded.process.wait(DOWN_S) == 0, crowded.text()
    assert not crowded.left()
    for one in scene.watched:
        one.assert_gone()
    with restarted(crowded) as again:
        for execution_id in scene.running:
            execution = again.client.execution(execution_id)
            assert execution["status"] == "cancelled", execution
            assert execution["cancellation"]["source"] == "shutdown", execution
        assert again.client.execution(scene.cancelled)["cancellation"]["source"] == "api"
        assert again.client.wait(scene.pending)["status"] == "completed"
