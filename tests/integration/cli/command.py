"""`itk` as a process of its own, watched from outside."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ignition_toolkit.execution.stop_signals import ONE_WISH_S
from tests.e2e.observer import Identity, below, end, is_alive, mark, marked
from tests.e2e.server import ITK, environment
from tests.e2e.used_folder import make_used
from tests.polling import poll_until

#: Seconds for a command to begin or to end; generous, as the machine may be busy.
SOON_S = 60.0


@dataclass
class Command:
    """One `itk` at work. What it writes goes into files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    #: Everything that was seen below it, or bears the marker of something below it.
    seen: set[Identity] = field(default_factory=set)

    def stdout(self) -> str:
        """Return what it has written to standard output so far."""
        return self.out.read_text("utf-8")

    def stderr(self) -> str:
        """Return what it has written to standard error so far."""
        return self.err.read_text("utf-8")

    def wait_for(self, text: str) -> None:
        """Return when it has written this to standard output; fails when it ends before."""
        poll_until(lambda: text in self.stdout() or self._ended(), SOON_S)
        assert text in self.stdout(), f"it ended: {self.stdout()}{self.stderr()}"
        self.look()

    def wait_to_say(self, text: str) -> None:
        """Return when it has written this to standard error; fails when it ends before."""
        poll_until(lambda: text in self.stderr() or self._ended(), SOON_S)
        assert text in self.stderr(), f"it ended: {self.stdout()}{self.stderr()}"

    def look(self) -> None:
        """Note every process that is below it or bears the marker of its data folder."""
        family = below([self.process.pid])
        folders = {text.split(".")[0] for one in family if (text := mark(one.pid))}
        self.seen |= family | marked(lambda text: text.split(".")[0] in folders)

    def left(self) -> list[Identity]:
        """Return what lives of all that was seen."""
        return [one for one in self.seen if is_alive(one)]

    def send(self, number: signal.Signals) -> float:
        """Signal it, and nothing else. Returns the monotonic second of it."""
        self.look()
        self.process.send_signal(number)
        return time.monotonic()

    def press_again(self) -> float:
        """Press Ctrl-C a second time, as late as a person does: at once it is the same wish.

        Returns the monotonic second of it.
        """
        time.sleep(1.5 * ONE_WISH_S)
        return self.send(signal.SIGINT)

    def end(self) -> int:
        """Return its exit code; nothing of it may be left at that moment."""
        code = self.process.wait(SOON_S)
        left = self.left()
        assert not left, f"left behind: {left}"
        return code

    def _ended(self) -> bool:
        return self.process.poll() is not None


@contextmanager
def itk(folder: Path, *arguments: str, **settings: str) -> Iterator[Command]:
    """Start `itk`; kill it and what it left when the test is over.

    Args:
        folder: a new one; its `data` is the data folder, unless the settings name another; a run
            finds it as one that was used before.
        arguments: of the command.
        settings: environment variables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if arguments[0] == "run":
        make_used(folder / "data")
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [str(ITK), *arguments],
            env=environment(**({"ITK_DATA_DIR": str(folder / "data")} | settings)),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    command = Command(process, out, err)
    try:
        yield command
    finally:
        command.look()
        process.kill()
        process.wait()
        end(command.left())


def done(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `itk` to its end."""
    with itk(folder, *arguments, **settings) as command:
        code = command.process.wait(SOON_S)
    return subprocess.CompletedProcess(arguments, code, command.stdout(), command.stderr())
