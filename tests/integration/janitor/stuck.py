"""Runners for the janitor's tests, each stuck in its own way: `python stuck.py WAY FOLDER`.

Standard library only. Whatever goes on beats: it appends to a file of its own in FOLDER, so that
a test sees from outside whether it still acts. Everything ends by itself after LIFETIME_S, also
when the code under test fails.
"""

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

LIFETIME_S = 20.0
BEAT_S = 0.003
#: Pause between two links of a chain.
LINK_S = 0.0005

ENDS_AT = time.monotonic() + LIFETIME_S
WAYS: dict[str, Callable[[Path], None]] = {}

SRC = Path(__file__).parents[3] / "src"
_PR_SET_CHILD_SUBREAPER = 36
_SYS_EXIT = {"x86_64": 60, "aarch64": 93}


def way(function: Callable[[Path], None]) -> Callable[[Path], None]:
    """Make a function one of the ways to be stuck."""
    WAYS[function.__name__] = function
    return function


def beat(folder: Path, name: str) -> NoReturn:
    """Append to a file until the end of the lifetime."""
    with (folder / f"{name}.{os.getpid()}").open("ab", buffering=0) as file:
        while time.monotonic() < ENDS_AT:
            file.write(b"x")
            time.sleep(BEAT_S)
    os._exit(0)


def in_child(work: Callable[[], object]) -> int:
    """Fork; do the work in the child, which then leaves."""
    if pid := os.fork():
        return pid
    try:
        work()
    finally:
        os._exit(0)


def wait() -> NoReturn:
    """Do nothing until the end of the lifetime."""
    time.sleep(max(0.0, ENDS_AT - time.monotonic()))
    os._exit(0)


@way
def sleep(folder: Path) -> None:
    """Sit in a blocking call."""
    beat(folder, "runner")


@way
def child(folder: Path) -> None:
    """Wait for a child that does not end."""
    in_child(lambda: beat(folder, "child"))
    beat(folder, "runner")


@way
def shell(folder: Path) -> None:
    """Wait for a shell with a shell below it."""
    loop = (
        f"i=0; while [ $i -lt 2000 ]; do echo x >> {folder}/shell.$$; sleep 0.01; i=$((i+1)); done"
    )
    subprocess.run(["sh", "-c", f"sh -c '{loop}' & wait"], check=False)


@way
def daemon(folder: Path) -> None:
    """Start a daemon of the classic kind, with nothing in its environment, and go on."""
    start_daemon(folder)
    beat(folder, "runner")


@way
def daemon_then_exit(folder: Path) -> None:
    """Start such a daemon and die."""
    start_daemon(folder)
    await_beat(folder, "daemon")


def start_daemon(folder: Path, *, environ: dict[str, str] | None = None) -> None:
    """Fork, lead a session, fork, exec with another environment."""

    def first() -> None:
        os.setsid()
        in_child(lambda: run_again("plain_daemon", folder, environ or {}))

    os.waitpid(in_child(first), 0)


def run_again(name: str, folder: Path, environ: dict[str, str]) -> NoReturn:
    """Become another of the ways."""
    os.execve(sys.executable, [sys.executable, "-S", "-E", __file__, name, str(folder)], environ)


def await_beat(folder: Path, name: str) -> None:
    """Return when somebody of this name beats."""
    while not list(folder.glob(f"{name}.*")) and time.monotonic() < ENDS_AT:
        time.sleep(BEAT_S)


@way
def plain_daemon(folder: Path) -> None:
    """Be the daemon."""
    beat(folder, "daemon")


@way
def marked_daemon_then_exit(folder: Path) -> None:
    """Die and leave a daemon that carries the marker."""
    start_daemon(folder, environ=dict(os.environ))
    await_beat(folder, "daemon")


@way
def strange_daemon_then_exit(folder: Path) -> None:
    """Die and leave a daemon that carries a marker of somebody else."""
    start_daemon(folder, environ={"ITK_RUN": "other.worker.1"})
    await_beat(folder, "daemon")


@way
def session_then_exit(folder: Path) -> None:
    """Die and leave an unmarked process in the runner's own session."""
    in_child(lambda: run_again("plain_daemon", folder, {}))
    await_beat(folder, "daemon")


@way
def chain(folder: Path) -> None:
    """Fork on for ever below the runner, each link in a session of its own."""
    in_child(lambda: link(folder))
    reap_for_ever()


@way
def wiped_chain(folder: Path) -> None:
    """Fork on for ever below the runner, without a marker."""
    in_child(lambda: run_again("plain_chain", folder, {}))
    reap_for_ever()


@way
def wiped_chain_then_exit(folder: Path) -> None:
    """Start such a chain and die."""
    in_child(lambda: run_again("plain_chain", folder, {}))
    await_beat(folder, "chain")


@way
def plain_chain(folder: Path) -> None:
    """Be the first link."""
    link(folder)


def link(folder: Path) -> None:
    """Beat once, fork the next link, and leave; every link is a new process in a new session."""
    with (folder / "chain.all").open("ab", buffering=0) as file:
        while time.monotonic() < ENDS_AT:
            os.setsid() if os.getsid(0) != os.getpid() else None
            file.write(b"x")
            time.sleep(LINK_S)
            if os.fork():
                os._exit(0)


def reap_for_ever() -> None:
    """Reap what comes, as a runner does."""
    while time.monotonic() < ENDS_AT:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(BEAT_S)


@way
def headless(folder: Path) -> None:
    """End the main thread while another one beats."""
    threading.Thread(target=beat, args=(folder, "thread")).start()
    await_beat(folder, "thread")
    ctypes.CDLL(None).syscall(_SYS_EXIT[os.uname().machine], 0)


@way
def headless_child(folder: Path) -> None:
    """Have a child whose main thread has ended, without a marker."""
    in_child(lambda: run_again("headless", folder, {}))
    beat(folder, "runner")


@way
def groups(folder: Path) -> None:
    """Have a child in a process group of its own, and below it another one."""

    def inner() -> None:
        os.setpgid(0, 0)
        beat(folder, "inner")

    def outer() -> None:
        os.setpgid(0, 0)
        in_child(inner)
        beat(folder, "outer")

    in_child(outer)
    beat(folder, "runner")


@way
def deaf(folder: Path) -> None:
    """Ignore every signal that can be ignored."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        if number < signal.SIGRTMIN:
            signal.signal(number, signal.SIG_IGN)
    in_child(lambda: beat(folder, "child"))
    beat(folder, "runner")


@way
def stopped(folder: Path) -> None:
    """Stop, after a child has begun to beat."""
    in_child(lambda: beat(folder, "child"))
    await_beat(folder, "child")
    os.kill(os.getpid(), signal.SIGSTOP)
    wait()


@way
def asked(folder: Path) -> None:
    """Answer SIGUSR2 with a traceback, as a runner does."""
    with (folder / "stack.txt").open("w") as file:
        faulthandler.register(signal.SIGUSR2, file=file)
        in_child(lambda: beat(folder, "child"))
        beat(folder, "runner")


@way
def own_end(folder: Path) -> None:
    """End what was started, as a runner does when server and janitor are dead; then say what."""
    sys.path.insert(0, str(SRC))
    from ignition_toolkit.janitor.sweep import end_own_tree

    in_child(lambda: beat(folder, "child"))
    start_daemon(folder)
    in_child(lambda: run_again("plain_chain", folder, {}))
    for name in ("child", "daemon", "chain"):
        await_beat(folder, name)
    killed = end_own_tree(os.environ["ITK_RUN"], deadline=time.monotonic() + 5)
    (folder / "killed.txt").write_text("\n".join(str(entry["name"]) for entry in killed))
    os._exit(0)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    WAYS[sys.argv[1]](Path(sys.argv[2]))
