"""Every shipped kind can be drilled, or says what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ignition_toolkit.drill.examples import job_of
from ignition_toolkit.drill.targets import ON_DESKTOP, ON_PAGE, target_of
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.runner.kinds import handlers_of

FAMILIES = (
    *("browser.acting", "browser.keeping", "browser.navigating", "browser.scripting"),
    *("browser.verifying", "designer.ending", "designer.launching", "designer.opening"),
    *("designer.windows", "gateway", "perspective", "playbook", "python", "utility"),
)
SHIPPED: dict[str, type[StepHandler]] = {
    name: handler
    for family in FAMILIES
    for name, handler in handlers_of(f"ignition_toolkit.steps.{family}").items()
}


@pytest.mark.parametrize("kind", sorted(SHIPPED))
def test_a_shipped_kind_is_given_what_it_takes(kind: str, tmp_path: Path) -> None:
    target = target_of(kind, "http://127.0.0.1:8088", tmp_path / "line.modl")
    job = job_of(SHIPPED[kind], target.parameters, before=target.before, moments=target.moments)
    known = {field.alias or name for name, field in SHIPPED[kind].Params.model_fields.items()}
    assert job.parameters.keys() <= known
    SHIPPED[kind].Params.model_validate(target.parameters or job.parameters)


def test_whatever_acts_on_a_page_has_one_opened_before() -> None:
    for kind, handler in SHIPPED.items():
        if kind.startswith(("browser.", "perspective.")):
            opens = vars(handler).get("opens_page", False)
            target = target_of(kind, "http://127.0.0.1:8088", Path("line.modl"))
            assert bool(target.before) is not opens, kind


def test_no_target_is_of_a_kind_that_there_is_not() -> None:
    assert ON_PAGE.keys() | ON_DESKTOP.keys() <= SHIPPED.keys()
