"""One fork server for the workers of many tests: each would import the same for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ignition_toolkit.execution.child_process import ForkedProcess
from ignition_toolkit.execution.fork_server import ROOM, ForkServer
from ignition_toolkit.execution.runner_spawn import runner_environment

#: A runner's marker and folder are written where those of its fork server were, and must fit.
_PREFIX = "0123456789ab.01234567."
_LONG = "f" * 200


class SharedForks:
    """A fork server that outlives the workers which have their runners forked by it.

    Args:
        folder: for its stderr.
    """

    def __init__(self, folder: Path) -> None:
        self._environment = runner_environment()
        self._server = ForkServer(folder / _LONG, self._environment, _PREFIX)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._server.start()

    def made(self, run_dir: Path, environment: Mapping[str, str], prefix: str) -> ForkServer:
        """Make what a worker takes for its own; in place of the class ForkServer.

        One whose runners are to have another environment gets a real one.
        """
        if environment != self._environment:
            return ForkServer(run_dir, environment, prefix)
        return _Lent(self._server, run_dir, environment, prefix)

    def end(self) -> None:
        """End it."""
        self._server.end()


class _Lent(ForkServer):
    """Is up already, and is not ended with its worker."""

    def __init__(
        self, server: ForkServer, run_dir: Path, environment: Mapping[str, str], prefix: str
    ) -> None:
        super().__init__(run_dir, environment, prefix)
        assert len(prefix + ROOM) == len(server.token), "a runner's marker would not fit"
        self._server = server

    @property
    def pid(self) -> int | None:
        return self._server.pid

    @property
    def is_up(self) -> bool:
        return self._server.is_up

    def fork(self, token: str, folder: Path, tmpdir: Path, fds: Sequence[int]) -> ForkedProcess:
        return self._server.fork(token, folder, tmpdir, fds)

    def end(self) -> None:
        """Leave it to the next worker."""
