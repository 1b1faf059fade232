"""One runner's part in an execution, against a runner and a janitor whose words the test speaks."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.errors import ProtocolError
from ignition_toolkit.execution.leg import GRACE_S, Leg
from ignition_toolkit.execution.leg_end import Cause, LegEnd
from ignition_toolkit.execution.open_requests import MAX_OPEN
from ignition_toolkit.execution.stuck_file import STUCK_FILE, read_stuck_place
from ignition_toolkit.playbook.events import (
    Logged,
    ProcessKilled,
    RequestAnnounced,
    RequestAnswered,
    Settled,
    StuckSeen,
)
from ignition_toolkit.playbook.models import (
    CancelSource,
    ExecutionStatus,
    HandedOver,
    Process,
    StepStatus,
)
from ignition_toolkit.protocol import Done, Envelope, Start
from tests.polling import poll_until_async
from tests.unit.execution.fakes import FakeJanitor, FakeRunner, changed, ended, program

S = StepStatus
TIMEOUT, SKIP, API = CancelSource.TIMEOUT, CancelSource.SKIP, CancelSource.API
START = Start(
    execution_id="e", program=program(), parameters={}, modules={}, artifacts="/nonexistent"
)
KILLED_RUNNER = -signal.SIGKILL


class Follower:
    """Notes what a leg tells."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.output = b""
        self.stopped: list[LegEnd] = []

    def on_event(self, envelope: Envelope) -> None:
        self.events.append(envelope.body.kind)

    def on_output(self, stream: str, data: bytes) -> None:
        self.output += data

    def on_stopped(self, stopped: LegEnd) -> None:
        self.stopped.append(stopped)


class Scene:
    """A leg that is running."""

    def __init__(self, folder: Path, start: Start = START) -> None:
        self.janitor = FakeJanitor()
        self.runner = FakeRunner(folder)
        self.follower = Follower()
        self.leg = Leg(self.runner.as_process, self.janitor.as_link, self.follower)
        self.end = asyncio.create_task(self.leg.run(start))

    async def finish(self, *, killed: bool = True) -> LegEnd:
        """Have the janitor end the tree, and return how the leg ended."""
        if not self.runner.ended.is_set() and killed:
            self.runner.ends(KILLED_RUNNER)
        await poll_until_async(self._is_asked)
        self.janitor.answers(ended(runner=killed))
        return await asyncio.wait_for(self.end, 5.0)

    def _is_asked(self) -> bool:
        return self.janitor.pending is not None and not self.janitor.pending.done()

    def cancel(self, requested_by: str | None, t: float) -> None:
        """Cancel it, as the manager does."""
        self.leg.cancel(t)
        self.leg.say_cancel(API, requested_by)

    def begins(self, step_id: str = "a", *, in_s: float | None = None, attempt: int = 1) -> None:
        """Have a step begin an attempt whose deadline is so many seconds away."""
        deadline = None if in_s is None else time.monotonic() + in_s
        self.runner.says(changed(step_id, deadline=deadline, attempt=attempt))

    def settles(self, source: CancelSource = TIMEOUT, step_id: str = "a", **fields: Any) -> None:
        """Have the runner say that a stop was acted on; fields of `Settled`."""
        self.runner.says(Settled(step_id=step_id, attempt=1, source=source, **fields))

    async def is_told(self, *ops: str) -> None:
        """Wait until the janitor was told exactly these."""
        await poll_until_async(lambda: self.janitor.ops == list(ops))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    await asyncio.wait_for(made.runner.listening.wait(), 5.0)
    yield made
    made.end.cancel()
    await asyncio.gather(made.end, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_leg_ends_when_the_runner_says_so_and_its_tree_is_swept(scene: Scene) -> None:
    scene.runner.says(Done(status=ExecutionStatus.COMPLETED))
    await scene.is_told("end")
    assert not scene.end.done()
    scene.runner.ends(0)
    end = await scene.finish(killed=False)
    assert end.cause is Cause.DONE
    assert end.done is not None
    assert end.stuck_at is None
    assert scene.runner.told == ["start"]


async def test_what_a_person_gets_is_recorded_before_the_tree_is_ended(scene: Scene) -> None:
    given = HandedOver(pid=5, name="java", start=6, mark="m")
    scene.runner.says(Done(status=ExecutionStatus.COMPLETED, handed_over=(given,)))
    await scene.janitor.handing_over.wait()
    assert scene.janitor.ops == []
    scene.janitor.may_hand_over.set()
    await scene.is_told("keep", "end")
    scene.runner.ends(0)
    end = await scene.finish(killed=False)
    assert end.hand_over_problem == "no room for e"


async def test_what_the_steps_after_a_cancel_have_started_is_left_to_nobody(tmp_path: Path) -> None:
    start = START.model_copy(update={"on_cancel": ("",)})
    scene = Scene(tmp_path, start)
    await asyncio.wait_for(scene.runner.listening.wait(), 5.0)
    given = HandedOver(pid=5, name="java", start=6, mark="m")
    scene.runner.says(Done(status=ExecutionStatus.COMPLETED, handed_over=(given,)))
    await scene.is_told("end")
    scene.runner.ends(0)
    await scene.finish(killed=False)
    assert scene.janitor.ops == ["end"]


async def test_what_is_not_the_legs_own_is_handed_on(scene: Scene) -> None:
    scene.begins()
    scene.runner.says(Logged(message="m"))
    scene.leg.on_output("stdout", b"printed")
    assert scene.follower.events == ["step", "log"]
    assert scene.follower.output == b"printed"


async def test_a_cancel_is_told_to_the_janitor_first(scene: Scene) -> None:
    t = time.monotonic()
    scene.leg.cancel(t)
    assert scene.janitor.said == [("end", t + GRACE_S)]
    assert scene.runner.told == ["start"]
    scene.leg.say_cancel(API, "me")
    assert scene.runner.told == ["start", "cancel"]
    scene.runner.says(Done(status=ExecutionStatus.CANCELLED))
    scene.runner.ends(0)
    end = await scene.finish(killed=False)
    assert end.cause is Cause.DONE


async def test_a_stuck_runner_ends_with_the_janitors_answer(scene: Scene) -> None:
    scene.begins()
    scene.cancel("me", time.monotonic())
    scene.runner.says(StuckSeen(step_id="a", stuck_at="x.py:1 in f"))
    end = await scene.finish()
    assert (end.cause, end.stuck_at) == (Cause.ENDED, "x.py:1 in f")
    assert end.runner_was_killed


async def test_where_a_stuck_runner_stood_is_read_from_its_file(scene: Scene) -> None:
    trace = 'Current thread 0x1 (most recent call first):\n  File "/x/s.py", line 7 in work\n'
    (scene.runner.folder / STUCK_FILE).write_text(trace)
    scene.cancel(None, time.monotonic())
    end = await scene.finish()
    assert end.stuck_at == "/x/s.py:7 in work"


def test_of_a_long_file_the_newest_trace_is_read(tmp_path: Path) -> None:
    old = 'Thread 0x2:\n  File "/x/old.py", line 1 in old\n' * 10_000
    new = 'Current thread 0x1:\n  File "/x/new.py", line 2 in new\n'
    (tmp_path / STUCK_FILE).write_text(old + new)
    assert read_stuck_place(tmp_path) == "/x/new.py:2 in new"
    assert read_stuck_place(tmp_path / "nowhere") is None


async def test_end_now_leaves_no_grace(scene: Scene) -> None:
    scene.cancel(None, time.monotonic())
    scene.leg.end_now()
    at = scene.janitor.said[-1][1]
    assert at is not None
    assert at <= time.monotonic()
    await scene.finish()


async def test_a_second_cancel_asks_for_the_same_end(scene: Scene) -> None:
    scene.cancel(None, 10.0)
    first = scene.janitor.pending
    scene.cancel(None, 20.0)
    assert scene.janitor.pending is first


@pytest.mark.parametrize(
    ("exit_code", "killed"), [(3, False), (-signal.SIGSEGV, False), (0, False)]
)
async def test_a_runner_that_ends_by_itself_is_lost(
    scene: Scene, exit_code: int, killed: bool
) -> None:
    scene.begins()
    scene.runner.ends(exit_code)
    end = await scene.finish(killed=killed)
    assert (end.cause, end.exit_code, end.error) == (Cause.LOST, exit_code, None)
    assert not end.runner_was_killed


async def test_a_stream_that_ends_just_before_the_process_does_is_the_processs_end(
    scene: Scene,
) -> None:
    scene.leg.on_broken(ProtocolError("the stream ended"))
    scene.runner.ends(3)
    end = await scene.finish(killed=False)
    assert (end.cause, end.exit_code, end.error) == (Cause.LOST, 3, None)


async def test_a_runner_that_lives_without_its_stream_is_ended_and_says_why(scene: Scene) -> None:
    scene.leg.on_broken(ProtocolError("the stream ended"))
    await scene.is_told("end")
    end = await scene.finish()
    assert end.cause is Cause.LOST
    assert end.error is not None
    assert end.error.message == "the stream ended"


# Timeouts and skips.


async def test_a_deadline_that_passes_has_the_janitor_end_the_runner_after_the_grace(
    scene: Scene,
) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    at = scene.janitor.said[0][1]
    assert at is not None
    assert 0 < at - time.monotonic() <= GRACE_S
    end = await scene.finish()
    assert (end.cause, end.settled) == (Cause.UNFIT, None)
    assert end.stop is not None
    assert (end.stop.source, end.stop.step_id, end.stop.attempt) == (TIMEOUT, "a", 1)


async def test_a_deadline_ahead_is_not_acted_on(scene: Scene) -> None:
    scene.begins(in_s=60.0)
    scene.runner.says(changed("a", S.COMPLETED))
    assert scene.janitor.ops == []
    assert scene.leg._timer is None


async def test_a_polite_timeout_keeps_the_runner(scene: Scene) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    scene.settles()
    await scene.is_told("end", "spare")
    assert "proceed" not in scene.runner.told
    scene.janitor.answers(None)
    await poll_until_async(lambda: scene.runner.told == ["start", "proceed"])
    (stopped,) = scene.follower.stopped
    assert stopped.stop is not None
    assert stopped.is_polite
    assert not scene.end.done()


async def test_an_unclean_runner_is_ended_at_once(scene: Scene) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    scene.settles(unclean=("thread 7",))
    at = scene.janitor.said[-1][1]
    assert at is not None
    assert at <= time.monotonic()
    end = await scene.finish()
    assert (end.cause, end.is_polite) == (Cause.UNFIT, True)
    assert scene.runner.told == ["start"]


async def test_a_step_that_settled_while_the_janitor_had_begun_costs_its_runner(
    scene: Scene,
) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    scene.settles()
    end = await scene.finish()
    assert (end.cause, end.is_polite) == (Cause.UNFIT, True)
    assert "proceed" not in scene.runner.told


async def test_a_runner_whose_clock_is_quicker_is_believed(scene: Scene) -> None:
    scene.begins(in_s=60.0)
    scene.settles()
    assert scene.janitor.ops == []
    assert scene.runner.told == ["start", "proceed"]
    (stopped,) = scene.follower.stopped
    assert stopped.stop is not None
    assert (stopped.stop.source, stopped.stop.step_id) == (TIMEOUT, "a")


async def test_a_step_that_ended_at_its_deadline_keeps_its_runner(scene: Scene) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    scene.runner.says(changed("a", S.COMPLETED))
    await scene.is_told("end", "spare")
    scene.janitor.answers(None)
    await asyncio.sleep(0)
    assert scene.leg._state.stop is None
    assert scene.runner.told == ["start"]
    assert scene.follower.stopped == []


async def test_a_step_that_failed_at_its_deadline_and_waits_for_a_retry_keeps_its_runner(
    scene: Scene,
) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    scene.runner.says(changed("a", error="refused"))
    await scene.is_told("end", "spare")


async def test_an_outer_step_whose_clock_is_stopped_at_its_deadline_keeps_its_runner(
    scene: Scene,
) -> None:
    """The run was paused inside it."""
    scene.begins("o", in_s=0.0)
    await scene.is_told("end")
    scene.begins("o")
    await scene.is_told("end", "spare")


async def test_a_deadline_that_passes_during_another_stop_is_acted_on_after_it(
    scene: Scene,
) -> None:
    scene.begins("a", in_s=0.0)
    await scene.is_told("end")
    scene.runner.says(changed("a", S.COMPLETED))
    scene.begins("b", in_s=0.0)
    await scene.is_told("end", "spare")
    scene.janitor.answers(None)
    await scene.is_told("end", "spare", "end")
    end = await scene.finish()
    assert end.stop is not None
    assert end.stop.step_id == "b"


async def test_of_two_deadlines_that_passed_the_outer_steps_counts(scene: Scene) -> None:
    scene.begins("o/x", in_s=0.0)
    scene.begins("o", in_s=0.0)
    await scene.is_told("end")
    end = await scene.finish()
    assert end.stop is not None
    assert end.stop.step_id == "o"


async def test_a_skip_names_who_asked_and_has_a_backstop(scene: Scene) -> None:
    scene.begins(in_s=60.0)
    scene.leg.skip("me")
    assert scene.janitor.ops == ["end"]
    assert scene.runner.told == ["start", "skip"]
    end = await scene.finish()
    assert end.stop is not None
    assert (end.stop.source, end.stop.requested_by) == (SKIP, "me")


async def test_a_skip_between_two_steps_is_the_next_ones_and_ends_nothing(scene: Scene) -> None:
    scene.leg.skip("me")
    assert scene.janitor.ops == []
    assert scene.runner.told == ["start", "skip"]


async def test_a_skip_that_came_too_late_ends_nothing(scene: Scene) -> None:
    scene.begins(in_s=60.0)
    scene.leg.skip("me")
    scene.settles(SKIP, missed=True)
    assert scene.janitor.ops == ["end", "spare"]
    scene.janitor.answers(None)
    await asyncio.sleep(0)
    assert scene.leg._state.stop is None
    assert scene.runner.told == ["start", "skip"]


async def test_a_second_skip_that_came_too_late_does_not_save_an_unclean_runner(
    scene: Scene,
) -> None:
    scene.begins(in_s=60.0)
    scene.leg.skip("me")
    scene.leg.skip("me")
    scene.settles(SKIP, unclean=("process 7 (sleep)",))
    scene.settles(SKIP, missed=True)
    assert scene.janitor.ops == ["end", "end"]
    end = await scene.finish()
    assert end.cause is Cause.UNFIT
    assert scene.follower.stopped == []


async def test_a_late_skip_does_not_save_a_step_from_its_timeout(scene: Scene) -> None:
    scene.begins("a", in_s=0.0)
    await scene.is_told("end")
    scene.settles(SKIP, "before", missed=True)
    assert scene.janitor.ops == ["end"]


async def test_a_skip_of_a_step_that_begins_its_next_attempt_still_stands(scene: Scene) -> None:
    scene.begins(in_s=60.0)
    scene.leg.skip("me")
    scene.runner.says(changed("a", error="refused"))
    scene.begins(in_s=60.0, attempt=2)
    assert scene.janitor.ops == ["end"]


async def test_an_outer_timeout_takes_the_inner_skip_with_it(scene: Scene) -> None:
    scene.begins("o", in_s=60.0)
    scene.begins("o/x", in_s=60.0)
    scene.leg.skip("me")
    scene.settles(TIMEOUT, "o")
    assert scene.janitor.ops == ["end", "spare"]
    scene.janitor.answers(None)
    await poll_until_async(lambda: "proceed" in scene.runner.told)
    (stopped,) = scene.follower.stopped
    assert stopped.stop is not None
    assert (stopped.stop.source, stopped.stop.step_id) == (TIMEOUT, "o")


async def test_an_inner_step_that_its_outer_one_has_cancelled_needs_no_end(scene: Scene) -> None:
    scene.begins("o", in_s=60.0)
    scene.begins("o/x", in_s=60.0)
    scene.leg.skip("me")
    scene.runner.says(changed("o/x", S.CANCELLED))
    assert scene.janitor.ops == ["end", "spare"]


async def test_what_a_stop_had_to_kill_is_not_laid_to_a_later_cancel(scene: Scene) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    kill = ProcessKilled(step_id="a", process=Process(pid=5, name="script"), stuck_at="s:1 in f")
    scene.runner.says(kill)
    scene.settles()
    scene.janitor.answers(None)
    await poll_until_async(lambda: "proceed" in scene.runner.told)
    assert scene.follower.stopped[0].own_kills == (kill,)
    scene.cancel(None, time.monotonic())
    scene.runner.says(Done(status=ExecutionStatus.CANCELLED))
    scene.runner.ends(0)
    end = await scene.finish(killed=False)
    assert (end.own_kills, end.stuck_at, end.stop, end.settled) == ((), None, None, None)


async def test_a_cancel_during_a_stop_is_not_taken_back(scene: Scene) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    scene.cancel(None, time.monotonic())
    scene.settles()
    scene.runner.says(changed("a", S.CANCELLED))
    assert "spare" not in scene.janitor.ops
    end = await scene.finish()
    assert end.cause is Cause.ENDED


async def test_a_deadline_after_a_cancel_changes_nothing(scene: Scene) -> None:
    scene.cancel(None, time.monotonic())
    scene.begins(in_s=0.0)
    await asyncio.sleep(0.01)
    assert scene.janitor.ops == ["end"]
    assert scene.leg._state.stop is None


async def test_a_spare_that_is_answered_while_the_leg_winds_up_does_not_count_as_its_end(
    scene: Scene,
) -> None:
    scene.begins(in_s=0.0)
    await scene.is_told("end")
    scene.runner.says(changed("a", S.COMPLETED))
    scene.runner.says(Done(status=ExecutionStatus.COMPLETED))
    await scene.is_told("end", "spare", "end")
    scene.janitor.answers(None)
    await scene.is_told("end", "spare", "end", "end")
    scene.runner.ends(0)
    end = await scene.finish(killed=False)
    assert end.cause is Cause.DONE


async def test_a_tree_that_was_ended_is_not_ended_again(scene: Scene) -> None:
    """The second answer would know nothing of what was killed."""
    scene.cancel(None, time.monotonic())
    scene.janitor.answers(ended(killed=(Process(pid=9, name="sleep"),)))
    await asyncio.sleep(0)
    scene.runner.ends(KILLED_RUNNER)
    end = await asyncio.wait_for(scene.end, 5.0)
    assert scene.janitor.ops == ["end"]
    assert end.runner_was_killed
    assert end.ended.killed == (Process(pid=9, name="sleep"),)


async def test_pause_and_resume_are_the_runners(scene: Scene) -> None:
    scene.leg.pause()
    scene.leg.resume()
    assert scene.runner.told == ["start", "pause", "resume"]


def announces(scene: Scene, number: int, step_id: str = "a") -> str:
    """Have a step announce a request; return its line."""
    line = f"POST http://gw/{number}"
    scene.runner.says(RequestAnnounced(step_id=step_id, number=number, request=line))
    return line


async def test_requests_that_were_not_answered_are_in_flight_at_the_end(scene: Scene) -> None:
    scene.begins()
    first, second = announces(scene, 1), announces(scene, 2)
    scene.runner.says(RequestAnswered(step_id="a", number=1))
    third = announces(scene, 3)
    scene.cancel(None, time.monotonic())
    scene.runner.says(changed("a", S.CANCELLED))
    end = await scene.finish()
    assert end.in_flight == (second, third)
    assert first not in end.in_flight


async def test_a_request_of_a_step_that_ended_by_itself_is_in_flight_no_more(scene: Scene) -> None:
    scene.begins()
    announces(scene, 1)
    scene.runner.says(changed("a", S.FAILED))
    scene.begins("b")
    kept = announces(scene, 2, "b")
    scene.cancel(None, time.monotonic())
    assert (await scene.finish()).in_flight == (kept,)


async def test_a_request_that_a_timeout_met_is_told_of_that_and_of_nothing_later(
    scene: Scene,
) -> None:
    scene.begins("o", in_s=0.0)
    await scene.is_told("end")
    scene.begins("o/x")
    line = announces(scene, 1, "o/x")
    scene.settles(step_id="o")
    scene.janitor.answers(None)
    await poll_until_async(lambda: "proceed" in scene.runner.told)
    assert scene.follower.stopped[0].in_flight == (line,)
    scene.cancel(None, time.monotonic())
    assert (await scene.finish()).in_flight == ()


async def test_of_very_many_requests_the_newest_are_kept(scene: Scene) -> None:
    scene.begins()
    lines = [announces(scene, number) for number in range(MAX_OPEN + 3)]
    scene.cancel(None, time.monotonic())
    assert (await scene.finish()).in_flight == tuple(lines[3:])
