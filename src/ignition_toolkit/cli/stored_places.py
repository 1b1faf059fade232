"""Where credentials and gateways are kept: in a data folder of this process, or by its server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import quote

from ignition_toolkit.cli.asking import ask
from ignition_toolkit.cli.claim import serving_owner
from ignition_toolkit.cli.client import ServerClient
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.views import (
    CredentialList,
    CredentialView,
    GatewayList,
)
from ignition_toolkit.playbook.gateways import GatewayEntry

Family = Literal["credentials", "gateways"]


class StoredPlace(Protocol):
    """What the commands need. `execution.inventory.Inventory` has it, and so has a server."""

    def credentials(self) -> tuple[CredentialView, ...]:
        """Return what credentials there are."""
        ...

    def put_credential(self, request: CredentialRequest) -> CredentialView:
        """Store a credential."""
        ...

    def remove_credential(self, name: str, by: Requester) -> None:
        """Remove a credential."""
        ...

    def gateways(self) -> tuple[GatewayEntry, ...]:
        """Return the registered gateways."""
        ...

    def put_gateway(self, request: GatewayRequest) -> GatewayEntry:
        """Register a gateway."""
        ...

    def remove_gateway(self, name: str, by: Requester) -> None:
        """Remove a registered gateway."""
        ...


@contextmanager
def stored_place(settings: Settings, family: Family) -> Iterator[StoredPlace]:
    """Give what is stored for a data folder, by way of the server that owns it where one does.

    Raises:
        DataFolderBusy: an `itk run` owns it.
        OperatorError, StoreError: the folder or its database cannot be used.
    """
    owner = serving_owner(settings)
    if owner is not None:
        yield ServerStored(owner.url, settings.data_dir)
        return
    # Imported here: a server that is asked needs none of it.
    from ignition_toolkit.execution.opened_inventory import open_inventory
    from ignition_toolkit.execution.opened_store import open_store

    lock = FolderLock.take(settings.data_dir, family)
    try:
        with closing(open_store(settings)) as store:
            yield open_inventory(settings, store)
    finally:
        lock.release()


class ServerStored:
    """What a server keeps. Raises what `ask` raises."""

    def __init__(self, url: str | None, data_dir: Path) -> None:
        self._url = url
        self._data_dir = data_dir

    def credentials(self) -> tuple[CredentialView, ...]:
        """Ask for the credentials."""
        return CredentialList.model_validate(self._get("credentials")).items

    def put_credential(self, request: CredentialRequest) -> CredentialView:
        """Send a credential to be stored: in the body of the request, to this server alone."""
        body = {
            "name": request.name,
            "type": request.type.value,
            "username": request.username,
            "secret": request.secret.reveal(),
            "replace": request.replace,
        }
        return CredentialView.model_validate(self._post("credentials", body))

    def remove_credential(self, name: str, _by: Requester) -> None:
        """Have a credential removed."""
        self._delete("credentials", name)

    def gateways(self) -> tuple[GatewayEntry, ...]:
        """Ask for the gateways."""
        return GatewayList.model_validate(self._get("gateways")).items

    def put_gateway(self, request: GatewayRequest) -> GatewayEntry:
        """Have a gateway registered."""
        body = {**request.entry.model_dump(mode="json"), "replace": request.replace}
        return GatewayEntry.model_validate(self._post("gateways", body))

    def remove_gateway(self, name: str, _by: Requester) -> None:
        """Have a gateway removed."""
        self._delete("gateways", name)

    # Any: JSON, shaped by the API; here and below.
    def _get(self, family: Family) -> Any:
        return ask(self._url, lambda client: client.get(f"/api/{family}"), self._data_dir)

    def _post(self, family: Family, body: dict[str, Any]) -> Any:
        return ask(self._url, lambda client: client.post(f"/api/{family}", body), self._data_dir)

    def _delete(self, family: Family, name: str) -> None:
        async def delete(client: ServerClient) -> Any:
            return await client.delete(f"/api/{family}/{quote(name, safe='')}")

        ask(self._url, delete, self._data_dir)
