"""Which window is a project's, and what the gateway has to say of it; no desktop is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.designer.backend import Wanted, Window
from ignition_toolkit.designer.manager import DesignerManager
from ignition_toolkit.errors import StepFailed, WindowLost
from ignition_toolkit.gateway.client import GatewayClient
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.steps.designer import OpenProject
from tests.integration.gateway.test_steps import FakeContext, run

PICKER = "Ignition Designer - Open/Create Project"
MAIN = "Line - Ignition Designer"


@dataclass
class FakeDesktop:
    """Has windows of the execution's Designer; a project that is picked gets one."""

    titles: list[str]
    opens: str = MAIN
    typed: list[str] = field(default_factory=list)

    async def wait_for_window(self, wanted: Wanted, timeout_s: float) -> Window | None:
        found = (Window(number, title) for number, title in enumerate(self.titles))
        return next(filter(wanted, found), None)

    async def activate(self, window: Window) -> None:
        assert window.title == PICKER

    async def type_text(self, window: Window, text: str, on_typed: Any) -> None:
        self.typed.append(text)

    async def press(self, window: Window, key: str) -> None:
        if key == "Return":
            self.titles = [title for title in self.titles if title != window.title] + [self.opens]


@dataclass
class FakeManager:
    """A manager whose Designer has every window."""

    desktop: FakeDesktop
    launches: tuple[str, ...] = ("one",)

    def own(self, wanted: Wanted) -> Wanted:
        return wanted

    def owns(self, window: Window) -> bool:
        return True

    async def windows(self, wanted: Wanted) -> list[Window]:
        return [Window(0, title) for title in self.desktop.titles]


@dataclass
class Context(FakeContext):
    """A StepContext with a desktop as well."""

    manager: FakeManager = field(default_factory=lambda: FakeManager(FakeDesktop([MAIN])))

    # Any: whichever of the two is asked for.
    async def use(self, resource: type[Any]) -> Any:
        return self.manager if resource is DesignerManager else self.client


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    made = Context()
    yield made
    await made.client.aclose()


async def opened(context: Context, *titles: str, **given: Any) -> str:
    """Open the project `Line` where these windows are; return the title of the main window."""
    context.manager.desktop.titles = list(titles)
    said = await run(context, OpenProject, **{"project_name": "Line", "timeout": 0, **given})
    return cast("str", said["window"])


@pytest.mark.parametrize(
    "title",
    [
        "Line",
        "Line - Ignition Designer",
        "Ignition Designer - Line",
        "plant - Line \N{EN DASH} Ignition Designer",
        "Ignition Designer [Line]",
        "plant / Line | Designer",
        "Line: Ignition Designer",
    ],
)
async def test_a_window_that_names_the_project_is_its_main_window(
    context: Context, title: str
) -> None:
    assert await opened(context, "Line 2 - Ignition Designer", title) == title
    assert context.manager.desktop.typed == []


@pytest.mark.parametrize(
    "title",
    [
        "Line 2 - Ignition Designer",
        "Packing Line - Ignition Designer",
        "Line-2 - Ignition Designer",
        "Line_2",
        "line - Ignition Designer",
        "Ignition Designer [Line 2]",
    ],
)
async def test_the_window_of_another_project_is_not_taken_for_its(
    context: Context, title: str
) -> None:
    with pytest.raises(WindowLost, match="the main window of 'Line' has not come") as lost:
        await opened(context, title)
    assert repr(title) in lost.value.message


async def test_the_list_of_projects_is_never_taken_for_the_main_window(context: Context) -> None:
    for name in ("Ignition Designer", "Open/Create Project"):
        context.manager.desktop.opens = f"plant - {name} - Designer"
        if name.startswith("Ignition"):
            assert await opened(context, PICKER, project_name=name) == f"plant - {name} - Designer"
    assert context.manager.desktop.typed == ["Ignition Designer"]
    window = "Open/Create Project - Designer"
    given = {"project_name": "Open/Create Project", "window": "Open/Create Project - *"}
    assert await opened(context, window, **given) == window


async def test_a_main_windows_title_that_is_given_is_matched_whole(context: Context) -> None:
    for window, wanted in [("Line - 2", "Line"), ("Line [x]", "Line [y]"), ("My Line", "Line")]:
        with pytest.raises(WindowLost):
            await opened(context, window, window=wanted)
    assert await opened(context, "Line - 2 *", "Line [x]", window="Line [*]") == "Line [x]"


@pytest.fixture
def plant(simulated: SimulatedGateway, context: Context) -> SimulatedGateway:
    """Give a gateway that the playbook names."""
    context.entry = GatewayEntry(name="plant", urls=(simulated.base_url,), credential="key")
    context.credentials = {"key": {"api_token": Secret(simulated.token)}}
    context.client = GatewayClient()
    return simulated


async def test_the_gateway_is_asked_until_it_lists_the_designer(
    plant: SimulatedGateway, context: Context
) -> None:
    plant.open_visitor("designer", "bob", "Line 2", "10.0.0.8")

    def come() -> None:
        if "Line 2 open" in context.told[-1][2]:
            plant.open_visitor("designer", "ann", "Line", "10.0.0.9")

    context.on_progress = come
    said = await run(context, OpenProject, project_name="Line", timeout=60)
    assert said["seen_by_gateway"] is True
    assert any("Line 2 open" in words for _, _, words in context.told)


async def test_a_designer_that_the_gateway_never_lists_fails_the_step(
    plant: SimulatedGateway, context: Context
) -> None:
    plant.open_visitor("designer", "bob", "Line 2", "10.0.0.8")
    expected = r"gateway .*plant.* lists no Designer .* it lists Designers with Line 2 open"
    with pytest.raises(StepFailed, match=expected) as failed:
        await run(context, OpenProject, project_name="Line", timeout=0.05)
    assert "ask_gateway" in failed.value.message
    given = {"project_name": "Line", "timeout": 0, "ask_gateway": False}
    assert (await run(context, OpenProject, **given))["seen_by_gateway"] is None


async def test_a_gateway_that_refuses_to_be_asked_is_no_failure_and_is_told(
    plant: SimulatedGateway, context: Context
) -> None:
    context.credentials = {"key": {"api_token": Secret("nobody:nothing-at-all")}}
    said = await run(context, OpenProject, project_name="Line", timeout=0)
    assert said["seen_by_gateway"] is None
    [line] = context.lines
    assert line.startswith("warning: the gateway could not be asked for its Designers")
