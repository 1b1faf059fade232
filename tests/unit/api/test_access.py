"""A server that wants its access token lets nobody in without it, and nobody wait who has it."""

import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

import httpx2
import pytest
from fastapi import FastAPI

from ignition_toolkit.api.access import Access
from ignition_toolkit.api.app import create_app
from ignition_toolkit.api.attempts import BURST, Attempts
from ignition_toolkit.api.feed import Feed
from ignition_toolkit.api.login_sessions import LoginSessions
from ignition_toolkit.api.parts import Parts
from ignition_toolkit.credentials import Secret
from tests.unit.api.asgi import Conversation
from tests.unit.api.conftest import ADDRESS
from tests.unit.api.fake_worker import FakeWorker

TOKEN = "the-token-of-this-server"
COOKIE = "itk_session_5000"
BEARER = {"authorization": f"Bearer {TOKEN}"}
BROWSER = {"accept": "text/html,application/xhtml+xml"}
FORM = {"content-type": "application/x-www-form-urlencoded", "origin": ADDRESS, **BROWSER}

ADDRESSES = [
    ("GET", "/api/executions"),
    ("GET", "/api/events"),
    ("GET", "/api/executions/x/events"),
    ("POST", "/api/executions/cancel"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/"),
    ("GET", "/changes?after=0"),
    ("GET", "/nowhere"),
    ("POST", "/start"),
    ("OPTIONS", "/api/executions"),
    ("GET", "/static"),
    ("GET", "/login/x"),
    ("GET", "/api/health/"),
    ("GET", "//login"),
]


@pytest.fixture(scope="module")
def locked_app() -> FastAPI:
    return create_app(FakeWorker(), access=Access(Secret(TOKEN), port=5000))


@pytest.fixture
def app(locked_app: FastAPI, worker: FakeWorker) -> FastAPI:
    """The app around this test's worker, with nobody logged in and nothing counted."""
    parts: Parts = locked_app.state.parts
    assert parts.access is not None
    parts.access.attempts, parts.access.sessions = Attempts(), LoginSessions()
    locked_app.state.parts = replace(parts, worker=worker, feed=Feed(worker))
    return locked_app


@pytest.fixture
async def other(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client at another address."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False, client=("10.0.0.8", 1))
    async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield client


async def log_in(
    client: httpx2.AsyncClient, token: str = TOKEN, goes_to: str = "/", **headers: str
) -> httpx2.Response:
    """Open the page and send its form, as a browser does."""
    page = await client.get("/login", params={"next": goes_to}, headers=BROWSER)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    body = urlencode({**fields, "token": token})
    return await client.post("/login", content=body, headers={**FORM, **headers})


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
async def test_nothing_is_answered_without_the_token(
    client: httpx2.AsyncClient, worker: FakeWorker, method: str, path: str
) -> None:
    worker.add()
    answer = await client.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="ignition-toolkit"'
    assert "`token` in the server's data folder" in answer.json()["detail"]
    assert "ITK_TOKEN" in answer.json()["detail"]
    assert worker.reads == 0
    assert worker.cancels == []


@pytest.mark.parametrize(
    "said",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong-token-of-this-server",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xff",
    ],
)
async def test_a_wrong_token_is_refused_everywhere_and_not_repeated(
    client: httpx2.AsyncClient, said: str
) -> None:
    for path in ("/api/executions", "/", "/login", "/static/style.css", "/api/health"):
        answer = await client.get(path, headers={b"authorization": said.encode("latin-1")})
        assert answer.status_code == 401, path
        assert TOKEN not in answer.text
        assert "wrong-token" not in answer.text


async def test_two_headers_are_none(app: FastAPI) -> None:
    headers = [("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer x")]
    async with Conversation(app, "/api/executions", headers=headers) as talk:
        assert (await talk.start())[0] == 401
        await talk.rest()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_who_sends_the_token_may_do_everything(
    client: httpx2.AsyncClient, worker: FakeWorker, scheme: str
) -> None:
    view = worker.add()
    client.headers["authorization"] = f"{scheme} {TOKEN}"
    assert (await client.get("/api/executions")).json()["total"] == 1
    assert (await client.get("/metrics")).status_code == 200
    assert (await client.get("/openapi.json")).status_code == 200
    assert (await client.get("/", headers=BROWSER)).status_code == 200
    cancelled = await client.post(f"/api/executions/{view.execution_id}/cancel")
    assert cancelled.status_code == 202


async def test_the_document_says_that_a_token_is_needed_and_where_not(
    client: httpx2.AsyncClient,
) -> None:
    document = (await client.get("/openapi.json", headers=BEARER)).json()
    assert document["security"] == [{"access_token": []}]
    scheme = document["components"]["securitySchemes"]["access_token"]
    assert scheme == {"type": "http", "scheme": "bearer"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert {"401", "429"} <= set(operation["responses"])
            assert ({} in operation.get("security", [])) is (path == "/api/health")


async def test_a_monitor_without_the_token_hears_the_status_and_no_more(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    worker.answer = worker.answer.model_copy(update={"status": "down", "problems": ("secret",)})
    stranger = await client.get("/api/health")
    assert (stranger.status_code, stranger.json()) == (503, {"status": "down"})
    known = await client.get("/api/health", headers=BEARER)
    assert known.status_code == 503
    assert known.json()["problems"] == ["secret"]


async def test_a_body_without_the_token_is_not_looked_at(app: FastAPI) -> None:
    headers = [("content-type", "application/json"), ("content-length", str(10**9))]
    headers.append(("expect", "100-continue"))
    async with Conversation(app, "/api/executions", "POST", headers, [b"x"] * 9) as talk:
        assert (await talk.start())[0] == 401
        await talk.rest()
        assert talk.read == 0


async def test_a_foreign_page_cannot_use_the_token_of_a_browser(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    worker.add()
    assert (await log_in(client)).status_code == 303
    foreign = {"origin": "http://evil.example"}
    answer = await client.post("/api/executions/cancel", headers=foreign)
    assert answer.status_code == 403
    assert (await client.get("/", headers={"host": "evil.example"})).status_code == 403
    form = {"content-type": FORM["content-type"]}
    answer = await client.post("/start", content="playbook_path=x", headers=form)
    assert answer.status_code == 403
    assert "form" in answer.json()["detail"]
    assert worker.cancels == []


# the log-in


async def test_a_person_is_led_to_the_log_in_and_back(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    page = f"/executions/{worker.add().execution_id}"
    sent_on = await client.get(f"{page}?x=1", headers=BROWSER)
    assert sent_on.status_code == 303
    login = await client.get(sent_on.headers["location"], headers=BROWSER)
    assert login.status_code == 200
    assert f'name="next" value="{page}?x=1"' in login.text
    back = await log_in(client, goes_to=f"{page}?x=1")
    assert (back.status_code, back.headers["location"]) == (303, f"{page}?x=1")
    shown = await client.get(page, headers=BROWSER)
    assert shown.status_code == 200
    assert "Log out" in shown.text


async def test_the_cookie_is_for_this_server_alone(client: httpx2.AsyncClient) -> None:
    answer = await log_in(client)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for flag in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert flag in cookie
    assert "Secure" not in cookie
    assert TOKEN not in cookie


async def test_behind_tls_the_cookie_is_for_tls(app: FastAPI) -> None:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://127.0.0.1") as client:
        answer = await log_in(client, origin="https://127.0.0.1")
    assert "; Secure" in answer.headers["set-cookie"]


async def test_a_session_reads_streams_acts_and_ends(
    client: httpx2.AsyncClient, app: FastAPI, worker: FakeWorker
) -> None:
    view = worker.add()
    await log_in(client)
    assert (await client.get("/api/executions")).status_code == 200
    answer = await client.post(
        f"/api/executions/{view.execution_id}/cancel", headers={"origin": ADDRESS}
    )
    assert answer.status_code == 202
    cookie = [("cookie", f"other=1; {COOKIE}={client.cookies[COOKIE]}")]
    async with Conversation(app, "/api/events", headers=cookie) as talk:
        assert (await talk.start())[0] == 200
        await talk.until("events follow")
    old = client.cookies[COOKIE]
    gone = await client.post("/logout", headers={"origin": ADDRESS, **BROWSER})
    assert (gone.status_code, gone.headers["location"]) == (303, "/login?note=out")
    assert COOKIE not in client.cookies
    again = await client.get("/api/executions", headers={"cookie": f"{COOKIE}={old}"})
    assert again.status_code == 401
    assert "You are logged out." in (await client.get("/login?note=out")).text


async def test_a_new_log_in_ends_the_old_session(client: httpx2.AsyncClient, app: FastAPI) -> None:
    await log_in(client)
    old = client.cookies[COOKIE]
    # The page itself leads on who has logged in, so its form is sent from another tab.
    parts: Parts = app.state.parts
    assert parts.access is not None
    fields = {"form_token": parts.access.form_token.value, "token": TOKEN}
    answer = await client.post("/login", content=urlencode(fields), headers=FORM)
    assert answer.status_code == 303
    assert client.cookies[COOKIE] != old
    assert not parts.access.sessions.knows(old)


@pytest.mark.parametrize("value", ["", "x", TOKEN, "a" * 4000])
async def test_a_made_up_cookie_opens_nothing(client: httpx2.AsyncClient, value: str) -> None:
    answer = await client.get("/api/executions", headers={"cookie": f"{COOKIE}={value}"})
    assert answer.status_code == 401


async def test_a_wrong_token_shows_the_form_again_without_it(client: httpx2.AsyncClient) -> None:
    answer = await log_in(client, token="not-the-token", goes_to="/playbooks")
    assert answer.status_code == 401
    assert "not the server's access token" in " ".join(answer.text.split()).replace("&#39;", "'")
    assert "not-the-token" not in answer.text
    assert 'name="next" value="/playbooks"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_blanks_around_a_copied_token_do_not_matter(client: httpx2.AsyncClient) -> None:
    assert (await log_in(client, token=f" {TOKEN}\r\n")).status_code == 303


@pytest.mark.parametrize("fields", [{"token": TOKEN}, {"token": TOKEN, "form_token": "old"}])
async def test_a_form_that_is_not_of_our_page_logs_nobody_in(
    client: httpx2.AsyncClient, fields: dict[str, str]
) -> None:
    answer = await client.post("/login", content=urlencode(fields), headers=FORM)
    assert answer.status_code == 403
    assert "has started anew" in answer.text
    assert "set-cookie" not in answer.headers


async def test_the_log_in_page_gives_away_no_token_of_the_other_pages(
    client: httpx2.AsyncClient, app: FastAPI
) -> None:
    parts: Parts = app.state.parts
    for path in ("/login", "/static/none.css", "/static/live.js", "/static/style.css"):
        answer = await client.get(path, headers=BROWSER)
        assert parts.form_token.value not in answer.text
    page = (await client.get("/login", headers=BROWSER)).text
    assert "<script" not in page
    assert "Log out" not in page


@pytest.mark.parametrize("goes_to", ["//evil.example", "http://evil.example", "/\\evil.example"])
async def test_the_log_in_leads_nowhere_else(client: httpx2.AsyncClient, goes_to: str) -> None:
    assert (await log_in(client, goes_to=goes_to)).headers["location"] == "/"
    # Who is logged in already is led on by the page itself.
    again = await client.get("/login", params={"next": goes_to}, headers=BROWSER)
    assert (again.status_code, again.headers["location"]) == (303, "/")


async def test_who_clicks_cancel_without_a_session_is_told_that_nothing_was_done(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    address = f"/executions/{worker.add().execution_id}"
    headers = {**FORM, "referer": f"{ADDRESS}{address}"}
    answer = await client.post(f"{address}/cancel", content="form_token=x", headers=headers)
    assert answer.status_code == 303
    page = await client.get(answer.headers["location"], headers=BROWSER)
    assert "nothing was done" in page.text
    assert f'name="next" value="{address}"' in page.text
    assert worker.cancels == []


# wrong tokens


async def test_too_many_wrong_tokens_are_told_to_wait_and_nobody_is_locked_out(
    client: httpx2.AsyncClient, other: httpx2.AsyncClient
) -> None:
    wrong = {"authorization": "Bearer wrong"}
    statuses = [
        (await client.get("/api/executions", headers=wrong)).status_code for _ in range(BURST + 5)
    ]
    assert statuses == [401] * BURST + [429] * 5
    limited = await client.get("/api/executions", headers=wrong)
    assert 1 <= int(limited.headers["retry-after"]) <= 5
    assert limited.headers["content-type"] == "application/problem+json"
    assert limited.json()["type"].endswith(":too-many-attempts")
    page = await log_in(client, token="wrong")
    assert page.status_code == 429
    assert "retry-after" in page.headers
    # Neither elsewhere nor there: who has the token can always cancel.
    assert (await other.get("/api/executions", headers=wrong)).status_code == 401
    assert (await client.get("/api/executions", headers=BEARER)).status_code == 200
    assert (await log_in(client)).status_code == 303


async def test_wrong_log_ins_count_as_wrong_tokens_do(client: httpx2.AsyncClient) -> None:
    for _ in range(BURST):
        assert (await log_in(client, token="wrong")).status_code == 401
    assert (await log_in(client, token="wrong")).status_code == 429
    answer = await client.get("/api/health", headers={"authorization": "Bearer wrong"})
    assert answer.status_code == 429


async def test_requests_without_a_token_are_not_counted(client: httpx2.AsyncClient) -> None:
    for _ in range(3 * BURST):
        await client.get("/api/executions", headers={"cookie": f"{COOKIE}=old"})
    wrong = {"authorization": "Bearer wrong"}
    assert (await client.get("/api/executions", headers=wrong)).status_code == 401


async def test_the_log_holds_no_token(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ignition_toolkit")
    await log_in(client)
    for _ in range(BURST + 2):
        await client.get("/", headers={"authorization": "Bearer wrong-one"})
    assert TOKEN not in caplog.text
    assert "wrong-one" not in caplog.text
    assert client.cookies[COOKIE] not in caplog.text


# a server that asks for no token


async def test_without_a_token_there_is_nothing_to_log_in_to(
    one_app: FastAPI,
) -> None:
    transport = httpx2.ASGITransport(one_app)
    async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        led_on = await client.get("/login", params={"next": "/playbooks"})
        assert (led_on.status_code, led_on.headers["location"]) == (303, "/playbooks")
        for path in ("/login", "/logout"):
            answer = await client.post(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "Log out" not in (await client.get("/", headers=BROWSER)).text
        assert (await client.get("/", headers={"authorization": "Bearer x"})).status_code == 200
