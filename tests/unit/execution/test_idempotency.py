"""A repeated start is known again, another one with its key is told apart, no secret is stored."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.errors import KeyReused, StoreError
from ignition_toolkit.execution.idempotency import FILE_NAME, RepeatedStarts
from ignition_toolkit.execution.requests import KEY_LIFE, StartKey, StartRequest
from ignition_toolkit.playbook.models import utc_now
from ignition_toolkit.storage import AddExecution, Store, database_url
from tests.unit.storage.samples import SOON_S, execution

PARAMETERS: dict[str, Any] = {"login": {"username": "u", "password": "hunter22"}, "n": 1}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url(tmp_path / "itk.db"))
    yield opened
    opened.close()


@pytest.fixture
def repeated(store: Store, tmp_path: Path) -> RepeatedStarts:
    return RepeatedStarts(store, tmp_path)


def asked(key: str | None = "k", **fields: Any) -> StartRequest:
    """Return a request, made anew each time."""
    given: dict[str, Any] = {"playbook_path": "a.yaml", "parameters": dict(PARAMETERS)}
    return StartRequest(**(given | fields), idempotency_key=key)


def start(store: Store, execution_id: str, key: StartKey, age: timedelta = timedelta(0)) -> None:
    """Store an execution that was started with a key so long ago."""
    row = execution(
        execution_id,
        created_at=utc_now() - age,
        idempotency_key=key.text,
        idempotency_fingerprint=key.fingerprint,
    )
    store.submit([AddExecution(row)]).result(SOON_S)


def test_the_same_request_finds_the_first_execution_whoever_asks(
    repeated: RepeatedStarts, store: Store
) -> None:
    key = repeated.key_of(asked())
    assert repeated.first(key) is None
    start(store, "first", key)
    other_order = dict(reversed(PARAMETERS.items()))
    again = asked(parameters=other_order, requested_by="somebody", source="cli")
    assert repeated.first(repeated.key_of(again)) == "first"
    assert repeated.first(repeated.key_of(asked("another"))) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"playbook_path": "b.yaml"},
        {"playbook_path": None},
        {"playbook_text": "name: x"},
        {"parameters": {}},
        {"parameters": PARAMETERS | {"n": 2}},
        {"parameters": PARAMETERS | {"n": "1"}},
        {"parameters": PARAMETERS | {"login": {"username": "u", "password": "hunter23"}}},
    ],
)
def test_another_request_with_the_same_key_is_refused_and_names_the_first(
    repeated: RepeatedStarts, store: Store, fields: dict[str, Any]
) -> None:
    start(store, "first", repeated.key_of(asked()))
    with pytest.raises(KeyReused, match="execution first with another body") as caught:
        repeated.first(repeated.key_of(asked(**fields)))
    assert caught.value.fields == {"execution_id": "first"}


def test_after_a_day_a_key_stands_for_nothing(repeated: RepeatedStarts, store: Store) -> None:
    key = repeated.key_of(asked())
    start(store, "first", key, KEY_LIFE + timedelta(seconds=1))
    assert repeated.first(key) is None
    assert repeated.first(repeated.key_of(asked(parameters={}))) is None
    start(store, "young", key, KEY_LIFE - timedelta(minutes=5))
    assert repeated.first(key) == "young"


def test_the_hash_is_the_same_after_a_restart_and_another_in_another_folder(
    repeated: RepeatedStarts, store: Store, tmp_path: Path
) -> None:
    key = repeated.key_of(asked())
    assert RepeatedStarts(store, tmp_path).key_of(asked()) == key
    (tmp_path / "other").mkdir()
    other = RepeatedStarts(store, tmp_path / "other").key_of(asked())
    assert other.fingerprint != key.fingerprint


def test_only_its_user_reads_the_key_of_the_hash(repeated: RepeatedStarts, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        repeated.key_of(asked())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("idempotency*")] == [FILE_NAME]


@pytest.mark.parametrize("half", [b"", b"short"])
def test_a_key_that_was_half_written_is_made_anew(
    repeated: RepeatedStarts, tmp_path: Path, half: bytes
) -> None:
    (tmp_path / FILE_NAME).write_bytes(half)
    (tmp_path / "idempotency.new").write_bytes(b"left by a crash")
    key = repeated.key_of(asked())
    assert repeated.key_of(asked()) == key
    assert len((tmp_path / FILE_NAME).read_bytes()) == 32


def test_a_key_that_cannot_be_read_or_made_is_said(store: Store, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StoreError, match=r"idempotency\.key cannot be read or made: Is a direc"):
        RepeatedStarts(store, tmp_path).key_of(asked())
    with pytest.raises(StoreError, match="cannot be read or made: No such file"):
        RepeatedStarts(store, tmp_path / "gone").key_of(asked())
