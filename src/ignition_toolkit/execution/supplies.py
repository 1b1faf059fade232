"""What one execution is given of what is stored, and of what the environment gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import Credential
from ignition_toolkit.errors import NamesUnknown
from ignition_toolkit.execution.needs import Needs
from ignition_toolkit.playbook.gateways import (
    ENVIRONMENT_CREDENTIAL,
    GatewayEntry,
    Gateways,
    find_at,
    is_tls,
)
from ignition_toolkit.playbook.wording import listed, nearest, shown

#: Where a token of the environment is good for that comes without an address.
LOCAL_GATEWAY = "http://localhost:8088"


@dataclass(frozen=True)
class FromEnvironment:
    """What IGNITION_GATEWAY_URL and IGNITION_API_TOKEN give.

    Args:
        gateway_url: the default gateway.
        api_token: for it, and for no other; without one, for `LOCAL_GATEWAY`.
    """

    gateway_url: str | None = None
    api_token: Secret | None = None

    def known(self, entries: tuple[GatewayEntry, ...]) -> Gateways:
        """Return the registered gateways with the default one."""
        url = self.gateway_url
        default = None
        if url is not None:
            entry = find_at(entries, url)
            default = entry.named_by(url) if entry is not None else GatewayEntry(urls=(url,))
        return Gateways(entries=entries, default=default)

    def with_token(self, entry: GatewayEntry) -> GatewayEntry:
        """Return a gateway with the token where it is for it, and it has no credential.

        It is then asked at the address that the token is for, or at an address with TLS.
        """
        url = self.gateway_url or LOCAL_GATEWAY
        if self.api_token is None or entry.credential is not None or not entry.is_at(url):
            return entry
        asked = entry if is_tls(entry.url) else entry.first_at(url)
        return asked.model_copy(update={"credential": ENVIRONMENT_CREDENTIAL})


@dataclass(frozen=True)
class Supplies:
    """What one execution is given. Holds secrets; never stored, never logged.

    Args:
        gateways: those that its playbooks work on, and the default one.
        credentials: their fields, by name.
        changed_at: when each of those that are stored was stored in this form, by name.
    """

    gateways: Gateways = field(default_factory=Gateways)
    # Any: a text or a Secret for each field.
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed_at: dict[str, datetime] = field(default_factory=dict)


def supplied(
    needs: Needs,
    default: GatewayEntry | None,
    credentials: Mapping[str, Credential],
    environment: FromEnvironment,
) -> Supplies:
    """Return what an execution is given.

    Args:
        needs: what it needs.
        default: the default gateway.
        credentials: those that are stored.
        environment: what the environment gives.

    Raises NamesUnknown for a credential that is not stored.
    """
    _refuse_missing(needs, credentials)
    gateways = {title: environment.with_token(one) for title, one in needs.gateways.items()}
    # Any: as in Supplies.
    fields: dict[str, dict[str, Any]] = {n: dict(credentials[n].fields) for n in needs.credentials}
    if any(entry.credential == ENVIRONMENT_CREDENTIAL for entry in gateways.values()):
        fields[ENVIRONMENT_CREDENTIAL] = {"api_token": environment.api_token}
    is_used = default is not None and default.title in gateways
    used = environment.with_token(default) if default is not None and is_used else None
    known = Gateways(entries=tuple(gateways.values()), default=used, complete=True)
    changed_at = {name: credentials[name].changed_at for name in needs.credentials}
    return Supplies(known, fields, changed_at)


def _refuse_missing(needs: Needs, known: Mapping[str, Credential]) -> None:
    missing = {name: place for name, place in needs.credentials.items() if name not in known}
    if not missing:
        return
    why = {name: no_credential(name, known) for name in missing}
    raise NamesUnknown(
        "; ".join(f"{place.title}: {why[name]}" for name, place in missing.items()),
        parameters={p.parameter: why[n] for n, p in missing.items() if p.parameter is not None},
        credentials=list(missing),
        gateways=[],
    )


def no_credential(name: str, known: Iterable[str]) -> str:
    """Return what is said of a credential that is not stored.

    Args:
        name: of it.
        known: the names of those that are.
    """
    names = list(known)
    there = f"there are {listed(names)}{nearest(name, names)}" if names else "there is none yet"
    return f"no credential is stored as {shown(name)}; {there}; `itk credentials add` stores one"
