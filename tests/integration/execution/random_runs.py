"""A machine that steers random playbooks at random moments, and looks at each when it is over.

It is hypothesis' own state machine, and no generated list of moves: its rules are what a person
presses, one after the other, while the executions of the moment run on beside them in the one
worker that all machines share. Which rule comes next depends on nothing that an execution does: the
same choices have to lead to the same questions, and moments differ from one time to the next.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ClassVar, Concatenate, ParamSpec, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ignition_toolkit.errors import NotFound, RerunRefused, WrongState
from ignition_toolkit.execution.requests import PruneRequest, RerunRequest, StartRequest
from ignition_toolkit.playbook.models import CancelSource
from tests.integration.execution import invariants
from tests.integration.execution.random_playbooks import Drawn, drawn_playbooks
from tests.integration.execution.random_scene import Scene, Watched, at_rest, count
from tests.integration.execution.rig import SOON_S, is_alive
from tests.polling import poll_until

T = TypeVar("T")
P = ParamSpec("P")
#: Executions that are started together.
TOGETHER = 4
#: Seconds that a rule waits for a step or an end that may never come, and that everything has to
#: end by itself before it is cancelled.
MOMENT_S = 0.7

WHICH = st.integers(0, TOGETHER - 1)


def noted(
    method: Callable[Concatenate[RandomRuns, P], T],
) -> Callable[Concatenate[RandomRuns, P], T]:
    """Keep what fails: it need not fail again, and hypothesis then tells only that."""

    @wraps(method)
    def call(self: RandomRuns, /, *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return method(self, *arguments, **named)
        except Exception as error:
            self.scene.failures.append(error)
            raise

    return call


class RandomRuns(RuleBasedStateMachine):
    """Four executions of random playbooks, steered, cancelled, run again and pruned at random."""

    #: Set by who runs it.
    scene: ClassVar[Scene]

    def __init__(self) -> None:
        super().__init__()
        self._rig, self._worker = self.scene.rig, self.scene.worker
        self._runs: list[Watched] = []
        self._has_pruned = False
        self.scene.machines += 1
        self._name = f"m{self.scene.machines}"

    def _watch(self, execution_id: str, prefix: str, begin: float) -> None:
        rows = self._worker.rows.setdefault(execution_id, [])
        self._runs.append(Watched(execution_id, prefix, begin, rows))
        self.scene.tally.runs += 1

    @initialize(drawn=st.tuples(*[drawn_playbooks()] * TOGETHER))
    def start(self, drawn: tuple[Drawn, ...]) -> None:
        for number, playbooks in enumerate(drawn):
            name = f"{self._name}-{number}"
            for path, text in playbooks.texts(name).items():
                self._rig.library(path, text)
            prefix, begin = f"{self._rig.folder}/{name}-", time.monotonic()
            request = StartRequest(f"{name}.yaml", None, {"at": prefix}, requested_by="tester")
            view = self.scene.ask(self._worker.start(request))
            self._watch(view.execution_id, prefix, begin)

    # What a person does. One that is over refuses all of it, and one that was pruned is unknown.

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.1, 0.3]))
    def let_time_pass(self, seconds: float) -> None:
        time.sleep(seconds)

    @rule(which=WHICH, in_a_step=st.booleans())
    def cancel(self, which: int, in_a_step: bool) -> None:
        run = self._runs[which]
        if self._accepted(self._rig.cancel, run, in_a_step):
            run.asked = True

    @rule(which=WHICH)
    def kill(self, which: int) -> None:
        """Press Ctrl-C a second time: does nothing to one that is not being cancelled."""
        self._worker.kill_now(self._runs[which].execution_id)

    @rule(which=WHICH, in_a_step=st.booleans())
    def pause(self, which: int, in_a_step: bool) -> None:
        self._accepted(self._worker.pause, self._runs[which], in_a_step)

    @rule(which=WHICH)
    def resume(self, which: int) -> None:
        self._accepted(self._worker.resume, self._runs[which])

    @rule(which=WHICH, in_a_step=st.booleans())
    def skip(self, which: int, in_a_step: bool) -> None:
        self._accepted(self._worker.skip, self._runs[which], in_a_step)

    @noted
    def _accepted(
        self, press: Callable[[str], Awaitable[object]], run: Watched, in_a_step: bool = False
    ) -> bool:
        """Press something, as soon as a step runs or none comes; return whether it was taken."""
        if in_a_step:
            self._wait(lambda: run.is_in_a_step)
        try:
            self.scene.ask(press(run.execution_id))
        except NotFound:
            assert self._has_pruned
            return False
        except WrongState:
            return False
        return True

    def _wait(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + MOMENT_S
        poll_until(lambda: is_so() or time.monotonic() > until, 2 * MOMENT_S)

    @rule(which=WHICH, from_step=st.sampled_from([None, "s0", "s1"]), newest=st.booleans())
    @noted
    def rerun(self, which: int, from_step: str | None, newest: bool) -> None:
        old = self._runs[which]
        if sum(run.prefix == old.prefix for run in self._runs) > 1:
            # Two reruns at once would use the same files.
            return
        self._wait(lambda: old.is_over)
        begin = time.monotonic()
        request = RerunRequest(from_step, newest, requested_by="tester")
        try:
            view = self.scene.ask(self._worker.rerun(old.execution_id, request))
        except (NotFound, RerunRefused, WrongState):
            return
        assert old.is_over
        self.scene.tally.reruns += 1
        self._watch(view.execution_id, old.prefix, begin)

    @rule()
    @noted
    def prune(self) -> None:
        over = [run for run in self._runs if run.is_over]
        self._has_pruned = True
        report = self.scene.ask(self._worker.prune(PruneRequest(older_than_days=0)))
        assert not report.problems
        for run in over:
            assert report.more or self._worker.store.execution(run.execution_id) is None

    # The end.

    @noted
    def teardown(self) -> None:
        """Have everything end, and look at all of it."""
        for run in self._runs:
            self._accepted(self._worker.resume, run)
        self._wait(lambda: all(run.is_over for run in self._runs))
        self._cancel_all()
        for run in self._runs:
            self._wait_until_over(run)
        for run in self._runs:
            self._check(run)
        for prefix in {run.prefix for run in self._runs}:
            self._check_silence(prefix)
        self.scene.ask(at_rest(self._rig))
        for run in self._runs:
            assert self._worker.rows.pop(run.execution_id)[-1].kind == "execution"

    def _wait_until_over(self, run: Watched) -> None:
        try:
            poll_until(lambda: run.is_over, SOON_S)
        except AssertionError:
            raise AssertionError(f"it does not end: {run.last}") from None

    def _cancel_all(self) -> None:
        everybody = self._worker.cancel_all(source=CancelSource.WEB, requested_by="everybody")
        ids = self.scene.ask(everybody)
        for run in self._runs:
            run.asked = run.asked or run.execution_id in ids

    def _check(self, run: Watched) -> None:
        invariants.check_moves(run.rows)
        invariants.check_step_moves(run.rows)
        invariants.check_verdict(run.last, asked=run.asked)
        invariants.check_stopped_steps(run.rows, run.prefix, run.end)
        self._check_what_is_stored(run)
        count(self.scene.tally, run)

    def _check_what_is_stored(self, run: Watched) -> None:
        stored = self.scene.ask(self._rig.events(run.execution_id))
        try:
            view = self.scene.ask(self._rig.view(run.execution_id))
        except NotFound:
            assert self._has_pruned
            assert not stored
            assert not self._worker.store.step_runs(run.execution_id)
            assert not (self._worker.settings.artifacts_dir / run.execution_id).exists()
            self.scene.tally.pruned += 1
            return
        assert [row.id for row in stored] == [row.id for row in run.rows]
        invariants.check_agreement(run.rows, view)
        invariants.check_steps(view)
        row = self._worker.store.execution(run.execution_id)
        assert row is not None
        assert (row.status, row.error) == (view.status, view.error)

    def _check_silence(self, prefix: str) -> None:
        runs = [run for run in self._runs if run.prefix == prefix]
        beats = invariants.beats_of(prefix)
        invariants.check_silence(beats, [(run.begin, run.end) for run in runs])
        invariants.check_gone({beat.identity for beat in beats})
        left = [pid for pid in invariants.left_pids(prefix) if is_alive(pid)]
        assert not left, f"left alive: {left}"
