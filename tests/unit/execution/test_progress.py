"""What a fresh runner is told of what the earlier ones did."""

from __future__ import annotations

from ignition_toolkit.execution.progress import Progress
from ignition_toolkit.playbook.engine_host import Attempted
from ignition_toolkit.playbook.events import Remembered, ScopeOpened, VariableSet
from ignition_toolkit.playbook.models import StepStatus
from tests.unit.execution.fakes import changed, nested, program, step

S = StepStatus
INNER = nested("inner.yaml", step("x"), on_cancel=[step("tidy")])
PROGRAM = program(
    step("a", timeout=7.0),
    step("o", "playbook.run"),
    on_cancel=[step("bye", timeout=3.0)],
    nested={"inner.yaml": INNER, "deep.yaml": nested("deep.yaml", step("y", timeout=9.0))},
)


def begun() -> Progress:
    """Return the progress of a run that is in `o/x`."""
    progress = Progress(PROGRAM)
    progress.on_scope(ScopeOpened(prefix="", path="main.yaml", parameters={"p": 1}))
    progress.on_step(changed("a"))
    progress.on_variable(VariableSet(prefix="", name="v", value={"$secret": "s3cret"}))
    progress.on_step(changed("a", S.COMPLETED, output={"k": [1]}))
    progress.on_step(changed("o", deadline=99.0))
    progress.on_scope(ScopeOpened(prefix="o/", path="inner.yaml", parameters={}))
    progress.on_step(changed("o/x", attempt=2, deadline=50.0))
    return progress


def test_results_variables_and_parameters_are_handed_on_in_full() -> None:
    resume = begun().resume()
    assert resume.results["a"].output == {"k": [1]}
    assert resume.scopes[""].parameters == {"p": 1}
    assert resume.scopes[""].variables == {"v": {"$secret": "s3cret"}}


def test_what_is_handed_on_does_not_change_with_what_comes_later() -> None:
    progress = begun()
    resume = progress.resume()
    progress.on_variable(VariableSet(prefix="", name="v", value=2))
    assert resume.scopes[""].variables["v"] != 2


def test_a_failed_attempt_is_used_up_and_the_outer_step_is_taken_up_again() -> None:
    progress = begun()
    progress.fail_attempt("o/x", 2, "gone")
    attempts = progress.resume().attempts
    assert attempts["o/x"] == Attempted(used=2, error="gone")
    assert attempts["o"] == Attempted(used=1, deadline=99.0)
    assert progress.innermost is None


def test_an_interrupted_step_is_late_when_it_is_to_be_taken_up_and_its_time_is_over() -> None:
    progress = begun()
    progress.fail_attempt("o/x", 2, "gone")
    # The inner one's attempt is used up, whatever time it had.
    assert progress.late(98.0) is None
    late = progress.late(99.0)
    assert late is not None
    assert late.step_id == "o"
    assert [(one.step_id, one.error) for one in progress.interrupted_below("o")] == [
        ("o/x", "gone")
    ]


def test_a_failed_outer_attempt_forgets_what_was_done_below_it() -> None:
    progress = begun()
    progress.on_step(changed("o/x", S.COMPLETED))
    progress.fail_attempt("o", 1, "late")
    resume = progress.resume()
    assert set(resume.results) == {"a"}
    assert set(resume.scopes) == {""}


def test_a_skipped_step_has_a_result_and_is_not_run_again() -> None:
    progress = begun()
    progress.skip("o/x", 2)
    resume = progress.resume()
    assert resume.results["o/x"].status is S.SKIPPED
    assert resume.attempts == {"o": Attempted(used=1, deadline=99.0)}


def test_a_nested_playbook_that_begins_anew_forgets_its_first_time() -> None:
    progress = begun()
    progress.on_step(changed("o/x", S.COMPLETED))
    progress.on_scope(ScopeOpened(prefix="o/", path="inner.yaml", parameters={"q": 2}))
    resume = progress.resume()
    assert "o/x" not in resume.results
    assert resume.scopes["o/"].parameters == {"q": 2}


def test_a_playbook_that_is_taken_up_again_keeps_what_it_had() -> None:
    progress = begun()
    again = ScopeOpened(prefix="", path="main.yaml", parameters={"p": 5}, resumed=True)
    progress.on_scope(again)
    assert progress.resume().scopes[""].parameters == {"p": 1}


def test_stopped_playbooks_come_innermost_first() -> None:
    progress = begun()
    progress.on_step(changed("o/x", S.CANCELLED))
    progress.on_step(changed("o", S.CANCELLED))
    assert list(progress.stopped_playbooks()) == ["o/", ""]


def test_a_nested_playbook_that_had_ended_is_not_a_stopped_one() -> None:
    progress = begun()
    progress.on_step(changed("o/x", S.COMPLETED))
    progress.on_step(changed("o", S.COMPLETED))
    assert list(progress.stopped_playbooks()) == [""]


def test_a_nested_playbook_that_only_its_timeout_had_stopped_is_not_a_stopped_one() -> None:
    progress = begun()
    progress.on_step(changed("o/x", S.CANCELLED))
    progress.on_step(changed("o", S.FAILED, error="late"))
    assert list(progress.stopped_playbooks()) == [""]


def test_before_the_first_step_no_playbook_is_stopped() -> None:
    progress = Progress(PROGRAM)
    progress.on_scope(ScopeOpened(prefix="", path="main.yaml", parameters={}))
    assert progress.stopped_playbooks() == {}


def test_a_step_is_found_by_its_id_in_nested_playbooks_and_in_on_cancel() -> None:
    progress = begun()
    progress.on_scope(ScopeOpened(prefix="o/x/", path="deep.yaml", parameters={}))
    timeouts = {
        step_id: found.timeout
        for step_id in ("a", "o/x/y", "on_cancel/bye")
        if (found := progress.step(step_id))
    }
    assert timeouts == {"a": 7.0, "o/x/y": 9.0, "on_cancel/bye": 3.0}
    inner = progress.step("o/on_cancel/tidy")
    assert inner is not None
    assert inner.id == "tidy"
    assert progress.step("nobody") is None
    assert progress.step("unknown/x") is None


def test_what_was_remembered_is_handed_on_also_when_the_attempt_has_failed() -> None:
    progress = begun()
    progress.on_remembered(Remembered(key="who", value="nobody"))
    progress.on_remembered(Remembered(key="who", value={"$secret": "s3cret"}))
    progress.fail_attempt("o/x", 2, "gone")
    assert progress.resume().remembered == {"who": {"$secret": "s3cret"}}
