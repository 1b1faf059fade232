"""Vault: the stored credentials of one data folder, encrypted in one file.

Opened by the parent alone, which sends a runner what its execution needs; a runner never imports
this module. The file is one Fernet token (AES-128 in CBC mode with HMAC-SHA256) around all of them,
names included, so that none can be changed, left out or taken from an older file by itself.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ignition_toolkit.credentials.private_file import NotPrivate, read_private, write_private
from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.credentials.vault_key import KeyPlaces, Keys
from ignition_toolkit.errors import VaultError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

FILE_NAME = "credentials.vault"
FORMAT = 1
MAX_FILE_BYTES = 16 * 1024 * 1024


class CredentialType(StrEnum):
    """What a credential is."""

    #: A password, mostly with a user name.
    PASSWORD = "password"  # noqa: S105 - the name of a type
    #: An API token, sent in a header.
    API_TOKEN = "api_token"  # noqa: S105 - the name of a type


@dataclass(frozen=True)
class Credential:
    """One stored credential.

    Args:
        name: by which playbooks refer to it.
        type: what it is.
        secret: the password or the token.
        changed_at: aware, when it was stored in this form.
        username: of a password; None for a password of something that has no users.
    """

    name: str
    type: CredentialType
    secret: Secret
    changed_at: datetime
    username: str | None = None

    @property
    def fields(self) -> dict[str, str | Secret]:
        """What `{{ credential.NAME }}` gives: `username` and `password`, or `api_token`."""
        user = {"username": self.username} if self.username is not None else {}
        return {**user, self.type.value: self.secret}


class Vault:
    """The credentials of a data folder. May be used by several threads of the folder's owner.

    All methods block, and raise VaultError when the vault cannot be opened; the message says what
    was expected, what was found and what to do, and holds no secret.

    Args:
        path: the file; it need not exist.
        places: where its key is.
    """

    def __init__(self, path: Path, places: KeyPlaces) -> None:
        self._path = path
        self._places = places
        self._lock = threading.Lock()

    def read(self) -> dict[str, Credential]:
        """Return all credentials by name, in the order of their names."""
        with self._lock:
            return self._read()

    def put(self, credential: Credential) -> None:
        """Store a credential, in place of one of the same name."""
        with self._lock:
            self._write({**self._read(), credential.name: credential})

    def remove(self, name: str) -> bool:
        """Remove a credential; return whether there was one."""
        with self._lock:
            known = self._read()
            if known.pop(name, None) is None:
                return False
            self._write(known)
            return True

    def _read(self) -> dict[str, Credential]:
        try:
            data = read_private(self._path, MAX_FILE_BYTES)
        except FileNotFoundError:
            return {}
        except NotPrivate as error:
            raise VaultError(
                f"the vault {self._path} is not private: expected a plain file that only its "
                f"owner may read; look who could have read or changed it, then `chmod 600 "
                f"{self._path}`"
            ) from error
        except OSError as error:
            raise VaultError(
                f"the vault {self._path} cannot be read: {error.strerror or error}; let this user "
                "read it"
            ) from error
        return dict(sorted(self._opened(data).items()))

    def _opened(self, data: bytes) -> dict[str, Credential]:
        mark, sealed = self._parts(data)
        keys = self._places.find()
        if keys is None:
            raise VaultError(
                f"the vault {self._path} has no key: looked for one in {self._places.searched}; "
                "bring back the key that it was made with; where it is nowhere the credentials are "
                "lost: move the vault away and add them again"
            )
        if mark not in keys.marks:
            raise VaultError(
                f"the vault {self._path} was sealed with another key than the one in "
                f"{keys.origin}: expected the key {mark}, found {', '.join(sorted(keys.marks))} "
                "(these are marks, not keys); bring back the key that it was made with"
            )
        return self._decrypted(sealed, keys)

    def _parts(self, data: bytes) -> tuple[str, bytes]:
        try:
            outer = json.loads(data)
            found = outer["format"]
            mark, sealed = str(outer["key"]), str(outer["sealed"]).encode("ascii")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._damaged() from error
        if found != FORMAT:
            raise VaultError(
                f"the vault {self._path} has the format {found!r}; this release reads {FORMAT}: "
                "run the release that wrote it"
            )
        return mark, sealed

    def _decrypted(self, sealed: bytes, keys: Keys) -> dict[str, Credential]:
        from cryptography.fernet import InvalidToken

        try:
            inner = json.loads(_fernet(keys).decrypt(sealed))
            return {name: _credential(name, stored) for name, stored in inner.items()}
        except (InvalidToken, ValueError, KeyError, TypeError, AttributeError):
            # Nothing of the cause: it may quote what was decrypted.
            raise self._damaged() from None

    def _damaged(self) -> VaultError:
        return VaultError(
            f"the vault {self._path} is damaged: expected what this program wrote, found it "
            "changed or cut short; bring it back from a backup, or move it away and add the "
            "credentials again"
        )

    def _write(self, credentials: Mapping[str, Credential]) -> None:
        keys = self._places.find() or self._places.make()
        inner = json.dumps({c.name: _stored(c) for c in credentials.values()})
        outer = {
            "format": FORMAT,
            "key": keys.mark,
            "sealed": _fernet(keys).encrypt(inner.encode("utf-8")).decode("ascii"),
        }
        try:
            write_private(self._path, json.dumps(outer).encode("ascii") + b"\n")
        except OSError as error:
            raise VaultError(
                f"the vault {self._path} cannot be written: {error.strerror or error}; nothing was "
                "changed; make room or let this user write there, and try again"
            ) from error


def _fernet(keys: Keys) -> MultiFernet:
    # Imported here: a start that needs no credential does without.
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys.values])


# Any: a JSON object, here and below.
def _stored(credential: Credential) -> dict[str, Any]:
    return {
        "type": credential.type.value,
        "username": credential.username,
        "secret": credential.secret.reveal(),
        "changed_at": credential.changed_at.isoformat(),
    }


def _credential(name: str, stored: dict[str, Any]) -> Credential:
    return Credential(
        name=name,
        type=CredentialType(stored["type"]),
        secret=Secret(stored["secret"]),
        changed_at=datetime.fromisoformat(stored["changed_at"]),
        username=stored["username"],
    )
