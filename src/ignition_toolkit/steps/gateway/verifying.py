"""Whether a gateway is as it should be: several checks, each with its own result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.gateway.answers import number
from ignition_toolkit.playbook.events import LogLevel
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import GatewayStep, Strict

if TYPE_CHECKING:
    from ignition_toolkit.gateway.modules import ModuleState

#: Any: JSON values.
Check = dict[str, Any]


class VerifyHealth(GatewayStep):
    """Checks the gateway."""

    type = "gateway.verify_health"
    summary = "Check that the gateway runs, its modules are active, and its trial has time left"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of gateway.verify_health."""

        modules: list[str] = Field(
            default_factory=list,
            description="modules that must be active; empty for all that are enabled",
        )
        allow_quarantined: bool = Field(False, description="let modules be quarantined")
        min_trial_seconds: float = Field(
            0, ge=0, description="seconds that the trial must have left, if there is a trial"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Check; outputs `checks`, each `{name, ok, found}`, and `healthy`.

        Raises StepFailed that names each check which is not ok; the log has all of them. Raises
        GatewayError. Cancellation: at once, nothing is left.
        """
        gateway = await self.gateway()
        said = await gateway.upkeep.ping()
        modules = await gateway.modules.all()
        checks = [
            _state_check(said),
            *_module_checks(modules, params["modules"]),
            _quarantine_check(modules, allowed=params["allow_quarantined"]),
            _trial_check(await gateway.upkeep.trial(), params["min_trial_seconds"]),
        ]
        for check in checks:
            level: LogLevel = "info" if check["ok"] else "error"
            self.context.log(f"{check['name']}: {check['found']}", level)
        bad = [check for check in checks if not check["ok"]]
        if bad:
            listed = "; ".join(f"{check['name']}: {check['found']}" for check in bad)
            raise StepFailed(f"gateway {gateway.target.name} is not healthy: {listed}")
        return {"healthy": True, "checks": checks}


def _check(name: str, ok: bool, found: str) -> Check:
    return {"name": name, "ok": ok, "found": found}


def _state_check(said: dict[str, Any]) -> Check:
    details = said.get("details")
    found = f"{said['state']}{f' ({details})' if details else ''}"
    return _check("state", found == "RUNNING", found)


def _module_checks(modules: list[ModuleState], wanted: list[str]) -> Iterable[Check]:
    for name in wanted:
        found = next((one for one in modules if one.is_called(name)), None)
        ok, words = found is not None and found.is_active, found.in_words if found else "not there"
        yield _check(f"module {name}", ok, "ACTIVE" if ok else words)
    if not wanted:
        loaded = [one for one in modules if one.quarantined is None and one.enabled]
        stopped = [one for one in loaded if not one.is_active]
        listed = ", ".join(f"{one.name} ({one.in_words})" for one in stopped)
        yield _check("modules", not stopped, listed or "all are active")


def _quarantine_check(modules: list[ModuleState], *, allowed: bool) -> Check:
    listed = ", ".join(
        f"{one.name} ({one.quarantined})" for one in modules if one.quarantined is not None
    )
    return _check("quarantine", allowed or not listed, listed or "empty")


def _trial_check(trial: dict[str, Any], least: float) -> Check:
    left = number(trial.get("trialSecondsLeft"))
    if trial.get("licenseMode") != "Trial" or left is None:
        return _check("trial", True, "no trial")
    ok = trial.get("expired") is not True and left >= least
    return _check("trial", ok, f"{left:g} s left" + ("" if ok else f", expected {least:g} s"))
