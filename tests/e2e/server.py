"""A real server for the tests: `itk serve` as a process of its own, with a data folder."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.e2e.client import Client
from tests.e2e.observer import Identity, below, end, is_alive, mark, marked
from tests.e2e.used_folder import make_used
from tests.polling import poll_until

REPO = Path(__file__).parents[2]
ITK = Path(sys.executable).with_name("itk")
#: The library's part that only tests load: the ways to be stuck as handlers.
STUCK_PLAYBOOKS = REPO / "examples" / "stuck-steps" / "playbooks"

#: Seconds for a server to come up, and to go; generous, as the machine may be busy.
UP_S = 60.0
DOWN_S = 30.0


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A running server and what it has started."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    port: int
    output: Path
    client: Client
    #: What was seen of its processes; ended with the test whatever happens.
    seen: set[Identity] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its address."""
        return self.client.url

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def text(self) -> str:
        """Return what it has printed so far."""
        return self.output.read_text("utf-8", "replace")

    def janitor(self) -> Identity:
        """Return its janitor, which it may have started anew."""
        found = poll_until(lambda: self._children("ignition_toolkit.janitor"))
        return min(found)

    def runners(self) -> set[Identity]:
        """Return its runners, the warm ones too."""
        return self._children("ignition_toolkit.runner --folder")

    def _children(self, module: str) -> set[Identity]:
        return {one for one in below([self.pid]) if module in command(one.pid)}

    def look(self) -> set[Identity]:
        """Note and return every process that is below the server or bears its markers."""
        family = below([self.pid])
        owners = {text.split(".")[0] for one in family if (text := mark(one.pid))}
        self.seen |= family | marked(lambda text: text.split(".")[0] in owners)
        return self.seen

    def left(self) -> set[Identity]:
        """Return what lives of all that was seen of it, the server included."""
        self.look()
        return {one for one in self.seen if is_alive(one)}

    def kill(self) -> float:
        """Kill the server as a crash would; return the monotonic second of it."""
        killed = time.monotonic()
        self.process.kill()
        self.process.wait()
        return killed

    def stop(self) -> int:
        """Ask the server to end, and return its exit code; nothing of it may be left then."""
        self.look()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DOWN_S)

    def clean_up(self) -> None:
        """End everything of it, whatever state the test left it in."""
        self.client.http.close()
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        end(self.left())


@contextmanager
def standing_still(server: Server) -> Iterator[None]:
    """Stop a server's process for the length of a block; all that it started goes on."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def command(pid: int) -> str:
    """Return a process's command line, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def environment(**settings: str) -> dict[str, str]:
    """Return our own environment without settings of the toolkit, but for those given."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ITK_")}
    return own | settings


def launch(
    data_dir: Path,
    *,
    max_running: int = 4,
    playbooks: Sequence[Path] = (STUCK_PLAYBOOKS,),
    port: int | None = None,
    host: str = "127.0.0.1",
    **settings: str,
) -> Server:
    """Start `itk serve`, and return when its health address answers 200.

    A data folder that is not there yet is made as one that has been used before.
    """
    make_used(data_dir)
    port = free_port() if port is None else port
    output = data_dir.with_name(f"{data_dir.name}-{port}.log")
    # It ends if the tests are killed.
    arguments = ["setpriv", "--pdeathsig=TERM", str(ITK), "serve"]
    arguments += ["--host", host, "--port", str(port)]
    arguments += ["--data-dir", str(data_dir)]
    for folder in playbooks:
        arguments += ["--playbooks", str(folder)]
    with output.open("ab") as log:
        process = subprocess.Popen(
            arguments,
            env=environment(ITK_MAX_RUNNING=str(max_running), **settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(process, data_dir, port, output, Client(f"http://127.0.0.1:{port}"))
    try:
        poll_until(lambda: is_up(server), UP_S)
    except AssertionError as error:
        server.clean_up()
        raise AssertionError(f"the server did not come up:\n{server.text()}") from error
    server.look()
    return server


def is_up(server: Server) -> bool:
    """Say whether the health address answers 200; raises when the process has ended."""
    assert server.process.poll() is None, f"it ended with {server.process.returncode}"
    try:
        return server.client.http.get("/api/health").status_code == 200
    except httpx2.TransportError:
        return False


@contextmanager
def serving(
    data_dir: Path,
    *,
    max_running: int = 4,
    playbooks: Sequence[Path] = (STUCK_PLAYBOOKS,),
    port: int | None = None,
) -> Iterator[Server]:
    """Launch a server for the length of a block, and end all of it afterwards."""
    server = launch(data_dir, max_running=max_running, playbooks=playbooks, port=port)
    try:
        yield server
    finally:
        server.clean_up()
