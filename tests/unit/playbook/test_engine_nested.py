"""Playbooks that run playbooks: scopes, failures, retries, and steps of on_cancel."""

import asyncio
from typing import Any

import pytest

from ignition_toolkit.playbook.engine_host import Attempted, Resume, ScopeState
from ignition_toolkit.playbook.events import ScopeOpened, Settled, StepChanged, VariableSet
from ignition_toolkit.playbook.gateways import GatewayEntry, Gateways
from ignition_toolkit.playbook.models import (
    ExecutionStatus,
    OnFailure,
    Parameter,
    ParameterType,
    Program,
    StepResult,
    StepStatus,
)
from ignition_toolkit.playbook.step_handler import StepContext
from tests.unit.playbook import fake_clock
from tests.unit.playbook.engine_host_fake import (
    Bench,
    forever,
    is_step,
    kind,
    nested,
    playbook,
    program,
    step,
)

COMPLETED, FAILED, CANCELLED = (
    ExecutionStatus.COMPLETED,
    ExecutionStatus.FAILED,
    ExecutionStatus.CANCELLED,
)
FOREVER = kind("test.forever", forever)


def run(program: Program, *kinds: Any, **given: Any) -> Any:
    async def main() -> Any:
        bench = Bench(program, *kinds, **given)
        return await bench.run(), bench.host

    return fake_clock.run(main())


def test_three_levels_run_in_order_with_ids_that_say_where() -> None:
    result, host = run(
        program(
            nested("a", "1.yaml"),
            step("z"),
            others=(
                playbook(nested("b", "2.yaml"), path="1.yaml"),
                playbook(nested("c", "3.yaml"), path="2.yaml"),
                playbook(step("d"), path="3.yaml"),
            ),
        )
    )
    assert result.status is COMPLETED
    ids = ["a", "a/b", "a/b/c", "a/b/c/d"]
    expected = [(i, "running") for i in ids] + [(i, "completed") for i in reversed(ids)]
    assert host.moves == [*expected, ("z", "running"), ("z", "completed")]
    assert host.scopes == ["", "a/", "a/b/", "a/b/c/"]
    assert host.last("a/b/c/d").parent_step_id == "a/b/c"
    assert host.last("a").parent_step_id is None


INNER = playbook(
    step("x", "test.set", {"v": "{{ parameter.p }}"}),
    step("y", p={"seen": "{{ variable.v }} {{ step.x.none }}"}, on_failure=OnFailure.CONTINUE),
    step("z", p={"seen": "{{ variable.v }}"}),
    path="inner.yaml",
    parameters=(
        Parameter(name="p"),
        Parameter(name="n", type=ParameterType.INTEGER, required=False, default=7),
    ),
)


def test_a_nested_playbook_has_names_of_its_own_and_gives_its_variables_back() -> None:
    result, host = run(
        program(
            step("s", "test.set", {"v": "outer"}),
            nested("o", "inner.yaml", {"p": "{{ variable.v }}-in", "n": "12"}),
            step("t", p={"mine": "{{ variable.v }}", "its": "{{ step.o.v }}"}),
            others=(INNER,),
        )
    )
    assert result.status is COMPLETED, result.error
    assert host.last("o/z").output == {"seen": "outer-in"}
    assert host.last("o").output == {"v": "outer-in"}
    assert host.last("t").output == {"mine": "outer", "its": "outer-in"}
    assert host.of(ScopeOpened)[1].parameters == {"p": "outer-in", "n": 12}
    assert [(e.prefix, e.value) for e in host.of(VariableSet)] == [
        ("", "outer"),
        ("o/", "outer-in"),
    ]


def test_inner_steps_do_not_see_outer_ones() -> None:
    result, _ = run(
        program(
            step("s", p={"k": 1}),
            nested("o", "1.yaml"),
            others=(playbook(step("x", p={"v": "{{ step.s.k }}"}), path="1.yaml"),),
        )
    )
    assert "step 's' has not ended" in result.error


def test_wrong_parameters_of_a_nested_playbook_fail_the_step() -> None:
    result, host = run(program(nested("o", "inner.yaml", {"n": "many"}), others=(INNER,)))
    assert "p: expected text, found nothing: it is required" in result.error
    assert "n: expected a whole number" in result.error
    assert host.scopes == [""]


def test_a_playbook_that_is_not_part_of_the_program_fails_the_step() -> None:
    result, _ = run(program(nested("o", "gone.yaml")))
    assert result.error == "step 'o' failed: playbook 'gone.yaml' is not part of this execution"


def test_a_failed_inner_step_fails_the_outer_one() -> None:
    result, host = run(
        program(
            nested("o", "1.yaml"),
            step("after"),
            others=(playbook(step("x", "test.fail"), step("y"), path="1.yaml"),),
        )
    )
    assert result.status is FAILED
    assert result.error == (
        "step 'o' failed: in playbook '1.yaml': step 'o/x' failed: RuntimeError: it broke"
    )
    assert host.moves[-2:] == [("o/x", "failed"), ("o", "failed")]


def test_a_failed_inner_step_that_is_passed_over_does_not_fail_the_outer_one() -> None:
    inner = playbook(
        step("x", "test.fail", on_failure=OnFailure.CONTINUE), step("y"), path="1.yaml"
    )
    result, host = run(program(nested("o", "1.yaml"), others=(inner,)))
    assert result.status is COMPLETED
    assert host.moves[-2:] == [("o/y", "completed"), ("o", "completed")]


def test_a_nested_playbook_that_is_tried_again_begins_anew() -> None:
    tries: list[dict[str, Any]] = []

    async def second_time(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        tries.append(context.variables())
        if len(tries) == 1:
            raise RuntimeError("once")
        return {}

    inner = playbook(
        step("x", "test.set", {"v": 1}), step("y", "test.second"), step("z"), path="1.yaml"
    )
    result, host = run(
        program(nested("o", "1.yaml", retry_count=1), others=(inner,)),
        kind("test.second", second_time),
    )
    assert result.status is COMPLETED
    assert [name for name, status in host.moves if status == "completed"] == [
        "o/x", "o/x", "o/y", "o/z", "o",
    ]  # fmt: skip
    assert host.scopes == ["", "o/", "o/"]
    assert [e.resumed for e in host.of(ScopeOpened)] == [False, False, False]
    assert tries == [{"v": 1}, {"v": 1}]


def test_the_outer_steps_timeout_covers_the_whole_nested_playbook() -> None:
    inner = playbook(
        step("x", "test.sleep", {"seconds": 4}), step("y", "test.sleep", {"seconds": 4}),
        path="1.yaml",
    )  # fmt: skip
    result, host = run(program(nested("o", "1.yaml", timeout=6), others=(inner,)))
    assert result.error == "step 'o' failed: the step took longer than its timeout of 6 s"
    assert host.moves[-2:] == [("o/y", "cancelled"), ("o", "failed")]
    assert [e.step_id for e in host.of(Settled)] == ["o"]


def test_an_inner_timeout_that_is_passed_over_leaves_the_outer_clock_alone() -> None:
    inner = playbook(
        step("x", "test.forever", timeout=3, on_failure=OnFailure.CONTINUE), step("y"),
        path="1.yaml",
    )  # fmt: skip
    result, host = run(program(nested("o", "1.yaml", timeout=30), others=(inner,)), FOREVER)
    assert result.status is COMPLETED
    assert host.last("o/x").status is StepStatus.FAILED
    (running_on,) = host.running_on
    assert {task.get_name() for task in running_on} == {"o"}


def test_a_step_may_run_playbooks_one_after_the_other_and_not_at_once() -> None:
    async def both(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        one = context.run_playbook("1.yaml", {})
        if params["at_once"]:
            await asyncio.gather(one, context.run_playbook("1.yaml", {}))
        else:
            await one
            await context.run_playbook("1.yaml", {})
        return {}

    others = (playbook(step("x", "test.sleep", {"seconds": 1}), path="1.yaml"),)
    result, host = run(
        program(step("o", "test.both", {"at_once": False}), others=others), kind("test.both", both)
    )
    assert result.status is COMPLETED
    assert len([move for move in host.moves if move == ("o/x", "completed")]) == 2


def test_two_playbooks_at_once_below_one_step_are_refused() -> None:
    async def both(context: StepContext, params: dict[str, Any]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(context.run_playbook("1.yaml", {}))
            group.create_task(context.run_playbook("1.yaml", {}))

    others = (playbook(step("x", "test.sleep", {"seconds": 1}), path="1.yaml"),)
    result, host = run(program(step("o", "test.both"), others=others), kind("test.both", both))
    assert result.status is FAILED
    assert ("o/x", "cancelled") in host.moves


# Taking up what an earlier process began


def result_of(step_id: str, **output: Any) -> StepResult:
    return StepResult(step_id=step_id, status=StepStatus.COMPLETED, output=output, attempts=1)


def test_finished_steps_are_adopted_and_not_run_again() -> None:
    resume = Resume(
        results={"a": result_of("a", n=1)},
        scopes={"": ScopeState(path="main.yaml", parameters={"p": 2}, variables={"v": 3})},
    )
    wanted = {"n": "{{ step.a.n }}", "p": "{{ parameter.p }}", "v": "{{ variable.v }}"}
    result, host = run(program(step("a"), step("b", p=wanted)), resume=resume)
    assert result.status is COMPLETED
    assert host.moves == [("b", "running"), ("b", "completed")]
    assert host.last("b").output == {"n": 1, "p": 2, "v": 3}
    assert host.of(ScopeOpened)[0].resumed is True


def test_a_failed_result_that_is_adopted_still_ends_the_run() -> None:
    failed = StepResult(step_id="a", status=StepStatus.FAILED, error="gone", attempts=1)
    result, host = run(program(step("a"), step("b")), resume=Resume(results={"a": failed}))
    assert (result.status, result.error) == (FAILED, "step 'a' failed: gone")
    assert host.moves == []


def test_used_up_attempts_count() -> None:
    attempts = {"a": Attempted(used=2, error="the runner was lost")}
    result, host = run(
        program(step("a", retry_count=2, retry_delay=5)), resume=Resume(attempts=attempts)
    )
    assert result.status is COMPLETED
    assert host.last("a").attempt == 3
    assert host.times[-1] - host.times[0] == pytest.approx(5)
    assert "attempt 2 failed: the runner was lost" in host.log


def test_the_last_attempt_used_up_is_a_failed_step() -> None:
    attempts = {"a": Attempted(used=3, error="the runner was lost")}
    result, host = run(program(step("a", retry_count=2)), resume=Resume(attempts=attempts))
    assert result.error == "step 'a' failed: the runner was lost"
    assert host.moves == [("a", "failed")]
    assert host.last("a").attempt == 3


@pytest.mark.parametrize("used", [1, 3])
def test_cancel_before_the_run_beats_attempts_that_were_used_up(used: int) -> None:
    async def main() -> None:
        attempts = {"a": Attempted(used=used, error="the runner was lost")}
        bench = Bench(program(step("a", retry_count=2)), resume=Resume(attempts=attempts))
        bench.cancel()
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves == [("a", "cancelled")]

    fake_clock.run(main())


def test_an_outer_step_is_taken_up_where_it_was_and_keeps_its_deadline() -> None:
    async def main() -> Any:
        resume = Resume(
            results={"o/x": result_of("o/x", n=1)},
            attempts={
                "o": Attempted(used=1, deadline=fake_clock.now() + 5),
                "o/y": Attempted(used=1, error="the runner was lost"),
            },
            scopes={
                "": ScopeState(path="main.yaml"),
                "o/": ScopeState(path="1.yaml", parameters={"p": 5}, variables={"v": 6}),
            },
        )
        inner = playbook(
            step("x"),
            step("y", p={"all": "{{ step.x.n }}{{ variable.v }}{{ parameter.p }}"}, retry_count=1,
                 retry_delay=1),
            step("z", "test.sleep", {"seconds": 100}),
            path="1.yaml",
        )  # fmt: skip
        bench = Bench(program(nested("o", "1.yaml"), others=(inner,)), resume=resume)
        return await bench.run(), bench.host

    result, host = fake_clock.run(main())
    assert host.moves[:3] == [("o", "running"), ("o/y", "running"), ("o/y", "completed")]
    assert host.last("o/y").output == {"all": "165"}
    assert [e.resumed for e in host.of(ScopeOpened)] == [True, True]
    assert "timeout" in result.error
    assert host.times[-1] - host.times[0] == pytest.approx(5, abs=0.01)
    assert host.last("o").attempt == 1


def test_an_outer_step_that_was_taken_up_and_fails_is_tried_anew() -> None:
    resume = Resume(
        results={"o/x": result_of("o/x")},
        attempts={
            "o": Attempted(used=1, deadline=2000),
            "o/y": Attempted(used=1, error="the runner was lost"),
        },
        scopes={"": ScopeState(path="main.yaml"), "o/": ScopeState(path="1.yaml")},
    )
    inner = playbook(step("x"), step("y"), path="1.yaml")
    result, host = run(
        program(nested("o", "1.yaml", retry_count=1), others=(inner,)), resume=resume
    )
    assert result.status is COMPLETED
    assert host.moves == [
        ("o", "running"),
        ("o/y", "failed"),
        ("o", "running"),
        ("o/x", "running"),
        ("o/x", "completed"),
        ("o/y", "running"),
        ("o/y", "completed"),
        ("o", "completed"),
    ]
    assert host.last("o").attempt == 2
    deadlines = [e.deadline for e in host.of(StepChanged) if e.step_id == "o" and e.deadline]
    assert deadlines == [2000, pytest.approx(host.times[-1] + 300)]


def test_a_deadline_that_has_passed_times_the_outer_step_out_at_once() -> None:
    async def main() -> Any:
        resume = Resume(attempts={"o": Attempted(used=1, deadline=fake_clock.now() - 3)})
        inner = playbook(step("x", "test.sleep", {"seconds": 1}), path="1.yaml")
        bench = Bench(program(nested("o", "1.yaml"), others=(inner,)), resume=resume)
        return await bench.run(), bench.host

    result, host = fake_clock.run(main())
    assert result.status is FAILED
    assert host.moves[-1] == ("o", "failed")


def test_a_pause_before_a_process_takes_over_waits_for_the_current_step() -> None:
    async def main() -> None:
        attempts = {"a": Attempted(used=1, error="the runner was lost")}
        bench = Bench(
            program(step("a", retry_count=1), step("b")), resume=Resume(attempts=attempts)
        )
        bench.engine.pause()
        bench.at(50, bench.engine.resume)
        assert (await bench.run()).status is COMPLETED
        ended = bench.host.time_of(is_step("a", StepStatus.COMPLETED))
        assert ended - bench.host.times[0] == pytest.approx(5)
        assert bench.host.pauses == [True, False]

    fake_clock.run(main())


# on_cancel


def on_cancel(program: Program, prefixes: tuple[str, ...], resume: Resume, *kinds: Any) -> Any:
    async def main() -> Any:
        bench = Bench(program, *kinds, resume=resume)
        return await bench.engine.run_on_cancel(prefixes), bench.host

    return fake_clock.run(main())


MAIN_SCOPE = {"": ScopeState(path="main.yaml", parameters={"p": 1}, variables={"v": 2})}


def test_on_cancel_steps_see_what_the_run_had() -> None:
    wanted = {"all": "{{ parameter.p }}{{ variable.v }}{{ step.a.n }}"}
    result, host = on_cancel(
        program(
            step("a"),
            on_cancel=(step("tidy", p=wanted), step("next", p={"t": "{{ step.tidy.all }}"})),
        ),
        ("",),
        Resume(results={"a": result_of("a", n=3)}, scopes=MAIN_SCOPE),
    )
    assert result.status is COMPLETED
    assert host.moves[1::2] == [("on_cancel/tidy", "completed"), ("on_cancel/next", "completed")]
    assert host.last("on_cancel/next").output == {"t": "123"}


def test_on_cancel_runs_for_each_playbook_and_a_failure_ends_only_its_own() -> None:
    inner = playbook(step("x"), path="1.yaml", on_cancel=(step("i", "test.fail"), step("never")))
    result, host = on_cancel(
        program(nested("o", "1.yaml"), others=(inner,), on_cancel=(step("m"),)),
        ("o/", ""),
        Resume(scopes={**MAIN_SCOPE, "o/": ScopeState(path="1.yaml")}),
    )
    assert result.status is FAILED
    assert result.error == "step 'o/on_cancel/i' failed: RuntimeError: it broke"
    assert host.moves == [
        ("o/on_cancel/i", "running"),
        ("o/on_cancel/i", "failed"),
        ("on_cancel/m", "running"),
        ("on_cancel/m", "completed"),
    ]


def test_all_errors_of_on_cancel_are_told() -> None:
    inner = playbook(
        step("x"), path="1.yaml", on_cancel=(step("i", "test.fail", {"error": "one"}),)
    )
    result, _ = on_cancel(
        program(
            nested("o", "1.yaml"),
            others=(inner,),
            on_cancel=(step("m", "test.fail", {"error": "two"}),),
        ),
        ("o/", ""),
        Resume(scopes={**MAIN_SCOPE, "o/": ScopeState(path="1.yaml")}),
    )
    assert "RuntimeError: one; " in result.error
    assert result.error.endswith("RuntimeError: two")


def test_cancel_of_the_on_cancel_steps_ends_them_all() -> None:
    async def main() -> None:
        inner = playbook(step("x"), path="1.yaml", on_cancel=(step("i", "test.forever"),))
        bench = Bench(
            program(nested("o", "1.yaml"), others=(inner,), on_cancel=(step("m"),)),
            FOREVER,
            resume=Resume(scopes={**MAIN_SCOPE, "o/": ScopeState(path="1.yaml")}),
        )
        bench.at(3, bench.cancel)
        result = await bench.engine.run_on_cancel(("o/", ""))
        assert (result.status, result.ended) == (CANCELLED, True)
        assert bench.host.moves == [("o/on_cancel/i", "running"), ("o/on_cancel/i", "cancelled")]

    fake_clock.run(main())


def test_a_playbook_without_on_cancel_steps_has_nothing_to_do() -> None:
    result, host = on_cancel(program(step("a")), ("",), Resume(scopes=MAIN_SCOPE))
    assert result.status is COMPLETED
    assert host.moves == []


async def _tell_gateway(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    gateway = context.gateway()
    return {"url": gateway.url if gateway else None}


def test_a_nested_playbook_that_names_no_gateway_works_on_that_of_the_one_around_it() -> None:
    given = (Parameter(name="gateway_url", required=False, default="http://between:8088"),)
    result, host = run(
        program(
            step("top", "test.gateway"),
            nested("a", "1.yaml"),
            others=(
                playbook(nested("b", "2.yaml"), path="1.yaml", parameters=given),
                playbook(step("c", "test.gateway"), path="2.yaml"),
            ),
        ),
        kind("test.gateway", _tell_gateway),
    )
    assert result.status is COMPLETED
    assert host.last("top").output == {"url": None}
    assert host.last("a/b/c").output == {"url": "http://between:8088"}


@pytest.mark.parametrize("named", ["other", "http://other:8088"])
def test_a_nested_playbook_does_not_begin_on_a_gateway_that_only_the_run_has_told(
    named: str,
) -> None:
    inner = playbook(
        step("c", "test.gateway"),
        path="1.yaml",
        parameters=(Parameter(name="gateway", required=False),),
    )

    async def main() -> None:
        bench = Bench(
            program(
                step("told", "test.echo", {"name": named}),
                nested("a", "1.yaml", {"gateway": "{{ step.told.name }}"}),
                others=(inner,),
            ),
            kind("test.gateway", _tell_gateway),
        )
        claimed = GatewayEntry(name="plant", urls=("http://plant:8088",))
        bench.host.known_gateways = Gateways(entries=(claimed,), complete=True)
        result = await bench.run()
        assert result.status is FAILED
        assert "was not claimed when the execution began" in str(result.error)
        assert "claimed: plant" in str(result.error)
        assert bench.host.moves[-2:] == [("a", "running"), ("a", "failed")]

    fake_clock.run(main())
