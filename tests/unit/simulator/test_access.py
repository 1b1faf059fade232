"""Sections 1.1 to 1.3: keys, policies, error bodies, and a browser's log-in."""

import httpx2
import pytest

from ignition_toolkit.simulator import SimulatedGateway
from tests.unit.simulator.conftest import JSON, TOKEN_HEADER, Asker

INFO = "GET /data/api/v1/gateway-info"
WRITE = "POST /data/api/v1/trial"


@pytest.mark.parametrize("header", ["", "simulator", "itk:wrong", "other:simulator", "itk:", ":"])
async def test_only_the_whole_key_with_its_name_is_let_in(header: str, ask: Asker) -> None:
    assert (await ask(INFO)).status_code == 200
    ask.headers = {TOKEN_HEADER: header}
    assert (await ask(INFO)).status_code == 401


async def test_http_basic_is_no_way_in(ask: Asker) -> None:
    ask.headers = {}
    assert (await ask(INFO, auth=("admin", "password"))).status_code == 401


async def test_a_401_is_html_json_or_empty(ask: Asker, gateway: SimulatedGateway) -> None:
    ask.headers = {}
    page = await ask(INFO)
    assert page.headers["content-type"] == "text/html;charset=iso-8859-1"
    assert "Error 401" in page.text
    assert "<th>STATUS:</th><td>401</td>" in page.text
    told = {"message": "Unauthorized", "url": "/data/api/v1/gateway-info", "status": "401"}
    assert (await ask(INFO, headers=JSON)).json() == told
    gateway.configure(error_bodies="empty")
    empty = await ask(INFO, headers=JSON)
    assert (empty.content, empty.headers["content-length"]) == (b"", "0")
    gateway.configure(error_bodies="json")
    assert (await ask(INFO)).json() == told


async def test_a_key_that_may_only_read_is_forbidden_to_write(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.add_key("reader", "key", "read")
    ask.headers = {TOKEN_HEADER: "reader:key"}
    assert (await ask(INFO)).status_code == 200
    refused = await ask(WRITE, headers=JSON)
    assert (refused.status_code, refused.json()["status"]) == (403, "403")
    gateway.add_key("reader", "key", "none")
    assert (await ask(INFO)).status_code == 403
    assert gateway.remove_key("reader")
    assert (await ask(INFO)).status_code == 401


async def test_reads_may_be_open_while_writes_are_not(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.configure(read_policy="open")
    ask.headers = {}
    assert (await ask(INFO)).status_code == 200
    assert (await ask(WRITE)).status_code == 401


async def test_a_key_over_plain_http_is_refused_where_a_secure_channel_is_required(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.configure(secure_channel_required=True)
    assert (await ask(INFO)).status_code == 403
    gateway.configure(insecure_status=401)
    assert (await ask(INFO)).status_code == 401
    ask.client.base_url = httpx2.URL("https://127.0.0.1:8043")
    assert (await ask(INFO)).status_code == 200


async def test_a_gateway_that_forces_tls_redirects(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(force_tls=True)
    response = await ask("GET /StatusPing")
    assert response.status_code == 302
    assert response.headers["location"] == "https://localhost:8043/StatusPing"


async def test_a_browser_logs_in_and_writes_with_its_csrf_token(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    ask.headers = {}
    cookie, csrf = await log_in(ask, "admin", "password")
    assert csrf
    headers = {"Cookie": cookie, **JSON}
    assert (await ask(INFO, headers=headers)).status_code == 200
    gateway.expire_trial()
    assert (await ask(WRITE, headers=headers)).status_code == 403
    assert (await ask(WRITE, headers={**headers, "X-CSRF-Token": csrf})).status_code == 200


async def test_a_wrong_password_and_a_replayed_token_do_not_log_in(ask: Asker) -> None:
    ask.headers = {}
    assert await log_in(ask, "admin", "wrong") == ("", "")
    token = await first_token(ask)
    challenge = "POST /idp/{name}/authn/next-challenge"
    first = await ask(challenge, name="default", json={"token": token})
    again = await ask(challenge, name="default", json={"token": token})
    assert first.json()["nextChallenge"]
    assert again.status_code == 400
    assert "<html>" in again.text


async def test_the_app_without_a_session_leads_to_the_log_in(ask: Asker) -> None:
    ask.headers = {}
    for row in ("GET /data/app/session", "GET /data/app/anything"):
        response = await ask(row)
        assert response.status_code == 302
        assert response.headers["location"].startswith("/idp/")


async def test_the_request_log_has_the_name_of_a_key_and_not_the_key(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    ask.headers = {TOKEN_HEADER: "me:hunter2"}
    await ask(INFO)
    ask.headers = {}
    await ask(INFO)
    first, second = gateway.requests()
    assert (first.key_name, second.key_name) == ("me", None)
    assert "hunter2" not in repr(first)


async def first_token(ask: Asker) -> str:
    """Go to the log-in page and return its token."""
    login = await ask("GET /data/app/login")
    auth = await ask("GET " + login.headers["location"])
    token: str = httpx2.URL(auth.headers["location"]).params["token"]
    page = await ask("GET /idp/{name}/authn/login", name="default", query=f"token={token}")
    assert page.status_code == 200
    return token


async def log_in(ask: Asker, user: str, password: str) -> tuple[str, str]:
    """Do the seven steps; return cookie and CSRF token, empty when refused."""
    challenge = "POST /idp/{name}/authn/next-challenge"
    submit = "POST /idp/{name}/authn/submit-challenge/basic"
    token = (await ask.json(challenge, name="default", json={"token": await first_token(ask)}))[
        "token"
    ]
    given = {"username": user, "password": password}
    body = {"token": token, "rememberMe": False, "challenge": given}
    answer = await ask.json(submit, name="default", json=body)
    done = await ask.json(challenge, name="default", json={"token": answer["token"]})
    if not answer["success"]:
        assert not done["complete"]
        return "", ""
    auth = await ask("GET /idp/{name}/oidc/auth", name="default", query=f"token={done['token']}")
    query = httpx2.URL(auth.headers["location"]).query.decode()
    assert (await ask("GET /data/federate/callback/internal", query="code=no")).status_code == 400
    back = await ask("GET /data/federate/callback/internal", query=query)
    assert back.headers["location"] == "/app"
    assert (await ask("GET /app")).status_code == 200
    cookie = back.headers["set-cookie"].split(";")[0]
    ask.client.cookies.clear()
    session = await ask.json("GET /data/app/session", headers={"Cookie": cookie})
    return cookie, session["csrfToken"]
