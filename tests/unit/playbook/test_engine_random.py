"""Random small playbooks under random control: what must hold whatever a person presses."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.playbook.cancellation import abandoned_work
from ignition_toolkit.playbook.engine import EngineResult
from ignition_toolkit.playbook.events import ScopeOpened, Settled, StepChanged
from ignition_toolkit.playbook.models import (
    STEP_MOVES,
    ExecutionStatus,
    OnFailure,
    Playbook,
    Step,
    StepStatus,
)
from ignition_toolkit.playbook.step_handler import StepContext
from tests.unit.playbook import fake_clock
from tests.unit.playbook.engine_host_fake import (
    Bench,
    FakeHost,
    forever,
    kind,
    nested,
    playbook,
    program,
    step,
)

PENDING = StepStatus.PENDING


async def flaky(context: StepContext, params: dict[str, Any]) -> None:
    await asyncio.sleep(0.5)
    if context.attempt % 2:
        raise RuntimeError("every other time")


async def swallow(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    try:
        await asyncio.sleep(3)
    except asyncio.CancelledError:
        await asyncio.sleep(0.1)
    return {"done": True}


async def dirty(context: StepContext, params: dict[str, Any]) -> None:
    try:
        await asyncio.sleep(3)
    finally:
        raise RuntimeError("dies loudly")


KINDS = (
    kind("test.forever", forever),
    kind("test.flaky", flaky),
    kind("test.swallow", swallow),
    kind("test.dirty", dirty),
)
LEAVES = ["test.echo", "test.fail", "test.forever", "test.flaky", "test.swallow", "test.dirty"]

FIELDS = st.fixed_dictionaries(
    {
        "timeout": st.sampled_from([1.0, 4.0, 20.0]),
        "retry_count": st.integers(0, 2),
        "retry_delay": st.sampled_from([0.0, 1.0]),
        "on_failure": st.sampled_from(OnFailure),
    }
)


@st.composite
def step_lists(draw: st.DrawFn, below: tuple[str, ...]) -> tuple[Step, ...]:
    """Draw a playbook's steps; some run one of the playbooks below."""
    steps = []
    for number in range(draw(st.integers(1, 3))):
        fields = draw(FIELDS)
        name = f"s{number}"
        runs_another = draw(st.booleans())
        if below and runs_another:
            steps.append(nested(name, draw(st.sampled_from(below)), **fields))
        else:
            steps.append(step(name, draw(st.sampled_from(LEAVES)), **fields))
    return tuple(steps)


@st.composite
def playbooks(draw: st.DrawFn) -> tuple[tuple[Step, ...], tuple[Playbook, ...]]:
    """Draw a main playbook's steps, and what it can run, three deep."""
    deepest = playbook(*draw(step_lists(())), path="deep.yaml")
    inner = playbook(*draw(step_lists(("deep.yaml",))), path="inner.yaml")
    return draw(step_lists(("deep.yaml", "inner.yaml"))), (deepest, inner)


@dataclass
class Press:
    """A button, when it is pressed, and whether it is told of the innermost step."""

    what: str
    at: float
    to_innermost: bool = True


PRESSES = st.lists(
    st.builds(
        Press,
        what=st.sampled_from(["pause", "resume", "skip", "skip", "cancel"]),
        at=st.floats(0, 12).map(lambda seconds: round(seconds, 1)),
        to_innermost=st.booleans(),
    ),
    max_size=6,
)


@dataclass
class Watched:
    """A run with what was pressed."""

    bench: Bench
    result: EngineResult | None = None
    running: list[str] = field(default_factory=list)

    def press(self, press: Press) -> None:
        engine = self.bench.engine
        if press.what == "cancel":
            self.bench.cancel()
        elif press.what == "skip":
            engine.skip(innermost(self.bench.host) if press.to_innermost else None)
        else:
            getattr(engine, press.what)()


def innermost(host: FakeHost) -> str | None:
    """Return what a supervisor takes for the innermost running step."""
    running: dict[str, None] = {}
    for event in host.of(StepChanged):
        running.pop(event.step_id, None) if event.status.final else running.setdefault(
            event.step_id
        )
    return next(reversed(running), None)


async def play(
    steps: tuple[Step, ...], others: tuple[Playbook, ...], presses: list[Press]
) -> Watched:
    watched = Watched(Bench(program(*steps, others=others), *KINDS))
    for press in presses:
        watched.bench.at(press.at, partial(watched.press, press))
    # A run that stands still at the end is set going again, as a person would.
    watched.bench.at(5000, watched.bench.engine.resume)
    watched.result = await watched.bench.run()
    told = len(watched.bench.host.events)
    await asyncio.sleep(5)
    assert len(watched.bench.host.events) == told, "something was said after the end"
    return watched


def activations(host: FakeHost, step_id: str) -> Iterator[list[StepStatus]]:
    """Yield what a step became, for each time that the playbook it stands in was begun."""
    prefix = step_id.rpartition("/")[0] + "/" if "/" in step_id else ""
    statuses: list[StepStatus] = []
    for event in host.events:
        if isinstance(event, ScopeOpened) and event.prefix == prefix:
            yield statuses
            statuses = []
        elif isinstance(event, StepChanged) and event.step_id == step_id:
            statuses.append(event.status)
    yield statuses


def check(watched: Watched, presses: list[Press]) -> None:
    host, result = watched.bench.host, watched.result
    assert result is not None
    assert result.ended
    for step_id in {event.step_id for event in host.of(StepChanged)}:
        for statuses in activations(host, step_id):
            check_moves(step_id, statuses)
    assert innermost(host) is None, "a step is said to run after the end"
    pauses = host.pauses
    assert all(now != then for then, now in zip([False, *pauses], pauses, strict=False))
    cancelled = any(press.what == "cancel" for press in presses)
    if result.status is ExecutionStatus.CANCELLED:
        assert cancelled
        assert result.error is None
    else:
        assert not pauses or pauses[-1] is False, "the run ended while it stood still"
    if result.status is ExecutionStatus.FAILED:
        assert result.error
    check_settled(host)


def check_moves(step_id: str, statuses: list[StepStatus]) -> None:
    old = PENDING
    for new in statuses:
        if (old, new) != (StepStatus.RUNNING, StepStatus.RUNNING):
            assert new in STEP_MOVES[old], f"{step_id} may not go from {old} to {new}"
        old = new
    finals = [status for status in statuses if status.final]
    assert len(finals) == (1 if statuses else 0), f"{step_id} ended {len(finals)} times"


def check_settled(host: FakeHost) -> None:
    """Each timeout and skip that was acted on is told once for the attempt that it stopped."""
    acted_on = [
        (settled.step_id, settled.attempt, at)
        for settled, at in zip(host.events, host.times, strict=True)
        if isinstance(settled, Settled) and not settled.missed
    ]
    assert len(set(acted_on)) == len(acted_on)


@given(playbooks(), PRESSES)
def test_whatever_is_pressed_the_run_ends_once_and_truthfully(
    drawn: tuple[tuple[Step, ...], tuple[Playbook, ...]], presses: list[Press]
) -> None:
    steps, others = drawn
    watched = fake_clock.run(play(steps, others, presses))
    check(watched, presses)
    assert not abandoned_work()


@given(playbooks(), st.floats(0, 12).map(lambda seconds: round(seconds, 2)))
def test_after_a_cancel_everything_is_over_within_the_grace(
    drawn: tuple[tuple[Step, ...], tuple[Playbook, ...]], at: float
) -> None:
    steps, others = drawn

    async def main() -> float:
        watched = await play(steps, others, [Press("cancel", at)])
        check(watched, [Press("cancel", at)])
        began = watched.bench.host.times[0]
        after = [t - began - at for t in watched.bench.host.times if t - began > at + 1e-6]
        return max(after, default=0.0)

    assert fake_clock.run(main()) <= 0.25


@pytest.mark.stress
@given(playbooks(), PRESSES)
def test_whatever_is_pressed_the_run_ends_once_and_truthfully_many_times(
    drawn: tuple[tuple[Step, ...], tuple[Playbook, ...]], presses: list[Press]
) -> None:
    steps, others = drawn
    check(fake_clock.run(play(steps, others, presses)), presses)
