"""Section 4: the pages for browsers, as far as a test without a browser can tell."""

import re

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.simulator.page_files import FOLDER
from tests.unit.simulator.conftest import Asker

CLIENT = "GET /data/perspective/client/{project}"
PAGE = "GET /data/perspective/client/{project}/{page}"


@pytest.fixture
def project(gateway: SimulatedGateway) -> str:
    return gateway._world.state.projects[0].name


async def test_a_log_in_asks_for_the_name_and_for_the_password(ask: Asker) -> None:
    ask.headers = {}
    page = await ask("GET /idp/{name}/authn/login", name="default", query="token=x")
    for known in ('class="username-field"', 'class="password-field"', 'class="submit-button"'):
        assert known in page.text


@pytest.mark.parametrize(
    "row", ["GET /app/platform/system/modules", "GET /app/platform/system/licensing"]
)
async def test_the_gateways_own_pages_come_without_a_session_and_say_nothing(
    row: str, ask: Asker, gateway: SimulatedGateway
) -> None:
    ask.headers = {}
    page = await ask(row)
    assert page.status_code == 200
    assert gateway._world.state.modules[0].id not in page.text


async def test_a_perspective_page_shows_its_components(ask: Asker, project: str) -> None:
    ask.headers = {}
    for page in (await ask(CLIENT, project=project), await ask(PAGE, project=project, page="line")):
        assert page.status_code == 200
        assert 'data-component="ia.display.label" data-component-path="C$0:0:0"' in page.text
        assert re.search(r'data-session="[0-9a-f]{8}"', page.text)


async def test_a_session_that_needs_a_log_in_says_so(
    ask: Asker, project: str, gateway: SimulatedGateway
) -> None:
    gateway.configure(perspective_needs_login=True)
    ask.headers = {}
    assert "You must log in to continue." in (await ask(CLIENT, project=project)).text


async def test_a_log_in_leads_back_to_pages_of_this_gateway_alone(ask: Asker) -> None:
    ask.headers = {}
    elsewhere = await ask("GET /idp/{name}/oidc/auth", name="default", query="state=//evil/x")
    assert elsewhere.status_code == 302
    assert "evil" not in elsewhere.headers["location"]


async def test_a_terminal_page_has_its_header_and_texts_are_escaped(
    ask: Asker, project: str
) -> None:
    ask.headers = {}
    closed = await ask(PAGE, project=project, page="session-closed")
    assert '<h1 class="terminal-state-header">Session Closed</h1>' in closed.text
    hostile = await ask(PAGE, project=project, page='"><script>x')
    assert "<script>x" not in hostile.text
    assert "&lt;script&gt;x" in hostile.text


async def test_the_journal_has_what_pages_tell_and_no_password(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    ask.headers = {}
    told = {"act": "click", "target": "start", "page": "/x"}
    assert (await ask("POST /simulator/journal", json=told)).status_code == 204
    order = {"name": "Ann", "password": "hunter2"}
    assert (await ask("POST /simulator/form", json=order)).status_code == 200
    first, second = gateway.acts()
    assert (first.act, first.target, first.page) == ("click", "start", "/x")
    assert second.values == {"name": "Ann", "password": "7 characters"}
    assert gateway.acts("click", after=first.number) == []
    gateway.forget_acts()
    assert gateway.acts() == []


@pytest.mark.parametrize("body", [b"[]", b"{}", b"no", b'{"act": 1, "target": "", "page": ""}'])
async def test_what_is_no_act_is_refused(
    body: bytes, ask: Asker, gateway: SimulatedGateway
) -> None:
    ask.headers = {}
    assert (await ask("POST /simulator/journal", content=body)).status_code == 400
    assert gateway.acts() == []


async def test_a_page_that_tells_too_much_is_refused(ask: Asker) -> None:
    ask.headers = {}
    assert (await ask("POST /simulator/journal", content=b" " * 70_000)).status_code == 413


@pytest.mark.parametrize(
    "page", ["", "/late", "/loop", "/acting", "/form", "/page.css", "/page.js"]
)
async def test_a_page_to_try_things_on_comes(page: str, ask: Asker) -> None:
    ask.headers = {}
    assert (await ask(f"GET /simulator{page}")).status_code == 200


async def test_a_slow_page_takes_its_time_and_no_more_than_ten_minutes(ask: Asker) -> None:
    ask.headers = {}
    assert (await ask("GET /simulator/slow", query="seconds=0")).status_code == 200
    for wrong in ("601", "nan", "-1", "soon"):
        assert (await ask("GET /simulator/slow", query=f"seconds={wrong}")).status_code == 400


def test_no_page_asks_another_host() -> None:
    hosts = [
        (path.name, found)
        for path in FOLDER.iterdir()
        for found in re.findall(r"https?://[\w.]+", path.read_text("utf-8"))
    ]
    assert hosts == []
