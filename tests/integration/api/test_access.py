"""A server for other machines: it asks everybody for its access token, and answers anything.

Requests to every address are made from the OpenAPI document by schemathesis. They are here because
they need a server too. What makes them is imported late: it takes half a second, and every process
of a test run imports this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ignition_toolkit.cli.app import run_app
from tests.e2e.observer import below
from tests.e2e.server import Server, launch
from tests.leaks import or_gone
from tests.polling import poll_until

if TYPE_CHECKING:
    import requests
    from schemathesis.checks import CheckFunction
    from schemathesis.schemas import APIOperation

    # Any: the shapes of its parameters, of which schemathesis knows more.
    Operation = APIOperation[Any, Any, Any, Any]
    Operations = dict[str, Operation]

SAYS = """\
name: Says
steps: [{id: say, name: Say, type: utility.log, parameters: {message: "hello"}}]
"""

#: Milliseconds; generous, as the machine may be busy.
DEADLINE_MS = 20_000

#: They do not end.
STREAMS = ["GET /api/events", "GET /api/executions/{execution_id}/events"]

#: They take nothing that could be wrong: one request says all.
PLAIN = [
    "GET /api/health",
    "GET /api/playbooks",
    "GET /api/steps",
    "GET /api/schema/playbook.json",
    "GET /api/schema/events.json",
    "GET /api/credentials",
    "GET /api/gateways",
    "GET /metrics",
    "POST /api/executions/cancel",
]

OPERATIONS = [
    "GET /api/playbooks/{path}",
    "POST /api/executions",
    "GET /api/executions",
    "GET /api/executions/{execution_id}",
    "GET /api/executions/{execution_id}/status",
    "GET /api/executions/{execution_id}/view",
    "GET /api/executions/{execution_id}/frame",
    "POST /api/executions/{execution_id}/cancel",
    "POST /api/executions/{execution_id}/pause",
    "POST /api/executions/{execution_id}/release",
    "POST /api/executions/{execution_id}/release-artifacts",
    "POST /api/executions/{execution_id}/rerun",
    "POST /api/executions/{execution_id}/resume",
    "POST /api/executions/{execution_id}/skip",
    "GET /api/audit",
    "POST /api/prune",
    "POST /api/credentials",
    "DELETE /api/credentials/{name}",
    "POST /api/gateways",
    "DELETE /api/gateways/{name}",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = launch(tmp_path_factory.mktemp("server") / "data", playbooks=(), host="0.0.0.0")
    yield running
    running.clean_up()


def token(server: Server) -> str:
    """Return the token that the server has made."""
    return (server.data_dir / "token").read_text("ascii").strip()


def test_the_token_is_in_its_file_and_nowhere_else(server: Server) -> None:
    text = server.text()
    assert f"it is in the file {server.data_dir / 'token'}\n" in text
    assert "the token travels unencrypted" in text
    assert token(server) not in text
    assert token(server).encode() not in shown_of(server.pid)
    for one in below([server.pid]):
        # A copy that has forked a runner lives for a moment only.
        assert token(server).encode() not in or_gone(partial(shown_of, one.pid), b"")


def shown_of(pid: int) -> bytes:
    """Return what the system shows of a process: its arguments and its environment."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))


def test_a_stranger_hears_whether_it_works_and_no_more(server: Server) -> None:
    http = server.client.http
    assert http.get("/api/health").json() == {"status": "ok"}
    for path in ("/api/executions", "/api/events", "/metrics", "/openapi.json", "/"):
        assert http.get(path).status_code == 401
    known = {"authorization": f"Bearer {token(server)}"}
    assert http.get("/api/health", headers=known).json()["database"] == "ok"


@pytest.fixture
def no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Have commands find no token, neither in the environment nor in the default data folder.

    They are called in this process: what they do is the same, and another one takes a second.
    """
    for name in ("ITK_TOKEN", "ITK_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ITK_DATA_DIR", str(tmp_path))
    return monkeypatch


def test_who_owns_the_folder_needs_no_more_than_that(
    server: Server,
    tmp_path: Path,
    no_token: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    playbook = tmp_path / "says.yaml"
    playbook.write_text(SAYS)
    no_token.setenv("ITK_DATA_DIR", str(server.data_dir))
    assert run_app(["run", str(playbook)]) == 0
    out, err = capfd.readouterr()
    assert f"belongs to the server at {server.url}, which runs it" in err
    assert "info       say: hello" in out
    assert run_app(["list"]) == 0


def test_who_has_no_token_is_told_what_to_do(
    server: Server, no_token: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_app(["list", "--server", server.url]) == 2
    assert capfd.readouterr().err == (
        f"itk: the server at {server.url} asks for its access token, and none was found: set "
        "ITK_TOKEN to what the file `token` in its data folder holds, or to the ITK_TOKEN that it "
        "was started with\n"
    )
    no_token.setenv("ITK_TOKEN", token(server))
    assert run_app(["list", "--server", server.url]) == 0


# a person


def test_a_person_logs_in_watches_and_acts_also_after_the_session_has_ended(
    server: Server,
) -> None:
    from playwright.sync_api import Page, expect, sync_playwright

    def log_in(page: Page) -> None:
        page.get_by_label("Access token").fill(token(server))
        page.get_by_role("button", name="Log in").click()

    known = {"authorization": f"Bearer {token(server)}"}
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path="/usr/bin/chromium") as browser,
    ):
        page = browser.new_context(base_url=server.url).new_page()
        page.goto("/")
        log_in(page)
        log_out = page.get_by_role("button", name="Log out")
        expect(log_out).to_be_visible(timeout=DEADLINE_MS)
        body = {"playbook_text": SAYS}
        begun = server.client.http.post("/api/executions", json=body, headers=known)
        execution_id = begun.json()["execution_id"]
        # Over the stream, which has the cookie.
        expect(page.locator(f'[data-id="{execution_id}"]')).to_be_visible(timeout=DEADLINE_MS)
        log_out.click()
        expect(page.get_by_text("You are logged out.")).to_be_visible(timeout=DEADLINE_MS)
        poll_until(lambda: is_over(server, execution_id, known), 60.0)
        # Without a script nothing but the click can notice that the session has ended.
        context = browser.new_context(base_url=server.url, java_script_enabled=False)
        page = context.new_page()
        page.goto(f"/executions/{execution_id}")
        log_in(page)
        again = page.get_by_role("button", name="Run again", exact=True)
        expect(again).to_be_visible(timeout=DEADLINE_MS)
        context.clear_cookies()
        again.click()
        expect(page.get_by_text("nothing was done")).to_be_visible(timeout=DEADLINE_MS)
        log_in(page)
        expect(again).to_be_visible(timeout=DEADLINE_MS)
        assert page.url == f"{server.url}/executions/{execution_id}"
        again.click()
        page.wait_for_url(lambda url: "/executions/" in url and execution_id not in url)


def is_over(server: Server, execution_id: str, headers: dict[str, str]) -> bool:
    """Whether an execution has completed."""
    answer = server.client.http.get(f"/api/executions/{execution_id}", headers=headers)
    return bool(answer.json()["status"] == "completed")


# any request


@dataclass(frozen=True)
class Target:
    """What is asked, and by whom.

    Args:
        url: the server's.
        session: a client that has the token.
        operations: those of the document, by method and path.
        execution_id: an execution that is there, and soon over.
    """

    url: str
    session: requests.Session
    operations: Operations
    execution_id: str


@pytest.fixture(scope="module")
def target(server: Server) -> Iterator[Target]:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.headers["authorization"] = f"Bearer {token(server)}"
        begun = session.post(f"{server.url}/api/executions", json={"playbook_text": SAYS})
        document = session.get(f"{server.url}/openapi.json").json()
        execution_id = str(begun.json()["execution_id"])
        yield Target(server.url, session, operations_of(document), execution_id)


# Any: an OpenAPI document.
def operations_of(document: dict[str, Any]) -> Operations:
    """Return the operations of a document, by method and path."""
    import schemathesis
    from schemathesis.core.result import Ok

    # The session has the token: made-up ones would be all that is asked for.
    with_token = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_dict(document, config=with_token)
    found = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    return {f"{one.method.upper()} {one.path}": one for one in found}


def test_every_operation_is_asked_but_the_streams(target: Target) -> None:
    assert sorted(target.operations) == sorted([*OPERATIONS, *PLAIN, *STREAMS])


@pytest.mark.parametrize("name", [*OPERATIONS, *PLAIN])
@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_request_is_answered_as_documented(
    target: Target, name: str, data: st.DataObject
) -> None:
    ask(target, name, data)


@pytest.mark.stress
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_many_requests_to_each_address_are_answered_as_documented(
    target: Target, name: str, data: st.DataObject
) -> None:
    ask(target, name, data)


def ask(target: Target, name: str, data: st.DataObject) -> None:
    """Make one request, good or bad, and check the answer against the document."""
    from schemathesis.generation.modes import GenerationMode

    operation = target.operations[name]
    known: dict[str, Any] = {}  # Any: values of path parameters
    if "{execution_id}" in operation.path and data.draw(st.booleans()):
        known["path_parameters"] = {"execution_id": target.execution_id}
    mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case = data.draw(operation.as_strategy(generation_mode=mode, **known))
    case.call_and_validate(base_url=target.url, session=target.session, checks=checks())


def checks() -> list[CheckFunction]:
    """Return what is asked of every answer."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as of_openapi

    return [
        not_a_server_error,
        of_openapi.status_code_conformance,
        of_openapi.content_type_conformance,
        of_openapi.response_schema_conformance,
    ]
