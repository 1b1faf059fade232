"""What is stored for executions: credentials in the vault, gateways in the database.

Only the owner of the data folder has one. Everything blocks: for a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import Credential, Vault
from ignition_toolkit.errors import NamesUnknown, NameTaken, NotFound, OperatorError, StoreError
from ignition_toolkit.execution import audit
from ignition_toolkit.execution.inventory_checks import (
    check_addresses,
    checked_credential,
    checked_gateway,
)
from ignition_toolkit.execution.needs import Needs, needs_of
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.execution.views import CredentialView
from ignition_toolkit.playbook.gateways import (
    ENVIRONMENT_CREDENTIAL,
    GatewayEntry,
    Gateways,
    find_at,
)
from ignition_toolkit.playbook.models import Program, utc_now
from ignition_toolkit.playbook.wording import listed, nearest, shown
from ignition_toolkit.storage import AddAudit, Change, GatewayRow, PutGateway, RemoveGateway, Store

#: Seconds that the database has to take a change.
STORED_S = 5.0


@dataclass(frozen=True)
class FromEnvironment:
    """What IGNITION_GATEWAY_URL and IGNITION_API_TOKEN give.

    Args:
        gateway_url: the default gateway.
        api_token: for it; where no default gateway is given, for those without a credential.
    """

    gateway_url: str | None = None
    api_token: Secret | None = None


@dataclass(frozen=True)
class Supplies:
    """What one execution is given of what is stored. Holds secrets; never stored, never logged.

    Args:
        gateways: those that its playbooks work on, and the default one.
        credentials: their fields, by name.
    """

    gateways: Gateways = field(default_factory=Gateways)
    # Any: a text or a Secret for each field.
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)


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
                raise NotFound(_no_credential(name, self._vault.read()), name=name)
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
            text = _no_credential(entry.credential, known)
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
        known = Gateways(entries=self.gateways(), default=self._default())
        needs = needs_of(program, arguments, known)
        gateways = {entry: self._with_credential(entry) for entry in needs.gateways.values()}
        default = known.default
        return Supplies(
            gateways=Gateways(
                entries=tuple(gateways.values()),
                default=gateways.get(default) if default is not None else None,
            ),
            credentials=self._fields(needs, gateways.values()),
        )

    def _default(self) -> GatewayEntry | None:
        url = self._environment.gateway_url
        if url is None:
            return None
        return find_at(self.gateways(), url) or GatewayEntry(urls=(url,))

    def _with_credential(self, entry: GatewayEntry) -> GatewayEntry:
        """Return a gateway with the environment's token where it has no credential of its own."""
        given, url = self._environment.api_token, self._environment.gateway_url
        if given is None or entry.credential is not None or (url and not entry.is_at(url)):
            return entry
        return entry.model_copy(update={"credential": ENVIRONMENT_CREDENTIAL})

    # Any: as in Supplies.
    def _fields(self, needs: Needs, gateways: Any) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        if needs.credentials:
            known = self._vault.read()
            _refuse_missing(needs, known)
            found = {name: dict(known[name].fields) for name in needs.credentials}
        if any(entry.credential == ENVIRONMENT_CREDENTIAL for entry in gateways):
            found[ENVIRONMENT_CREDENTIAL] = {"api_token": self._environment.api_token}
        return found


def _note(action: audit.Action, by: Requester, name: str) -> AddAudit:
    return audit.note(action, source=by.source, requested_by=by.name, name=name)


def _refuse_missing(needs: Needs, known: Mapping[str, Credential]) -> None:
    missing = {name: place for name, place in needs.credentials.items() if name not in known}
    if not missing:
        return
    why = {name: _no_credential(name, known) for name in missing}
    raise NamesUnknown(
        "; ".join(f"{place.title}: {why[name]}" for name, place in missing.items()),
        parameters={p.parameter: why[n] for n, p in missing.items() if p.parameter is not None},
        credentials=list(missing),
        gateways=[],
    )


def _no_credential(name: str, known: Mapping[str, Credential]) -> str:
    there = f"there are {listed(known)}{nearest(name, known)}" if known else "there is none yet"
    return f"no credential is stored as {shown(name)}; {there}; `itk credentials add` stores one"


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
