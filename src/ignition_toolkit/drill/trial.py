"""One try of one kind, in a process that does nothing else and leaves afterwards.

The engine, the host and the watchdog are a runner's own. What a runner's supervisor and janitor
do is left out: here a step has to hold by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NoReturn

from ignition_toolkit.drill.job import Job, Surroundings, Trial, Way
from ignition_toolkit.drill.moments import MomentSelector
from ignition_toolkit.drill.tape import Tape
from ignition_toolkit.drill.witness import Witness, make_task, witnessed
from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.engine import EngineResult, PlaybookEngine
from ignition_toolkit.playbook.json_values import from_wire
from ignition_toolkit.playbook.models import CancelSource, Playbook, Program, Step
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.protocol import Start
from ignition_toolkit.runner.cleanness import Cleanness, CountingExecutor
from ignition_toolkit.runner.host import LogForwarder, RunnerHost
from ignition_toolkit.runner.session import prepare_process, watch_children_without_threads
from ignition_toolkit.runner.turns import Turns
from ignition_toolkit.runner.watchdog import Watchdog

#: Ids of the step that is tried, and of the one behind it, which a cancel keeps from beginning.
TRIED, NEXT = "tried", "next"
NEXT_KIND = "utility.log"
#: The step's timeout where it is to time out; seconds.
TIMEOUT_S = 0.5
#: Seconds after the end of the run in which what is ending by itself may come to its end. With the
#: grace of 0.25 s it is the half second after which nothing may act.
SETTLE_S = 0.25
LOOK_S = 0.005
#: Seconds for closing what the steps shared.
CLOSE_S = 2.0
#: Names of the files in a try's folder.
RESULT, PRINTED, TEMPORARY = "trial.json", "printed.txt", "tmp"
#: How the files of a browser begin. Those of a killed one stay until the runner's own folder for
#: temporary files is removed, with the runner.
OF_BROWSER = ("playwright", "org.chromium.")
BROKEN_EXIT = 70


class TriedHost(RunnerHost):
    """A runner's host that has a witness to the step that is tried."""

    witness: Witness
    kind: str

    def handler_class(self, kind: str) -> type[StepHandler]:
        """Return the handler of a kind, importing its module on first use."""
        handler = super().handler_class(kind)
        return witnessed(handler, self.witness) if kind == self.kind else handler

    async def what_stays(self, *, watch: bool) -> tuple[str, ...]:
        """Return what is left in the process, once it has had the time to end.

        With `watch` that time is taken in any case: something may be told in it.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_S
        left = self._dirt({self._main})
        while (left or watch) and loop.time() < deadline:
            await asyncio.sleep(LOOK_S)
            left = self._dirt({self._main})
        return tuple(left)


class Try:
    """One try. To be made in its event loop.

    Args:
        job: what is tried.
        way: how the step is stopped.
        moment: turn of the loop at which; plays no part in a timeout.
        selector: the loop's.
        turns: the loop's.
    """

    def __init__(
        self, job: Job, way: Way, moment: int, selector: MomentSelector, turns: Turns
    ) -> None:
        self._job, self._way, self._moment = job, way, moment
        self._selector = selector
        self._witness = Witness()
        self._tape = Tape(TRIED)
        self._asked_at: float | None = None
        executor = CountingExecutor()
        asyncio.get_running_loop().set_default_executor(executor)
        watchdog = Watchdog(turns, self._tape.send)
        watchdog.start()
        cleanness = Cleanness(executor, {watchdog.native_id or 0})
        start = _start_of(job, way)
        self._host = TriedHost(start, self._tape, cleanness, watchdog)
        self._host.witness, self._host.kind = self._witness, job.kind
        self._tape.on_settled = self._host.proceed
        self._engine = PlaybookEngine(start.program, {}, self._host)

    async def run(self) -> Trial:
        """Run the step, stop it, and say what was seen.

        Cancellation: of no use; the process is ended from outside.
        """
        logging.getLogger().addHandler(LogForwarder(self._host))
        logging.getLogger().setLevel(logging.INFO)
        if self._way is not Way.TIMEOUT:
            self._await_moment()
        result = await self._engine.run()
        self._selector.disarm()
        left = await self._host.what_stays(watch=self._selector.was_idle)
        await self._host.close(CLOSE_S)
        return self._seen(result, left)

    def _await_moment(self) -> None:
        """Count turns from now; where there are steps before it, from the step's beginning."""
        if self._job.before:
            self._tape.on_begun = self._arm
        else:
            self._arm()

    def _arm(self) -> None:
        self._selector.arm(self._moment, self._stop)

    def _stop(self) -> None:
        self._asked_at = time.monotonic()
        if self._way is Way.SKIP:
            # The outermost step: of a playbook that runs another one, not the inner step.
            self._engine.skip(None)
        else:
            self._engine.cancel(CancelReason(CancelSource.API, "the contract"))

    def _seen(self, result: EngineResult, left: tuple[str, ...]) -> Trial:
        tape, outcome = self._tape, self._tape.outcome()
        return Trial(
            way=self._way,
            moment=self._selector.taken if self._way is not Way.TIMEOUT else 0,
            was_asked=self._asked_at is not None or self._way is Way.TIMEOUT,
            was_idle=self._selector.was_idle,
            was_told=self._witness.was_told,
            execute_end=self._witness.end,
            execute_error=self._witness.error,
            status=result.status,
            step_status=outcome.status if outcome else None,
            step_error=(outcome.error or "") if outcome else "",
            final_events=len(tape.finals),
            went_on=tape.has_begun(NEXT),
            ended=result.ended,
            took_s=self._took_s(),
            blocked=tape.blocked(),
            left=(*tape.unclean(), *left),
            afterwards=tape.afterwards(),
        )

    def _took_s(self) -> float:
        if self._asked_at is None or self._tape.over_at is None:
            return 0.0
        return max(0.0, self._tape.over_at - self._asked_at)

    def leaks(self, printed: str) -> tuple[str, ...]:
        """Return where a secret can be read; `printed` is what the process wrote."""
        return self._tape.leaks(self._job.secrets, printed)


def _start_of(job: Job, way: Way) -> Start:
    around: Surroundings = job.around
    timeout = TIMEOUT_S if way is Way.TIMEOUT else job.budget_s
    tried = Step(
        id=TRIED, name=TRIED, type=job.kind, parameters=from_wire(job.parameters), timeout=timeout
    )
    after = Step(id=NEXT, name=NEXT, type=NEXT_KIND, parameters={"message": "it went on"})
    main = Playbook(name="The contract", path="contract.yaml", steps=(*job.before, tried, after))
    return Start(
        execution_id="contract",
        program=Program(main=main, nested=around.playbooks),
        parameters={},
        credentials=around.credentials,
        gateways=around.gateways,
        modules=job.modules,
        artifacts=str(Path.cwd() / "artifacts"),
    )


def main(job: Job, way: Way, moment: int, folder: Path) -> NoReturn:
    """Be the process of one try, in a folder of its own; leave the result there, and leave."""
    try:
        _settle_in(folder)
        known = set(sys.modules)
        with prepare_process(folder):
            trial = _tried(job, way, moment, folder)
        new = tuple(name for name in sys.modules if name not in known)
        part = folder / f"{RESULT}.part"
        part.write_text(trial.model_copy(update={"imported": new}).model_dump_json(), "utf-8")
        part.rename(folder / RESULT)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - border: the top; nothing may unwind into the asker
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(BROKEN_EXIT)


def _settle_in(folder: Path) -> None:
    """Have what the process writes, and its temporary files, land in the folder."""
    # The asker's wish to end is for the probe, which ends this process with all that it has.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    temporary = folder / TEMPORARY
    temporary.mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    os.chdir(folder)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    out = os.open(folder / PRINTED, flags, 0o600)
    for fd in (1, 2):
        os.dup2(out, fd)
    os.close(out)


def _tried(job: Job, way: Way, moment: int, folder: Path) -> Trial:
    turns = Turns()
    selector = MomentSelector(turns)
    watch_children_without_threads()
    loop = asyncio.SelectorEventLoop(selector)
    loop.set_task_factory(make_task)
    asyncio.set_event_loop(loop)
    attempt, trial = loop.run_until_complete(_run(job, way, moment, selector, turns))
    printed = (folder / PRINTED).read_text("utf-8", "replace")
    paths = (path.relative_to(folder / TEMPORARY) for path in (folder / TEMPORARY).rglob("*"))
    files = sorted(str(path) for path in paths if not path.parts[0].startswith(OF_BROWSER))
    leaks = attempt.leaks(printed) if job.secrets else ()
    return trial.model_copy(update={"files": tuple(files), "leaks": leaks})


async def _run(
    job: Job, way: Way, moment: int, selector: MomentSelector, turns: Turns
) -> tuple[Try, Trial]:
    attempt = Try(job, way, moment, selector, turns)
    return attempt, await attempt.run()
