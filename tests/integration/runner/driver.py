"""A supervisor for the runner's tests: a real runner process, spoken to over its pipes."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from ignition_toolkit.execution.fork_server import ROOM, ForkServer
from ignition_toolkit.execution.runner_spawn import Spawned, forking, spawn
from ignition_toolkit.playbook.events import Logged, Settled, StepChanged, VariableSet
from ignition_toolkit.playbook.models import CancelSource, Frozen, Playbook, Program, Step
from ignition_toolkit.protocol import (
    Body,
    Cancel,
    Done,
    Envelope,
    Proceed,
    Ready,
    Start,
    encode,
)
from tests.e2e.observer import Identity, below, end, is_alive, marked
from tests.leaks import children
from tests.polling import poll_until
from tests.subreaper import adopt_orphans

REPO = Path(__file__).parents[3]

#: Seconds for something to happen that happens at once; generous, as the machine may be busy.
SOON_S = 15.0
#: Seconds from a cancel until its step is over, as promised; and those that a step has by itself.
PROMISE_S, GRACE_S = 0.5, 0.25

MODULES = {
    "odd.code": "tests.integration.runner.odd_steps",
    "playbook.run": "ignition_toolkit.steps.playbook",
    "utility.log": "ignition_toolkit.steps.utility",
    "utility.python": "ignition_toolkit.steps.python",
    "utility.set_variable": "ignition_toolkit.steps.utility",
    "utility.sleep": "ignition_toolkit.steps.utility",
}

B = TypeVar("B", bound=Frozen)
#: What the markers of these runners begin with; a number follows.
PREFIX = f"test{os.getpid()}.w."
_count = 0


# Any: parameters are JSON values of a test's choosing, here and below.
def step(id: str, type: str, p: Mapping[str, Any] | None = None, **fields: Any) -> Step:
    """Return a step; `p` are its parameters."""
    return Step(id=id, name=id, type=type, parameters=dict(p or {}), **fields)


def code(id: str, text: str, **fields: Any) -> Step:
    """Return a step that does what the text says."""
    return step(id, "odd.code", {"code": text}, **fields)


def script(id: str, text: str, **fields: Any) -> Step:
    """Return a step that runs a script."""
    return step(id, "utility.python", {"script": text}, **fields)


def environment(token: str, folder: Path) -> dict[str, str]:
    """Return what a runner gets of ours, with the tests' own step kinds to be found."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        **kept,
        **coverage,
        "ITK_RUN": token,
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": str(REPO),
    }


def new_fork_server(folder: Path) -> ForkServer:
    """Return what forks the runners under test: each would import the same for itself."""
    # A runner's folder is written where this one's was, and must fit.
    long = folder / ("f" * 200)
    return ForkServer(long, environment(PREFIX + ROOM, long), PREFIX)


class Process:
    """A runner's process, which is a child of this one, with its streams."""

    def __init__(self, spawned: Spawned) -> None:
        self._child = spawned.child
        self.pid = spawned.child.pid
        self.poll = spawned.child.process.poll
        self.kill = spawned.child.process.kill
        self.send_signal = spawned.child.process.send_signal
        self.stdin = os.fdopen(spawned.stdin_fd, "wb")
        self.events = os.fdopen(spawned.events_fd, "rb")
        self.stdout = os.fdopen(spawned.stdout_fd, "rb")
        self.stderr = os.fdopen(spawned.stderr_fd, "rb")

    def wait(self, timeout: float = SOON_S) -> int:
        """Return the exit status, once the process has ended."""
        poll_until(lambda: self.poll() is not None, timeout)
        status = self.poll()
        assert status is not None
        return status

    def close(self) -> None:
        """Let go of the process, which has ended."""
        os.close(self._child.pidfd)


class RunnerUnderTest:
    """One runner, everything that it has said, and everything that came out of it."""

    def __init__(self, folder: Path, forks: ForkServer) -> None:
        global _count  # noqa: PLW0603 - no two runners of one test process share a token
        _count += 1
        self.folder = folder
        self.token = f"{PREFIX}{_count}"
        self.process = Process(spawn(self.token, folder, forking(forks)))
        self.pid = self.process.pid
        self.envelopes: list[Envelope] = []
        self.stdout, self.stderr = bytearray(), bytearray()
        #: Cleared, nobody reads the events.
        self.reads_events = threading.Event()
        self.reads_events.set()
        self.seen: set[Identity] = set()
        self._rest = b""
        self._threads = [
            self._read(self.process.events, self._on_events),
            self._read(self.process.stdout, self.stdout.extend),
            self._read(self.process.stderr, self.stderr.extend),
        ]

    def _read(self, stream: IO[bytes], sink: Callable[[bytes], None]) -> threading.Thread:
        def pump() -> None:
            with stream:
                while True:
                    if sink == self._on_events:
                        self.reads_events.wait()
                    data = os.read(stream.fileno(), 1 << 16)
                    if not data:
                        return
                    sink(data)

        thread = threading.Thread(target=pump)
        thread.start()
        return thread

    def _on_events(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.envelopes += [Envelope.model_validate_json(line) for line in lines]

    # Speaking.

    def send(self, command: Frozen) -> float:
        """Send a command; return the monotonic second at which it was sent."""
        at = time.monotonic()
        self.process.stdin.write(encode(command))
        self.process.stdin.flush()
        return at

    def start(self, *steps: Step, others: tuple[Playbook, ...] = (), **fields: Any) -> None:
        """Send a start command for these steps."""
        main = Playbook(name="main", path="main.yaml", steps=steps)
        program = Program(main=main, nested={p.path: p for p in others})
        artifacts = str(self.folder / "artifacts")
        values = {"parameters": {}, "modules": MODULES, "artifacts": artifacts, **fields}
        self.send(Start(execution_id="e1", program=program, **values))

    def cancel(self) -> float:
        """Cancel the run; return when."""
        return self.send(Cancel(source=CancelSource.API))

    def hang_up(self) -> None:
        """Close the runner's stdin, as a server does that dies."""
        self.process.stdin.close()

    # Hearing.

    def bodies(self, kind: type[B]) -> list[B]:
        """Return the messages of one kind so far."""
        return [e.body for e in list(self.envelopes) if isinstance(e.body, kind)]

    def await_(self, kind: type[B], wanted: Callable[[B], bool] = lambda _body: True) -> B:
        """Return the first such message, once it is there."""

        def look() -> list[B]:
            found = [body for body in self.bodies(kind) if wanted(body)]
            if not found and self.process.poll() is not None:
                self._threads[0].join(1)
                found = [body for body in self.bodies(kind) if wanted(body)]
                assert found, f"the runner has ended; stderr: {self.stderr.decode()}"
            return found

        return poll_until(look, SOON_S)[0]

    def await_ready(self) -> Ready:
        """Return once the runner is up."""
        return self.await_(Ready)

    def await_step(self, step_id: str, status: str) -> StepChanged:
        """Return once a step has become that."""
        return self.await_(StepChanged, lambda e: (e.step_id, e.status.value) == (step_id, status))

    def await_log(self, text: str) -> Logged:
        """Return once a line of the log holds the text."""
        return self.await_(Logged, lambda line: text in line.message)

    def await_variable(self, name: str) -> Any:
        """Return a variable's value, once it was set."""
        return self.await_(VariableSet, lambda e: e.name == name).value

    def await_settled(self) -> Settled:
        """Return what a timeout or a skip did."""
        return self.await_(Settled)

    def await_done(self) -> Done:
        """Return how the run ended."""
        return self.await_(Done)

    def await_end(self) -> int:
        """Return the exit status, once the process has ended and its streams were read."""
        status = self.process.wait(SOON_S)
        self._threads[0].join(SOON_S)
        return status

    def run(self, *steps: Step, **fields: Any) -> Done:
        """Run steps to the end."""
        self.start(*steps, **fields)
        done = self.await_done()
        assert self.await_leaving() == 0
        return done

    def await_leaving(self) -> int:
        """Return the exit status of a runner that is done, 0 for one that is ended as it waits.

        One that has children waits for the janitor to end them together.
        """
        poll_until(lambda: self.process.poll() is not None or below([self.pid]), SOON_S)
        if self.process.poll() is None:
            self.seen |= below([self.pid])
            self.process.kill()
            self.await_end()
            return 0
        return self.await_end()

    def output(self, step_id: str) -> dict[str, Any]:
        """Return the outputs of a step that has completed."""
        change = self.await_step(step_id, "completed")
        assert change.output is not None
        return change.output

    def error(self, step_id: str) -> str:
        """Return the error of a step that has failed."""
        change = self.await_step(step_id, "failed")
        assert change.error is not None
        return change.error

    def assert_over(self, done: Done, at: float) -> None:
        """Fail unless a cancel was over in time, and its step by itself within its grace.

        Args:
            done: what the runner said of its end.
            at: monotonic second of the cancel.
        """
        took = self.time_of(done) - at
        assert took < PROMISE_S
        # On a machine without a free processor the grace may pass before anything was done.
        assert done.ended or took > GRACE_S, "given up before the grace was over"

    def time_of(self, body: Body) -> float:
        """Return the monotonic second at which a message was made."""
        return next(e.t for e in self.envelopes if e.body is body)

    @property
    def log(self) -> list[str]:
        """Return the lines of the log."""
        return [line.message for line in self.bodies(Logged)]

    def proceed(self) -> None:
        """Let the run go on after a clean `settled`."""
        self.send(Proceed())

    # Looking from outside.

    def look(self) -> set[Identity]:
        """Return everything that the runner has started and that lives."""
        self.seen |= below([self.pid]) | marked(lambda text: text == self.token)
        return {one for one in self.seen if is_alive(one) and one.pid != self.pid}

    def close(self) -> None:
        """End the runner and what it has started, whatever happened."""
        self.reads_events.set()
        self.look()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.look()
        end(self.seen)
        # What was written last may find no reader any more.
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        for thread in self._threads:
            thread.join(SOON_S)
        self.process.close()


@contextmanager
def runner(folder: Path, forks: ForkServer) -> Iterator[RunnerUnderTest]:
    """Give a runner that is ready, and end it afterwards, with all that was left to this process.

    As a worker does, this process adopts its runner and the orphans of it.
    """
    before = child_pids()
    adopt_orphans(True)
    try:
        made = RunnerUnderTest(folder, forks)
        try:
            made.await_ready()
            yield made
        finally:
            made.close()
    finally:
        adopt_orphans(False)
        left = child_pids() - before
        poll_until(lambda: all(is_reaped(pid) for pid in left), SOON_S)


def child_pids() -> set[int]:
    """Return the pids of this process's children, zombies included."""
    return {pid for pid, _ in children()}


def is_reaped(pid: int) -> bool:
    """Reap a child if it has ended; say whether it is gone."""
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return True
