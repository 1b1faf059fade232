"""The sign of life of a stuck step: lines in a file, written while a process of it lives.

A line is `pid start-time seconds`: the start time in clock ticks as in /proc/PID/stat, the seconds
of the system's monotonic clock. Who reads the file can tell which process acted, and when last.

Run as a program, `beats.py beat FILE` beats, and `beats.py chain FILE` forks on and on; neither
listens to polite signals. Standard library only, as the programs run without our packages.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

#: Seconds between two beats.
INTERVAL_S = 0.02
#: Seconds after which everything here ends by itself, if nobody stops it.
LIFE_S = 180.0
CHAIN_LIFE_S = 30.0

_starts: dict[int, str] = {}


def start_time() -> str:
    """Return the clock tick at which this process started."""
    pid = os.getpid()
    if pid not in _starts:
        # A forked copy has a pid of its own, and looks for itself.
        stat = Path("/proc/self/stat").read_text("ascii")
        _starts[pid] = stat.rpartition(")")[2].split()[19]
    return _starts[pid]


def beat(path: str) -> None:
    """Add one line for this process; an empty path is allowed and beats nowhere."""
    line = f"{os.getpid()} {start_time()} {time.monotonic():.6f}\n"
    # Opened each time: a stuck step may have closed every descriptor. Without a text file around
    # it: many that beat at once must not be what keeps the machine busy.
    out = os.open(path or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(out, line.encode("ascii"))
    finally:
        os.close(out)


def beat_on(path: str, seconds: float = LIFE_S) -> None:
    """Beat in this thread, blocking it, for a number of seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        beat(path)
        time.sleep(INTERVAL_S)


def beat_beside(path: str) -> None:
    """Beat in a thread beside this one, for as long as the process lives."""
    threading.Thread(target=beat_on, args=(path,), name="beats", daemon=True).start()


def fork_on(path: str) -> None:
    """Fork, leave the session, beat and end, every millisecond, for CHAIN_LIFE_S in all."""
    until = time.monotonic() + CHAIN_LIFE_S
    while time.monotonic() < until:
        if os.fork():
            os._exit(0)
        os.setsid()
        beat(path)
        time.sleep(0.001)


if __name__ == "__main__":
    for deaf_to in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(deaf_to, signal.SIG_IGN)
    {"beat": beat_on, "chain": fork_on}[sys.argv[1]](sys.argv[2])
