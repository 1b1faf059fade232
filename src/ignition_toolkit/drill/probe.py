"""`python -m ignition_toolkit.drill.probe FOLDER`: tries the kinds that it is asked to try.

A job comes as a JSON line on stdin, its report goes as one to stdout. Each try is a forked copy
of this process, which has imported what the tries before it have, so that a try costs little and
no try sees what another one has left.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pydantic import ValidationError

from ignition_toolkit.drill.job import Breach, Job, Report, Trial, Way
from ignition_toolkit.drill.judge import breaches, depends_on_time, failed_by_itself
from ignition_toolkit.drill.moments import moments
from ignition_toolkit.drill.trial import (
    BROKEN_EXIT,
    LOOK_S,
    PRINTED,
    RESULT,
    SETTLE_S,
    main,
)
from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.janitor.sweep import end_own_tree
from ignition_toolkit.playbook.stuck_trace import stuck_place
from ignition_toolkit.protocol import MARKER
from ignition_toolkit.runner.cleanness import has_children
from ignition_toolkit.runner.kinds import Kinds
from ignition_toolkit.runner.session import STUCK_FILE

#: Seconds that one try may take; then it is asked where it stands, and killed.
TRY_S = 15.0
#: Seconds that it has to say where it stands.
ANSWER_S = 0.3
#: Seconds in which what a try has left is ended.
END_S = 5.0
#: How often a breach is to be seen that a busy machine may be the reason of.
CONFIRM = 3
#: Characters of what a try printed that are shown when it is lost.
SHOWN = 500

#: Why there is no result where the process ended well.
GONE = "it ended its process before the step was over"

_PR_SET_CHILD_SUBREAPER = 36


class Prober:
    """Tries kinds, one after the other.

    Args:
        folder: for the files of the tries.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def report(self, job: Job) -> Report:
        """Try a kind at moment after moment, until it completes, waits, or breaks the contract."""
        try:
            Kinds(job.modules).handler(job.kind)
        except HandlerBroken as error:
            return Report(kind=job.kind, unready=error.message)
        deadline = time.monotonic() + job.budget_s
        trials: list[Trial] = []
        found: tuple[Breach, ...] = ()
        is_whole = False
        for moment in moments(job.moments):
            found = self._tried(job, Way.CANCEL, moment, trials)
            is_whole = not trials[-1].was_asked or trials[-1].was_idle
            if found or is_whole or time.monotonic() > deadline:
                break
        if not found:
            found = self._other_ways(job, trials)
        return _report(job, trials, found, is_whole)

    def _other_ways(self, job: Job, trials: list[Trial]) -> tuple[Breach, ...]:
        """Skip it and have it time out, where it can be held: there must be a middle."""
        held = max((trial.moment for trial in trials if trial.was_told), default=0)
        if not held:
            return ()
        found = self._tried(job, Way.SKIP, held, trials)
        if not found and trials[-2].was_idle:
            found = self._tried(job, Way.TIMEOUT, 0, trials)
        return found

    def _tried(self, job: Job, way: Way, moment: int, trials: list[Trial]) -> tuple[Breach, ...]:
        """Try it, again where a busy machine may be to blame; add the last try to `trials`."""
        known = len(sys.modules)
        trial = self._try(job, way, moment)
        if len(sys.modules) > known:
            # A library was imported in it, which takes a while and is a matter of the machine.
            trial = self._try(job, way, moment)
        for _ in range(CONFIRM - 1):
            if not breaches(trial) or not depends_on_time(trial):
                break
            trial = self._try(job, way, moment)
        trials.append(trial)
        return breaches(trial)

    def _try(self, job: Job, way: Way, moment: int) -> Trial:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        pid = os.fork()
        if pid == 0:
            main(job, way, moment, folder)
        lost = self._await(pid, folder)
        left = _end_what_is_left()
        try:
            trial = Trial.model_validate_json((folder / RESULT).read_bytes())
        except (FileNotFoundError, ValidationError):
            trial = Trial(way=way, moment=moment, was_asked=True, lost=lost or GONE)
        shutil.rmtree(folder, ignore_errors=True)
        self._import(trial.imported)
        return trial.model_copy(update={"left": (*trial.left, *left), "imported": ()})

    def _await(self, pid: int, folder: Path) -> str:
        """Wait for the end of a try, and bring it about; return what is wrong with it."""
        pidfd = os.pidfd_open(pid)
        try:
            if not _has_ended(pidfd, TRY_S):
                os.kill(pid, signal.SIGUSR2)
                time.sleep(ANSWER_S)
                os.kill(pid, signal.SIGKILL)
                _has_ended(pidfd, END_S)
                return f"it was not over after {TRY_S:g} s; it stood at {_place(folder)}"
        finally:
            os.close(pidfd)
            _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == BROKEN_EXIT:
            printed = (folder / PRINTED).read_text("utf-8", "replace")
            return f"the try itself broke: {printed[-SHOWN:]}"
        return f"its process ended, with status {code}" if code else ""

    def _import(self, names: Iterable[str]) -> None:
        """Import what a try had to import, so that the next one need not."""
        for name in names:
            if name in sys.modules:
                continue
            # border: a stranger's module may raise anything; the next try imports it itself.
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _report(job: Job, trials: list[Trial], found: tuple[Breach, ...], is_whole: bool) -> Report:
    took = tuple(trial.took_s for trial in trials if trial.was_told and trial.took_s)
    return Report(
        kind=job.kind,
        breaches=found,
        took_s=took,
        tries=len(trials),
        is_whole=is_whole,
        unready=_unready(trials),
    )


def _unready(trials: list[Trial]) -> str:
    """Return why the step could not be held: it failed before anybody stopped it."""
    failed = next((trial for trial in trials if failed_by_itself(trial)), None)
    return f"with these parameters it fails by itself: {failed.step_error}" if failed else ""


def _has_ended(pidfd: int, seconds: float) -> bool:
    return bool(select.select([pidfd], [], [], seconds)[0])


def _place(folder: Path) -> str:
    try:
        text = (folder / STUCK_FILE).read_text("utf-8", "replace")
    except FileNotFoundError:
        return "a place that cannot be told"
    return stuck_place(text) or "a place that cannot be told"


def _end_what_is_left() -> tuple[str, ...]:
    """End what a try has left behind its own process; return a line for each.

    What has been killed may come to its end before.
    """
    deadline = time.monotonic() + SETTLE_S
    while has_children():
        _reap()
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_S)
    else:
        return ()
    ended = end_own_tree(os.environ.get(MARKER, ""), deadline=time.monotonic() + END_S)
    _reap()
    return tuple(f"process {one['name']}" for one in ended)


def _reap() -> None:
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the try that is under way, with all that it has started, and leave."""
    end_own_tree(os.environ.get(MARKER, ""), deadline=time.monotonic() + END_S)
    os._exit(0)


def serve(folder: Path) -> None:
    """Answer jobs until stdin is at its end."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    answers = os.dup(1)
    os.set_inheritable(answers, False)
    # What modules print as they are imported is no report.
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, _leave)
    prober = Prober(folder)
    for line in sys.stdin:
        report = prober.report(Job.model_validate_json(line))
        os.write(answers, report.model_dump_json().encode() + b"\n")


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
