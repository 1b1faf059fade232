"""Checks of what a person stores: credentials and gateways, each wrong field named."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePath
from urllib.parse import urlsplit

from ignition_toolkit.credentials import MIN_SECRET_LENGTH
from ignition_toolkit.credentials.vault import Credential, CredentialType
from ignition_toolkit.errors import ParametersInvalid
from ignition_toolkit.execution.requests import CredentialRequest
from ignition_toolkit.playbook.gateways import GatewayEntry, find_at, normalised_gateway
from ignition_toolkit.playbook.parameters import NAME
from ignition_toolkit.playbook.wording import described, shown

MAX_SECRET = 64 * 1024
MAX_TEXT = 1000
MAX_URLS = 20
MAX_TAGS = 50

_NAME_FORM = "1 to 100 letters, digits, '_' and '-'"


def checked_credential(request: CredentialRequest, now: datetime) -> Credential:
    """Return the credential that a request describes. Raises ParametersInvalid.

    No message shows anything of the secret but that it is too short or too long.
    """
    wrong = {
        "name": _wrong_name(request.name),
        "username": _wrong_username(request),
        "secret": _wrong_secret(request.secret.reveal(), request.type),
    }
    _refuse(wrong)
    return Credential(request.name, request.type, request.secret, now, request.username)


def checked_gateway(entry: GatewayEntry) -> GatewayEntry:
    """Return an entry with its addresses in their one spelling. Raises ParametersInvalid."""
    wrong = {
        "name": _wrong_name(entry.name or ""),
        "urls": _wrong_urls(entry.urls),
        "ca_file": _wrong_ca_file(entry),
        "tags": _wrong_tags(entry.tags),
    }
    _refuse(wrong)
    urls = tuple(dict.fromkeys(map(_spelled, entry.urls)))
    return entry.model_copy(update={"urls": urls, "tags": tuple(dict.fromkeys(entry.tags))})


def check_addresses(entry: GatewayEntry, known: Iterable[GatewayEntry]) -> None:
    """Raise ParametersInvalid where another gateway has one of an entry's addresses."""
    others = [other for other in known if other.name != entry.name]
    for url in entry.urls:
        if (other := find_at(others, url)) is not None:
            why = (
                f"the address {normalised_gateway(url)} is one of the gateway {other.title} already"
            )
            _refuse({"urls": f"{why}: one gateway has one entry"})


def _refuse(wrong: dict[str, str | None]) -> None:
    found = {name: why for name, why in wrong.items() if why is not None}
    if found:
        text = "; ".join(f"{name}: {why}" for name, why in found.items())
        raise ParametersInvalid(text, parameters=found)


def _wrong_name(name: str) -> str | None:
    return None if NAME.fullmatch(name) else f"expected {_NAME_FORM}, found {described(name)}"


def _wrong_username(request: CredentialRequest) -> str | None:
    username = request.username
    if username is None:
        return None
    if request.type is CredentialType.API_TOKEN:
        return "an API token has no user name: leave it out"
    if not username or len(username) > MAX_TEXT or not username.isprintable():
        return f"expected 1 to {MAX_TEXT} printable characters, or none at all"
    return None


def _wrong_secret(secret: str, kind: CredentialType) -> str | None:
    if len(secret) < MIN_SECRET_LENGTH:
        return (
            f"expected at least {MIN_SECRET_LENGTH} characters: a shorter secret cannot be kept "
            "out of logs"
        )
    if len(secret) > MAX_SECRET:
        return f"expected at most {MAX_SECRET} characters"
    try:
        secret.encode("utf-8")
    except UnicodeEncodeError:
        return "expected text in UTF-8"
    if kind is CredentialType.API_TOKEN and not _is_header(secret):
        return (
            "expected visible ASCII characters as name:key, found others, or a blank at its "
            "beginning or end: give it as the gateway shows it"
        )
    return None


def _is_header(token: str) -> bool:
    return token.isascii() and token.isprintable() and token == token.strip()


def _wrong_urls(urls: tuple[str, ...]) -> str | None:
    if not 1 <= len(urls) <= MAX_URLS:
        return f"expected 1 to {MAX_URLS} addresses, found {len(urls)}"
    return next((why for url in urls if (why := _wrong_url(url)) is not None), None)


def _wrong_url(url: str) -> str | None:
    """Say what is wrong with an address; one with a login in it is not shown."""
    expected = "expected an address as http://plant:8088 or https://plant:8043"
    # Looked for in the text: without a scheme it is no login to a parser.
    if "@" in url:
        return f"{expected}, found one with a login in it: store that as a credential"
    try:
        parts = urlsplit(url.strip())
        has_host, _port = bool(parts.hostname), parts.port
    except ValueError:
        return f"{expected}, found something else"
    if parts.scheme.lower() not in ("http", "https") or not has_host or len(url) > MAX_TEXT:
        return f"{expected}, found {shown(url)}"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return f"{expected}, found {shown(url)}: leave out what follows the host and the port"
    return None


def _spelled(url: str) -> str:
    """Return an address without a slash at its end, otherwise as it was written."""
    parts = urlsplit(url.strip())
    return f"{parts.scheme.lower()}://{parts.netloc}"


def _wrong_ca_file(entry: GatewayEntry) -> str | None:
    if entry.ca_file is None:
        return None
    if entry.tls == "insecure":
        return "a certificate that is not checked needs no authority: give one of the two"
    if not PurePath(entry.ca_file).is_absolute() or "\0" in entry.ca_file:
        return f"expected the absolute path of a file, found {shown(entry.ca_file)}"
    return None


def _wrong_tags(tags: tuple[str, ...]) -> str | None:
    if len(tags) > MAX_TAGS:
        return f"expected at most {MAX_TAGS} tags, found {len(tags)}"
    is_wrong = (not tag or len(tag) > 100 or not tag.isprintable() for tag in tags)
    return "expected tags of 1 to 100 printable characters" if any(is_wrong) else None
