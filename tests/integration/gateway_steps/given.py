"""The step kinds of the gateway's family, and parameters with which each asks the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ignition_toolkit.playbook.step_handler import Effect, StepHandler
from ignition_toolkit.runner.kinds import handlers_of
from ignition_toolkit.simulator import SimulatedGateway

KINDS = handlers_of("ignition_toolkit.steps.gateway")
#: Kinds that ask nothing of the gateway: there is nothing to wait for.
SILENT = {"gateway.logout"}
ASKING = sorted(KINDS.keys() - SILENT)

#: What a gateway does to its callers.
WAYS = ("never-answers", "a-byte-a-second", "mid-restart")

#: Values of parameters that a kind cannot do without, and of those that have it ask.
GIVEN: dict[str, Any] = {"module_name": "com.acme.line", "project_name": "Line 3"}
EXTRA: dict[str, dict[str, Any]] = {
    "gateway.login": {"username": "admin", "password": "password"},
    "gateway.install_module": {"accept_certificate": True, "accept_license": True},
}


def parameters_of(kind: str, file: Path) -> dict[str, Any]:
    """Return parameters with which a kind asks the gateway."""
    given = {**GIVEN, "file": str(file)}
    required = [name for name, it in KINDS[kind].Params.model_fields.items() if it.is_required()]
    assert given.keys() >= set(required), f"say in GIVEN what {kind} is to be given"
    return {name: given[name] for name in required} | EXTRA.get(kind, {})


def keep_waiting(gateway: SimulatedGateway, way: str, handler: type[StepHandler]) -> None:
    """Have the gateway keep the step waiting; a step that changes something, at its change."""
    if way == "never-answers":
        writes = handler.effect is not Effect.READS
        gateway.add_fault("never-answer", method="POST" if writes else None)
    elif way == "a-byte-a-second":
        gateway.add_fault("drip")
    else:
        gateway.restart()
        gateway.add_fault("delay", seconds=60)
