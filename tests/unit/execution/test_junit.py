"""The JUnit export, read by a reader that is not ours."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from ignition_toolkit.execution.junit import EXECUTION_CASE, junit_xml
from ignition_toolkit.execution.views import ExecutionView, StepView
from ignition_toolkit.playbook.models import ExecutionStatus, StepStatus

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def step(name: str, status: StepStatus, **values: Any) -> StepView:
    ran = status is not StepStatus.PENDING
    values |= {"started_at": START, "completed_at": START + timedelta(seconds=1.5)} if ran else {}
    return StepView(step_id=name, step_name=name, type="utility.log", status=status, **values)


def execution(status: ExecutionStatus, *steps: StepView, **values: Any) -> ExecutionView:
    given = {
        "execution_id": "id-1",
        "playbook_name": "Restart",
        "playbook_path": "gateway/restart.yaml",
        "created_at": START,
        "started_at": START,
        "completed_at": START + timedelta(seconds=3),
        "total_steps": len(steps),
        "step_results": steps,
        **values,
    }
    return ExecutionView(status=status, **given)


def read(view: ExecutionView) -> Any:  # Any: the reader has no types
    return next(iter(JUnitXml.fromstring(junit_xml(view).encode())))


def test_each_way_that_a_step_ends_is_told_apart() -> None:
    suite = read(
        execution(
            ExecutionStatus.FAILED,
            step("done", StepStatus.COMPLETED),
            step("broken", StepStatus.FAILED, error="no answer\nfrom the gateway"),
            step("left_out", StepStatus.SKIPPED),
            step("never", StepStatus.PENDING),
        )
    )
    done, broken, left_out, never = list(suite)
    assert done.is_passed and done.time == 1.5
    assert isinstance(broken.result[0], Failure)
    assert broken.result[0].message == "no answer"
    assert "from the gateway" in broken.result[0].text
    assert isinstance(left_out.result[0], Skipped) and left_out.result[0].message == "skipped"
    assert isinstance(never.result[0], Skipped) and never.result[0].message == "not run"
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 0, 2)


def test_a_cancelled_step_is_an_error_of_type_cancelled() -> None:
    suite = read(execution(ExecutionStatus.CANCELLED, step("a", StepStatus.CANCELLED)))
    result = next(iter(suite)).result[0]
    assert isinstance(result, Error)
    assert result.type == "cancelled"


@pytest.mark.parametrize(
    "status", [ExecutionStatus.CANCELLED, ExecutionStatus.FAILED, ExecutionStatus.INTERRUPTED]
)
def test_an_end_that_no_step_tells_has_a_case_of_its_own(status: ExecutionStatus) -> None:
    suite = read(execution(status, step("a", StepStatus.COMPLETED), error="could not be stopped"))
    case = list(suite)[-1]
    assert case.name == EXECUTION_CASE
    assert case.result[0].type == status.value
    assert suite.errors == 1


def test_a_completed_run_with_a_failure_that_it_went_on_after_keeps_the_failure() -> None:
    suite = read(execution(ExecutionStatus.COMPLETED, step("a", StepStatus.FAILED, error="x")))
    assert suite.failures == 1
    assert suite.tests == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("gateway/restart.yaml", "gateway.restart"),
        ("/srv/anna/checkout 7/restart.yml", "restart"),
        ("../restart.yaml", "restart"),
        ("~/restart.yaml", "restart"),
        ("deep/" * 40 + "restart.yaml", ("deep." * 40 + "restart")[-100:]),
    ],
)
def test_class_names_are_short_and_the_same_on_every_machine(path: str, name: str) -> None:
    done = step("a", StepStatus.COMPLETED)
    suite = read(execution(ExecutionStatus.COMPLETED, done, playbook_path=path))
    assert next(iter(suite)).classname == name


def test_a_cancel_between_two_steps_is_told_though_an_earlier_step_had_failed() -> None:
    steps = (step("a", StepStatus.FAILED, error="x"), step("b", StepStatus.PENDING))
    suite = read(execution(ExecutionStatus.CANCELLED, *steps))
    assert (suite.failures, suite.errors) == (1, 1)
    assert list(suite)[-1].result[0].type == "cancelled"


@pytest.mark.parametrize(
    "status", [status for status in ExecutionStatus if status is not ExecutionStatus.COMPLETED]
)
def test_only_a_completed_run_can_look_well(status: ExecutionStatus) -> None:
    suite = read(execution(status, step("a", StepStatus.COMPLETED), completed_at=None))
    assert suite.errors == 1


def test_a_step_that_runs_has_not_passed() -> None:
    running = step("a", StepStatus.RUNNING).model_copy(update={"completed_at": None})
    suite = read(execution(ExecutionStatus.RUNNING, running, completed_at=None))
    assert next(iter(suite)).result[0].type == "running"


def test_a_rerun_names_what_it_runs_again() -> None:
    link = {"rerun_of": "id-0", "rerun_from_step": "b"}
    suite = read(execution(ExecutionStatus.COMPLETED, step("a", StepStatus.SKIPPED), **link))
    found = {one.name: one.value for one in suite.properties()}
    assert found.items() >= link.items()
    assert suite.skipped == 1


@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_is_taken_by_the_reader(text: str) -> None:
    suite = read(
        execution(
            ExecutionStatus.FAILED,
            step("a", StepStatus.FAILED, error=text).model_copy(update={"step_name": text}),
            playbook_name=text,
            playbook_path=f"{text}.yaml",
        )
    )
    assert suite.failures == 1


def test_hostile_markup_stays_text() -> None:
    text = "]]></failure><testcase name='x'/>\x00\x1b[31m"
    suite = read(execution(ExecutionStatus.FAILED, step("a", StepStatus.FAILED, error=text)))
    assert suite.tests == 1 == len(list(suite))
    assert "]]></failure>" in next(iter(suite)).result[0].text


def test_no_character_that_steers_a_terminal_is_in_the_file() -> None:
    text = "".join(map(chr, range(0xA0))) + "\u009b31m"
    values = {"playbook_name": text, "playbook_path": f"{text}.yaml", "error": text}
    written = junit_xml(
        execution(ExecutionStatus.FAILED, step("a", StepStatus.FAILED, error=text), **values)
    )
    assert not {char for char in written if unicodedata.category(char) == "Cc"} - set("\n\r\t")
