"""What is stored for executions: credentials in the vault, gateways in the database.

Only the owner of the data folder has one. Everything blocks: for a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from ignition_toolkit.credentials.vault import Credential, Vault
from ignition_toolkit.errors import NamesUnknown, NameTaken, NotFound, OperatorError, StoreError
from ignition_toolkit.execution import audit
from ignition_toolkit.execution.artifact_marks import KnownAgain, Mark, known_again
from ignition_toolkit.execution.inventory_checks import (
    check_addresses,
    checked_credential,
    checked_gateway,
)
from ignition_toolkit.execution.needs import needs_of
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.execution.supplies import (
    FromEnvironment,
    Supplies,
    no_credential,
    supplied,
)
from ignition_toolkit.execution.views import CredentialView
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import Program, utc_now
from ignition_toolkit.playbook.wording import listed, nearest, shown
from ignition_toolkit.storage import AddAudit, Change, GatewayRow, PutGateway, RemoveGateway, Store

#: Seconds that the database has to take a change.
STORED_S = 5.0


class Inventory:
    """The credentials and gateways of a data folder. May be used by several threads of its owner.

    Raises StoreError and VaultError where they cannot be read or written.

    Args:
        store: of a data folder that this process owns.
        vault: of the same folder.
        environment: what the environment gives.
    """

    def __init__(
        self, store: Store, vault: Vault, environment: FromEnvironment | None = None
    ) -> None:
        self._store = store
        self._vault = vault
        self._environment = environment or FromEnvironment()
        # Held over look and change, so that of two that add one name one is told.
        self._lock = threading.Lock()
        # Held while gateways are read, so that what was read before a change is not kept after it.
        self._reading = threading.Lock()
        self._known: tuple[GatewayEntry, ...] | None = None

    # Credentials.

    def credentials(self) -> tuple[CredentialView, ...]:
        """Return what credentials there are, in the order of their names; no secret."""
        return tuple(map(_view, self._vault.read().values()))

    def put_credential(self, request: CredentialRequest) -> CredentialView:
        """Store a credential.

        Raises ParametersInvalid, each field named; NameTaken unless it may replace one.
        """
        credential = checked_credential(request, utc_now())
        with self._lock:
            is_known = credential.name in self._vault.read()
            _refuse_taken("credential", credential.name, is_known and not request.replace)
            self._vault.put(credential)
        action = audit.Action.CREDENTIAL_CHANGE if is_known else audit.Action.CREDENTIAL_ADD
        self._tell(action, request.by, credential.name)
        return _view(credential)

    def remove_credential(self, name: str, by: Requester) -> None:
        """Remove a credential; runs that have it go on. Raises NotFound, OperatorError."""
        with self._lock:
            users = [entry.title for entry in self.gateways() if entry.credential == name]
            if users:
                raise OperatorError(
                    f"credential {name!r} is used by the gateway {listed(users)}: remove that, or "
                    "give it another credential, and try again"
                )
            if not self._vault.remove(name):
                raise NotFound(no_credential(name, self._vault.read()), name=name)
        self._tell(audit.Action.CREDENTIAL_REMOVE, by, name)

    # Gateways.

    def gateways(self) -> tuple[GatewayEntry, ...]:
        """Return the registered gateways in the order of their names."""
        with self._reading:
            if self._known is None:
                # Only this process changes them: what was read once stays true until then.
                self._known = tuple(map(_entry, self._store.gateways()))
            return self._known

    def put_gateway(self, request: GatewayRequest) -> GatewayEntry:
        """Register a gateway.

        Raises ParametersInvalid, each field named; NameTaken unless it may replace one.
        """
        entry = checked_gateway(request.entry)
        with self._lock:
            known = self.gateways()
            is_known = any(other.name == entry.name for other in known)
            _refuse_taken("gateway", str(entry.name), is_known and not request.replace)
            check_addresses(entry, known)
            self._check_credential(entry)
            action = audit.Action.GATEWAY_CHANGE if is_known else audit.Action.GATEWAY_ADD
            self._change(PutGateway(_row(entry)), action, request.by, str(entry.name))
        return entry

    def remove_gateway(self, name: str, by: Requester) -> None:
        """Remove a registered gateway; runs that work on it go on. Raises NotFound."""
        with self._lock:
            names = [str(entry.name) for entry in self.gateways()]
            if name not in names:
                raise NotFound(
                    f"no gateway is registered as {shown(name)}; there are {listed(names)}"
                    f"{nearest(name, names)}",
                    name=name,
                )
            self._change(RemoveGateway(name), audit.Action.GATEWAY_REMOVE, by, name)

    def _check_credential(self, entry: GatewayEntry) -> None:
        if entry.credential is not None and entry.credential not in (known := self._vault.read()):
            text = no_credential(entry.credential, known)
            raise NamesUnknown(
                text, parameters={"credential": text}, credentials=[entry.credential], gateways=[]
            )

    def _change(self, change: Change, action: audit.Action, by: Requester, name: str) -> None:
        try:
            self._submit([change, _note(action, by, name)], f"the change of gateway {name!r}")
        finally:
            # Also when it was not seen to be taken: it may be yet.
            with self._reading:
                self._known = None

    def _tell(self, action: audit.Action, by: Requester, name: str) -> None:
        """Write a note of what was done to the vault, which is no part of the database."""
        what = f"the note of the change of credential {name!r}, which was made,"
        self._submit([_note(action, by, name)], what)

    def _submit(self, changes: list[Change], what: str) -> None:
        try:
            self._store.submit(changes).result(STORED_S)
        except TimeoutError:
            why = self._store.behind().error or "it is too slow"
            raise StoreError(
                f"{what} was not taken by the database within {STORED_S:g} s, which may take it "
                f"yet: {why}"
            ) from None

    # What an execution is given.

    # Any: checked values; secrets are `Secret`.
    def supplies(self, program: Program, arguments: Mapping[str, Any]) -> Supplies:
        """Return what a program needs of what is stored, as it now is.

        Raises NamesUnknown for a credential or a gateway that is not stored.
        """
        known = self._environment.known(self.gateways())
        needs = needs_of(program, arguments, known)
        # An execution that needs none does not open the vault.
        credentials = self._vault.read() if needs.credentials else {}
        return supplied(needs, known.default, credentials, self._environment)

    def secrets_again(self, marks: Iterable[Mark]) -> list[KnownAgain]:
        """Return what of the secrets of earlier executions is stored as they had it."""
        wanted = list(marks)
        credentials = self._vault.read() if any(mark.credentials for mark in wanted) else {}
        return [known_again(mark, credentials) for mark in wanted]


def _note(action: audit.Action, by: Requester, name: str) -> AddAudit:
    return audit.note(action, source=by.source, requested_by=by.name, name=name)


def _refuse_taken(what: str, name: str, is_taken: bool) -> None:
    if is_taken:
        raise NameTaken(
            f"there is a {what} {name!r} already: take another name, or say that it is to be "
            "replaced (--replace, or `replace` in the request)",
            name=name,
        )


def _view(credential: Credential) -> CredentialView:
    return CredentialView(
        name=credential.name,
        type=credential.type,
        username=credential.username,
        changed_at=credential.changed_at,
    )


def _row(entry: GatewayEntry) -> GatewayRow:
    assert entry.name is not None
    return GatewayRow(
        name=entry.name,
        urls=list(entry.urls),
        tls=entry.tls,
        ca_file=entry.ca_file,
        credential=entry.credential,
        tags=list(entry.tags),
        changed_at=utc_now(),
    )


def _entry(row: GatewayRow) -> GatewayEntry:
    return GatewayEntry(
        name=row.name,
        urls=tuple(row.urls),
        tls="insecure" if row.tls == "insecure" else "verify",
        ca_file=row.ca_file,
        credential=row.credential,
        tags=tuple(row.tags),
    )
