"""The forms that store a credential and register a gateway: their fields as requests, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.execution.views import CredentialView
from ignition_toolkit.playbook.gateways import GatewayEntry

#: The two types, as a person calls them.
CREDENTIAL_WORDS = {
    CredentialType.PASSWORD: "password",
    CredentialType.API_TOKEN: "API token",
}

#: What the hidden field holds with which a form may replace one of the same name.
REPLACE = "yes"


def credential_request(fields: Mapping[str, str], by: Requester) -> CredentialRequest:
    """Return what a form asks to be stored; nothing of it is checked yet."""
    is_token = fields.get("type") == CredentialType.API_TOKEN
    return CredentialRequest(
        name=fields.get("name", "").strip(),
        type=CredentialType.API_TOKEN if is_token else CredentialType.PASSWORD,
        # As it was entered: a password may begin or end with a blank.
        secret=Secret(fields.get("secret", "")),
        by=by,
        username=fields.get("username", "").strip() or None,
        replace=fields.get("replace") == REPLACE,
    )


def credential_fields(view: CredentialView) -> dict[str, str]:
    """Return the fields of a form that changes a credential; the secret is to be entered anew."""
    return {
        "name": view.name,
        "type": view.type,
        "username": view.username or "",
        "replace": REPLACE,
    }


def gateway_request(fields: Mapping[str, str], by: Requester) -> GatewayRequest:
    """Return what a form asks to be registered; nothing of it is checked yet."""
    # Not checked here: an entry without an address is told as every other wrong field is.
    entry = GatewayEntry.model_construct(
        name=fields.get("name", "").strip(),
        urls=_parts(r"[\s,]+", fields.get("urls", "")),
        tls="insecure" if fields.get("tls") == "insecure" else "verify",
        ca_file=fields.get("ca_file", "").strip() or None,
        credential=fields.get("credential", "").strip() or None,
        tags=_parts(",", fields.get("tags", "")),
    )
    return GatewayRequest(entry, by, replace=fields.get("replace") == REPLACE)


def gateway_fields(entry: GatewayEntry) -> dict[str, str]:
    """Return the fields of a form that changes a gateway."""
    return {
        "name": entry.name or "",
        "urls": "\n".join(entry.urls),
        "tls": entry.tls,
        "ca_file": entry.ca_file or "",
        "credential": entry.credential or "",
        "tags": ", ".join(entry.tags),
        "replace": REPLACE,
    }


def _parts(separator: str, text: str) -> tuple[str, ...]:
    return tuple(part for one in re.split(separator, text) if (part := one.strip()))
