"""The contract itself: what a try must not show."""

from __future__ import annotations

from collections.abc import Iterator

from ignition_toolkit.drill.job import Breach, Trial, Way
from ignition_toolkit.playbook.models import ExecutionStatus, StepStatus

#: How a step ends that is stopped like this while it is under way.
STEP_ENDS = {
    Way.CANCEL: StepStatus.CANCELLED,
    Way.SKIP: StepStatus.SKIPPED,
    Way.TIMEOUT: StepStatus.FAILED,
}
#: And how its execution does: after a skip there is one more step, which completes.
RUN_ENDS = {
    Way.CANCEL: ExecutionStatus.CANCELLED,
    Way.SKIP: ExecutionStatus.COMPLETED,
    Way.TIMEOUT: ExecutionStatus.FAILED,
}


def breaches(trial: Trial) -> tuple[Breach, ...]:
    """Return what a try shows of what the contract forbids."""
    return tuple(Breach(way=trial.way, moment=trial.moment, text=text) for text in _texts(trial))


def depends_on_time(trial: Trial) -> bool:
    """Whether a busy machine may be what a try shows, so that it is to be tried again.

    What was left may have been killed as it had no time to end, as a browser is; a fresh runner
    takes over then.
    """
    return not trial.ended or bool(trial.blocked) or bool(trial.left)


def failed_by_itself(trial: Trial) -> bool:
    """Whether the step failed before anybody stopped it: what it needs is not there."""
    return not trial.was_asked and trial.step_status is StepStatus.FAILED


def _texts(trial: Trial) -> Iterator[str]:
    if trial.lost:
        yield trial.lost
        return
    yield from _of_the_loop(trial)
    if trial.was_told:
        yield from _of_execute(trial)
    if trial.was_told and trial.ended:
        yield from _of_the_record(trial)
    yield from _of_what_is_left(trial)
    yield from _of_what_is_told(trial)


def _of_the_loop(trial: Trial) -> Iterator[str]:
    for line in trial.blocked:
        yield f"it blocked the event loop for {line}; no cancel is heard meanwhile"


def _of_execute(trial: Trial) -> Iterator[str]:
    if not trial.ended:
        yield "it had not ended 0.25 s after it was stopped, and would be killed in the middle"
    elif trial.execute_end == "returned":
        yield "it swallowed the CancelledError: `execute` returned as if nobody had stopped it"
    elif trial.execute_end == "raised" and trial.way is not Way.TIMEOUT:
        # What has a deadline of its own for the rest of the timeout fails by that, at its moment.
        yield f"it turned the CancelledError into {trial.execute_error}"


def _of_the_record(trial: Trial) -> Iterator[str]:
    if trial.final_events != 1:
        yield f"it was said to be over {trial.final_events} times; expected once"
    expected = STEP_ENDS[trial.way]
    if trial.step_status not in (expected, None):
        yield f"it is recorded as {trial.step_status.value}; expected {expected.value}"
    if trial.status is not RUN_ENDS[trial.way]:
        found = trial.status.value if trial.status else "nothing"
        yield f"its execution is {found}; expected {RUN_ENDS[trial.way].value}"
    if trial.went_on != (trial.way is Way.SKIP):
        yield (
            "the step behind it did not begin"
            if trial.way is Way.SKIP
            else ("the step behind it has begun")
        )


def _of_what_is_left(trial: Trial) -> Iterator[str]:
    for line in dict.fromkeys(trial.left):
        yield f"it left {line}"
    for name in trial.files:
        yield f"it left the temporary file {name}"


def _of_what_is_told(trial: Trial) -> Iterator[str]:
    for line in trial.afterwards:
        yield f"it told something after its end: {line}"
    for place in trial.leaks:
        yield f"a secret can be read in {place}"
