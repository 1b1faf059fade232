"""Runners are forked, and nobody can tell: marker, arguments, parent, session, descriptors."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.execution import fork_server
from ignition_toolkit.execution.fork_server import ForkServer
from ignition_toolkit.execution.reaper import become_subreaper
from ignition_toolkit.execution.runner_spawn import Spawned, forking, runner_environment, spawn
from ignition_toolkit.janitor import proc
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.rig import Rig, is_alive, playbook, step, steps
from tests.polling import poll_until, poll_until_async

PREFIX = "0123456789ab.01234567."
UP_S = 60.0


class Forks:
    """A fork server and the runners that it has forked."""

    def __init__(self, server: ForkServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._spawned: list[Spawned] = []

    def runner(self, number: int = 1) -> Spawned:
        """Have a runner forked, and wait until it has said something."""
        folder = self.folder / str(number)
        self._spawned.append(spawn(f"{PREFIX}{number}", folder, forking(self.server)))
        assert b'"ready"' in os.read(self._spawned[-1].events_fd, 4096)
        return self._spawned[-1]

    def close(self) -> None:
        """End everything."""
        self.server.end()
        for one in self._spawned:
            for fd in (one.stdin_fd, one.events_fd, one.stdout_fd, one.stderr_fd, one.child.pidfd):
                os.close(fd)
            one.child.process.kill()


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[Forks]:
    become_subreaper()
    made = Forks(ForkServer(tmp_path / "run", runner_environment(), PREFIX), tmp_path / "run")
    made.server.start()
    yield made
    made.close()


@pytest.fixture
def make_fork_server() -> type[ForkServer]:
    """Give each worker a fork server of its own."""
    return ForkServer


def pid_of(server: ForkServer) -> int:
    assert server.pid is not None
    return server.pid


def test_a_runner_looks_as_if_it_had_been_executed(forks: Forks) -> None:
    runner = forks.runner(12)
    pid, folder = runner.child.pid, forks.folder / "12"
    stat = proc.read_stat(pid)
    assert stat is not None
    assert (stat.ppid, stat.session, stat.start) == (os.getpid(), pid, runner.start)
    assert proc.read_marker(stat) == f"{PREFIX}12"
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    assert arguments[1:] == [b"-m", b"ignition_toolkit.runner", b"--folder", os.fsencode(folder)]
    assert Path(f"/proc/{pid}/cwd").readlink() == Path.cwd()


def test_the_fork_server_keeps_its_own_marker_and_no_descriptor(forks: Forks) -> None:
    forks.runner(1)
    pid = pid_of(forks.server)
    handles = sorted(os.listdir(f"/proc/{pid}/fd"))
    for number in range(2, 8):
        forks.runner(number)
    assert sorted(os.listdir(f"/proc/{pid}/fd")) == handles
    assert len(os.listdir(f"/proc/{pid}/task")) == 1
    stat = proc.read_stat(pid)
    assert stat is not None
    assert proc.read_marker(stat) == PREFIX + fork_server.ROOM


def test_a_runner_has_no_descriptor_of_another_or_of_the_fork_server(forks: Forks) -> None:
    first, second = forks.runner(1), forks.runner(2)
    opened = [descriptors(one.child.pid) for one in (first, second)]
    assert not opened[0] & opened[1]
    assert not (opened[0] | opened[1]) & descriptors(pid_of(forks.server))


def descriptors(pid: int) -> set[str]:
    """Return the pipes and sockets that a process has open."""
    links = (os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir())
    return {link for link in links if link.startswith(("pipe:", "socket:"))}


def test_runners_go_on_without_their_fork_server_and_another_can_be_started(forks: Forks) -> None:
    runner = forks.runner(1)
    old = pid_of(forks.server)
    os.kill(old, signal.SIGKILL)
    with pytest.raises(OSError, match="fork server"):
        spawn(f"{PREFIX}2", forks.folder / "2", forking(forks.server))
    assert not forks.server.is_up
    assert is_alive(runner.child.pid)
    forks.server.start()
    assert pid_of(forks.server) != old
    assert is_alive(forks.runner(3).child.pid)


def test_one_that_is_stopped_is_given_up(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "FORK_S", 0.2)
    pid = pid_of(forks.server)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(OSError, match=r"did not answer within 0\.2 s"):
        spawn(f"{PREFIX}1", forks.folder / "1", forking(forks.server))
    assert not forks.server.is_up
    assert not is_alive(pid)


def test_one_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    environment = runner_environment() | {"PYTHONHOME": str(tmp_path)}
    server = ForkServer(tmp_path / "run", environment, PREFIX)
    with pytest.raises(OSError, match="No module named"):
        server.start()
    assert not server.is_up


def test_a_name_that_has_no_room_is_refused_and_the_next_is_forked(forks: Forks) -> None:
    long = "1" * 40
    with pytest.raises(OSError, match="there is no room"):
        spawn(f"{PREFIX}{long}", forks.folder / "long", forking(forks.server))
    assert is_alive(forks.runner(2).child.pid)


def test_it_ends_when_its_worker_is_gone(forks: Forks) -> None:
    pid = pid_of(forks.server)
    assert forks.server._control is not None
    forks.server._control.close()
    forks.server._control = None
    poll_until(lambda: not is_alive(pid), UP_S)


async def test_a_worker_goes_on_when_its_fork_server_is_killed(rig: Rig) -> None:
    text = playbook(step("a", "held.echo", value=1))
    first = await rig.run(text)
    pool = rig.worker._core._pool
    old = pid_of(pool._forks)
    os.kill(old, signal.SIGKILL)
    second = await rig.run(text)
    assert [steps(view)["a"].status for view in (first, second)] == ["completed"] * 2
    # The second run may have had a runner that was warm already; the next one needs another.
    await poll_until_async(lambda: pid_of(pool._forks) != old, UP_S)


def test_a_closed_worker_leaves_no_fork_server(open_rig: OpenRig) -> None:
    rig = open_rig(warm=1)
    pool = rig.worker._core._pool
    poll_until(lambda: pool.warm_pids, UP_S)
    pid = pid_of(pool._forks)
    rig.worker.close()
    assert not is_alive(pid)
