"""What an execution with a browser is told by: lineage, marker, sessions, its folder."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.observer import Identity, below, entry, is_alive, mark, marked, table
from tests.e2e.server import Server, command
from tests.integration.browser.site import SOON_S
from tests.polling import poll_until


def session_of(pid: int) -> int | None:
    """Return the session of a process, None when it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid)
    return None


@dataclass(frozen=True)
class Trail:
    """All by which the processes of one execution can be told, taken while its browser lives."""

    runner: Identity
    driver: Identity
    tree: frozenset[Identity]
    marker: str
    #: Those that only this execution's processes are in.
    sessions: frozenset[int]
    tmpdir: Path

    def left(self) -> list[str]:
        """Return a line for each thing that is left of the execution."""
        by_marker = marked(lambda text: text == self.marker)
        by_session = {
            one.identity for one in table() if session_of(one.identity.pid) in self.sessions
        }
        alive = filter(is_alive, self.tree | by_marker | by_session)
        lines = [f"{one.pid} {command(one.pid)[:80]}" for one in alive]
        return lines + [str(self.tmpdir)] * self.tmpdir.exists()

    def found_by(self) -> dict[str, int]:
        """Count the living processes of the browser that each way of looking finds alone."""
        alive = {one for one in self.tree if is_alive(one) and "chrom" in command(one.pid)}
        with_marker = {one for one in alive if mark(one.pid) == self.marker}
        in_session = {one for one in alive if session_of(one.pid) in self.sessions}
        return {"lineage": len(alive), "marker": len(with_marker), "session": len(in_session)}


def drivers(server: Server) -> set[Identity]:
    """Return the drivers of the server's browsers."""
    return {one for one in below([server.pid]) if "run-driver" in command(one.pid)}


def take_trail(server: Server) -> Trail:
    """Return the trail of the one execution that has a driver; waits for that."""
    (driver,) = poll_until(lambda: drivers(server), SOON_S)
    line = entry(driver.pid)
    assert line is not None
    runner = entry(line.parent)
    assert runner is not None
    marker = mark(driver.pid)
    assert marker is not None
    tree = below([line.parent]) | {runner.identity}
    sessions = {found for one in tree if (found := session_of(one.pid)) is not None}
    return Trail(
        runner.identity,
        driver,
        frozenset(tree),
        marker,
        frozenset(sessions - {session_of(server.pid), session_of(os.getpid())}),
        _tmpdir(driver.pid),
    )


def _tmpdir(pid: int) -> Path:
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return Path(next(it for it in variables if it.startswith(b"TMPDIR="))[7:].decode())
