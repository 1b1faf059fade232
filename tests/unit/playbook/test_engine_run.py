"""What an engine does when nobody interferes: order, references, outcomes, retries, timeouts."""

import asyncio
import math
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.events import Logged, ScopeOpened, Settled, StepChanged
from ignition_toolkit.playbook.json_values import MAX_SIZE
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus, OnFailure, StepStatus
from ignition_toolkit.playbook.step_handler import StepContext, StepHandler
from tests.unit.playbook import fake_clock
from tests.unit.playbook.engine_host_fake import Bench, forever, is_step, kind, program, step

COMPLETED, FAILED = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED


def run(*steps: Any, kinds: tuple[type[StepHandler], ...] = (), **given: Any) -> Any:
    """Run steps to the end by the fake clock; return the result and the host."""

    async def main() -> Any:
        bench = Bench(program(*steps), *kinds, **given)
        return await bench.run(), bench.host

    return fake_clock.run(main())


def test_steps_run_in_order_and_say_so() -> None:
    result, host = run(step("a"), step("b"), step("c"))
    assert (result.status, result.error, result.ended) == (COMPLETED, None, True)
    assert host.moves == [(name, status) for name in "abc" for status in ("running", "completed")]
    assert [(e.prefix, e.path, e.resumed) for e in host.of(ScopeOpened)] == [
        ("", "main.yaml", False)
    ]


def test_a_change_says_all_that_a_page_shows() -> None:
    _, host = run(step("a", p={"x": 1}, timeout=7))
    begun, ended = host.of(StepChanged)
    assert (begun.step_name, begun.type, begun.attempt) == ("A", "test.echo", 1)
    assert begun.deadline == pytest.approx(host.times[1] + 7)
    assert (ended.output, ended.error, ended.deadline) == ({"x": 1}, None, None)
    assert ended.at.tzinfo is not None


def test_each_step_is_a_task_of_its_own() -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def look(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        tasks.append(asyncio.current_task())
        return {}

    run(step("a", "test.look"), step("b", "test.look"), kinds=(kind("test.look", look),))
    assert len({id(task) for task in tasks}) == 2
    assert [task.get_name() for task in tasks if task] == ["a", "b"]


def test_references_reach_parameters_variables_outputs_and_credentials() -> None:
    async def main() -> Any:
        bench = Bench(
            program(
                step("a", p={"n": 3, "text": "x{{ parameter.p }}"}),
                step("b", "test.set", {"v": ["{{ step.a.n }}", "{{ step.a.text }}"]}),
                step("c", p={"v": "{{ variable.v }}", "secret": "{{ credential.gw.password }}"}),
            ),
            parameters={"p": 5},
        )
        bench.host._credentials = {"gw": {"password": Secret("hunter2")}}
        return await bench.run(), bench.host

    result, host = fake_clock.run(main())
    assert result.status is COMPLETED, result.error
    assert host.last("c").output == {"v": [3, "x5"], "secret": Secret("hunter2")}
    assert host.variables == {"v": [3, "x5"]}


def test_a_reference_without_a_value_fails_the_step_and_says_what_there_is() -> None:
    result, host = run(step("a", p={"x": 1}), step("b", p={"y": "{{ step.a.z }}"}))
    assert result.status is FAILED
    assert "step 'b' failed: {{ step.a.z }} has no value" in result.error
    assert host.moves[-1] == ("b", "failed")


def test_a_failed_step_ends_the_run() -> None:
    result, host = run(step("a"), step("b", "test.fail", {"error": "no route"}), step("c"))
    assert result.status is FAILED
    assert result.error == "step 'b' failed: RuntimeError: no route"
    assert host.moves[-1] == ("b", "failed")
    assert host.last("b").error == "RuntimeError: no route"


def test_a_failed_step_may_be_passed_over() -> None:
    result, host = run(
        step("a", "test.fail", on_failure=OnFailure.CONTINUE),
        step("b", p={"x": "{{ step.a.y }}"}, on_failure=OnFailure.CONTINUE),
        step("c"),
    )
    assert result.status is COMPLETED
    assert host.moves[1::2] == [("a", "failed"), ("b", "failed"), ("c", "completed")]


def test_an_error_of_a_strangers_code_is_logged_with_its_place() -> None:
    _, host = run(step("a", "test.fail"))
    (line,) = host.of(Logged)
    assert (line.level, line.step_id) == ("error", "a")
    assert "engine_host_fake.py" in line.message
    assert "RuntimeError: it broke" in line.message


def test_a_plain_failure_is_told_in_the_steps_own_words() -> None:
    async def fail(context: StepContext, params: dict[str, Any]) -> None:
        raise StepFailed("the gateway said no")

    result, host = run(step("a", "test.no"), kinds=(kind("test.no", fail),))
    assert result.error == "step 'a' failed: the gateway said no"
    assert not host.log


# Handlers that do what they should not


class BadName(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


async def cancels_itself(context: StepContext, params: dict[str, Any]) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


RAISED: list[tuple[BaseException, str]] = [
    (SystemExit(3), "the step called for the end of its process (SystemExit(3))"),
    (KeyboardInterrupt(), "the step called for the end of its process (KeyboardInterrupt())"),
    (GeneratorExit(), "GeneratorExit"),
    (StopIteration(), "RuntimeError: coroutine raised StopIteration"),
    (asyncio.CancelledError(), "the step cancelled itself; nobody had asked for it"),
    (TimeoutError("no answer in 3 s"), "no answer in 3 s"),
    (TimeoutError(), "TimeoutError"),
    (ValueError(), "ValueError"),
    (ExceptionGroup("two", [ValueError("x"), KeyError("y")]), "two (2 sub-exceptions)"),
    (BadName(), "BadName: an error whose text cannot be made"),
    (RuntimeError("lone \udc80 half"), "RuntimeError: lone \\udc80 half"),
]


@pytest.mark.parametrize(("error", "text"), RAISED, ids=lambda value: type(value).__name__)
def test_whatever_a_handler_raises_is_a_failed_step(error: BaseException, text: str) -> None:
    async def fail(context: StepContext, params: dict[str, Any]) -> None:
        raise error

    result, host = run(
        step("a", "test.raise", on_failure=OnFailure.CONTINUE),
        step("b"),
        kinds=(kind("test.raise", fail),),
    )
    assert result.status is COMPLETED
    assert host.last("a").status is StepStatus.FAILED
    assert text in host.last("a").error
    assert host.last("b").status is StepStatus.COMPLETED


def test_a_handler_that_cancels_itself_has_failed() -> None:
    result, host = run(step("a", "test.self"), kinds=(kind("test.self", cancels_itself),))
    assert result.status is FAILED
    assert host.last("a").error == "the step cancelled itself; nobody had asked for it"


@pytest.mark.parametrize("output", [7, "text", [1], True, {"a"}])
def test_an_output_that_is_no_dict_fails_the_step(output: object) -> None:
    async def odd(context: StepContext, params: dict[str, Any]) -> object:
        return output

    result, _ = run(step("a", "test.odd"), kinds=(kind("test.odd", odd),))
    assert "test.odd must return a dict of outputs, it returned" in result.error


def test_no_output_is_an_empty_one() -> None:
    async def nothing(context: StepContext, params: dict[str, Any]) -> None:
        return None

    _, host = run(step("a", "test.none"), kinds=(kind("test.none", nothing),))
    assert host.last("a").output == {}


def test_outputs_become_json_values() -> None:
    loop: list[Any] = [1]
    loop.append(loop)

    async def odd(context: StepContext, params: dict[str, Any]) -> dict[Any, Any]:
        return {
            "nan": math.nan,
            "inf": -math.inf,
            "tuple": (1, 2),
            "deep": loop,
            "object": ValueError("x"),
            "half": "\udc80",
            "huge": 10**5000,
            3: "key",
        }

    _, host = run(step("a", "test.odd"), kinds=(kind("test.odd", odd),))
    output = host.last("a").output
    assert output["nan"] == "nan"
    assert output["inf"] == "-inf"
    assert output["tuple"] == [1, 2]
    assert output["deep"][1][0] == 1
    assert output["object"] == "x"
    assert output["half"] == "\\udc80"
    assert output["huge"].startswith("0x")
    assert output["3"] == "key"
    host.last("a").model_dump_json()


def explosive() -> list[Any]:
    twice: list[Any] = []
    twice += [twice, twice]
    return twice


@pytest.mark.parametrize("value", ["x" * (MAX_SIZE + 1), [0] * MAX_SIZE, explosive()])
def test_an_output_that_is_too_large_fails_the_step(value: object) -> None:
    async def large(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        return {"value": value}

    result, _ = run(step("a", "test.large"), kinds=(kind("test.large", large),))
    assert "the outputs of test.large are too large" in result.error
    assert "artifacts" in result.error


def test_a_variable_that_is_too_large_fails_the_step_and_is_not_set() -> None:
    result, host = run(step("a", "test.set", {"v": "x" * (MAX_SIZE + 1)}))
    assert "variable 'v' is too large" in result.error
    assert host.variables == {}


def test_a_handler_that_cannot_be_made_fails_the_step() -> None:
    class Broken(StepHandler):
        type = "test.broken"

        def __init__(self, context: StepContext) -> None:
            raise OSError("no display")

        async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
            return {}

    result, _ = run(step("a", "test.broken"), kinds=(Broken,))
    assert result.error == "step 'a' failed: OSError: no display"


class Picky(BaseModel):
    count: int
    level: str = "info"

    @field_validator("level")
    @classmethod
    def check(cls, value: str) -> str:
        if value == "bomb":
            raise RuntimeError("a validator that raises what it should not")
        return value


async def give_back(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    return params


PICKY = kind("test.picky", give_back, Picky)


def test_parameters_are_checked_after_references_and_defaults_filled_in() -> None:
    _, host = run(
        step("a", p={"n": "12"}),
        step("b", "test.picky", {"count": "{{ step.a.n }}"}),
        kinds=(PICKY,),
    )
    assert host.last("b").output == {"count": 12, "level": "info"}


def test_every_wrong_parameter_is_named() -> None:
    result, _ = run(step("a", "test.picky", {"count": "many", "levle": "x"}), kinds=(PICKY,))
    assert "the parameters of test.picky are wrong" in result.error
    assert "levle: unknown parameter; did you mean 'level'?" in result.error
    assert "count: input should be a valid integer" in result.error
    assert "found 'many'" in result.error


def test_a_value_that_looks_like_a_reference_is_a_value() -> None:
    result, _ = run(
        step("a", "test.picky", {"count": "{{ parameter.p }}"}),
        kinds=(PICKY,),
        parameters={"p": "{{ parameter.p }}"},
    )
    assert "count: input should be a valid integer" in result.error


def test_a_validator_that_raises_fails_the_step() -> None:
    result, _ = run(step("a", "test.picky", {"count": 1, "level": "bomb"}), kinds=(PICKY,))
    assert "RuntimeError: a validator that raises what it should not" in result.error


def test_a_secret_never_shows_in_an_error() -> None:
    secret = Secret("hunter2-hunter2")
    result, host = run(
        step("a", "test.picky", {"count": "{{ parameter.p }}"}),
        kinds=(PICKY,),
        parameters={"p": secret},
    )
    assert result.status is FAILED
    said = result.error + "".join(repr(e) for e in host.of(StepChanged)) + host.log
    assert "hunter2" not in said


# The context


def test_a_context_tells_a_handler_where_it_is() -> None:
    seen: dict[str, Any] = {}

    async def look(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        context.set_variable("v", {"a": (1,)})
        seen.update(
            execution_id=context.execution_id,
            step_id=context.step_id,
            attempt=context.attempt,
            artifacts=context.artifacts.name,
            remaining=context.remaining(),
            variable=context.get_variable("v"),
            missing=context.get_variable("none", 5),
            variables=context.variables(),
            used=await context.use(dict),
        )
        return {}

    run(step("a", "test.look", timeout=60), kinds=(kind("test.look", look),))
    assert seen == {
        "execution_id": "execution",
        "step_id": "a",
        "attempt": 1,
        "artifacts": "artifacts",
        "remaining": pytest.approx(60),
        "variable": {"a": [1]},
        "missing": 5,
        "variables": {"v": {"a": [1]}},
        "used": {},
    }


def test_progress_is_told_unless_it_is_no_number() -> None:
    async def go(context: StepContext, params: dict[str, Any]) -> None:
        context.progress(1, 3, "one")
        context.progress(math.nan, 3)
        context.progress(2, math.inf)

    _, host = run(step("a", "test.go"), kinds=(kind("test.go", go),))
    told = [e for e in host.events if e.kind == "progress"]
    assert [(e.done, e.total, e.message) for e in told] == [(1, 3, "one"), (2, None, "")]


def test_a_long_log_line_is_cut_and_says_so() -> None:
    async def shout(context: StepContext, params: dict[str, Any]) -> None:
        context.log("x" * 10_000_000)
        context.log("half \udcff", "warning")

    _, host = run(step("a", "test.shout"), kinds=(kind("test.shout", shout),))
    first, second = host.of(Logged)
    assert len(first.message) <= 64 * 1024
    assert first.message.endswith("(cut, it had 10000000 characters)")
    assert second.message == "half \\udcff"


# Retries


def failing_until(good: int) -> type[StepHandler]:
    async def act(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        if context.attempt < good:
            raise RuntimeError(f"attempt {context.attempt}")
        return {"attempt": context.attempt}

    return kind("test.flaky", act)


def test_a_failed_attempt_is_repeated_after_its_delay() -> None:
    result, host = run(
        step("a", "test.flaky", retry_count=3, retry_delay=5), kinds=(failing_until(3),)
    )
    assert result.status is COMPLETED
    begun = [
        (e.attempt, at)
        for e, at in zip(host.events, host.times, strict=True)
        if isinstance(e, StepChanged) and e.deadline is not None
    ]
    assert [number for number, _ in begun] == [1, 2, 3]
    assert begun[2][1] - begun[0][1] == pytest.approx(10)
    assert host.last("a").output == {"attempt": 3}
    assert host.last("a").attempt == 3
    assert "attempt 1 failed: RuntimeError: attempt 1; the next one follows in 5 s" in host.log


def test_between_attempts_a_step_runs_without_a_deadline_and_tells_its_error() -> None:
    _, host = run(step("a", "test.flaky", retry_count=1), kinds=(failing_until(2),))
    waiting = host.of(StepChanged)[1]
    assert waiting.status is StepStatus.RUNNING
    assert (waiting.attempt, waiting.deadline) == (1, None)
    assert waiting.error == "RuntimeError: attempt 1"


def test_the_last_attempts_error_is_the_steps() -> None:
    result, host = run(
        step("a", "test.flaky", retry_count=2, retry_delay=0), kinds=(failing_until(9),)
    )
    assert result.error == "step 'a' failed: RuntimeError: attempt 3"
    assert host.last("a").attempt == 3


# Timeouts


def test_an_attempt_ends_at_its_timeout() -> None:
    result, host = run(step("a", "test.forever", timeout=7), kinds=(kind("test.forever", forever),))
    assert result.error == "step 'a' failed: the step took longer than its timeout of 7 s"
    (settled,) = host.of(Settled)
    assert (settled.source, settled.ended, settled.missed) == (CancelSource.TIMEOUT, True, False)
    begun = host.time_of(is_step("a", StepStatus.RUNNING))
    assert host.time_of(lambda e: e is settled) - begun == pytest.approx(7, abs=0.01)


def test_each_attempt_has_the_whole_timeout() -> None:
    async def act(context: StepContext, params: dict[str, Any]) -> None:
        await asyncio.sleep(9 if context.attempt == 1 else 4)

    result, host = run(
        step("a", "test.slow", timeout=5, retry_count=1, retry_delay=3),
        kinds=(kind("test.slow", act),),
    )
    assert result.status is COMPLETED
    deadlines = [e.deadline for e in host.of(StepChanged) if e.deadline is not None]
    assert deadlines[1] - deadlines[0] == pytest.approx(8, abs=0.01)
    assert "timeout of 5 s (attempt 1 of 2)" in host.log


def test_a_step_that_ends_in_time_is_not_disturbed_by_its_clock() -> None:
    result, host = run(
        step("a", "test.sleep", {"seconds": 5}, timeout=5.1),
        step("b", "test.sleep", {"seconds": 9}),
    )
    assert result.status is COMPLETED
    assert not host.of(Settled)


def test_no_clock_of_a_step_runs_on_after_it() -> None:
    async def main() -> None:
        await Bench(program(step("a"), step("b"))).run()
        loop = asyncio.get_running_loop()
        # There is no public way to ask for the timers.
        timers: list[asyncio.TimerHandle] = getattr(loop, "_scheduled")  # noqa: B009
        assert [timer for timer in timers if not timer.cancelled()] == []

    fake_clock.run(main())


def test_a_step_that_blocks_past_its_deadline_and_ends_has_ended() -> None:
    async def block(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, fake_clock.FakeClockLoop)
        loop.advance(10)
        return {"done": True}

    result, host = run(step("a", "test.block", timeout=5), kinds=(kind("test.block", block),))
    assert result.status is COMPLETED
    assert host.last("a").output == {"done": True}


def test_the_run_goes_on_after_a_timeout_only_when_the_process_is_found_fit() -> None:
    async def main() -> None:
        bench = Bench(
            program(step("a", "test.forever", timeout=1, on_failure=OnFailure.CONTINUE), step("b")),
            kind("test.forever", forever),
        )
        bench.host.may_go_on.clear()
        running = asyncio.ensure_future(bench.run())
        await asyncio.sleep(100)
        assert bench.host.moves == [("a", "running")]
        bench.host.may_go_on.set()
        assert (await running).status is COMPLETED
        assert bench.host.moves[-1] == ("b", "completed")
        assert not bench.host.running_on[0]

    fake_clock.run(main())


def test_a_handlers_remaining_time_is_that_of_its_attempt() -> None:
    seen: list[float] = []

    async def look(context: StepContext, params: dict[str, Any]) -> None:
        await asyncio.sleep(4)
        seen.append(context.remaining())

    run(step("a", "test.look", timeout=10), kinds=(kind("test.look", look),))
    assert seen == [pytest.approx(6)]
