"""What a rerun takes over, and what it is refused for."""

from __future__ import annotations

from typing import Any

import pytest

from ignition_toolkit.errors import RerunRefused
from ignition_toolkit.execution.reruns import Prepared, TakenOver, prepare
from ignition_toolkit.playbook.models import Parameter, ParameterType, Playbook, Step, StepStatus
from ignition_toolkit.storage import ExecutionRow, StepRow
from tests.unit.execution.fakes import program, step
from tests.unit.storage.samples import START, execution

LOGIN = Parameter(name="login", type=ParameterType.CREDENTIAL)
NUMBER = Parameter(name="p", type=ParameterType.INTEGER, required=False, default=3)


def playbook(*steps: Step, **fields: Any) -> Playbook:
    """Return a playbook of the steps `a` and `b`, and then these."""
    return program(step("a"), step("b"), *(steps or (step("c"),)), **fields).main


def says(text: str, step_id: str = "c") -> Step:
    """Return a step with one parameter."""
    return step(step_id, parameters={"message": text})


def row(step_id: str, **fields: Any) -> StepRow:
    """Return a stored step that was completed."""
    given: dict[str, Any] = {
        "step_name": step_id,
        "kind": "utility.log",
        "status": "completed",
        "seq": 0,
    }
    return StepRow(execution_id="old", step_id=step_id, **(given | fields))


def kept(*withheld: str, **values: Any) -> dict[str, Any]:
    """Return variables as they are stored."""
    return {"values": values, "withheld": list(withheld)}


def old(**fields: Any) -> ExecutionRow:
    """Return the execution that is run again."""
    return execution("old", status="failed", **fields)


def prepared(main: Playbook, *rows: StepRow, from_step: str | None = "c") -> Prepared:
    return prepare(old(), rows, main, from_step)


def refused(main: Playbook, *rows: StepRow, from_step: str = "c", **fields: Any) -> dict[str, str]:
    """Return what the rerun is refused for."""
    with pytest.raises(RerunRefused) as caught:
        prepare(old(**fields), rows, main, from_step)
    missing: dict[str, str] = caught.value.fields.get("missing", {})
    assert all(name in caught.value.message for name in missing)
    return missing


@pytest.mark.parametrize("from_step", [None, "a"])
def test_a_rerun_from_the_first_step_takes_over_nothing_but_the_parameters(
    from_step: str | None,
) -> None:
    main = playbook(parameters=(NUMBER,))
    found = prepare(old(parameters={"p": 1}), [row("a", output={"k": 1})], main, from_step)
    assert found == Prepared({"p": 1}, None)


def test_outputs_and_variables_of_the_steps_before_are_taken_over() -> None:
    main = playbook(says("{{ step.a.k.0 }} {{ variable.v }} {{ step.b.deep.er }}"))
    taken = prepared(
        main,
        row("a", output={"k": [1]}, variables=kept(v=1, w=[2])),
        row("b", output={"deep": {"er": None}}, variables=kept(v=3)),
        row("c", output={"k": 9}, variables=kept(v=9)),
    ).taken
    assert taken is not None
    resume = taken.resume(main, {"p": 7})
    assert {name: result.output for name, result in resume.results.items()} == {
        "a": {"k": [1]},
        "b": {"deep": {"er": None}},
    }
    assert {result.status for result in resume.results.values()} == {StepStatus.SKIPPED}
    scope = resume.scopes[""]
    assert (scope.path, scope.parameters, scope.variables) == (
        "main.yaml",
        {"p": 7},
        {"v": 3, "w": [2]},
    )


def test_the_steps_before_are_shown_as_skipped_with_their_outputs() -> None:
    taken = prepared(playbook(), row("a", output={"k": 1})).taken
    assert taken is not None
    one, two = taken.views(START)
    assert (one.step_id, one.status, one.output) == ("a", StepStatus.SKIPPED, {"k": 1})
    assert (two.step_id, two.status, two.output) == ("b", StepStatus.SKIPPED, None)
    assert (one.started_at, one.completed_at, one.attempts) == (None, START, 0)


@pytest.mark.parametrize("named", ["x", "a/b", "", "on_cancel/tidy"])
def test_a_step_that_is_not_there_is_answered_with_those_that_are(named: str) -> None:
    with pytest.raises(RerunRefused, match=r"there are a, b, check") as caught:
        prepare(old(), [], playbook(step("check")), named)
    assert "missing" not in caught.value.fields


def test_a_slip_in_a_steps_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(RerunRefused, match="did you mean 'check'"):
        prepare(old(), [], playbook(step("check")), "chekc")


def test_every_secret_that_was_given_inline_is_named() -> None:
    main = playbook(parameters=(LOGIN, LOGIN.model_copy(update={"name": "token"})))
    for from_step in ("a", "c"):
        missing = refused(main, from_step=from_step, secret_parameters=["login", "token"])
        assert list(missing) == ["parameter login", "parameter token"]


def test_a_secret_that_the_newest_text_does_not_take_any_more_is_not_missed() -> None:
    found = prepare(old(secret_parameters=["login"]), [], playbook(), None)
    assert found.taken is None


def test_parameters_that_the_newest_text_does_not_take_are_named() -> None:
    main = playbook(parameters=(NUMBER, LOGIN))
    missing = refused(
        main, from_step="a", parameters={"p": "many", "q": 1}, secret_parameters=["login"]
    )
    assert set(missing) == {"parameter p", "parameter q", "parameter login"}
    assert missing["parameter p"].startswith("expected a whole number")
    assert "no such parameter" in missing["parameter q"]
    assert "given as a secret" in missing["parameter login"]
    main = playbook(parameters=(LOGIN,))
    assert "it is required" in refused(main, from_step="a")["parameter login"]


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (None, "step 'a' gave no outputs in that run"),
        ({"token": "***"}, "it holds ***, which stands where a secret was"),
        ({"token": {"deep": ["x ***"]}}, "it holds ***"),
        ({"token": {"***": 1}}, "it holds ***"),
        ({"tokens": 1}, "step.a has tokens; did you mean 'tokens'?"),
    ],
)
def test_an_output_that_is_needed_and_not_stored_in_full_is_named(
    output: dict[str, Any] | None, why: str
) -> None:
    text = "{{ step.a.token }}"
    for main in (
        playbook(says(f"Bearer {text}")),
        playbook(step("c"), says(text, "d")),
        playbook(step("c", parameters={"deep": [{"er": text}]})),
        playbook(on_cancel=[says(text, "tidy")]),
    ):
        missing = refused(main, row("a", output=output))
        assert list(missing) == [text]
        assert why in missing[text]


def test_a_redacted_output_that_nobody_needs_hinders_nothing() -> None:
    main = playbook(says("{{ step.a.name }} {{ step.c.token }}"))
    taken = prepared(main, row("a", output={"name": "x", "token": "***"})).taken
    assert taken is not None
    # Needed by `b`, which is not run again.
    before = program(step("a"), says("{{ step.a.token }}", "b"), step("c")).main
    assert prepared(before, row("a", output={"token": "***"})).taken is not None


def test_a_variable_that_is_not_stored_counts_as_needed() -> None:
    missing = refused(playbook(), row("a", variables=kept("token", v=1)))
    assert list(missing) == ["variable token"]
    assert "step 'a' set it" in missing["variable token"]
    assert list(refused(playbook(), row("a"), row("b", variables=kept("token")))) == [
        "variable token"
    ]


def test_a_withheld_variable_that_a_later_step_has_set_anew_is_taken_from_there() -> None:
    main = playbook(says("{{ variable.token }}"))
    taken = prepared(
        main, row("b", variables=kept(token="plain")), row("a", variables=kept("token"))
    ).taken
    assert taken is not None
    assert taken.values == {"token": "plain"}
    missing = refused(main, row("a", variables=kept(token="x")), row("b", variables=kept("token")))
    assert list(missing) == ["variable token"]


def test_a_variable_that_the_first_step_needs_and_nobody_has_set_is_named() -> None:
    missing = refused(playbook(says("{{ variable.v }}")), row("c", variables=kept(v=1)))
    assert missing == {"variable v": "no step before had set it in that run"}
    # A later step may find what one between sets.
    assert prepared(playbook(step("c"), says("{{ variable.v }}", "d"))).taken is not None


def test_what_is_stored_of_a_rerun_can_be_taken_over_once_more() -> None:
    main = playbook(step("c"), step("d"))
    rows = [row("a", output={"k": 1}, variables=kept(v=1)), row("b")]
    first = TakenOver.read(main, "c", rows)
    stored = [
        row(view.step_id, output=view.output, variables=first.variables.get(view.step_id))
        for view in first.views(START)
    ]
    again = TakenOver.read(main, "d", [*stored, row("c", variables=kept(w=2))])
    assert again.outputs == {"a": {"k": 1}}
    assert again.values == {"v": 1, "w": 2}


LOG_IN = step("in", "gateway.login", parameters={"credential": "{{ variable.who }}"})
PING = step("c", "gateway.ping")


def done(step_id: str, kind: str = "gateway.login", **fields: Any) -> StepRow:
    """Return a stored step of a kind that was completed."""
    return row(step_id, kind=kind, **fields)


def test_the_log_in_before_the_first_step_is_done_again() -> None:
    main = program(step("a"), LOG_IN, step("b"), PING).main
    rows = [row("a", variables=kept(who="key")), done("in", output={"method": "api_token"})]
    taken = prepared(main, *rows).taken
    assert taken is not None
    assert list(taken.resume(main, {}).results) == ["a", "b"]
    assert [view.step_id for view in taken.views(START)] == ["a", "b"]


def test_of_several_log_ins_the_last_is_done_again_and_none_after_a_log_out() -> None:
    other = step("other", "gateway.login", parameters={"credential": "other"})
    out = step("out", "gateway.logout")
    rows = [done("in"), done("other"), row("a", variables=kept(who="key"))]
    main = program(step("a"), LOG_IN, other, out, PING).main
    assert TakenOver.read(main, "c", rows).redone is other
    assert TakenOver.read(main, "c", rows[:1]).redone is LOG_IN
    # One that failed, or was skipped, has established nothing.
    assert TakenOver.read(main, "c", [done("in", status="failed")]).redone is None
    logged_out = [*rows, done("out", "gateway.logout")]
    assert TakenOver.read(main, "c", logged_out).redone is None


def test_what_the_log_in_itself_needs_and_is_not_stored_is_named() -> None:
    main = program(step("a"), LOG_IN, PING).main
    assert list(refused(main, done("in"))) == ["variable who"]
    later = step("in", "gateway.login", parameters={"credential": "{{ step.a.name }}"})
    main = program(step("a"), later, PING).main
    assert list(refused(main, row("a"), done("in"))) == ["{{ step.a.name }}"]


@pytest.mark.parametrize("later", [PING, step("c", "playbook.run", parameters={"playbook": "x"})])
def test_a_log_in_inside_a_nested_playbook_refuses_a_rerun_that_needs_it(later: Step) -> None:
    outer = step("o", "playbook.run", parameters={"playbook": "inner.yaml"})
    main = program(outer, later).main
    missing = refused(main, done("o/in", parent_step_id="o"))
    assert list(missing) == ["log-in of step o/in"]
    assert "step 'o', which is not run again, logged in" in missing["log-in of step o/in"]
    assert prepared(program(outer, step("c")).main, done("o/in", parent_step_id="o")).taken
