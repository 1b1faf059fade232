"""Logging in to the Designer, and opening a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.designer.backend import Wanted, Window, entitled, naming, titled
from ignition_toolkit.designer.manager import DesignerManager
from ignition_toolkit.errors import GatewayError, NotFound, StepFailed
from ignition_toolkit.gateway.client import GatewayClient
from ignition_toolkit.gateway.waiting import wait_until
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.designer.base import DesignerStep, Strict

_EXPECTED = "expected username and password, or a credential that has them"


class Login(DesignerStep):
    """Logs in to the Designer."""

    type = "designer.login"
    summary = "Type a name and a password into the Designer's log-in window"
    effect = Effect.WRITES
    leaves = "perhaps a session at the gateway, which expires there"

    class Params(Strict):
        """Parameters of designer.login."""

        username: str | None = Field(None, description="name of a person, with password")
        password: Secret | None = Field(
            None, description="of that person; typed, and shown nowhere"
        )
        # Any: the fields of a credential, as a reference gives them.
        credential: str | dict[str, Any] | None = Field(
            None, description="a stored credential: its name, or {{ credential.NAME }}"
        )
        window: str = Field("Login", min_length=1, description="text in the window's title")
        timeout: float = Field(30, ge=0, description="for how long to wait, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Wait for the window, type, and wait until it has closed; outputs `window`, its title.

        Types into a window of the Designer that this execution started, and into no other; before
        each key it is checked that the window still has the keyboard. Works where people log in
        to the Designer itself, not where a browser is opened for that.

        Raises StepFailed without such a Designer or without a name and a password, or when the
        window stays: what was typed was not taken. Raises WindowLost when it does not come, or
        another window takes the keyboard, which gets no key; KeyUnknown, before anything is typed,
        for a character that the keyboard's layout does not have. Cancellation: at once; no key is
        down.
        """
        username, password = self._person(params)
        manager = await self.launched()
        text = params["window"]
        what = f"the log-in window, titled {text!r},"
        window = await self.window(manager, titled(text), params["timeout"], what)
        await manager.desktop.activate(window)
        await self.fill(manager, window, username)
        await manager.desktop.press(window, "Tab")
        await self.fill(manager, window, password)
        await manager.desktop.press(window, "Return")
        if not await self.until_gone(manager, window, params["timeout"]):
            raise StepFailed(
                f"the window {window.title!r} is still there after the name and the password were"
                " typed: expected the gateway to take them; look whether they are right"
            )
        if not manager.processes():
            raise StepFailed(
                "the Designer has ended after the name and the password were typed: expected it to"
                " go on; start it by hand and look what it says"
            )
        return {"window": window.title}

    # Any: texts and Secrets.
    def _person(self, params: dict[str, Any]) -> tuple[str, Secret]:
        given = params["credential"]
        fields: Mapping[str, Any] = params
        if given is not None:
            if params["username"] is not None or params["password"] is not None:
                raise StepFailed(f"{_EXPECTED}, found both")
            fields = self.context.credential(given) if isinstance(given, str) else given
        username, password = fields.get("username"), fields.get("password")
        if not username or not password:
            raise StepFailed(f"{_EXPECTED}, found neither of them whole")
        return str(username), password if isinstance(password, Secret) else Secret(str(password))


class OpenProject(DesignerStep):
    """Opens a project."""

    type = "designer.open_project"
    summary = "Open a project, and wait for the Designer's main window"
    effect = Effect.WRITES
    leaves = "perhaps a session at the gateway, which expires there"

    class Params(Strict):
        """Parameters of designer.open_project."""

        project_name: str = Field(min_length=1, description="the project's name")
        picker: str = Field(
            "Open/Create Project", min_length=1, description="text in the project list's title"
        )
        window: str | None = Field(
            None,
            min_length=1,
            description="the main window's whole title, `*` for any text; without it a title that"
            " has the project's name as a part of its own",
        )
        ask_gateway: bool = Field(
            True, description="whether the playbook's gateway is to list the Designer as well"
        )
        timeout: float = Field(30, ge=0, description="for how long to wait, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Open it; outputs `window`, the main window's title, and `seen_by_gateway`.

        When the main window is there or comes by itself, as after a link, no key is typed. In the
        list of projects the name is typed into the search field, which has the keyboard then, and
        Return opens it.
        Where the playbook names a gateway, that one is asked until it lists a Designer with this
        project: `seen_by_gateway` is true then. It is null where there is no gateway, where it is
        not to be asked (`ask_gateway: false`), and where it refuses, which the log says.

        Raises StepFailed without a Designer of this execution, and when the gateway answers and
        never lists it; WindowLost when a window does not come or another takes the keyboard;
        KeyUnknown. Cancellation: at once; no key is down.
        """
        manager = await self.launched()
        name, timeout_s = params["project_name"], params["timeout"]
        is_picker, is_main = _looks(name, params["picker"], params["window"])

        def is_either(window: Window) -> bool:
            return is_picker(window) or is_main(window)

        what = f"the project list, titled {params['picker']!r}, or the main window of {name!r}"
        found = await self.window(manager, is_either, timeout_s, what)
        if is_picker(found):
            await self._pick(manager, found, name)
            what = f"the main window of {name!r}"
            found = await self.window(manager, is_main, timeout_s, what)
        is_seen = await self._is_seen(name, timeout_s) if params["ask_gateway"] else None
        return {"window": found.title, "seen_by_gateway": is_seen}

    async def _pick(self, manager: DesignerManager, picker: Window, name: str) -> None:
        await manager.desktop.activate(picker)
        await self.fill(manager, picker, name)
        await manager.desktop.press(picker, "Return")

    async def _is_seen(self, project: str, timeout_s: float) -> bool | None:
        if self.context.gateway() is None:
            return None
        try:
            client = await self.context.use(GatewayClient)
            gateway = await client.of(self.context)

            async def look() -> str | None:
                designers = await gateway.upkeep.designers()
                if any(one.get("project") == project for one in designers):
                    return None
                open_ones = (str(one.get("project") or "no project") for one in designers)
                return f"it lists Designers with {', '.join(open_ones) or 'nothing'} open"

            waited = await wait_until(look, self.bounded(timeout_s), self.context.progress)
        except (GatewayError, NotFound, StepFailed) as error:
            text = f"the gateway could not be asked for its Designers: {error}"
            self.context.log(text, "warning")
            return None
        if waited.in_vain:
            raise StepFailed(
                f"the main window of {project!r} is there, and gateway {gateway.target.name} lists"
                f" no Designer with it open after {waited.seconds:.0f} s: {waited.last}; look"
                " whether the Designer is connected to that gateway, or set ask_gateway to false"
            )
        return True


def _looks(name: str, picker: str, window: str | None) -> tuple[Wanted, Wanted]:
    """Return what a project list and what the main window look like; no window is both."""
    is_titled = titled(picker)
    if window is not None:
        # Who says what the main window's title is means that one, whatever else it holds.
        is_main = entitled(window)
        return lambda seen: is_titled(seen) and not is_main(seen), is_main
    names = naming(name)
    return is_titled, lambda seen: names(seen) and not is_titled(seen)
