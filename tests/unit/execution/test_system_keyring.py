"""The system's keyring: found or not, and asked with a deadline."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable

import pytest

from ignition_toolkit.execution import system_keyring
from ignition_toolkit.execution.system_keyring import SystemKeyring


class Backend:
    """A back end as the package `keyring` has them."""

    def __init__(self, priority: float = 5.0) -> None:
        self.priority = priority
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, user: str) -> str | None:
        return self.kept.get((service, user))

    def set_password(self, service: str, user: str, text: str) -> None:
        self.kept[service, user] = text


def install(monkeypatch: pytest.MonkeyPatch, get_keyring: Callable[[], object]) -> None:
    """Have a package `keyring` that gives this back end."""
    module = types.ModuleType("keyring")
    vars(module)["get_keyring"] = get_keyring
    monkeypatch.setitem(sys.modules, "keyring", module)


def found(monkeypatch: pytest.MonkeyPatch, backend: object) -> SystemKeyring | None:
    install(monkeypatch, lambda: backend)
    return SystemKeyring.find()


def test_a_back_end_keeps_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = found(monkeypatch, Backend())
    assert keyring is not None
    assert keyring.get("service", "user") is None
    keyring.set("service", "user", "text")
    assert keyring.get("service", "user") == "text"


def test_one_that_says_that_there_is_none_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, Backend(priority=0)) is None


def test_a_package_that_is_missing_or_broken_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert SystemKeyring.find() is None

    def broken() -> object:
        raise RuntimeError("no back end is recommended")

    install(monkeypatch, broken)
    assert SystemKeyring.find() is None


def test_one_that_asks_a_person_who_is_not_there_is_left_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system_keyring, "ANSWER_S", 0.01)
    answered = threading.Event()

    class Locked(Backend):
        def get_password(self, service: str, user: str) -> str | None:
            answered.wait(5.0)
            return None

    keyring = found(monkeypatch, Locked())
    assert keyring is not None
    with pytest.raises(OSError, match=r"no answer within 0\.01 s"):
        keyring.get("service", "user")
    answered.set()


def test_what_it_raises_is_told_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Chatty(Backend):
        def set_password(self, service: str, user: str, text: str) -> None:
            raise ValueError(f"cannot keep {text}")

    keyring = found(monkeypatch, Chatty())
    assert keyring is not None
    with pytest.raises(OSError, match=r"cannot be used: ValueError$"):
        keyring.set("service", "user", "hunter22")
