"""Starting the Designer."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.designer.backend import titled
from ignition_toolkit.designer.launcher import designer_link, find_launcher
from ignition_toolkit.errors import DesktopError, PlatformUnsupported, StepFailed
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.designer.base import DesignerStep, Strict


class Launch(DesignerStep):
    """Starts a Designer of this execution's own."""

    type = "designer.launch"
    summary = "Start the Designer by its launcher, and wait for its first window"
    effect = Effect.WRITES

    class Params(Strict):
        """Parameters of designer.launch."""

        launcher_file: str | None = Field(
            None, description="the launcher's file; without it the usual places are looked at"
        )
        keep_open: bool = Field(
            False, description="leave it to the person when the execution has completed"
        )
        project_name: str | None = Field(
            None,
            min_length=1,
            description="open this project of the playbook's gateway by a designer:// link,"
            " which launchers of 8.3 take",
        )
        window: str = Field("", description="text in the title of its first window")
        timeout: float = Field(60, ge=0, description="for how long to wait for it, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Start it; outputs `window`, the first window's title, and `pid`, the process it is of.

        A Designer that is open already is left alone. Raises DesktopUnavailable, before anything
        is started, where no desktop can be driven; StepFailed without a launcher; WindowLost when
        no window comes. Cancellation: at once; the Designer is ended.
        """
        launcher = find_launcher(params["launcher_file"])
        arguments = self._arguments(params["project_name"])
        manager = await self.manager()
        await manager.open()
        launch = manager.launch(launcher, arguments, keep_open=params["keep_open"])
        text = params["window"]
        what = f"a window titled {text!r}" if text else "the Designer's first window"
        try:
            window = await self.window(manager, titled(text), params["timeout"], what)
        except DesktopError:
            # The next attempt starts another one.
            launch.end()
            raise
        launch.is_up = True
        return {"window": window.title, "pid": window.pid}

    def _arguments(self, project: str | None) -> list[str]:
        if project is None:
            return []
        gateway = self.context.gateway()
        if gateway is None:
            raise StepFailed(
                "project_name: a link to a project needs its gateway, and none is named: give the"
                " playbook a parameter `gateway` or `gateway_url`"
            )
        return [designer_link(gateway.url, project)]


class LaunchShortcut(DesignerStep):
    """Starts a Designer by a shortcut of Windows."""

    type = "designer.launch_shortcut"
    summary = "Start the Designer by a shortcut of the Windows launcher; on Windows only"
    effect = Effect.WRITES

    class Params(Strict):
        """Parameters of designer.launch_shortcut, as playbooks for Windows have them."""

        designer_shortcut: str = Field(min_length=1, description="the shortcut's file")
        project_name: str = Field(min_length=1, description="the project to open")
        # Any: the fields of a credential, as a reference gives them.
        gateway_credential: str | dict[str, Any] | None = Field(
            None, description="a stored credential: its name, or {{ credential.NAME }}"
        )
        username: str | None = Field(None, description="name of a person, with password")
        password: Secret | None = Field(None, description="of that person")
        timeout: float = Field(60, ge=0, description="for how long to wait, in seconds")
        keep_open: bool = Field(
            True, description="leave it to the person when the execution has completed"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Say that it needs Windows; nothing is started.

        Raises PlatformUnsupported.
        """
        raise PlatformUnsupported(
            "designer.launch_shortcut starts a shortcut of Windows, and this release drives"
            " desktops on Linux with X11 only; use designer.launch, designer.login and"
            " designer.open_project"
        )
