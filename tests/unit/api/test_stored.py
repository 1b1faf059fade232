"""`/api/credentials` and `/api/gateways` around a fake worker."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.errors import (
    NamesUnknown,
    NameTaken,
    NotFound,
    ParametersInvalid,
    ToolkitError,
    VaultError,
)
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.playbook.gateways import GatewayEntry
from tests.unit.api.fake_worker import FakeWorker

LOGIN = {"name": "plant", "username": "admin", "secret": "hunter2222"}
PLANT = {"name": "plant", "urls": ["http://plant:8088", "https://plant:8043"]}
ANNA = {"X-ITK-User": "anna", "X-ITK-Client": "cli"}


async def test_a_credential_is_stored_and_listed_without_its_secret(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    answer = await client.post("/api/credentials", json=LOGIN, headers=ANNA)
    listed = (await client.get("/api/credentials")).json()
    shown = {
        "name": "plant",
        "type": "password",
        "username": "admin",
        "changed_at": "2026-11-22T10:00:00.000000Z",
    }
    assert (answer.status_code, answer.json()) == (201, shown)
    assert listed == {"items": [shown]}
    assert worker.stored == [
        CredentialRequest(
            "plant",
            CredentialType.PASSWORD,
            Secret("hunter2222"),
            Requester("cli", "anna"),
            username="admin",
        )
    ]


# Any: JSON.
@pytest.mark.parametrize(
    "changes",
    [
        {"secret": None},
        {"secret": ["hunter2222"]},
        {"secret": {"hunter2222": 1}},
        {"type": "hunter2222"},
        {"hunter2222": "x"},
    ],
)
async def test_a_body_of_the_wrong_shape_is_refused_and_its_values_are_not_shown(
    client: httpx2.AsyncClient, worker: FakeWorker, changes: dict[str, Any]
) -> None:
    answer = await client.post("/api/credentials", json={**LOGIN, **changes})
    assert answer.status_code == 422
    if "hunter2222" not in changes:
        assert "hunter2222" not in answer.text
    assert worker.stored == []


async def test_a_gateway_is_registered_and_listed(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    body = {**PLANT, "tls": "insecure", "credential": "key", "tags": ["line 3"], "replace": True}
    answer = await client.post("/api/gateways", json=body, headers=ANNA)
    shown = {name: value for name, value in body.items() if name != "replace"} | {"ca_file": None}
    assert (answer.status_code, answer.json()) == (201, shown)
    assert (await client.get("/api/gateways")).json() == {"items": [shown]}
    (request,) = worker.stored
    assert isinstance(request, GatewayRequest)
    assert request.entry == GatewayEntry.model_validate(shown)
    assert (request.by, request.replace) == (Requester("cli", "anna"), True)


@pytest.mark.parametrize("family", ["credential", "gateway"])
async def test_one_is_removed_by_its_name(
    client: httpx2.AsyncClient, worker: FakeWorker, family: str
) -> None:
    answer = await client.delete(f"/api/{family}s/plant", headers=ANNA)
    assert (answer.status_code, answer.json()) == (200, {"name": "plant"})
    assert worker.removed == [(family, "plant", Requester("cli", "anna"))]


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (
            ParametersInvalid("secret: short", parameters={"secret": "short"}),
            422,
            "parameters-invalid",
        ),
        (NamesUnknown("no such", credentials=["x"], gateways=[]), 422, "names-unknown"),
        (NameTaken("taken", name="plant"), 409, "name-taken"),
        (VaultError("damaged"), 503, "vault"),
        (NotFound("gone"), 404, "not-found"),
    ],
)
async def test_what_is_refused_says_why(
    client: httpx2.AsyncClient, worker: FakeWorker, error: ToolkitError, status: int, name: str
) -> None:
    worker.error = error
    answer = await client.post("/api/credentials", json=LOGIN)
    assert answer.status_code == status
    problem = answer.json()
    assert problem["type"].endswith(f":{name}")
    assert problem["detail"] == error.message


@pytest.mark.parametrize("address", ["/api/credentials", "/api/gateways"])
async def test_nothing_is_changed_while_the_server_stops(
    client: httpx2.AsyncClient, worker: FakeWorker, stopping: list[str], address: str
) -> None:
    stopping.append("yes")
    body = LOGIN if address == "/api/credentials" else PLANT
    assert (await client.post(address, json=body)).status_code == 503
    assert (await client.delete(f"{address}/plant")).status_code == 503
    assert worker.stored == []
    assert worker.removed == []


async def test_another_site_cannot_remove_anything(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    foreign = {"Origin": "http://evil.example"}
    assert (await client.delete("/api/credentials/plant", headers=foreign)).status_code == 403
    assert worker.removed == []
