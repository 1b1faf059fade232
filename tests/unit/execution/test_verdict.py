"""The verdict: one function decides between the final statuses, and the figures are true."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from ignition_toolkit.execution.leg_end import Cause, LegEnd, Stop
from ignition_toolkit.execution.verdict import Verdict, decide, figures
from ignition_toolkit.playbook.events import ProcessKilled, Settled
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Leftover,
    Process,
    utc_now,
)
from ignition_toolkit.protocol import Done
from tests.unit.execution.fakes import RUNNER, ended

E, O = ExecutionStatus, CancelOutcome  # noqa: E741 - one letter each, as the tables are wide

TIMEOUT = Stop(CancelSource.TIMEOUT, "a", 1, 0.0)
POLITE = Settled(step_id="a", attempt=1, source=CancelSource.TIMEOUT)
RUDE = Settled(step_id="a", attempt=1, source=CancelSource.TIMEOUT, ended=False)
LEFT = (Leftover(pid=5, name="rooted", why="it belongs to user 0"),)
KILL = ProcessKilled(step_id="a", process=Process(pid=6, name="script"), stuck_at="s.py:1 in f")


def end(cause: Cause = Cause.DONE, **fields: Any) -> LegEnd:
    fields.setdefault("ended", ended(runner=cause is not Cause.DONE))
    return LegEnd(cause=cause, **fields)


def done(status: ExecutionStatus, **fields: Any) -> LegEnd:
    return end(done=Done(status=status, **fields), done_t=1.0, exit_code=0)


CANCELLED, KILLED = (Verdict(E.CANCELLED, None, how) for how in (O.COOPERATIVE, O.KILLED))

TABLE = [
    # how it ended, whether a cancel was asked for, the verdict
    (done(E.COMPLETED), False, Verdict(E.COMPLETED)),
    (done(E.FAILED, error="no"), False, Verdict(E.FAILED, "no")),
    (done(E.COMPLETED), True, Verdict(E.COMPLETED, None, O.TOO_LATE)),
    (done(E.FAILED, error="no"), True, Verdict(E.FAILED, "no", O.TOO_LATE)),
    (done(E.CANCELLED), True, CANCELLED),
    (done(E.CANCELLED, ended=False), True, KILLED),
    (end(Cause.ENDED), True, KILLED),
    (end(Cause.LOST, exit_code=3), True, CANCELLED),
    (end(Cause.UNFIT, stop=TIMEOUT, settled=POLITE), True, CANCELLED),
    (end(Cause.UNFIT, stop=TIMEOUT), True, KILLED),
    (end(Cause.ENDED, stop=TIMEOUT, settled=RUDE), True, KILLED),
    (end(Cause.ENDED, own_kills=(KILL,)), True, KILLED),
    (end(Cause.LOST, exit_code=3), False, None),
    (end(Cause.UNFIT, stop=TIMEOUT), False, None),
    (done(E.CANCELLED), False, None),
]  # fmt: skip


@pytest.mark.parametrize(("how", "cancelled", "verdict"), TABLE)
def test_the_verdict_table(how: LegEnd, cancelled: bool, verdict: Verdict | None) -> None:
    assert decide(how, cancelled=cancelled) == verdict


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("how", [done(E.COMPLETED), done(E.CANCELLED), end(Cause.LOST)])
def test_what_could_not_be_ended_fails_the_run_and_is_named(how: LegEnd, cancelled: bool) -> None:
    verdict = decide(LegEnd(**{**vars(how), "ended": ended(leftovers=LEFT)}), cancelled=cancelled)
    assert verdict is not None
    assert (verdict.status, verdict.outcome) == (E.FAILED, O.NOT_STOPPED)
    assert verdict.leftovers == LEFT
    assert verdict.error == (
        "could not be stopped: rooted (5): it belongs to user 0; end it by hand"
    )


def told(how: LegEnd, stopped_t: float | None, t: float) -> CancellationRecord:
    record = CancellationRecord(requested_at=utc_now(), source=CancelSource.API)
    return figures(record, how, t=t, stopped_t=stopped_t)


def test_figures_are_milliseconds_since_the_request() -> None:
    how = done(E.CANCELLED)
    record = told(how, how.ended.t - 0.020, how.ended.t - 0.030)
    assert (record.step_stopped_ms, record.tree_gone_ms) == (10.0, 30.0)
    assert (record.outcome, record.killed, record.stuck_at) == (O.COOPERATIVE, (), None)


def test_a_killed_step_stopped_when_its_tree_was_gone() -> None:
    how = end(Cause.ENDED, exit_code=-signal.SIGKILL, stuck_at="x.py:3 in f")
    record = told(how, None, how.ended.t - 0.260)
    assert (record.step_stopped_ms, record.tree_gone_ms) == (260.0, 260.0)
    assert record.outcome is O.KILLED
    assert record.stuck_at == "x.py:3 in f"
    assert record.killed == (Process(pid=RUNNER.pid, name="runner"),)


def test_a_runner_that_was_about_to_leave_is_not_named_as_killed() -> None:
    how = LegEnd(
        cause=Cause.DONE,
        done=Done(status=E.CANCELLED),
        exit_code=-signal.SIGKILL,
        ended=ended(runner=True, killed=(Process(pid=9, name="sleep"),)),
    )
    assert told(how, how.ended.t, how.ended.t).killed == (Process(pid=9, name="sleep"),)


def test_what_the_step_had_to_kill_itself_is_named_first() -> None:
    how = end(own_kills=(KILL,), done=Done(status=E.CANCELLED), stuck_at=KILL.stuck_at)
    record = told(how, how.ended.t, how.ended.t)
    assert record.outcome is O.KILLED
    assert record.killed == (KILL.process,)
    assert record.stuck_at == "s.py:1 in f"


def test_with_leftovers_there_is_no_time_at_which_the_tree_was_gone() -> None:
    how = end(Cause.ENDED, ended=ended(leftovers=LEFT))
    record = told(how, None, how.ended.t - 5.0)
    assert record.tree_gone_ms is None
    assert (record.outcome, record.leftovers) == (O.NOT_STOPPED, LEFT)


def test_a_figure_is_never_negative() -> None:
    how = done(E.CANCELLED)
    record = told(how, how.ended.t - 2.0, how.ended.t + 1.0)
    assert (record.step_stopped_ms, record.tree_gone_ms) == (0.0, 0.0)


def test_requests_in_flight_are_named_after_a_polite_end_and_after_a_kill() -> None:
    line = "POST http://gw/restart"
    for how in (done(E.CANCELLED), end(Cause.ENDED, exit_code=-signal.SIGKILL)):
        met = LegEnd(**{**vars(how), "in_flight": (line,)})
        assert told(met, None, met.ended.t).in_flight == (line,)
