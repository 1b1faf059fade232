"""Starts with an idempotency key: a repetition finds the first execution, another body is refused.

What tells a repetition is a keyed hash of the request. A plain one would let a short password in
the parameters be guessed from the database; the key is a file beside it that only its user reads.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import threading
from pathlib import Path

from ignition_toolkit.errors import KeyReused, StoreError
from ignition_toolkit.execution.requests import KEY_LIFE, StartKey, StartRequest
from ignition_toolkit.playbook.models import utc_now
from ignition_toolkit.storage.store import Store

FILE_NAME = "idempotency.key"
KEY_BYTES = 32


class RepeatedStarts:
    """Knows the executions that were started with a key. Its methods block; any thread may call.

    Args:
        store: where they are.
        data_dir: where the key of the hash is kept; it is made when it is first needed.
    """

    def __init__(self, store: Store, data_dir: Path) -> None:
        self._store = store
        self._file = data_dir / FILE_NAME
        self._lock = threading.Lock()

    def key_of(self, request: StartRequest) -> StartKey:
        """Return what the row of a request with a key is stored with.

        Raises StoreError when the file of the hash's key cannot be read or made.
        """
        assert request.idempotency_key is not None
        asked = [request.playbook_path, request.playbook_text, request.parameters]
        text = json.dumps(asked, sort_keys=True).encode("ascii")
        return StartKey(request.idempotency_key, hmac.digest(self._secret(), text, "sha256").hex())

    def first(self, key: StartKey) -> str | None:
        """Return the id of the execution that the same request has started, None for none.

        Raises KeyReused when another request has used the key, StoreError.
        """
        row = self._store.find_idempotent(key.text, utc_now() - KEY_LIFE)
        if row is None:
            return None
        if not hmac.compare_digest(row.idempotency_fingerprint or "", key.fingerprint):
            raise KeyReused(
                f"the Idempotency-Key has started execution {row.id} with another body; repeat "
                "that body to be told of it, or send a new key to start another one",
                execution_id=row.id,
            )
        return row.id

    def _secret(self) -> bytes:
        with self._lock:
            try:
                found = self._file.read_bytes()
            except FileNotFoundError:
                found = b""
            except OSError as error:
                raise self._failure(error) from error
            return found if len(found) == KEY_BYTES else self._made()

    def _made(self) -> bytes:
        made = secrets.token_bytes(KEY_BYTES)
        new = self._file.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(made)
            new.replace(self._file)
        except OSError as error:
            raise self._failure(error) from error
        return made

    def _failure(self, error: OSError) -> StoreError:
        return StoreError(
            f"the key of the hash in {self._file} cannot be read or made: {error.strerror}; "
            "mend that, or start without an Idempotency-Key"
        )
