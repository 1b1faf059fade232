"""What a gateway client is made of: where the gateway is, who asks, and whom to trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.gateway.identity import NOBODY, Identity
from ignition_toolkit.playbook.gateways import GatewayEntry


class Tls(StrEnum):
    """Whom a client trusts to be the gateway."""

    #: Who has a certificate of an authority that this machine knows.
    VERIFY = "verify"
    #: Who has a certificate of an authority in `ca_file`.
    CA_FILE = "ca_file"
    #: Everybody: chosen by a person, for that gateway.
    INSECURE = "insecure"


@dataclass(frozen=True)
class GatewayTarget:
    """One gateway.

    Args:
        name: what people call it; of one that has no entry, its address.
        url: `http` or `https`, host and port, without a path.
        identity: who asks there, unless somebody else logs in.
        tls: whom to trust.
        ca_file: path of a PEM file, for `Tls.CA_FILE`.
    """

    name: str
    url: str
    identity: Identity = NOBODY
    tls: Tls = Tls.VERIFY
    ca_file: str | None = None

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the target at an address that has no entry. Raises StepFailed for none."""
        return cls(name=url.strip(), url=base_url(url))

    # Any: texts and Secrets.
    @classmethod
    def of(cls, entry: GatewayEntry, credential: Mapping[str, Any]) -> Self:
        """Return the target of an entry and the fields of its credential; raises StepFailed.

        Args:
            entry: registered, or an address that stands for itself.
            credential: `api_token`, or `username` and `password`; empty for none.
        """
        tls = Tls.CA_FILE if entry.ca_file else Tls.VERIFY
        return cls(
            name=entry.name or base_url(entry.url),
            url=base_url(entry.url),
            identity=Identity.of(credential),
            tls=Tls.INSECURE if entry.tls == "insecure" else tls,
            ca_file=entry.ca_file,
        )


def base_url(url: str) -> str:
    """Return an address as scheme, host and port; what follows them is not the gateway's.

    An address without a scheme is one of plain HTTP. Raises StepFailed for what is no address.
    """
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise StepFailed(
            "a gateway's address is expected to be like http://host:8088 or https://host:8043,"
            f" found {_without_user(text)!r}"
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _without_user(text: str) -> str:
    """Return an address without the name and password that somebody may have put into it."""
    head, at, rest = text.rpartition("@")
    scheme, slashes, _login = head.partition("://")
    return f"{scheme + slashes if slashes else ''}***@{rest}" if at else text
