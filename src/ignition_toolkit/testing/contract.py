"""The step contract as tests use it: a function, and fixtures for every installed kind.

A project's tests of its own kinds are one function:

    def test_a_kind_keeps_the_step_contract(step_kind, step_contract):
        step_contract(step_kind)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ignition_toolkit.drill.asking import Probe
from ignition_toolkit.drill.examples import job_of
from ignition_toolkit.drill.installed import installed
from ignition_toolkit.drill.job import BUDGET_S, MOMENTS, Report, Surroundings
from ignition_toolkit.playbook.step_handler import StepHandler

# Any: parameters are JSON values, or Secrets, of the author's choosing.
Parameters = Mapping[str, Any]


class StepContractBroken(AssertionError):
    """A kind breaks the step contract; the text lists each breach and when it was seen.

    Args:
        report: what came of the tries.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def check_step_contract(
    handler: type[StepHandler],
    parameters: Parameters | None = None,
    *,
    around: Surroundings | None = None,
    probe: Probe | None = None,
    moments: int = MOMENTS,
    budget_s: float = BUDGET_S,
) -> Report:
    """Try a step kind at every moment of a cancel; it is tried for real, with these parameters.

    It is cancelled at the first turn of the event loop, at the second, and so on, until it has
    completed or waits; where it waits it is also skipped and has its timeout. Each time it must
    end by a CancelledError of its own within 0.25 s, never block the event loop for 0.1 s, and
    leave no task, timer, thread, process and temporary file; it must be said to be over exactly
    once, nothing may be told of it afterwards, and no secret may be read in what it told.

    Args:
        handler: the kind's class.
        parameters: as a playbook would give them; None for the example that its `Params` name.
            Choose such that the step is held: an address that never answers, a long wait.
        around: gateways, credentials and playbooks that it finds; never those of a real plant.
        probe: the process that tries it; None starts one and ends it.
        moments: at how many moments it is cancelled at most, 1 or more.
        budget_s: seconds, more than 0, after which no further try is begun.

    Returns: what came of it, with the seconds that each cancel took.

    Raises StepContractBroken with what was seen; HandlerBroken where no example is known, or the
    module cannot be imported. Cancellation: blocks, for the budget and a little longer; Ctrl-C
    leaves a probe that ends by itself after its job.
    """
    job = job_of(handler, parameters, around=around, moments=moments, budget_s=budget_s)
    if probe is not None:
        report = probe.report(job)
    else:
        with Probe() as own:
            report = own.report(job)
    if not report.is_kept:
        raise StepContractBroken(report)
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Have pytest know our setting."""
    text = "names of the step kinds that `step_kind` gives, such as acme.*; all but the toolkit's"
    parser.addini("step_kinds", text, type="args", default=[])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have a test that takes `step_kind` run once for each kind."""
    if "step_kind" in metafunc.fixturenames:
        patterns = metafunc.config.getini("step_kinds")
        kinds, _, broken = installed(patterns, with_own=bool(patterns))
        if broken:
            raise pytest.UsageError("; ".join(broken.values()))
        metafunc.parametrize("step_kind", kinds.values(), ids=kinds.keys())


@pytest.fixture(scope="session")
def step_examples() -> Mapping[str, Parameters]:
    """Return parameters to try kinds with, by kind, instead of their own. To be overridden."""
    return {}


@pytest.fixture
def step_surroundings() -> Surroundings:
    """Return what the tried steps find around them. To be overridden."""
    return Surroundings()


@pytest.fixture(scope="session")
def step_probe() -> Iterator[Probe]:
    """Give the process that tries kinds, one for all tests."""
    with Probe() as probe:
        yield probe


@pytest.fixture
def step_contract(
    step_probe: Probe,
    step_examples: Mapping[str, Parameters],
    step_surroundings: Surroundings,
) -> Callable[..., Report]:
    """Give `check_step_contract` with the session's probe, examples and surroundings."""

    def check(
        handler: type[StepHandler],
        parameters: Parameters | None = None,
        moments: int = MOMENTS,
        budget_s: float = BUDGET_S,
    ) -> Report:
        return check_step_contract(
            handler,
            parameters if parameters is not None else step_examples.get(handler.type),
            around=step_surroundings,
            probe=step_probe,
            moments=moments,
            budget_s=budget_s,
        )

    return check
