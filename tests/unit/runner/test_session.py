"""What a runner does with each command, in this process: nothing of it leaves or is ended."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from ignition_toolkit.playbook.engine_host import Resume, ScopeState
from ignition_toolkit.playbook.events import PauseChanged, Settled, StepChanged
from ignition_toolkit.playbook.models import (
    CancelSource,
    ExecutionStatus,
    Frozen,
    OnFailure,
    Playbook,
    Program,
    Step,
    StepStatus,
)
from ignition_toolkit.protocol import (
    Cancel,
    Check,
    Checked,
    Continue,
    Describe,
    Described,
    Done,
    Envelope,
    Pause,
    Proceed,
    Ready,
    Skip,
    Start,
    encode,
)
from ignition_toolkit.runner import session as session_module
from ignition_toolkit.runner.session import Session
from ignition_toolkit.runner.turns import Turns
from tests.polling import poll_until_async

#: Seconds for what takes a moment; generous, as the machine may be busy.
SOON_S = 30.0

SLEEP = Step(id="sleep", name="Sleep", type="utility.sleep", parameters={"seconds": 600})
LOG = Step(id="log", name="Log", type="utility.log", parameters={"message": "m"})
BRIEF = SLEEP.model_copy(update={"timeout": 0.05, "on_failure": OnFailure.CONTINUE})


class Spoken:
    """A session, spoken to and heard over its pipes."""

    def __init__(self, folder: Path) -> None:
        reading, self._commands = os.pipe()
        self._events, writing = os.pipe()
        os.set_blocking(self._events, False)
        self._folder = folder
        self._rest = b""
        self.heard: list[Envelope] = []
        self.session = Session(asyncio.get_running_loop(), Turns(), reading, writing)
        self.running = asyncio.create_task(self.session.run())
        self._theirs = (reading, writing)

    def say(self, command: Frozen) -> None:
        """Send a command."""
        os.write(self._commands, encode(command))

    def start(self, *steps: Step, on_cancel: tuple[str, ...] | None = None) -> None:
        """Have it run these steps."""
        main = Playbook(path="test.yaml", name="Test", steps=steps, on_cancel=steps)
        modules = {step.type: "ignition_toolkit.steps.utility" for step in steps}
        self.say(
            Start(
                execution_id="x",
                program=Program(main=main),
                parameters={},
                modules=modules,
                artifacts=str(self._folder),
                on_cancel=on_cancel,
                resume=Resume(scopes={"": ScopeState(path="test.yaml", parameters={})}),
            )
        )

    async def hears(self, fits: Callable[[Frozen], bool]) -> Frozen:
        """Wait for a message that fits, and return it."""

        def found() -> Frozen | None:
            self._read()
            return next((one.body for one in self.heard if fits(one.body)), None)

        body = await poll_until_async(found, SOON_S)
        assert body is not None
        return body

    def _read(self) -> None:
        try:
            self._rest += os.read(self._events, 1 << 20)
        except BlockingIOError:
            return
        *lines, self._rest = self._rest.split(b"\n")
        self.heard += [Envelope.model_validate_json(line) for line in lines]

    async def hears_of(self, kind: type[Frozen]) -> Frozen:
        """Wait for the first message of a kind."""
        return await self.hears(lambda body: isinstance(body, kind))

    async def is_running(self, step_id: str) -> None:
        """Wait until an attempt of a step is under way."""
        await self.hears(
            lambda body: (
                isinstance(body, StepChanged)
                and (body.step_id, body.status) == (step_id, StepStatus.RUNNING)
                and body.deadline is not None
            )
        )

    async def done(self) -> Done:
        """Wait for the end of the run and of the session."""
        done = await self.hears_of(Done)
        async with asyncio.timeout(SOON_S):
            await self.running
        assert isinstance(done, Done)
        return done

    async def close(self) -> None:
        """End the session, its threads and the pipes."""
        self.running.cancel()
        await asyncio.wait({self.running})
        self.session._watchdog.stop()
        os.close(self._commands)
        reader, writer = self.session._reader, self.session._writer
        await poll_until_async(lambda: not reader._thread.is_alive(), SOON_S)
        os.close(self._events)
        for _ in range(2):
            # The thread ends with the first message that it cannot write.
            writer.send(Ready())
        await poll_until_async(lambda: not writer._thread.is_alive(), SOON_S)
        for fd in self._theirs:
            os.close(fd)


@pytest.fixture
async def spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_blocking_calls: BlockBuster
) -> AsyncIterator[Spoken]:
    # A runner waits for its words to be written; here that is the test's own loop.
    no_blocking_calls.deactivate()
    monkeypatch.setattr(session_module, "leave_after_server", lambda: None)
    monkeypatch.setattr(session_module, "LINGER_S", 0.0)
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    one = Spoken(tmp_path)
    await one.hears_of(Ready)
    yield one
    await one.close()
    root.setLevel(level)
    root.handlers[:] = handlers


async def test_questions_are_answered_before_a_run(spoken: Spoken) -> None:
    spoken.say(Describe())
    described = await spoken.hears_of(Described)
    assert isinstance(described, Described)
    assert described.catalog["kinds"]
    wrong = LOG.model_copy(update={"parameters": {"massage": "m"}})
    main = Playbook(path="test.yaml", name="Test", steps=(wrong,))
    modules = {"utility.log": "ignition_toolkit.steps.utility"}
    spoken.say(Check(request=7, program=Program(main=main), modules=modules))
    checked = await spoken.hears_of(Checked)
    assert isinstance(checked, Checked)
    assert checked.request == 7
    assert checked.problems


async def test_a_run_is_paused_goes_on_and_completes(spoken: Spoken) -> None:
    spoken.say(Pause())
    spoken.start(LOG)
    await spoken.hears(lambda body: isinstance(body, PauseChanged) and body.paused)
    spoken.say(Continue())
    assert (await spoken.done()).status is ExecutionStatus.COMPLETED


async def test_a_cancel_ends_the_running_step(spoken: Spoken) -> None:
    spoken.start(SLEEP, LOG)
    await spoken.is_running("sleep")
    spoken.say(Cancel(source=CancelSource.API, requested_by="me"))
    assert (await spoken.done()).status is ExecutionStatus.CANCELLED


async def test_a_cancel_that_comes_before_the_start_is_not_lost(spoken: Spoken) -> None:
    spoken.say(Cancel(source=CancelSource.API))
    spoken.start(LOG)
    assert (await spoken.done()).status is ExecutionStatus.CANCELLED
    ran = [one.body for one in spoken.heard if isinstance(one.body, StepChanged)]
    assert not [body for body in ran if body.status is StepStatus.COMPLETED]


@pytest.mark.parametrize("ended_by", ["skip", "timeout"])
async def test_after_a_step_was_stopped_alone_it_asks_and_goes_on_when_told(
    spoken: Spoken, ended_by: str
) -> None:
    spoken.start(SLEEP if ended_by == "skip" else BRIEF, LOG)
    if ended_by == "skip":
        await spoken.is_running("sleep")
        spoken.say(Skip(step_id="sleep"))
    await spoken.hears_of(Settled)
    assert not [one for one in spoken.heard if isinstance(one.body, Done)]
    spoken.say(Proceed())
    assert (await spoken.done()).status is ExecutionStatus.COMPLETED


async def test_a_cancel_while_it_asks_whether_it_may_go_on_ends_the_run(spoken: Spoken) -> None:
    spoken.start(BRIEF, LOG)
    await spoken.hears_of(Settled)
    spoken.say(Cancel(source=CancelSource.WEB))
    assert (await spoken.done()).status is ExecutionStatus.CANCELLED


async def test_the_steps_after_a_cancel_run_when_they_are_asked_for(spoken: Spoken) -> None:
    spoken.start(LOG, on_cancel=("",))
    assert (await spoken.done()).status is ExecutionStatus.COMPLETED
    ran = {one.body.step_id for one in spoken.heard if isinstance(one.body, StepChanged)}
    assert ran == {"on_cancel/log"}


async def test_the_end_of_the_commands_cancels_what_runs(spoken: Spoken) -> None:
    spoken.start(SLEEP)
    await spoken.is_running("sleep")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, spoken._commands)
    os.close(null)
    assert (await spoken.done()).status is ExecutionStatus.CANCELLED
