"""The system's keyring, where the package `keyring` is installed and finds a back end."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds that a keyring has to answer; one that is locked asks a person, who may not be there.
ANSWER_S = 5.0


class SystemKeyring:
    """A back end of `keyring`, asked with a deadline. Made by `find`."""

    # Any: a class of a package that need not be installed.
    def __init__(self, backend: Any) -> None:
        self._backend = backend

    @classmethod
    def find(cls) -> SystemKeyring | None:
        """Return the system's keyring, None where there is none. Blocks; asks nobody."""
        try:
            backend = importlib.import_module("keyring").get_keyring()
            # Those that only say that there is none, or forget everything, have none above 0.
            return cls(backend) if backend.priority > 0 else None
        except Exception:  # noqa: BLE001 - border: a stranger's package that looks for others
            return None

    def get(self, service: str, user: str) -> str | None:
        """Return a text that is kept. Raises OSError."""
        answer = _in_time(lambda: self._backend.get_password(service, user))
        return answer if isinstance(answer, str) else None

    def set(self, service: str, user: str, text: str) -> None:
        """Keep a text. Raises OSError."""
        _in_time(lambda: self._backend.set_password(service, user, text))


def _in_time(ask: Callable[[], T]) -> T:
    """Ask in a thread that is left behind when it does not answer in time. Raises OSError."""
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 - border: a stranger's back end
            errors.append(error)

    thread = threading.Thread(target=run, name="itk-keyring", daemon=True)
    thread.start()
    thread.join(ANSWER_S)
    if answers:
        return answers[0]
    # Without the error's own text, which may quote what was to be kept.
    why = type(errors[0]).__name__ if errors else f"no answer within {ANSWER_S:g} s"
    raise OSError(f"the system keyring cannot be used: {why}")
