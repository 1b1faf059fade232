"""One execution under supervision, against runners and a janitor whose words the test speaks."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution import on_cancel as on_cancel_module
from ignition_toolkit.execution import supervisor as supervisor_module
from ignition_toolkit.execution.janitor_answers import Ended
from ignition_toolkit.execution.job import Job
from ignition_toolkit.execution.losses import Losses
from ignition_toolkit.execution.requests import CancelRequest
from ignition_toolkit.execution.supervisor import Supervision
from ignition_toolkit.execution.verdict import Verdict
from ignition_toolkit.playbook.engine_host import Attempted
from ignition_toolkit.playbook.events import (
    Logged,
    PauseChanged,
    Progressed,
    RequestAnnounced,
    ScopeOpened,
    Settled,
    VariableSet,
)
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Leftover,
    Program,
    StepStatus,
)
from ignition_toolkit.protocol import Blocked, Done, LogsDropped
from tests.polling import poll_until_async
from tests.unit.execution import fakes
from tests.unit.execution.fakes import (
    FakeJanitor,
    FakePool,
    FakeRunner,
    FakeStore,
    changed,
    ended,
    nested,
    program,
    step,
)

E, S = ExecutionStatus, StepStatus
SOON_S = 10.0
INNER = nested("inner.yaml", step("x"), on_cancel=[step("tidy")])
PROGRAM = program(
    step("a", timeout=7.0),
    step("o", "playbook.run"),
    on_cancel=[step("bye"), step("again")],
    nested={"inner.yaml": INNER},
)


class Scene:
    """A supervision with three runners to take."""

    def __init__(self, folder: Path, program: Program = PROGRAM) -> None:
        self.store = FakeStore()
        self.record = fakes.record(self.store, steps=program.main.steps)
        self.janitor = FakeJanitor()
        self.runners = [FakeRunner(folder) for _ in range(3)]
        self.pool = FakePool(*self.runners)
        self.pauses: list[bool] = []
        job = Job(program, {"p": 1}, {}, folder, Redactor(()))
        self.losses = Losses()
        self.supervision = Supervision(
            job,
            self.record,
            self.pool.as_pool,
            self.janitor.as_link,
            self.pauses.append,
            self.losses,
        )
        self.verdict: asyncio.Task[Verdict] | None = None

    def begin(self) -> None:
        """Start the supervision."""
        self.verdict = asyncio.create_task(self.supervision.run())

    async def runner(self, number: int) -> FakeRunner:
        """Wait until a runner was given its part, and return it."""
        runner = self.runners[number]
        await asyncio.wait_for(runner.listening.wait(), SOON_S)
        return runner

    async def first(self) -> FakeRunner:
        """Begin, and return the first runner, in its main playbook."""
        self.begin()
        runner = await self.runner(0)
        runner.says(ScopeOpened(prefix="", path="main.yaml", parameters={}))
        return runner

    async def ends(self, runner: FakeRunner, exit_code: int, gone: Ended | None = None) -> None:
        """End a runner, and have the janitor say that its tree is gone."""
        runner.ends(exit_code)
        killed = exit_code == -signal.SIGKILL
        await poll_until_async(self._is_asked)
        self.janitor.answers(gone or ended(runner=killed))

    def _is_asked(self) -> bool:
        return self.janitor.pending is not None and not self.janitor.pending.done()

    async def done(
        self, runner: FakeRunner, status: ExecutionStatus, error: str | None = None
    ) -> None:
        """Have a runner say that it is done, and leave."""
        runner.says(Done(status=status, error=error))
        await self.ends(runner, 0)

    def cancel(self, source: CancelSource = CancelSource.API, by: str | None = "me") -> None:
        """Cancel it, as the manager does."""
        request = CancelRequest.now(source, by)
        self.supervision.cancel(request)
        self.supervision.say_cancel(request)
        if self.record.status is not E.CANCELLING:
            told = self.supervision.cancellation
            assert told is not None
            self.record.ask_cancel(told)

    async def result(self) -> Verdict:
        """Wait for the verdict."""
        assert self.verdict is not None
        return await asyncio.wait_for(self.verdict, SOON_S)

    @property
    def cancellation(self) -> CancellationRecord:
        """The record of the cancel."""
        told = self.supervision.cancellation
        assert told is not None
        return told

    def statuses(self) -> dict[str, str]:
        """Return the status of every step."""
        return {name: view.status.value for name, view in self.record.steps.items()}

    def log(self) -> list[str]:
        """Return the lines of the log."""
        return [event["message"] for event in self.store.events("log")]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    yield made
    if made.verdict is not None:
        made.verdict.cancel()
        await asyncio.gather(made.verdict, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_run_is_what_its_runner_says_of_it(scene: Scene) -> None:
    runner = await scene.first()
    assert runner.start.parameters == {"p": 1}
    runner.says(changed("a"))
    runner.says(changed("a", S.COMPLETED, output={"k": 1}))
    await scene.done(runner, E.COMPLETED)
    assert await scene.result() == Verdict(E.COMPLETED)
    assert scene.record.steps["a"].output == {"k": 1}
    assert scene.pool.cleaned == [runner.as_process]


async def test_events_of_every_kind_find_their_place(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    runner.says(Logged(step_id="a", message="line"))
    runner.says(Progressed(step_id="a", done=1, total=2))
    runner.says(PauseChanged(paused=True))
    runner.says(LogsDropped(count=7))
    runner.listener.on_output("stdout", b"printed\n")
    assert scene.log() == [
        "line",
        "7 log lines were dropped: the step logs faster than is read",
        "printed",
    ]
    assert [event.get("dropped") for event in scene.store.events("log")] == [None, 7, None]
    assert "dropped" not in scene.store.events("log")[0]
    assert scene.store.events("log")[-1]["step_id"] == "a"
    assert scene.store.events("progress")[0]["total"] == 2
    assert scene.pauses == [True]
    assert scene.losses == Losses(log_lines=7)


async def test_blocks_of_the_event_loop_are_logged_with_their_step_and_counted(
    scene: Scene,
) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    runner.says(Blocked(step_id="a", seconds=0.5, place="a.py:3 in b", times=1, total_s=0.5))
    runner.says(Blocked(step_id="a", seconds=0.5, times=4, total_s=1.25))
    lines = scene.store.events("log")
    assert [(line["step_id"], line["level"]) for line in lines] == [("a", "warning")] * 2
    assert "for 0.50 s at a.py:3 in b" in lines[0]["message"]
    assert scene.losses == Losses(blocks=5, blocked_s=1.75)


async def test_what_a_step_wrote_before_its_end_is_its_own_and_not_the_next_ones(
    scene: Scene,
) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    runner.listener.on_output("stdout", b"one li")
    runner.unread = b"ne\n"
    runner.says(changed("a", S.COMPLETED))
    runner.says(changed("o"))
    runner.listener.on_output("stdout", b"other\n")
    found = [(event["step_id"], event["message"]) for event in scene.store.events("log")]
    assert found == [("a", "one line"), ("o", "other")]


async def test_a_nested_playbooks_steps_are_known_when_it_begins(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("o"))
    runner.says(ScopeOpened(prefix="o/", path="inner.yaml", parameters={}))
    assert scene.statuses()["o/x"] == "pending"


# Cancelling.


async def test_a_cancel_before_a_runner_is_there_takes_none(scene: Scene) -> None:
    scene.pool.runners.clear()
    scene.begin()
    await asyncio.wait_for(scene.pool.asked.wait(), SOON_S)
    scene.cancel()
    verdict = await scene.result()
    assert (verdict.status, verdict.outcome) == (E.CANCELLED, CancelOutcome.COOPERATIVE)
    assert scene.cancellation.tree_gone_ms is not None
    assert scene.cancellation.on_cancel == ()


async def test_a_cancel_in_the_moment_of_the_hand_over_gives_the_runner_back(
    scene: Scene,
) -> None:
    scene.begin()
    scene.cancel()
    await scene.result()
    assert scene.pool.given_back == [scene.runners[0].as_process]
    assert scene.runners[0].sent == []


async def test_a_polite_cancel_has_its_figures_and_the_step_it_stopped(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    scene.cancel()
    runner.says(changed("a", S.CANCELLED))
    await scene.done(runner, E.CANCELLED)
    bye = await scene.runner(1)
    await scene.done(bye, E.COMPLETED)
    assert (await scene.result()).status is E.CANCELLED
    record = scene.cancellation
    assert (record.step_id, record.outcome) == ("a", CancelOutcome.COOPERATIVE)
    assert record.step_stopped_ms is not None
    assert record.tree_gone_ms is not None
    assert record.step_stopped_ms <= record.tree_gone_ms


async def test_the_stop_of_an_earlier_step_is_not_taken_for_that_of_the_cancel(
    scene: Scene,
) -> None:
    runner = await scene.first()
    runner.says(changed("o"))
    runner.says(ScopeOpened(prefix="o/", path="inner.yaml", parameters={}))
    runner.says(changed("o/x"))
    runner.says(changed("o/x", S.CANCELLED), t=time.monotonic() - 100)
    runner.says(changed("o", S.FAILED, error="late"))
    scene.cancel()
    done_t = time.monotonic() + 0.05
    runner.says(Done(status=E.CANCELLED), t=done_t)
    await scene.ends(runner, 0, Ended("t", done_t, done_t + 0.01))
    await scene.done(await scene.runner(1), E.COMPLETED)
    await scene.result()
    assert scene.cancellation.step_stopped_ms is not None
    assert scene.cancellation.step_stopped_ms >= 40


async def test_a_stuck_step_is_closed_as_cancelled(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("o"))
    runner.says(ScopeOpened(prefix="o/", path="inner.yaml", parameters={}))
    runner.says(changed("o/x"))
    scene.cancel()
    await scene.ends(runner, -signal.SIGKILL)
    again = await scene.runner(1)
    assert again.start.on_cancel == ("o/", "")
    await scene.done(again, E.COMPLETED)
    await scene.result()
    assert (scene.cancellation.step_id, scene.cancellation.outcome) == (
        "o/x",
        CancelOutcome.KILLED,
    )
    assert (scene.statuses()["o"], scene.statuses()["o/x"]) == ("cancelled", "cancelled")


async def test_a_cancel_after_every_step_came_too_late(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    runner.says(changed("a", S.COMPLETED))
    runner.says(Done(status=E.COMPLETED))
    scene.cancel()
    await scene.ends(runner, 0)
    verdict = await scene.result()
    assert verdict.status is E.COMPLETED
    assert scene.cancellation.outcome is CancelOutcome.TOO_LATE
    assert scene.runners[1].sent == []


async def test_too_late_is_not_written_before_the_final_status(scene: Scene) -> None:
    """A worker that died in between would leave a run that looks cancelled."""
    runner = await scene.first()
    runner.says(Done(status=E.COMPLETED))
    scene.cancel()
    await scene.ends(runner, 0)
    await scene.result()
    stored = [values["cancellation"]["outcome"] for values in scene.store.sets()]
    assert stored == [None]


async def test_the_error_of_a_dying_step_does_not_beat_the_cancel(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    scene.cancel()
    await scene.ends(runner, 3)
    await scene.done(await scene.runner(1), E.COMPLETED)
    verdict = await scene.result()
    assert (verdict.status, verdict.error) == (E.CANCELLED, None)


async def test_what_cannot_be_ended_fails_and_is_in_the_record(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    scene.cancel()
    left = (Leftover(pid=9, name="rooted", why="not ours"),)
    await scene.ends(runner, -signal.SIGKILL, ended(leftovers=left))
    verdict = await scene.result()
    assert verdict.status is E.FAILED
    assert scene.cancellation.outcome is CancelOutcome.NOT_STOPPED
    assert scene.cancellation.leftovers == left
    assert scene.runners[1].sent == []


async def test_a_late_stop_is_logged_as_a_missed_promise(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    scene.cancel()
    late = time.monotonic() + 0.9
    await scene.ends(runner, -signal.SIGKILL, Ended("t", late, late, runner=fakes.RUNNER))
    await scene.done(await scene.runner(1), E.COMPLETED)
    await scene.result()
    assert "the promise was missed" in caplog.text


# on_cancel.


async def cancelled(scene: Scene) -> FakeRunner:
    """Cancel a run in its first step, and return the runner of its on_cancel steps."""
    runner = await scene.first()
    runner.says(changed("a"))
    scene.cancel()
    runner.says(changed("a", S.CANCELLED))
    await scene.done(runner, E.CANCELLED)
    return await scene.runner(1)


def on_cancel(scene: Scene) -> list[tuple[str, str, str | None]]:
    """Return what the record says of the on_cancel steps."""
    return [(one.step_id, one.status.value, one.error) for one in scene.cancellation.on_cancel]


async def test_figures_and_the_list_of_on_cancel_steps_are_public_before_they_run(
    scene: Scene,
) -> None:
    await cancelled(scene)
    shown = scene.record.summary.cancellation
    assert shown is not None
    assert shown.tree_gone_ms is not None
    assert [one.step_id for one in shown.on_cancel] == ["on_cancel/bye", "on_cancel/again"]
    assert scene.record.status is E.CANCELLING


async def test_the_record_says_what_became_of_each_on_cancel_step(scene: Scene) -> None:
    runner = await cancelled(scene)
    runner.says(changed("on_cancel/bye"))
    runner.says(changed("on_cancel/bye", S.FAILED, error="refused"))
    await scene.done(runner, E.FAILED, "step 'on_cancel/bye' failed: refused")
    verdict = await scene.result()
    assert verdict.status is E.CANCELLED
    assert on_cancel(scene) == [
        ("on_cancel/bye", "failed", "refused"),
        ("on_cancel/again", "pending", "not run: step 'on_cancel/bye' failed: refused"),
    ]


async def test_on_cancel_steps_of_a_paused_run_do_not_begin_with_a_pause(scene: Scene) -> None:
    runner = await scene.first()
    scene.supervision.pause()
    runner.says(changed("a"))
    scene.cancel()
    runner.says(changed("a", S.CANCELLED))
    await scene.done(runner, E.CANCELLED)
    assert (await scene.runner(1)).start.paused is False


async def test_a_second_cancel_ends_the_on_cancel_steps(scene: Scene) -> None:
    runner = await cancelled(scene)
    runner.says(changed("on_cancel/bye"))
    scene.cancel(by="somebody else")
    assert runner.told == ["start", "cancel"]
    runner.says(changed("on_cancel/bye", S.CANCELLED))
    await scene.done(runner, E.CANCELLED)
    assert (await scene.result()).status is E.CANCELLED
    why = "a second cancel ended the on_cancel steps"
    assert on_cancel(scene) == [
        ("on_cancel/bye", "cancelled", why),
        ("on_cancel/again", "pending", f"not run: {why}"),
    ]
    assert scene.cancellation.requested_by == "me"


async def test_a_cancel_twice_within_the_grace_does_not_end_the_on_cancel_steps(
    scene: Scene,
) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    scene.cancel()
    scene.cancel()
    runner.says(changed("a", S.CANCELLED))
    await scene.done(runner, E.CANCELLED)
    assert (await scene.runner(1)).told == ["start"]


async def test_on_cancel_steps_end_at_their_timeout(scene: Scene, tmp_path: Path) -> None:
    quick = program(step("a"), on_cancel=[step("bye")], on_cancel_timeout=0.05)
    hurried = Scene(tmp_path, quick)
    runner = await cancelled(hurried)
    runner.says(changed("on_cancel/bye"))
    await poll_until_async(lambda: "cancel" in runner.told)
    await hurried.ends(runner, -signal.SIGKILL)
    await hurried.result()
    why = "all on_cancel steps together had 0.05 s"
    assert on_cancel(hurried) == [("on_cancel/bye", "cancelled", why)]
    assert hurried.statuses()["on_cancel/bye"] == "cancelled"


async def test_a_shutdown_leaves_on_cancel_steps_some_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_cancel_module, "AT_SHUTDOWN_S", 0.05)
    runner = await cancelled(scene)
    runner.says(changed("on_cancel/bye"))
    scene.cancel(CancelSource.SHUTDOWN, None)
    assert runner.told == ["start"]
    await poll_until_async(lambda: "cancel" in runner.told)
    await scene.ends(runner, -signal.SIGKILL)
    await scene.result()
    assert on_cancel(scene)[0][2] == "the server was stopped, which left 0.05 s"


async def test_on_cancel_steps_after_a_shutdown_have_less_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_cancel_module, "AT_SHUTDOWN_S", 0.05)
    runner = await scene.first()
    runner.says(changed("a"))
    scene.cancel(CancelSource.SHUTDOWN, None)
    runner.says(changed("a", S.CANCELLED))
    await scene.done(runner, E.CANCELLED)
    again = await scene.runner(1)
    await poll_until_async(lambda: "cancel" in again.told)
    await scene.done(again, E.CANCELLED)
    await scene.result()
    assert on_cancel(scene)[0][2] == "not run: all on_cancel steps together had 0.05 s"


async def test_killing_at_once_runs_no_on_cancel_step_and_says_so(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    scene.cancel()
    scene.supervision.end_now()
    await scene.ends(runner, -signal.SIGKILL)
    await scene.result()
    assert scene.runners[1].sent == []
    assert {one[2] for one in on_cancel(scene)} == {"not run: the execution was killed at once"}


async def test_killing_at_once_does_nothing_to_a_run_that_is_not_being_cancelled(
    scene: Scene,
) -> None:
    runner = await scene.first()
    scene.supervision.end_now()
    assert scene.janitor.ops == []
    await scene.done(runner, E.COMPLETED)
    assert (await scene.result()).status is E.COMPLETED


async def test_on_cancel_steps_without_a_runner_are_named_as_not_run(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "NO_RUNNER_S", 0.05)
    runner = await scene.first()
    runner.says(changed("a"))
    scene.pool.runners.clear()
    scene.pool.problem = "no space left"
    scene.cancel()
    runner.says(changed("a", S.CANCELLED))
    await scene.done(runner, E.CANCELLED)
    assert (await scene.result()).status is E.CANCELLED
    assert "no runner came up within 0.05 s: no space left" in (on_cancel(scene)[0][2] or "")


async def test_a_runner_lost_in_an_on_cancel_step_is_replaced(scene: Scene) -> None:
    runner = await cancelled(scene)
    runner.says(changed("on_cancel/bye"))
    await scene.ends(runner, 3)
    again = await scene.runner(2)
    assert again.start.on_cancel == ("",)
    resumed = again.start.resume.attempts["on_cancel/bye"]
    assert resumed.error == "the runner ended by itself with exit code 3 during this step"
    await scene.done(again, E.COMPLETED)
    await scene.result()


async def test_what_an_on_cancel_step_leaves_fails_the_run(scene: Scene) -> None:
    runner = await cancelled(scene)
    left = (Leftover(pid=9, name="rooted", why="not ours"),)
    runner.says(Done(status=E.COMPLETED))
    await scene.ends(runner, 0, ended(runner=False, leftovers=left))
    verdict = await scene.result()
    assert verdict.status is E.FAILED
    assert scene.cancellation.outcome is CancelOutcome.NOT_STOPPED
    assert scene.cancellation.leftovers == left


async def test_nothing_begun_means_nothing_to_clean_up(scene: Scene) -> None:
    runner = await scene.first()
    scene.cancel()
    await scene.done(runner, E.CANCELLED)
    assert (await scene.result()).status is E.CANCELLED
    assert on_cancel(scene) == []
    assert scene.runners[1].sent == []


# Runners that are lost or replaced.


async def test_a_lost_runner_is_a_failed_attempt_and_a_fresh_one_goes_on(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(VariableSet(prefix="", name="v", value=5))
    runner.says(changed("a", attempt=1))
    await scene.ends(runner, -signal.SIGSEGV)
    again = await scene.runner(1)
    resume = again.start.resume
    error = "the runner was ended by signal SIGSEGV during this step"
    assert resume.attempts == {"a": Attempted(used=1, error=error)}
    assert resume.scopes[""].variables == {"v": 5}
    assert scene.log() == ["the runner was ended by signal SIGSEGV"]
    again.says(changed("a", S.FAILED, error=error))
    await scene.done(again, E.FAILED, f"step 'a' failed: {error}")
    assert (await scene.result()).status is E.FAILED


async def test_a_lost_runner_tells_the_request_that_it_has_left_open(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a", attempt=1))
    runner.says(RequestAnnounced(step_id="a", number=1, request="POST http://gw/restart"))
    await scene.ends(runner, 3)
    again = await scene.runner(1)
    assert again.start.resume.attempts["a"].error == (
        "the runner ended by itself with exit code 3 during this step; in flight, outcome unknown:"
        " POST http://gw/restart"
    )
    again.says(changed("a", S.FAILED, error="as above"))
    await scene.done(again, E.FAILED, "as above")
    await scene.result()


async def test_a_step_that_waited_for_its_retry_keeps_its_own_error(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a", error="refused"))
    await scene.ends(runner, 3)
    again = await scene.runner(1)
    assert again.start.resume.attempts["a"] == Attempted(used=1, error="refused")


async def test_a_runner_lost_between_two_steps_fails_the_run(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    runner.says(changed("a", S.COMPLETED))
    await scene.ends(runner, 3)
    verdict = await scene.result()
    assert verdict.status is E.FAILED
    assert verdict.error == "the runner ended by itself with exit code 3; no step was running"


async def test_a_message_that_makes_no_sense_loses_the_runner(scene: Scene) -> None:
    runner = await scene.first()
    with pytest.raises(KeyError):
        runner.says(ScopeOpened(prefix="x/", path="unknown.yaml", parameters={}))
    with pytest.raises(KeyError):
        runner.says(VariableSet(prefix="x/", name="v", value=1))


async def test_a_stuck_timeout_costs_the_runner_and_the_next_is_told(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a", deadline=time.monotonic()))
    await poll_until_async(lambda: scene.janitor.ops == ["end"])
    await scene.ends(runner, -signal.SIGKILL)
    again = await scene.runner(1)
    error = "the step took longer than its timeout of 7 s and had to be killed"
    assert again.start.resume.attempts["a"] == Attempted(used=1, error=error)
    told = scene.record.steps["a"].cancellation
    assert told is not None
    assert (told.source, told.outcome) == (CancelSource.TIMEOUT, CancelOutcome.KILLED)
    assert [process.name for process in told.killed] == ["runner"]
    (line,) = scene.log()
    assert line.endswith("was replaced: the step had not ended within the grace")


async def test_an_unclean_timeout_names_what_was_left(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a", deadline=time.monotonic() + 60))
    settled: dict[str, Any] = {"source": CancelSource.TIMEOUT, "unclean": ("thread 7",)}
    runner.says(Settled(step_id="a", attempt=1, error="took longer than 7 s", **settled))
    await scene.ends(runner, -signal.SIGKILL)
    again = await scene.runner(1)
    assert again.start.resume.attempts["a"].error == "took longer than 7 s"
    assert scene.log()[0].endswith("replaced: thread 7")
    told = scene.record.steps["a"].cancellation
    assert told is not None
    assert told.outcome is CancelOutcome.COOPERATIVE


async def test_a_stuck_skip_is_a_skipped_step_and_the_outer_one_goes_on(scene: Scene) -> None:
    runner = await scene.first()
    until = time.monotonic() + 60
    runner.says(changed("o", deadline=until))
    runner.says(ScopeOpened(prefix="o/", path="inner.yaml", parameters={}))
    runner.says(changed("o/x", deadline=until))
    assert scene.supervision.skip("me")
    await scene.ends(runner, -signal.SIGKILL)
    again = await scene.runner(1)
    assert again.start.resume.results["o/x"].status is S.SKIPPED
    assert again.start.resume.attempts == {"o": Attempted(used=1, deadline=until)}
    told = scene.record.steps["o/x"].cancellation
    assert told is not None
    assert (told.source, told.requested_by) == (CancelSource.SKIP, "me")
    assert scene.statuses()["o/x"] == "skipped"


async def test_an_outer_timeout_over_a_stuck_inner_step_cancels_that(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("o", deadline=time.monotonic()))
    runner.says(ScopeOpened(prefix="o/", path="inner.yaml", parameters={}))
    runner.says(changed("o/x", deadline=time.monotonic() + 60))
    await poll_until_async(lambda: scene.janitor.ops == ["end"])
    await scene.ends(runner, -signal.SIGKILL)
    again = await scene.runner(1)
    assert set(again.start.resume.attempts) == {"o"}
    assert scene.statuses()["o/x"] == "cancelled"
    assert scene.statuses()["o"] == "running"


async def test_a_runner_ended_for_a_step_that_was_in_time_costs_no_step(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("o", deadline=time.monotonic() + 60))
    runner.says(ScopeOpened(prefix="o/", path="inner.yaml", parameters={}))
    runner.says(changed("o/x", deadline=time.monotonic()))
    await poll_until_async(lambda: scene.janitor.ops == ["end"])
    runner.says(changed("o/x", S.COMPLETED))
    await scene.ends(runner, -signal.SIGKILL)
    again = await scene.runner(1)
    resume = again.start.resume
    assert resume.results["o/x"].status is S.COMPLETED
    assert resume.attempts["o"].error is None
    assert "seemed to overrun" in scene.log()[0]


async def test_a_runner_ended_for_a_step_in_time_fails_the_step_that_ran_by_then(
    scene: Scene,
) -> None:
    runner = await scene.first()
    runner.says(changed("a", deadline=time.monotonic()))
    await poll_until_async(lambda: scene.janitor.ops == ["end"])
    runner.says(changed("a", S.COMPLETED))
    runner.says(changed("o", deadline=time.monotonic() + 60))
    await scene.ends(runner, -signal.SIGKILL)
    again = await scene.runner(1)
    assert "seemed to overrun" in (again.start.resume.attempts["o"].error or "")


async def test_a_cancel_while_a_fresh_runner_is_awaited_ends_the_run(scene: Scene) -> None:
    runner = await scene.first()
    runner.says(changed("a"))
    scene.pool.runners.clear()
    await scene.ends(runner, 3)
    await asyncio.wait_for(scene.pool.asked.wait(), SOON_S)
    scene.pool.runners = [scene.runners[1]]
    scene.cancel()
    await scene.done(await scene.runner(1), E.COMPLETED)
    verdict = await scene.result()
    assert verdict.status is E.CANCELLED
    assert scene.cancellation.outcome is CancelOutcome.COOPERATIVE
    assert scene.statuses()["a"] == "cancelled"


async def test_a_run_without_a_runner_says_that_it_waits_and_fails_in_the_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "SAY_WAITING_S", 0.01)
    monkeypatch.setattr(supervisor_module, "NO_RUNNER_S", 0.1)
    scene.pool.runners.clear()
    scene.pool.problem = "no space left"
    scene.begin()
    verdict = await scene.result()
    assert verdict == Verdict(E.FAILED, "no runner came up within 0.1 s: no space left")
    waits = [values["waiting_for"] for values in scene.store.sets()]
    assert [what and what["kind"] for what in waits] == ["runner", None]


async def test_a_run_waits_for_its_turn_for_as_long_as_others_get_runners(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "NO_RUNNER_S", 0.2)
    scene.pool.runners.clear()
    scene.begin()
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.6
    while loop.time() < until:
        scene.pool.last_start_t = loop.time()
        await asyncio.sleep(0.02)
    scene.pool.put(scene.runners[0])
    await scene.done(await scene.runner(0), E.COMPLETED)
    assert (await scene.result()).status is E.COMPLETED


async def test_a_runner_that_stops_without_being_asked_fails_the_run(scene: Scene) -> None:
    runner = await scene.first()
    await scene.done(runner, E.CANCELLED)
    verdict = await scene.result()
    assert verdict == Verdict(E.FAILED, "the runner stopped without being asked to")


async def test_a_mishap_in_the_supervision_ends_the_runner(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = await scene.first()

    def broken(end: object) -> None:
        raise RuntimeError("our mistake")

    monkeypatch.setattr(scene.supervision._state, "go_on", broken)
    await scene.ends(runner, 3)
    with pytest.raises(RuntimeError, match="our mistake"):
        await scene.result()
    assert scene.pool.discarded == [runner.as_process]


async def test_a_pause_before_the_runner_is_there_is_handed_on(scene: Scene) -> None:
    scene.supervision.pause()
    scene.begin()
    assert (await scene.runner(0)).start.paused
    scene.supervision.resume()
    assert scene.runners[0].told == ["start", "resume"]


async def test_a_skip_without_a_runner_is_refused(scene: Scene) -> None:
    assert not scene.supervision.skip("me")
