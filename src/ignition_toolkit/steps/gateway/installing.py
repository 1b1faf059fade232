"""Installing a module, from the file to the running module."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ignition_toolkit.errors import GatewayNotReady, GatewayUnreachable, StepFailed
from ignition_toolkit.gateway.readiness import not_ready
from ignition_toolkit.gateway.waiting import Waited, wait_until
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import FILE, GatewayStep, Strict

if TYPE_CHECKING:
    from ignition_toolkit.gateway.gateway import Gateway
    from ignition_toolkit.gateway.modules import ModuleState, Uploaded

#: Seconds that an installed module has to run before it is taken to need a restart.
#: Source: gateway-api section 3.5.
GRACE_S = 10.0


class InstallModule(GatewayStep):
    """Uploads, accepts what it may, installs, and waits until the module runs."""

    type = "gateway.install_module"
    summary = "Install or upgrade a module: upload, acceptances, install, settle, restart if told"
    effect = Effect.INTERRUPTS
    leaves = "what was done by then: an uploaded file, acceptances, an installed module, a restart"

    class Params(Strict):
        """Parameters of gateway.install_module. Nothing is accepted that is not named here."""

        file: str = Field(min_length=1, description=FILE)
        accept_certificate: bool = Field(
            False, description="accept the module's certificate, or that it is unsigned"
        )
        accept_license: bool = Field(False, description="accept the module's licence agreement")
        restart: bool = Field(
            False, description="restart the gateway when the module runs only after that"
        )
        grace: float = Field(
            GRACE_S, ge=0, description="seconds until a module is taken to need a restart"
        )
        timeout: float = Field(
            300, ge=0, description="seconds in all for settling, the restart included"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Install; outputs the module as list_modules does, and `needs_restart`, `restarted`.

        Raises StepFailed when an acceptance is needed that was not given, or the file cannot be
        read; GatewayError; GatewayNotReady when it does not settle. Cancellation: at once; the
        record names the request that was under way, and `leaves` says what may have been done.
        """
        gateway = await self.gateway()
        file = self.artifact(params["file"])
        uploaded = await gateway.modules.upload(file, gateway.progress)
        self.context.log(f"uploaded {uploaded.module_id}")
        await self._accept(gateway, uploaded, params)
        await gateway.modules.install(uploaded.module_id)
        self.context.log(f"installed {uploaded.module_id}")
        timeout_s = gateway.exchange.bounded(params["timeout"])
        settling = _Settling(gateway, uploaded.module_id, timeout_s)
        if await settling.wait(min(params["grace"], params["timeout"])) is None:
            return settling.output(needs_restart=False, restarted=False)
        if not params["restart"]:
            self.context.log(f"{uploaded.module_id} runs after a restart of the gateway", "warning")
            return settling.output(needs_restart=True, restarted=False)
        await settling.restart()
        await settling.to_the_end()
        return settling.output(needs_restart=False, restarted=True)

    async def _accept(self, gateway: Gateway, uploaded: Uploaded, params: dict[str, Any]) -> None:
        if not uploaded.certificate_accepted:
            whose = await self._whose_certificate(gateway, uploaded)
            _require(params, "accept_certificate", uploaded.module_id, whose)
            await gateway.modules.accept_certificate(uploaded.module_id)
            self.context.log(f"accepted {whose}")
        if not uploaded.license_accepted:
            _require(params, "accept_license", uploaded.module_id, "its licence agreement")
            await gateway.modules.accept_license(uploaded.module_id)
            self.context.log("accepted its licence agreement")

    async def _whose_certificate(self, gateway: Gateway, uploaded: Uploaded) -> str:
        if not uploaded.has_certificate:
            return "that it is unsigned"
        found = await gateway.modules.certificate(uploaded.module_id)
        return f"the certificate of {found.get('subjectName') or 'an unnamed subject'}"


def _require(params: dict[str, Any], name: str, module_id: str, what: str) -> None:
    if not params[name]:
        raise StepFailed(
            f"module {module_id} was uploaded and is not installed: somebody has to accept {what};"
            f" set {name}: true once you have looked at it"
        )


class _Settling:
    """Waits until an installed module runs, in all `timeout_s` seconds."""

    def __init__(self, gateway: Gateway, module_id: str, timeout_s: float) -> None:
        self._gateway = gateway
        self._module_id = module_id
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + timeout_s
        self._module: ModuleState | None = None

    async def wait(self, seconds: float) -> Waited | None:
        """Wait until it runs; return None when it does, else what there was instead."""
        waited = await wait_until(self._look, seconds, self._gateway.progress)
        return waited if waited.in_vain else None

    async def to_the_end(self) -> None:
        """Wait until it runs, for as long as there is time. Raises GatewayNotReady."""
        if (waited := await self.wait(self._left())) is not None:
            what = f"did not report module {self._module_id} as active"
            raise not_ready(self._gateway.target, waited, self._timeout_s, what)

    async def restart(self) -> None:
        """Restart the gateway and wait until it is ready."""
        before = await self._gateway.readiness.before_restart()
        await self._gateway.upkeep.restart()
        await self._gateway.readiness.wait_for_restart(before, self._left())

    def _left(self) -> float:
        return max(0.0, self._until - self._loop.time())

    async def _look(self) -> str | None:
        try:
            module = await self._gateway.modules.find(self._module_id)
        except (GatewayNotReady, GatewayUnreachable) as error:
            return error.message
        self._module = module
        if module is None:
            return "not listed"
        return None if module.is_active else module.in_words

    def output(self, *, needs_restart: bool, restarted: bool) -> dict[str, Any]:
        """Return the step's output."""
        module = self._module.to_output() if self._module is not None else {"id": self._module_id}
        return {**module, "needs_restart": needs_restart, "restarted": restarted}
