"""The key of a vault: from a mounted file, else the system keyring, else the data folder.

Where a key is found it is used. A new one is made only for a vault that has none yet, in the
keyring where there is one, else as a file in the data folder.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ignition_toolkit.credentials.private_file import NotPrivate, read_private, write_private
from ignition_toolkit.errors import VaultError

#: The environment variable that names a mounted key file.
VARIABLE = "ITK_VAULT_KEY_FILE"
FILE_NAME = "vault.key"
#: Under which the keyring keeps keys; its user name is the path of the data folder.
KEYRING_SERVICE = "ignition-toolkit vault"

KEY_BYTES = 32
MAX_FILE_BYTES = 64 * 1024
MAX_KEYS = 20

HOW_TO_MAKE = "`openssl rand -base64 32` makes one"


class Keyring(Protocol):
    """What is needed of a system keyring. Raises OSError where it cannot be used."""

    def get(self, service: str, user: str) -> str | None:
        """Return a text that is kept, None when there is none."""
        ...

    def set(self, service: str, user: str, text: str) -> None:
        """Keep a text."""
        ...


@dataclass(frozen=True, repr=False)
class Keys:
    """Keys of a vault: the first one seals, each of them opens.

    Args:
        values: the keys, KEY_BYTES each, at least one.
        origin: where they were found, for the middle of a sentence.
    """

    values: tuple[bytes, ...]
    origin: str

    @property
    def mark(self) -> str:
        """What tells the first key from others, and nothing else of it."""
        return mark_of(self.values[0])

    @property
    def marks(self) -> frozenset[str]:
        """The marks of all."""
        return frozenset(map(mark_of, self.values))


def mark_of(key: bytes) -> str:
    """Return what tells a key from others."""
    return hashlib.sha256(b"ignition-toolkit vault key\0" + key).hexdigest()[:16]


@dataclass(frozen=True)
class KeyPlaces:
    """Where the keys of one data folder may be.

    Args:
        data_dir: the data folder.
        mounted: the file that ITK_VAULT_KEY_FILE names.
        keyring: the system's, where there is one.
    """

    data_dir: Path
    mounted: Path | None = None
    keyring: Keyring | None = None

    @property
    def searched(self) -> str:
        """The places in which a key is looked for, for the middle of a sentence."""
        if self.mounted is not None:
            return f"{VARIABLE} ({self.mounted})"
        return f"{self._keyring_in_words()}, {self.data_dir / FILE_NAME}"

    def _keyring_in_words(self) -> str:
        if self.keyring is None:
            return "no system keyring (there is none here)"
        try:
            self.keyring.get(KEYRING_SERVICE, str(self.data_dir))
        except OSError:
            return "the system keyring (it cannot be used now, and may have it: unlock it first)"
        return "the system keyring"

    def find(self) -> Keys | None:
        """Return the keys, None when there are none yet. Blocks.

        Raises VaultError: a key is there and cannot be used; says why and what to do.
        """
        if self.mounted is not None:
            text = _read(self.mounted, mounted=True)
            return Keys(_parsed(text, f"the file {self.mounted}"), f"the file {self.mounted}")
        return self._from_keyring() or self._from_folder()

    def make(self) -> Keys:
        """Make a key for a vault that has none, and keep it. Blocks. Raises VaultError."""
        import secrets

        key = secrets.token_bytes(KEY_BYTES)
        text = base64.b64encode(key).decode("ascii")
        if self.keyring is not None and self._keep_in_keyring(text):
            return Keys((key,), "the system keyring")
        path = self.data_dir / FILE_NAME
        try:
            write_private(path, f"{text}\n".encode("ascii"))
        except OSError as error:
            raise VaultError(
                f"the key of the vault cannot be written to {path}: {error.strerror or error}; "
                f"mend that, or name a file with a key in {VARIABLE}: {HOW_TO_MAKE}"
            ) from error
        return Keys((key,), f"the file {path}")

    def _from_keyring(self) -> Keys | None:
        if self.keyring is None:
            return None
        try:
            text = self.keyring.get(KEYRING_SERVICE, str(self.data_dir))
        except OSError:
            # Locked or out of reach: a key in the folder still counts, and where there is none the
            # vault says what was searched.
            return None
        origin = "the system keyring"
        return Keys(_parsed(text, origin), origin) if text else None

    def _keep_in_keyring(self, text: str) -> bool:
        assert self.keyring is not None
        try:
            self.keyring.set(KEYRING_SERVICE, str(self.data_dir), text)
            # Some back ends take a text and forget it.
            return self.keyring.get(KEYRING_SERVICE, str(self.data_dir)) == text
        except OSError:
            return False

    def _from_folder(self) -> Keys | None:
        path = self.data_dir / FILE_NAME
        try:
            text = _read(path)
        except FileNotFoundError:
            return None
        return Keys(_parsed(text, f"the file {path}"), f"the file {path}")


def _read(path: Path, *, mounted: bool = False) -> str:
    """Return a key file's text. Raises VaultError; FileNotFoundError for one not mounted."""
    try:
        data = read_private(path, MAX_FILE_BYTES, mounted=mounted)
    except NotPrivate as error:
        raise VaultError(
            f"the key of the vault in {path} is no secret: expected a plain file that only its "
            f"owner may read; `chmod 600 {path}` makes it one"
        ) from error
    except FileNotFoundError:
        if not mounted:
            raise
        raise VaultError(
            f"there is no key of the vault at {path}, which {VARIABLE} names: mount it there, or "
            f"make one; {HOW_TO_MAKE}"
        ) from None
    except OSError as error:
        raise VaultError(
            f"the key of the vault in {path} cannot be read: {error.strerror or error}; let this "
            "user read it"
        ) from error
    return data.decode("ascii", "replace")


def _parsed(text: str, origin: str) -> tuple[bytes, ...]:
    """Return the keys of a text, one a line; what is there is never shown."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    keys = [_decoded(line) for line in lines]
    if not keys or len(keys) > MAX_KEYS or None in keys:
        raise VaultError(
            f"the key of the vault in {origin} cannot be used: expected one to {MAX_KEYS} lines "
            f"with a key of {KEY_BYTES} bytes in base64 each, found something else; {HOW_TO_MAKE}, "
            "but a vault that is in use needs the key that it was made with"
        )
    return tuple(key for key in keys if key is not None)


def _decoded(line: str) -> bytes | None:
    try:
        # Both alphabets: a Fernet key is written in the one for addresses.
        key = base64.b64decode(line.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None
