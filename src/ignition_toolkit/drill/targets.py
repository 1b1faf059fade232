"""What shipped kinds are led to in a drill, where an example of their own would not do.

Kinds of a browser need a page, and one on which they are kept waiting: an element that never comes,
a script without an end, an address that is never answered. Others need a file, or a desktop. All of
it is on this machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.drill.job import MOMENTS
from ignition_toolkit.playbook.models import Step
from ignition_toolkit.simulator import Settings

#: A page that needs no server: a key pressed on it begins a loop without an end.
PAGE = "data:text/html,<title>Line 3</title><body onkeydown='for (;;) {}'>Line 3</body>"
#: An element that it does not have.
ABSENT = {"selector": "button.start"}
OPENED = (Step(id="opened", name="Opened", type="browser.navigate", parameters={"url": PAGE}),)
#: Each try starts a browser: fewer moments, so that a kind still takes a few seconds.
BROWSER_MOMENTS = 6

# Any: parameters as a playbook gives them.
Parameters = dict[str, Any]

#: Parameters of kinds that act on the page.
ON_PAGE: dict[str, Parameters] = {
    "browser.check": ABSENT,
    "browser.click": ABSENT,
    "browser.download": ABSENT,
    "browser.evaluate": {"script": "for (;;) {}"},
    "browser.fill": {**ABSENT, "value": "17"},
    "browser.get_text": ABSENT,
    "browser.keyboard": {"key": "Enter"},
    "browser.press_sequentially": {**ABSENT, "value": "17"},
    "browser.screenshot": {"name": "line-3"},
    "browser.select": {**ABSENT, "label": "cola-330"},
    "browser.verify": ABSENT,
    "browser.verify_attribute": {**ABSENT, "attribute": "class", "value": "on"},
    "browser.verify_state": {**ABSENT, "state": "visible"},
    "browser.verify_text": {**ABSENT, "text": "running"},
    "browser.wait": ABSENT,
    "perspective.discover_page": {},
    "perspective.verify_dock_opened": {"dock_id": "alarms"},
    "perspective.verify_navigation": {"page": "/line-3"},
    "perspective.verify_no_quality_overlays": {},
}

#: Parameters of kinds that act on the desktop: where it or the Designer is missing, they say so.
ON_DESKTOP: dict[str, Parameters] = {
    "designer.launch_shortcut": {"designer_shortcut": "Line 3.lnk", "project_name": "Line 3"},
    "designer.open_project": {"project_name": "Line 3"},
    "designer.press": {"key": "ctrl+s", "window": "Line 3"},
    "designer.screenshot": {"name": "line-3"},
    "designer.wait_for_window": {"title": "a window that never comes"},
}


class Target(NamedTuple):
    """What one kind is led to."""

    #: None for the kind's own example.
    parameters: Parameters | None = None
    #: Steps that run before it.
    before: tuple[Step, ...] = ()
    moments: int = MOMENTS
    #: Whether the gateway answers none of its requests, also where it would change something.
    hears_nothing: bool = False


def target_of(kind: str, gateway_url: str, file: Path) -> Target:
    """Return what a kind is led to.

    Args:
        kind: any; one that needs nothing has its own example, or none.
        gateway_url: of the simulated gateway.
        file: one that may be sent there, such as a module.
    """
    if kind in ON_PAGE:
        return Target(ON_PAGE[kind], OPENED, BROWSER_MOMENTS)
    if kind in ON_DESKTOP:
        return Target(ON_DESKTOP[kind])
    match kind:
        case "browser.file_upload":
            given = {**ABSENT, "file_path": str(file)}
            found = Target(given, OPENED, BROWSER_MOMENTS)
        case "browser.navigate":
            found = Target({"url": gateway_url}, moments=BROWSER_MOMENTS, hears_nothing=True)
        case "perspective.open":
            found = Target({"project": "Line 3"}, moments=BROWSER_MOMENTS, hears_nothing=True)
        case "perspective.login":
            found = Target(_person(), moments=BROWSER_MOMENTS)
        case _:
            found = Target(_at_gateway(kind, file))
    return found


def _person() -> Parameters:
    settings = Settings()
    return {"username": settings.user_name, "password": Secret(settings.user_password)}


def _at_gateway(kind: str, file: Path) -> Parameters | None:
    match kind:
        case "gateway.import_project":
            return {"project_name": "Line 3", "file": str(file)}
        case "gateway.install_module":
            return {"file": str(file), "accept_certificate": True, "accept_license": True}
        case "designer.login" | "gateway.login":
            return _person()
        case "gateway.restore" | "gateway.upload_module":
            return {"file": str(file)}
    return None
