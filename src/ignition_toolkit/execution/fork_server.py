"""The worker's side of the fork server: has runners forked, and starts it again when it dies."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ignition_toolkit.execution.child_process import ForkedProcess
from ignition_toolkit.execution.owner import process_start
from ignition_toolkit.protocol import MARKER

FORK_SERVER_COMMAND = (sys.executable, "-m", "ignition_toolkit.runner", "--fork-server")

#: Seconds in which it has to come up, importing all that a runner needs.
START_S = 30.0
#: Seconds in which it has to fork a runner.
FORK_S = 5.0
#: Seconds in which it has to end once it is killed.
END_S = 1.0
#: Characters of a runner's number, in its marker and its folder's name.
ROOM = "_" * 12
#: Bytes of an answer.
_MAX_ANSWER = 1 << 12
#: Characters of its stderr that are told when it does not come up.
_LAST_WORDS = 2000


class ForkServer:
    """Forks runners for one worker. Everything here blocks: for threads, one at a time.

    Args:
        run_dir: the folder of the runners' folders; what it writes to stderr goes to a file there.
        environment: of the runners, but for their marker and TMPDIR.
        prefix: what their markers begin with.
    """

    def __init__(self, run_dir: Path, environment: Mapping[str, str], prefix: str) -> None:
        self._run_dir = run_dir
        #: Its own marker, with room for that of any runner.
        self.token = prefix + ROOM
        self._environment = {**environment, MARKER: self.token}
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Its pid, also when it has just died; None before the first start."""
        return self._process.pid if self._process else None

    @property
    def is_up(self) -> bool:
        """Whether it runs. Reaps it when it has ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> tuple[int, int]:
        """Start it, wait until it answers, and return its pid and the clock tick of its start.

        Raises OSError with what it wrote to stderr; it does not run then.
        """
        with self._turn:
            self._end()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                self._process = self._popen(theirs)
            except BaseException:
                ours.close()
                raise
            finally:
                theirs.close()
            self._control = ours
            self._hear(START_S)
            return self._process.pid, process_start(self._process.pid) or 0

    def _popen(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._errors.open("wb") as errors:
            return subprocess.Popen(
                [*FORK_SERVER_COMMAND, str(theirs.fileno()), "--folder", str(self._run_dir / ROOM)],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=(theirs.fileno(),),
                env=self._environment,
                start_new_session=True,
            )

    @property
    def _errors(self) -> Path:
        return self._run_dir / "fork-server.txt"

    def fork(self, token: str, folder: Path, tmpdir: Path, fds: Sequence[int]) -> ForkedProcess:
        """Have a runner forked; it has copies of the descriptors then.

        Args:
            token: its marker.
            folder, tmpdir: its own folder, and its TMPDIR.
            fds: its stdin, where its protocol goes, and its steps' stdout and stderr.

        Raises OSError when there is none; the fork server is ended when it does not answer.
        """
        request = {"token": token, "folder": str(folder), "tmpdir": str(tmpdir)}
        with self._turn:
            self._ask(json.dumps(request).encode(), fds)
            answer = self._hear(FORK_S)
        if "pid" not in answer:
            raise OSError(f"no runner could be forked: {answer.get('error')}")
        return ForkedProcess(int(str(answer["pid"])))

    def _ask(self, request: bytes, fds: Sequence[int]) -> None:
        if self._control is None:
            raise OSError("the fork server does not run")
        try:
            self._control.settimeout(FORK_S)
            socket.send_fds(self._control, [request], list(fds))
        except OSError as error:
            self._end()
            words = self._last_words()
            raise OSError(f"the fork server took no request: {error}; {words}") from error

    def _hear(self, within: float) -> dict[str, object]:
        assert self._control is not None
        try:
            self._control.settimeout(within)
            data = self._control.recv(_MAX_ANSWER)
        except OSError as error:
            self._end()
            raise OSError(f"the fork server did not answer within {within:g} s: {error}") from error
        if not data:
            self._end()
            raise OSError(f"the fork server ended: {self._last_words()}")
        answer: dict[str, object] = json.loads(data)
        return answer

    def _last_words(self) -> str:
        try:
            text = self._errors.read_text("utf-8", "replace").strip()
        except OSError:
            text = ""
        lines = text[-_LAST_WORDS:].splitlines() or ["it wrote nothing to stderr"]
        # An interpreter that cannot start writes its stack after the error.
        return next((line for line in reversed(lines) if "Error" in line), lines[-1])

    def end(self) -> None:
        """Kill it; the runners go on. Nothing happens when there is none."""
        with self._turn:
            self._end()

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                # The janitor, or the kernel, ends it; the next start replaces it.
                return
