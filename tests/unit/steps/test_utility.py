"""The small kinds: sleep, log and set_variable."""

import asyncio
import math
from typing import Any

import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.playbook.events import Logged, VariableSet
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.steps.utility import Log, SetVariable, Sleep
from tests.unit.playbook import fake_clock
from tests.unit.playbook.engine_host_fake import Bench, program, step

KINDS = (Sleep, Log, SetVariable)


def run(*steps: Any, **given: Any) -> Any:
    async def main() -> Any:
        bench = Bench(program(*steps), *KINDS, **given)
        return await bench.run(), bench.host

    return fake_clock.run(main())


@pytest.mark.parametrize("seconds", [0, 2, 2.5, "2.5", " 7 "])
def test_sleep_takes_numbers_and_texts_that_are_numbers(seconds: object) -> None:
    result, host = run(step("a", "utility.sleep", {"seconds": seconds}))
    assert result.status is ExecutionStatus.COMPLETED, result.error
    assert host.last("a").output == {"slept": float(str(seconds))}
    assert host.times[-1] - host.times[0] == pytest.approx(float(str(seconds)))


@pytest.mark.parametrize("seconds", [-1, "soon", None, [], math.nan, Secret("2")])
def test_sleep_refuses_what_is_no_duration(seconds: object) -> None:
    result, _ = run(step("a", "utility.sleep", {"seconds": seconds}))
    assert result.status is ExecutionStatus.FAILED
    assert "the parameters of utility.sleep are wrong: seconds: " in result.error


def test_an_endless_sleep_is_ended_by_its_timeout() -> None:
    result, _ = run(step("a", "utility.sleep", {"seconds": math.inf}, timeout=5))
    assert "timeout of 5 s" in result.error


def test_sleep_is_cancelled_at_once() -> None:
    async def main() -> None:
        bench = Bench(program(step("a", "utility.sleep", {"seconds": 30})), *KINDS)
        running = asyncio.ensure_future(bench.run())
        await asyncio.sleep(2)
        bench.cancel()
        assert (await running).status is ExecutionStatus.CANCELLED
        assert fake_clock.now() - bench.host.times[0] == pytest.approx(2)

    fake_clock.run(main())


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        (3.5, "3.5"),
        (True, "true"),
        (None, "null"),
        ({"a": [1, "é"]}, '{"a": [1, "é"]}'),
        (Secret("hunter2"), "***"),
        ({"k": Secret("hunter2")}, '{"k": "***"}'),
    ],
)
def test_log_writes_any_value_and_no_secret(message: object, text: str) -> None:
    _, host = run(step("a", "utility.log", {"message": message}))
    assert [(line.message, line.level, line.step_id) for line in host.of(Logged)] == [
        (text, "info", "a")
    ]
    assert host.last("a").output == {"message": text}


def test_log_has_levels() -> None:
    _, host = run(
        *(step(n, "utility.log", {"message": n, "level": n}) for n in ("debug", "warning", "error"))
    )
    assert [line.level for line in host.of(Logged)] == ["debug", "warning", "error"]
    result, _ = run(step("a", "utility.log", {"message": "x", "level": "loud"}))
    assert "level: input should be 'debug', 'info', 'warning' or 'error'" in result.error


@pytest.mark.parametrize("value", ["x", 3, None, {"a": [1]}, Secret("hunter2")])
def test_set_variable_keeps_the_type_of_its_value(value: object) -> None:
    result, host = run(
        step("a", "utility.set_variable", {"name": "v", "value": value}),
        step("b", p={"seen": "{{ variable.v }}", "out": "{{ step.a.v }}"}),
    )
    assert result.status is ExecutionStatus.COMPLETED
    assert [(e.prefix, e.name, e.value) for e in host.of(VariableSet)] == [("", "v", value)]
    assert host.last("b").output == {"seen": value, "out": value}


def test_set_variable_wants_a_name_and_a_value() -> None:
    result, _ = run(step("a", "utility.set_variable", {"name": ""}))
    assert "name: string should have at least 1 character" in result.error
    assert "value: field required" in result.error
