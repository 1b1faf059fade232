"""Modules: what is there, sending a file, waiting until one runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ignition_toolkit.errors import GatewayNotReady, GatewayUnreachable
from ignition_toolkit.gateway.readiness import not_ready
from ignition_toolkit.gateway.waiting import wait_until
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import FILE, GatewayStep, Strict

if TYPE_CHECKING:
    from ignition_toolkit.gateway.modules import ModuleState


class ListModules(GatewayStep):
    """Lists the modules."""

    type = "gateway.list_modules"
    summary = "List the gateway's modules with their state, the quarantined ones included"
    effect = Effect.READS

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """List; outputs `modules` (`id, name, version, state, reason, should_upgrade`), `count`.

        Raises GatewayError. Cancellation: at once, nothing is left.
        """
        gateway = await self.gateway()
        modules = [one.to_output() for one in await gateway.modules.all()]
        return {"modules": modules, "count": len(modules)}


class UploadModule(GatewayStep):
    """Sends a module file."""

    type = "gateway.upload_module"
    summary = "Send a module file to the gateway, which does not install it yet"
    effect = Effect.WRITES
    leaves = "nothing in the middle of the file; a file that is not installed once all was sent"

    class Params(Strict):
        """Parameters of gateway.upload_module."""

        file: str = Field(min_length=1, description=FILE)

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Send; outputs `module_id, certificate_accepted, license_accepted, has_...`.

        Raises StepFailed when the file cannot be read, GatewayError. Cancellation: at once, the
        connection is closed in the middle of the file; the record names the request.
        """
        gateway = await self.gateway()
        found = await gateway.modules.upload(self.artifact(params["file"]), gateway.progress)
        return dict(vars(found))


class WaitForModuleInstallation(GatewayStep):
    """Waits until a module runs."""

    type = "gateway.wait_for_module_installation"
    summary = "Wait until a module is active"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of gateway.wait_for_module_installation."""

        module_name: str = Field(
            min_length=1, description="the module's name, or its id", examples=["com.acme.line"]
        )
        timeout: float = Field(300, ge=0, description="for how long to wait at most, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Wait; outputs the module, as list_modules does, and `waited_s`.

        Raises GatewayNotReady after the timeout, with the state that it had last. Cancellation:
        at once, nothing is left.
        """
        gateway = await self.gateway()
        name = params["module_name"]
        found: list[ModuleState] = []

        async def look() -> str | None:
            try:
                module = await gateway.modules.find(name)
            except (GatewayNotReady, GatewayUnreachable) as error:
                return error.message
            if module is None:
                return f"no module {name!r} is installed"
            found.append(module)
            return None if module.is_active else module.in_words

        timeout_s = gateway.exchange.bounded(params["timeout"])
        waited = await wait_until(look, timeout_s, gateway.progress)
        if waited.in_vain:
            what = f"did not report module {name!r} as active"
            raise not_ready(gateway.target, waited, timeout_s, what)
        return {**found[-1].to_output(), "waited_s": round(waited.seconds, 1)}
