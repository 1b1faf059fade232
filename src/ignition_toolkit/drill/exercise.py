"""The drill: every installed kind is tried on this machine, against simulated outsides only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ignition_toolkit.drill.asking import Probe
from ignition_toolkit.drill.examples import job_of
from ignition_toolkit.drill.installed import installed
from ignition_toolkit.drill.job import BUDGET_S, Job, Report, at_gateway
from ignition_toolkit.drill.results import PROMISE_S, Mark, Result
from ignition_toolkit.drill.targets import Target, target_of
from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.playbook.models import Playbook, Step
from ignition_toolkit.playbook.step_handler import Effect, StepHandler
from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.simulator.gateway import DEFAULT_TOKEN

#: What `playbook.run` is tried with: the path that its parameter has for an example.
WAITS = Playbook(
    name="Waits",
    path="tests/smoke.yaml",
    steps=(Step(id="wait", name="Wait", type="utility.sleep", parameters={"seconds": 60}),),
)


def drill(
    patterns: Sequence[str],
    gateway: SimulatedGateway,
    probe: Probe,
    file: Path,
    *,
    times: int = 1,
    budget_s: float = BUDGET_S,
) -> Iterator[Result]:
    """Try the installed kinds, and yield the result of each as it is known.

    No configured gateway, credential or playbook is used: steps find the simulated gateway alone,
    which does not answer them.

    Args:
        patterns: of kinds, such as `acme.*`; none for all.
        gateway: where they are led.
        probe: what tries them.
        file: a module, for kinds that send a file.
        times: how often each is tried, 1 or more.
        budget_s: seconds for each kind and time after which no further try is begun.
    """
    found = installed(patterns, with_own=True)
    modules = {name: handler.__module__ for name, handler in found.all.items()}
    around = at_gateway(gateway.base_url, DEFAULT_TOKEN)
    around = around.model_copy(update={"playbooks": {WAITS.path: WAITS}})
    for name, handler in found.kinds.items():
        target = target_of(name, gateway.base_url, file)
        _keep_waiting(gateway, handler, target)
        try:
            job = job_of(
                handler,
                target.parameters,
                before=target.before,
                around=around,
                modules={step.type: modules[step.type] for step in target.before},
                moments=target.moments,
                budget_s=budget_s,
            )
        except HandlerBroken as error:
            yield Result(kind=name, mark=Mark.NOT_TRIED, lines=(error.message,))
        else:
            yield result_of(_reports(job, probe, times))
    for module, why in found.broken.items():
        yield Result(kind=module, mark=Mark.NOT_TRIED, lines=(why,))


def _keep_waiting(gateway: SimulatedGateway, handler: type[StepHandler], target: Target) -> None:
    """Have the gateway answer nothing, or, to a kind that changes something, not its change."""
    gateway.clear_faults()
    writes = handler.effect is not Effect.READS and not target.hears_nothing
    gateway.add_fault("never-answer", method="POST" if writes else None)


def _reports(job: Job, probe: Probe, times: int) -> list[Report]:
    """Return what came of a kind, so many times or until it breaks the contract."""
    reports: list[Report] = []
    for _ in range(times):
        reports.append(probe.report(job))
        if not reports[-1].is_kept:
            break
    return reports


def result_of(reports: Sequence[Report]) -> Result:
    """Return what came of a kind that was tried once or more; the last report decides."""
    last = reports[-1]
    took = tuple(seconds for one in reports for seconds in one.took_s)
    lines = [str(breach) for breach in last.breaches]
    if took and max(took) > PROMISE_S:
        lines.append(f"a stop took {max(took) * 1000:.0f} ms; the promise is {PROMISE_S:g} s")
    mark = Mark.BROKEN if lines else Mark.NOT_TRIED if last.unready else Mark.KEPT
    return Result(
        kind=last.kind,
        mark=mark,
        took_s=took,
        tries=sum(one.tries for one in reports),
        lines=tuple(lines) or ((last.unready,) if last.unready else ()),
    )
