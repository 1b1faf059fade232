"""The ladder of the cancel, on this machine: real runs of steps that take no notice of it.

The contract judges step kinds; what does not keep it, or cannot, is ended by the ladder. Whether
that is in time here is tried by `itk run` in a data folder of its own, with steps that go on
whatever they are asked, and that say every few milliseconds that they do.
"""

from __future__ import annotations

import fnmatch
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ignition_toolkit.drill.results import PROMISE_S, Mark, Result

#: Seconds for a run to come to the step, and to its end after the cancel.
BEGIN_S, END_S = 60.0, 30.0
#: Seconds that are watched after the end for a sign of life that must not come.
STILL_S = 0.3
LOOK_S = 0.01
CANCELLED = 130

_START = "from ignition_toolkit.cli import main; main()"

#: What each script begins with: `beat` goes on for ever, and writes when it did.
_BEAT = """
import os, signal, subprocess, sys, time

def beat(file=BEATS):
    with open(file, "a") as out:
        while True:
            out.write(f"{os.getpid()} {time.monotonic()}\\n")
            out.flush()
            time.sleep(0.01)
"""
_CHILD = """
CHILD = [sys.executable, "-c", SOURCE + "beat()"]
"""
#: A step kind that holds the event loop of its runner, as one that calls a blocking library does.
_KIND = """
from pydantic import BaseModel
from ignition_toolkit.playbook.step_handler import StepHandler

class Blocks(StepHandler):
    type = "ladder.blocks"

    class Params(BaseModel):
        beats: str

    async def execute(self, params):
        beat(params["beats"])
"""
_KIND_NAME = "itk_drill_ladder"


class Way(NamedTuple):
    """One way to take no notice."""

    #: What comes after the script's beginning; None for the step kind.
    script: str | None
    #: How many processes go on.
    processes: int = 1


WAYS: Mapping[str, Way] = {
    "ladder.blocks": Way(None),
    "ladder.children": Way(
        "subprocess.Popen(CHILD, start_new_session=True)\nsubprocess.Popen(CHILD)\nbeat()", 3
    ),
    "ladder.cleans_up_for_ever": Way("try:\n    beat()\nfinally:\n    beat()"),
    "ladder.daemon": Way(
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.execve(CHILD[0], CHILD, {})\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "beat()",
        2,
    ),
    "ladder.ignores_signals": Way(
        "for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
        "    signal.signal(one, signal.SIG_IGN)\n"
        "beat()"
    ),
}


class Beat(NamedTuple):
    """One sign of life, at a second of the monotonic clock."""

    pid: int
    at: float


def ladder(patterns: Sequence[str], folder: Path, *, times: int = 1) -> Iterator[Result]:
    """Try the ladder in each way, and yield the result of each as it is known.

    Args:
        patterns: of names such as `ladder.daemon`; none for all.
        folder: an empty one, for what the runs write.
        times: how often each is tried, 1 or more.

    KeyboardInterrupt ends the run that is under way, with all that it has started.
    """
    for name, way in WAYS.items():
        if patterns and not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            continue
        took: list[float] = []
        lines: list[str] = []
        for number in range(times):
            lines = _tried(name, way, folder / f"{name}-{number}", took)
            if lines:
                break
        mark = Mark.BROKEN if lines else Mark.KEPT
        yield Result(kind=name, mark=mark, took_s=tuple(took), tries=number + 1, lines=tuple(lines))


def _tried(name: str, way: Way, folder: Path, took: list[float]) -> list[str]:
    """Run one, cancel it, add what that took, and return what was wrong."""
    folder.mkdir(parents=True)
    beats = folder / "beats"
    (folder / "playbook.yaml").write_text(json.dumps(_playbook(name, way, beats)), "utf-8")
    process = _started(folder)
    try:
        if not _acts(process, beats, way.processes):
            return [f"its step did not begin: {_said(folder)}"]
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait(END_S)
    except subprocess.TimeoutExpired:
        return [f"the run was not over {END_S:g} s after the cancel"]
    finally:
        _end(process)
    time.sleep(STILL_S)
    seen = _beats(beats)
    took.append(max(0.0, seen[-1].at - asked))
    return [*_of_the_end(code, folder), *_of_the_beats(took[-1], seen)]


def _playbook(name: str, way: Way, beats: Path) -> dict[str, Any]:  # Any: JSON values
    source = _BEAT.replace("BEATS", repr(str(beats)))
    kind, parameters = name, {"beats": str(beats)}
    if way.script is not None:
        script = f"SOURCE = {source!r}\n{source}{_CHILD}{way.script}\n"
        kind, parameters = "utility.python", {"script": script}
    step = {"id": "stuck", "name": "Stuck", "type": kind, "parameters": parameters}
    return {"name": name, "steps": [step]}


def _started(folder: Path) -> subprocess.Popen[bytes]:
    packages = folder / "packages"
    info = packages / f"{_KIND_NAME}-1.0.dist-info"
    info.mkdir(parents=True)
    (packages / f"{_KIND_NAME}.py").write_text(_BEAT.replace("=BEATS", "") + _KIND, "utf-8")
    about = f"Metadata-Version: 2.1\nName: {_KIND_NAME}\nVersion: 1.0\n"
    (info / "METADATA").write_text(about, "utf-8")
    entry = f"[ignition_toolkit.steps]\nladder = {_KIND_NAME}\n"
    (info / "entry_points.txt").write_text(entry, "utf-8")
    path = os.pathsep.join(filter(None, [str(packages), os.environ.get("PYTHONPATH")]))
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-c", _START, "run", "playbook.yaml", "--json"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "ITK_DATA_DIR": str(folder / "data")},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def _acts(process: subprocess.Popen[bytes], beats: Path, processes: int) -> bool:
    """Return whether so many processes say in time that they go on."""
    deadline = time.monotonic() + BEGIN_S
    while len({beat.pid for beat in _beats(beats)}) < processes:
        if time.monotonic() > deadline or process.poll() is not None:
            return False
        time.sleep(LOOK_S)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a run that has not ended; its janitor ends all of it."""
    if process.poll() is None:
        process.kill()
        process.wait(END_S)


def _beats(file: Path) -> list[Beat]:
    """Return the signs of life, oldest first."""
    text = file.read_text("ascii") if file.exists() else ""
    # What comes after the last line end is still being written.
    fields = (line.split() for line in text.split("\n")[:-1])
    return sorted((Beat(int(pid), float(at)) for pid, at in fields), key=lambda beat: beat.at)


def _of_the_end(code: int, folder: Path) -> Iterator[str]:
    if code != CANCELLED:
        yield f"`itk run` ended with {code}, expected {CANCELLED}: {_said(folder)}"
        return
    execution = json.loads((folder / "out").read_text("utf-8").splitlines()[-1])
    if execution["status"] != "cancelled":
        yield f"it is recorded as {execution['status']}, expected cancelled"
    for left in (execution["cancellation"] or {}).get("leftovers", []):
        yield f"it is recorded that {left['name']} ({left['pid']}) was left"


def _of_the_beats(took: float, seen: Sequence[Beat]) -> Iterator[str]:
    if took > PROMISE_S:
        yield f"it acted {took * 1000:.0f} ms after the cancel; the promise is {PROMISE_S:g} s"
    for pid in sorted({beat.pid for beat in seen}):
        if os.path.exists(f"/proc/{pid}"):
            yield f"process {pid} is still there"


def _said(folder: Path) -> str:
    """Return the last of what a run said."""
    lines = [line for name in ("out", "err") for line in (folder / name).read_text().splitlines()]
    return " / ".join(lines[-3:])[:500] or "it said nothing"
