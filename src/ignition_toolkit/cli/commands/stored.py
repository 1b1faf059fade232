"""`itk credentials` and `itk gateways`: what is stored for executions. No secret is ever shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ignition_toolkit.cli.asking import as_text
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.cli.output import say, stdout
from ignition_toolkit.cli.secret_input import read_secret
from ignition_toolkit.cli.stored_places import Family, StoredPlace, stored_place
from ignition_toolkit.cli.text import local_date_time, printable, table
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.errors import OperatorError, ParametersInvalid
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.views import CredentialList, CredentialView, GatewayList
from ignition_toolkit.playbook.gateways import GatewayEntry

T = TypeVar("T")

#: What a secret of each type is called at the prompt.
ASKED = {CredentialType.PASSWORD: "Password", CredentialType.API_TOKEN: "API token"}


@dataclass(frozen=True)
class CredentialOptions:
    """What `itk credentials add` was asked for, as named there."""

    name: str
    type: CredentialType
    username: str | None
    file: str | None
    replace: bool


@dataclass(frozen=True)
class GatewayOptions:
    """What `itk gateways add` was asked for, as named there."""

    name: str
    urls: Sequence[str]
    credential: str | None
    ca_file: str | None
    insecure: bool
    tags: Sequence[str]
    replace: bool


def add_credential(settings: Settings, options: CredentialOptions, *, as_json: bool) -> None:
    """Ask for a secret, and store it."""
    request = CredentialRequest(
        name=options.name,
        type=options.type,
        # Before the data folder is taken: a person may think for long.
        secret=read_secret(options.file, ASKED[options.type]),
        by=_me(),
        username=options.username,
        replace=options.replace,
    )
    view = _do(settings, "credentials", lambda place: place.put_credential(request))
    if as_json:
        stdout().write(as_text(view.model_dump(mode="json")))
    else:
        say(f"stored the credential {view.name}")


def list_credentials(settings: Settings, *, as_json: bool) -> None:
    """Print the credentials without their secrets."""
    items = _look(settings, "credentials", lambda place: place.credentials())
    if as_json:
        stdout().write(as_text(CredentialList(items=items).model_dump(mode="json")))
    elif items:
        stdout().write(table(("NAME", "TYPE", "USER", "CHANGED"), map(_credential_line, items)))
    else:
        say("itk: there are no credentials yet; `itk credentials add NAME` stores one")


def remove_credential(settings: Settings, name: str) -> None:
    """Remove a credential."""
    _refuse_no_folder(settings)
    _do(settings, "credentials", lambda place: place.remove_credential(name, _me()))
    say(f"removed the credential {printable(name)}")


def add_gateway(settings: Settings, options: GatewayOptions, *, as_json: bool) -> None:
    """Register a gateway."""
    # Not checked here: what is wrong is told by who stores it, as it is to any other client.
    entry = GatewayEntry.model_construct(
        name=options.name,
        urls=tuple(options.urls),
        tls="insecure" if options.insecure else "verify",
        ca_file=os.path.abspath(options.ca_file) if options.ca_file is not None else None,
        credential=options.credential,
        tags=tuple(options.tags),
    )
    request = GatewayRequest(entry, _me(), options.replace)
    stored = _do(settings, "gateways", lambda place: place.put_gateway(request))
    if as_json:
        stdout().write(as_text(stored.model_dump(mode="json")))
    else:
        say(f"registered the gateway {stored.name} at {printable(', '.join(stored.urls))}")


def list_gateways(settings: Settings, *, as_json: bool) -> None:
    """Print the registered gateways."""
    items = _look(settings, "gateways", lambda place: place.gateways())
    if as_json:
        stdout().write(as_text(GatewayList(items=items).model_dump(mode="json")))
    elif items:
        head = ("NAME", "ADDRESSES", "CREDENTIAL", "TLS", "TAGS")
        stdout().write(table(head, map(_gateway_line, items)))
    else:
        say("itk: there are no gateways yet; `itk gateways add NAME URL` registers one")


def remove_gateway(settings: Settings, name: str) -> None:
    """Remove a registered gateway."""
    _refuse_no_folder(settings)
    _do(settings, "gateways", lambda place: place.remove_gateway(name, _me()))
    say(f"removed the gateway {printable(name)}")


def _me() -> Requester:
    return Requester("cli", login_name())


def _do(settings: Settings, family: Family, what: Callable[[StoredPlace], T]) -> T:
    try:
        with stored_place(settings, family) as place:
            return what(place)
    except ParametersInvalid as error:
        # Said as one line: they are no parameters of a playbook.
        raise OperatorError(error.message) from error


def _refuse_no_folder(settings: Settings) -> None:
    # Taking the folder would make it.
    if not settings.data_dir.is_dir():
        raise OperatorError(
            f"there is no data folder {settings.data_dir}: expected one that was used before; "
            "name it with --data-dir or ITK_DATA_DIR"
        )


def _look(
    settings: Settings, family: Family, what: Callable[[StoredPlace], tuple[T, ...]]
) -> tuple[T, ...]:
    # Taking the folder would make it.
    return _do(settings, family, what) if settings.data_dir.is_dir() else ()


def _credential_line(credential: CredentialView) -> tuple[str, ...]:
    username = printable(credential.username or "")
    return credential.name, credential.type, username, local_date_time(credential.changed_at)


def _gateway_line(entry: GatewayEntry) -> tuple[str, ...]:
    tls = entry.tls if entry.ca_file is None else f"by {entry.ca_file}"
    cells = (entry.name or "", ", ".join(entry.urls), entry.credential or "", tls)
    return (*map(printable, cells), printable(", ".join(entry.tags)))
