"""A worker for the janitor's tests: this process, or a small one that can be killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests import leaks
from tests.polling import poll_until
from tests.subreaper import adopt_orphans

STUCK = Path(__file__).with_name("stuck.py")
FOLDER = "f0"
#: Seconds for what takes a moment; generous, as the machine may be busy.
SOON_S = 30.0
WORKER = "w1"

# Any: a message is a JSON object.
Message = dict[str, Any]


@contextmanager
def subreaper() -> Iterator[None]:
    """Make this process adopt the orphans below it; at the end, end and reap those that came."""
    before = leaks.children()
    adopt_orphans(True)
    try:
        yield
    finally:
        # Killing one may bring its children here, so this is repeated until there is none.
        while left := leaks.children() - before:
            for pid, _ in left:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        adopt_orphans(False)


class Runner:
    """A process of stuck.py, with the token it was started with and the folder it beats into."""

    def __init__(self, token: str, way: str, folder: Path) -> None:
        folder.mkdir()
        self.token = token
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(STUCK), way, str(folder)],
            env=os.environ | ({"ITK_RUN": token} if token else {}),
            start_new_session=True,
        )
        self.pid = self.process.pid
        self.start = start_of(self.pid)

    def beats(self) -> dict[str, int]:
        """Return how often each process below this runner has beaten."""
        return {path.name: path.stat().st_size for path in self.folder.glob("*.[0-9a]*")}

    def await_beats(self, *names: str) -> None:
        """Wait until somebody of each name has beaten, and beats on: the positive control."""

        def beat_on() -> bool:
            now = self.beats()
            return all(
                any(now.get(path, 0) > count for path, count in first.items() if is_of(path, name))
                for name in names
            )

        poll_until(lambda: all(any(is_of(p, name) for p in self.beats()) for name in names), SOON_S)
        first = self.beats()
        poll_until(beat_on, SOON_S)


def is_of(path: str, name: str) -> bool:
    """Say whether a file of beats is of this name."""
    return path.partition(".")[0] == name


def assert_silent(*runners: Runner, for_s: float = 0.15) -> None:
    """Look for so long whether anybody still beats; who beats does so every few milliseconds."""
    first = [runner.beats() for runner in runners]
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        assert [runner.beats() for runner in runners] == first
        time.sleep(0.02)


def start_of(pid: int) -> int:
    """Return the start time of a process that is there."""
    start = leaks.start_time(pid)
    assert start is not None
    return start


class Worker:
    """This process as a worker: starts runners, and speaks with a janitor of its own."""

    def __init__(self, folder: Path, *options: str, hello: bool = True, reads: bool = True) -> None:
        self._folder = folder
        self._count = 0
        self.runners: list[Runner] = []
        self.janitor = subprocess.Popen(
            [sys.executable, "-m", "ignition_toolkit.janitor", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._heard: list[Message] = []
        self._reader = threading.Thread(target=self._read)
        if reads:
            self._reader.start()
        if hello:
            self.say_hello()

    @property
    def to_janitor(self) -> IO[bytes]:
        """The janitor's stdin."""
        assert self.janitor.stdin is not None
        return self.janitor.stdin

    def start_reading(self) -> None:
        """Begin to read the answers, where that was put off."""
        self._reader.start()

    def _read(self) -> None:
        assert self.janitor.stdout is not None
        for line in self.janitor.stdout:
            self._heard.append(json.loads(line))

    def say_hello(self) -> None:
        """Tell the janitor whose it is."""
        own = os.getpid()
        self.say("hello", folder=FOLDER, worker=WORKER, worker_pid=own, worker_start=start_of(own))
        if self._reader.ident is not None:
            self.ping()

    def say(self, op: str, **fields: object) -> None:
        """Send a message."""
        self.say_raw(json.dumps({"op": op, **fields}).encode() + b"\n")

    def say_raw(self, data: bytes) -> None:
        """Send bytes."""
        self.to_janitor.write(data)
        self.to_janitor.flush()

    def start(self, way: str) -> Runner:
        """Start a runner as a worker does, announced before and after."""
        self._count += 1
        token = f"{FOLDER}.{WORKER}.{self._count}"
        self.say("spawning", token=token)
        runner = Runner(token, way, self._folder / f"{self._count}-{way}")
        self.say("watch", token=token, pid=runner.pid, start=runner.start)
        self.runners.append(runner)
        return runner

    def end(self, *runners: Runner, in_s: float = 0.0, ask_in_s: float | None = None) -> None:
        """Appoint the end of runners."""
        now = time.monotonic()
        ask_at = None if ask_in_s is None else now + ask_in_s
        for runner in runners:
            self.say("end", token=runner.token, at=now + in_s, ask_at=ask_at)

    def heard(self, op: str, **fields: object) -> list[Message]:
        """Return the answers so far that have these fields."""
        return [m for m in self._heard if m["op"] == op and m.items() >= fields.items()]

    def await_answer(self, op: str, deadline_s: float = 10, **fields: object) -> Message:
        """Wait for an answer with these fields and return the first."""
        return poll_until(lambda: self.heard(op, **fields), deadline_s)[0]

    def await_over(self, runner: Runner, count: int = 1) -> Message:
        """Wait for the count-th answer to the end of a runner; it has to be `clean`."""

        def answers() -> list[Message]:
            all_ = self.heard("clean", token=runner.token) + self.heard("stuck", token=runner.token)
            return all_ if len(all_) >= count else []

        answer = poll_until(answers, 10)[-1]
        assert answer["op"] == "clean", answer
        return answer

    def forget(self, runner: Runner) -> None:
        """Be done with a runner that is over: reap it and the orphans that came here."""
        self.say("forget", token=runner.token)
        runner.process.wait(10)
        self.runners.remove(runner)
        own = {other.pid for other in self.runners}
        for pid, _ in leaks.children():
            if pid not in own:
                os.waitpid(pid, os.WNOHANG)

    def ping(self, deadline_s: float = 10) -> Message:
        """Wait until all that was said before has been heard; return the pong."""
        self._count += 1
        self.say("ping", id=self._count)
        return self.await_answer("pong", id=self._count, deadline_s=deadline_s)

    def close(self) -> int:
        """Close the janitor's stdin as a polite worker does; return its exit code."""
        self.to_janitor.close()
        code = self.janitor.wait(10)
        if self._reader.ident is not None:
            self._reader.join(10)
        assert self.janitor.stdout is not None
        self.janitor.stdout.close()
        for runner in self.runners:
            runner.process.wait(10)
        return code


@contextmanager
def working(
    folder: Path, *options: str, hello: bool = True, reads: bool = True
) -> Iterator[Worker]:
    """Be a worker until the end of the block; then everything of it is ended and reaped."""
    with subreaper():
        worker = Worker(folder, *options, hello=hello, reads=reads)
        try:
            yield worker
        finally:
            worker.close()
