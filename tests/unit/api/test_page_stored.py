"""The pages of credentials and gateways: lists, forms that say what is wrong, and no secret."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

import httpx2
import pytest
from fastapi import FastAPI

from ignition_toolkit.api.parts import Parts
from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.errors import (
    NamesUnknown,
    NameTaken,
    NotFound,
    OperatorError,
    ParametersInvalid,
    VaultError,
)
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.playbook.gateways import GatewayEntry
from tests.unit.api.fake_worker import PLAYBOOK, FakeWorker
from tests.unit.api.test_page_routes import submit

SECRET = "hunter22-hunter22"
BY = Requester("web", "127.0.0.1")
CREDENTIAL = {"name": " plant-login ", "type": "password", "username": "anna", "secret": SECRET}
GATEWAY = {
    "name": "plant",
    "urls": "http://plant:8088\r\n https://plant:8043,http://10.0.0.5:8088 ",
    "credential": "plant-login",
    "tls": "verify",
    "ca_file": "/etc/plant.pem",
    "tags": "line 3, test",
}
ENTRY = GatewayEntry(
    name="plant",
    urls=("http://plant:8088", "https://plant:8043", "http://10.0.0.5:8088"),
    ca_file="/etc/plant.pem",
    credential="plant-login",
    tags=("line 3", "test"),
)

Submit = Callable[[str, dict[str, str]], Awaitable[httpx2.Response]]


@pytest.fixture
def send(client: httpx2.AsyncClient, app: FastAPI) -> Submit:
    """Give a function that sends one of our forms."""
    parts: Parts = app.state.parts

    async def send(path: str, fields: dict[str, str]) -> httpx2.Response:
        return await submit(client, path, {"form_token": parts.form_token.value, **fields})

    return send


def stored() -> CredentialRequest:
    return CredentialRequest("plant-login", CredentialType.PASSWORD, Secret(SECRET), BY, "anna")


async def test_a_credential_is_stored_as_it_was_entered_and_its_secret_never_shown(
    client: httpx2.AsyncClient, worker: FakeWorker, send: Submit
) -> None:
    answer = await send("/credentials", CREDENTIAL)
    assert (answer.status_code, answer.headers["location"]) == (303, "/credentials")
    assert worker.stored == [stored()]
    worker.stored.append(GatewayRequest(ENTRY, BY))
    for path in ("/credentials", "/credentials?change=plant-login", "/gateways"):
        html = (await client.get(path)).text
        assert SECRET not in html
    html = (await client.get("/credentials")).text
    assert "password of <code>anna</code>" in html
    assert "used by the gateway plant" in html


async def test_a_credential_is_changed_under_its_name_with_a_new_secret(
    client: httpx2.AsyncClient, worker: FakeWorker, send: Submit
) -> None:
    worker.stored.append(stored())
    html = (await client.get("/credentials?change=plant-login")).text
    assert 'value="plant-login"' in html
    assert 'value="anna"' in html
    replace = re.search('name="replace" value="([^"]+)"', html)
    assert replace
    secret = re.search('<input type="password"[^>]*>', html)
    assert secret
    assert " value=" not in secret[0]
    await send("/credentials", {**CREDENTIAL, "secret": " new one ", "replace": replace[1]})
    changed = worker.stored[-1]
    assert isinstance(changed, CredentialRequest)
    assert (changed.replace, changed.secret.reveal()) == (True, " new one ")


async def test_a_gateway_is_registered_with_all_its_addresses_and_changed(
    client: httpx2.AsyncClient, worker: FakeWorker, send: Submit
) -> None:
    answer = await send("/gateways", GATEWAY)
    assert (answer.status_code, answer.headers["location"]) == (303, "/gateways")
    assert worker.stored == [GatewayRequest(ENTRY, BY)]
    html = (await client.get("/gateways?change=plant")).text
    assert "\n".join(ENTRY.urls) in html
    # A credential that is gone is still what the gateway names.
    assert "<option selected>plant-login</option>" in html
    assert 'value="line 3, test"' in html


async def test_a_certificate_that_is_not_checked_is_marked(
    client: httpx2.AsyncClient, worker: FakeWorker, send: Submit
) -> None:
    await send("/gateways", {**GATEWAY, "tls": "insecure", "credential": "", "ca_file": ""})
    assert "certificate not checked" in (await client.get("/gateways")).text
    asked = worker.stored[-1]
    assert isinstance(asked, GatewayRequest)
    assert (asked.entry.tls, asked.entry.ca_file, asked.entry.credential) == (
        "insecure",
        None,
        None,
    )


@dataclass(frozen=True)
class Refusal:
    """Why nothing was stored, and how the page says so."""

    error: Exception
    status: int
    said: str
    #: The field beside which it is said; empty where it stands above the form.
    field: str


REFUSALS = [
    Refusal(ParametersInvalid("x", parameters={"name": "not so"}), 422, "not so", "name"),
    Refusal(NameTaken("one is there", name="plant"), 409, "one is there", "name"),
    Refusal(NamesUnknown("gone", parameters={}, credentials=[], gateways=[]), 422, "gone", ""),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.said)
@pytest.mark.parametrize(("path", "fields"), [("/credentials", CREDENTIAL), ("/gateways", GATEWAY)])
async def test_what_is_wrong_is_said_beside_its_field_and_what_was_entered_stays(
    worker: FakeWorker,
    send: Submit,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    fields: dict[str, str],
    refusal: Refusal,
) -> None:
    async def refuse(_: object) -> NoReturn:
        raise refusal.error

    monkeypatch.setattr(worker, "put_credential", refuse)
    monkeypatch.setattr(worker, "put_gateway", refuse)
    answer = await send(path, {**fields, "replace": "yes"})
    assert answer.status_code == refusal.status
    assert f'value="{fields["name"]}"' in answer.text
    assert 'name="replace"' in answer.text
    assert SECRET not in answer.text
    paragraph = '<p class="(?:card )?error"(?: id="wrong-([a-z_]+)"| role="alert")>(.+?)</p>'
    shown = re.findall(paragraph, answer.text)
    assert [(field, refusal.said in text) for field, text in shown] == [(refusal.field, True)]
    assert ("autofocus" in answer.text) == bool(refusal.field)


@pytest.mark.parametrize("kind", ["credential", "gateway"])
async def test_removing_is_asked_for_by_name_and_a_refusal_is_said(
    worker: FakeWorker, send: Submit, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = f"/{kind}s/remove"
    assert (await send(path, {"name": "plant"})).status_code == 303
    assert worker.removed == [(kind, "plant", BY)]
    for error, status in ((NotFound("no such one"), 404), (OperatorError("it is used"), 409)):

        async def refuse(*_: object, error: Exception = error) -> NoReturn:
            raise error

        monkeypatch.setattr(worker, f"remove_{kind}", refuse)
        answer = await send(path, {"name": "plant"})
        assert answer.status_code == status
        assert str(error) in answer.text


@pytest.mark.parametrize("path", ["/credentials", "/gateways"])
@pytest.mark.parametrize("part", ["", "/remove"])
async def test_a_form_without_our_token_changes_nothing(
    client: httpx2.AsyncClient, worker: FakeWorker, path: str, part: str
) -> None:
    answer = await submit(client, path + part, {**CREDENTIAL, **GATEWAY})
    assert answer.status_code == 403
    assert (worker.stored, worker.removed) == ([], [])


async def test_a_server_that_stops_stores_nothing_by_form(
    worker: FakeWorker, send: Submit, stopping: list[str]
) -> None:
    stopping.append("now")
    for path, fields in (("/credentials", CREDENTIAL), ("/gateways", GATEWAY)):
        assert (await send(path, fields)).status_code == 503
    assert worker.stored == []


async def test_a_vault_that_cannot_be_opened_is_said_on_its_page_alone(
    client: httpx2.AsyncClient, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse() -> NoReturn:
        raise VaultError("the vault has no key")

    monkeypatch.setattr(worker, "credentials", refuse)
    answer = await client.get("/credentials", headers={"accept": "text/html"})
    assert answer.status_code == 503
    assert "the vault has no key" in answer.text
    assert (await client.get("/gateways")).status_code == 200


def parameter(name: str, type_: str) -> dict[str, object]:
    return {"name": name, "type": type_, "required": False, "default": None, "description": ""}


async def test_a_playbooks_form_offers_what_is_stored(
    client: httpx2.AsyncClient, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.stored += [stored(), GatewayRequest(ENTRY, BY)]
    names = [("login", "credential"), ("gateway", "string"), ("gateway_url", "string")]
    item = {**PLAYBOOK, "parameters": [parameter(*one) for one in [*names, ("who", "string")]]}
    monkeypatch.setattr(worker, "library", [item])
    html = (await client.get(f"/playbooks/{PLAYBOOK['path']}")).text
    lists = re.findall('<datalist id="options-([0-9])">(.*?)</datalist>', html)
    offered = [(number, re.findall('value="(.*?)"', options)) for number, options in lists]
    assert offered == [("0", ["plant-login"]), ("1", ["plant"]), ("2", list(ENTRY.urls))]
    assert len(re.findall(' list="options-[012]"', html)) == 3
