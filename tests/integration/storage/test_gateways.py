"""Gateways that are registered under names."""

from __future__ import annotations

from ignition_toolkit.storage import GatewayRow, PutGateway, RemoveGateway, Store
from tests.unit.storage.samples import SOON_S, START

FULL = GatewayRow(
    name="plant",
    urls=["https://plant:8043", "http://plant:8088"],
    tls="insecure",
    ca_file="/etc/plant.pem",
    credential="key",
    tags=["line 3", "ä"],
    changed_at=START,
)
BARE = GatewayRow(name="lab", urls=["http://lab"], changed_at=START)


def test_gateways_come_back_field_by_field_by_name(store: Store) -> None:
    store.submit([PutGateway(FULL), PutGateway(BARE)]).result(SOON_S)
    assert store.gateways() == [BARE, FULL]


def test_one_is_replaced_whole_and_one_is_removed(store: Store) -> None:
    store.submit([PutGateway(FULL), PutGateway(BARE)]).result(SOON_S)
    bare = GatewayRow(name="plant", urls=["http://other"], changed_at=START)
    store.submit([PutGateway(bare), RemoveGateway("lab"), RemoveGateway("nobody")]).result(SOON_S)
    assert store.gateways() == [bare]
