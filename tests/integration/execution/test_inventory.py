"""What is stored for executions: on a real database and a real vault."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import CredentialType, Vault
from ignition_toolkit.credentials.vault_key import KeyPlaces
from ignition_toolkit.errors import (
    NamesUnknown,
    NameTaken,
    NotFound,
    OperatorError,
    ParametersInvalid,
    StepFailed,
    StoreError,
)
from ignition_toolkit.execution import inventory
from ignition_toolkit.execution.inventory import Inventory
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.execution.supplies import FromEnvironment
from ignition_toolkit.playbook.gateways import ENVIRONMENT_CREDENTIAL, GatewayEntry
from ignition_toolkit.playbook.models import Parameter, ParameterType, Playbook, Program, Step
from ignition_toolkit.storage import Store, database_url

ANNA = Requester("cli", "anna")
TOKEN = CredentialRequest("key", CredentialType.API_TOKEN, Secret("itk:0123456789"), ANNA)
PLANT = GatewayEntry(
    name="plant", urls=("http://plant:8088", "https://plant:8043"), credential="key"
)


class Scene:
    """A data folder with a database, whose inventory can be opened anew."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store
        self.stored = self.opened()

    def opened(self, environment: FromEnvironment | None = None) -> Inventory:
        vault = Vault(self.folder / "credentials.vault", KeyPlaces(self.folder))
        return Inventory(self.store, vault, environment)

    @property
    def notes(self) -> list[tuple[str, str | None, dict[str, Any]]]:
        rows = reversed(self.store.audit())
        return [(row.action, row.actor, row.detail) for row in rows]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, made once: the migrations are the dear part of a test."""
    path = tmp_path_factory.mktemp("empty") / "itk.db"
    Store.open(database_url(path)).close()
    return path


@pytest.fixture
def scene(tmp_path: Path, empty: Path) -> Iterator[Scene]:
    shutil.copy(empty, tmp_path)
    store = Store.open(database_url(tmp_path / "itk.db"))
    yield Scene(tmp_path, store)
    store.close()


def gateway(**changes: Any) -> GatewayRequest:
    return GatewayRequest(PLANT.model_copy(update={"credential": None, **changes}), ANNA)


def works_on(**parameters: Any) -> Program:
    step = Step(id="s", name="s", type="gateway.ping", parameters=parameters)
    return Program(main=Playbook(name="p", path="main.yaml", steps=(step,)))


def test_what_is_put_is_listed_by_the_next_owner_and_every_change_is_noted(scene: Scene) -> None:
    scene.stored.put_credential(TOKEN)
    scene.stored.put_credential(replace(TOKEN, replace=True))
    scene.stored.put_gateway(GatewayRequest(PLANT, ANNA))
    scene.stored.put_gateway(GatewayRequest(PLANT, ANNA, replace=True))
    (credential,) = scene.opened().credentials()
    assert (credential.name, credential.type, credential.username) == ("key", "api_token", None)
    assert scene.opened().gateways() == scene.stored.gateways() == (PLANT,)
    scene.stored.remove_gateway("plant", ANNA)
    scene.stored.remove_credential("key", ANNA)
    assert not scene.stored.gateways()
    assert not scene.stored.credentials()
    assert scene.notes == [
        ("credential_add", "anna", {"name": "key"}),
        ("credential_change", "anna", {"name": "key"}),
        ("gateway_add", "anna", {"name": "plant"}),
        ("gateway_change", "anna", {"name": "plant"}),
        ("gateway_remove", "anna", {"name": "plant"}),
        ("credential_remove", "anna", {"name": "key"}),
    ]


def test_a_name_that_is_taken_is_refused_unless_it_is_to_be_replaced(scene: Scene) -> None:
    scene.stored.put_credential(TOKEN)
    scene.stored.put_gateway(GatewayRequest(PLANT, ANNA))
    with pytest.raises(NameTaken, match="there is a credential 'key' already"):
        scene.stored.put_credential(replace(TOKEN, secret=Secret("another")))
    with pytest.raises(NameTaken, match="there is a gateway 'plant' already"):
        scene.stored.put_gateway(GatewayRequest(PLANT, ANNA))
    assert scene.stored.supplies(works_on(credential="key"), {}).credentials == {
        "key": {"api_token": Secret("itk:0123456789")}
    }


def test_of_many_that_take_one_name_at_once_one_gets_it(scene: Scene) -> None:
    outcomes: list[str] = []

    def put() -> None:
        try:
            scene.stored.put_credential(TOKEN)
            outcomes.append("put")
        except NameTaken:
            outcomes.append("taken")

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["put", "taken", "taken", "taken"]


def test_a_gateway_that_the_database_took_late_is_known_then(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "STORED_S", 0.05)
    assert scene.stored.gateways() == ()
    with (
        closing(sqlite3.connect(scene.folder / "itk.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="the change of gateway 'plant' was not taken"):
            scene.stored.put_gateway(gateway())
        with pytest.raises(StoreError, match="credential 'key', which was made, was not taken"):
            scene.stored.put_credential(TOKEN)
        other.execute("ROLLBACK")
    assert scene.store.flush(10.0)
    assert [entry.name for entry in scene.stored.gateways()] == ["plant"]
    assert [credential.name for credential in scene.stored.credentials()] == ["key"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "a name"}, "name"),
        ({"name": ""}, "name"),
        ({"secret": Secret("abc")}, "secret"),
        ({"secret": Secret("x" * 70_000)}, "secret"),
        ({"secret": Secret("\ud800\ud800\ud800\ud800")}, "secret"),
        ({"secret": Secret("itk:xxx\nxxxx")}, "secret"),
        ({"secret": Secret("itk:xxxx ")}, "secret"),
        ({"secret": Secret("itk:xxx\u00fc")}, "secret"),
        ({"username": "anna"}, "username"),
        ({"username": "", "type": CredentialType.PASSWORD}, "username"),
        ({"username": "a\nb", "type": CredentialType.PASSWORD}, "username"),
    ],
)
def test_a_credential_that_cannot_be_is_refused_by_field(
    scene: Scene, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ParametersInvalid) as caught:
        scene.stored.put_credential(replace(TOKEN, **changes))
    assert list(caught.value.parameters) == [field]
    assert "xxx" not in caught.value.message
    assert scene.stored.credentials() == ()
    assert scene.notes == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"urls": ()}, "urls"),
        ({"urls": ("plant",)}, "urls"),
        ({"urls": ("ftp://plant",)}, "urls"),
        ({"urls": ("http://plant:port",)}, "urls"),
        ({"urls": ("http://plant/path",)}, "urls"),
        ({"urls": ("http://admin:hunter22@plant",)}, "urls"),
        ({"urls": ("admin:hunter22@plant:8088",)}, "urls"),
        ({"ca_file": "relative.pem"}, "ca_file"),
        ({"ca_file": "/ca.pem", "tls": "insecure"}, "ca_file"),
        ({"tags": ("",)}, "tags"),
        ({"credential": "nobody"}, "credential"),
    ],
)
def test_a_gateway_that_cannot_be_is_refused_by_field(
    scene: Scene, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ParametersInvalid) as caught:
        scene.stored.put_gateway(gateway(**changes))
    assert list(caught.value.parameters) == [field]
    assert "hunter22" not in caught.value.message
    assert scene.stored.gateways() == ()


def test_addresses_are_kept_in_one_spelling_and_each_once(scene: Scene) -> None:
    entry = scene.stored.put_gateway(gateway(urls=("HTTP://Plant:8088/", "http://Plant:8088")))
    assert entry.urls == ("http://Plant:8088",)


def test_one_address_is_of_one_gateway(scene: Scene) -> None:
    scene.stored.put_gateway(gateway())
    with pytest.raises(ParametersInvalid, match="is one of the gateway plant already"):
        scene.stored.put_gateway(gateway(name="other", urls=("https://PLANT:8043",)))


def test_a_credential_that_a_gateway_uses_is_not_removed(scene: Scene) -> None:
    scene.stored.put_credential(TOKEN)
    scene.stored.put_gateway(GatewayRequest(PLANT, ANNA))
    with pytest.raises(OperatorError, match="is used by the gateway plant"):
        scene.stored.remove_credential("key", ANNA)
    assert len(scene.stored.credentials()) == 1


def test_what_is_not_there_cannot_be_removed_and_the_nearest_is_told(scene: Scene) -> None:
    scene.stored.put_credential(TOKEN)
    with pytest.raises(NotFound, match="did you mean 'key'"):
        scene.stored.remove_credential("kez", ANNA)
    with pytest.raises(NotFound, match="no gateway is registered as 'plant'"):
        scene.stored.remove_gateway("plant", ANNA)


def test_an_execution_gets_what_it_names_and_nothing_else(scene: Scene) -> None:
    scene.stored.put_credential(TOKEN)
    scene.stored.put_credential(replace(TOKEN, name="unused"))
    scene.stored.put_gateway(GatewayRequest(PLANT, ANNA))
    scene.stored.put_gateway(gateway(name="unused", urls=("http://unused",)))
    given = scene.stored.supplies(works_on(), {"gateway_url": "https://plant:8043"})
    assert given.gateways.entries == (PLANT,)
    assert given.credentials == {"key": {"api_token": Secret("itk:0123456789")}}


def test_an_execution_that_names_no_credential_does_not_open_the_vault(scene: Scene) -> None:
    (scene.folder / "credentials.vault").write_text("damaged")
    assert scene.stored.supplies(works_on(), {}).credentials == {}


def test_a_credential_that_is_not_stored_is_told_with_its_place(scene: Scene) -> None:
    scene.stored.put_credential(TOKEN)
    with pytest.raises(
        NamesUnknown, match=r"step s of main\.yaml: no credential .* 'kay'"
    ) as caught:
        scene.stored.supplies(works_on(credential="kay"), {})
    assert caught.value.fields["credentials"] == ["kay"]


def test_a_parameter_of_the_main_playbook_that_names_none_is_told_by_its_name(
    scene: Scene,
) -> None:
    login = Parameter(name="login", type=ParameterType.CREDENTIAL)
    main = works_on().main.model_copy(update={"parameters": (login,)})
    with pytest.raises(NamesUnknown) as caught:
        scene.stored.supplies(Program(main=main), {"login": "nobody"})
    assert list(caught.value.parameters) == ["login"]


DEFAULT = FromEnvironment("http://plant:8088", Secret("env:0123456789"))


def test_the_token_of_the_environment_is_for_the_default_gateway_alone(scene: Scene) -> None:
    stored = scene.opened(DEFAULT)
    given = stored.supplies(works_on(), {})
    assert given.gateways.default is not None
    assert given.gateways.default.url == "http://plant:8088"
    assert given.gateways.default.credential == ENVIRONMENT_CREDENTIAL
    assert given.credentials == {ENVIRONMENT_CREDENTIAL: {"api_token": Secret("env:0123456789")}}
    other = stored.supplies(works_on(), {"gateway_url": "http://other:8088"})
    assert other.credentials == {}
    assert other.gateways.of({"gateway_url": "http://other:8088"}) == GatewayEntry(
        urls=("http://other:8088",)
    )


def test_the_default_gateway_is_found_also_where_another_playbook_spells_it_otherwise(
    scene: Scene,
) -> None:
    def nested(name: str, *parameters: Parameter) -> Playbook:
        one = works_on().main
        return one.model_copy(update={"path": name, "parameters": parameters})

    spelled = Parameter(name="gateway_url", required=False, default="http://PLANT:8088/")
    nested_ones = {"a": nested("a", spelled), "b": nested("b")}
    runs = [
        Step(id=name, name=name, type="playbook.run", parameters={"playbook": name})
        for name in nested_ones
    ]
    main = Playbook(name="p", path="main.yaml", steps=tuple(runs))
    given = scene.opened(DEFAULT).supplies(Program(main=main, nested=nested_ones), {})
    assert given.gateways.default is not None
    assert given.gateways.default.credential == ENVIRONMENT_CREDENTIAL


def test_a_registered_credential_beats_the_token_of_the_environment(scene: Scene) -> None:
    scene.stored.put_credential(TOKEN)
    scene.stored.put_gateway(GatewayRequest(PLANT, ANNA))
    given = scene.opened(DEFAULT).supplies(works_on(), {})
    assert given.gateways.default == PLANT
    assert list(given.credentials) == ["key"]


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("http://localhost:8088", True),
        ("http://127.0.0.1:8088/", True),
        ("http://other:8088", False),
        ("https://localhost:8088", False),
        ("http://localhost:8089", False),
    ],
)
def test_a_token_without_a_default_gateway_is_for_the_one_of_this_machine(
    scene: Scene, url: str, is_sent: bool
) -> None:
    stored = scene.opened(FromEnvironment(api_token=Secret("env:0123456789")))
    given = stored.supplies(works_on(), {"gateway_url": url})
    assert list(given.credentials) == [ENVIRONMENT_CREDENTIAL][:is_sent]
    assert [one.credential is not None for one in given.gateways.entries] == [is_sent]


@pytest.mark.parametrize("named", ["plant", "http://other-name:8088", "http://plant:8088"])
@pytest.mark.parametrize("default", ["http://plant:8088", "https://plant:8043"])
def test_the_token_of_the_environment_goes_to_its_own_address_of_a_registered_gateway(
    scene: Scene, named: str, default: str
) -> None:
    urls = ("http://other-name:8088", "http://plant:8088", "https://plant:8043")
    scene.stored.put_gateway(gateway(urls=urls))
    stored = scene.opened(FromEnvironment(default, Secret("env:0123456789")))
    found = stored.supplies(works_on(), {"gateway": named}).gateways.of({"gateway": named})
    assert found is not None
    assert (found.credential, found.url) == (ENVIRONMENT_CREDENTIAL, default)


def test_a_default_gateway_that_is_named_with_tls_is_asked_with_it(scene: Scene) -> None:
    scene.stored.put_gateway(gateway())
    stored = scene.opened(FromEnvironment("https://plant:8043"))
    default = stored.supplies(works_on(), {}).gateways.default
    assert default is not None
    assert (default.title, default.url) == ("plant", "https://plant:8043")


@pytest.mark.parametrize("named", ["other", "http://other:8088"])
def test_a_gateway_that_was_not_claimed_at_the_start_is_refused_later(
    scene: Scene, named: str
) -> None:
    scene.stored.put_gateway(gateway())
    scene.stored.put_gateway(gateway(name="other", urls=("http://other:8088",)))
    given = scene.stored.supplies(works_on(), {"gateway": "plant"}).gateways
    with pytest.raises(StepFailed, match=r"'(http://)?other.* was not claimed .* claimed: plant"):
        given.of({"gateway": named})
