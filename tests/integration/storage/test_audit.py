"""Who did what."""

import pytest

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import AddAudit, AddExecution, AuditRow, Prune, Store
from tests.unit.storage.samples import SOON_S, START, add, execution


def test_a_note_comes_back_field_by_field(store: Store) -> None:
    full = AddAudit("anna", "web", "cancelled", START, "one", {"reason": ["x", None]})
    bare = AddAudit(None, "cli", "changed a gateway", START)
    store.submit([full, bare]).result(SOON_S)
    assert store.audit() == [
        AuditRow(
            id=2,
            at=START,
            actor=None,
            source="cli",
            action="changed a gateway",
            execution_id=None,
            detail={},
        ),
        AuditRow(
            id=1,
            at=START,
            actor="anna",
            source="web",
            action="cancelled",
            execution_id="one",
            detail={"reason": ["x", None]},
        ),
    ]


def test_notes_are_read_newest_first_from_any_of_them_and_by_execution(store: Store) -> None:
    for n in range(6):
        note = AddAudit("anna", "api", f"did {n}", START, "odd" if n % 2 else "even")
        store.submit([note]).result(SOON_S)
    newest, second, *_ = store.audit()
    assert [row.action for row in store.audit(2, before=newest.id)] == ["did 4", "did 3"]
    assert [row.action for row in store.audit(execution_id="odd")] == ["did 5", "did 3", "did 1"]
    found = store.audit(1, before=second.id, execution_id="odd")
    assert [row.action for row in found] == ["did 3"]
    assert store.audit(execution_id="nobody") == store.audit(before=0) == store.audit(0) == []
    assert len(store.audit(before=2**70)) == 6
    with pytest.raises(ValueError, match="0 or more, got -1"):
        store.audit(limit=-1)


def test_a_note_is_written_with_what_it_notes_or_not_at_all(store: Store) -> None:
    add(store, execution("one"))
    note = AddAudit("anna", "api", "started", START, "one")
    with pytest.raises(StoreError):
        store.submit([note, AddExecution(execution("one"))]).result(SOON_S)
    assert store.audit() == []
    store.submit([note, AddExecution(execution("two"))]).result(SOON_S)
    assert len(store.audit()) == 1


def test_notes_stay_when_their_execution_is_pruned(store: Store) -> None:
    add(store, execution("one", status="completed"))
    store.submit([AddAudit("anna", "api", "started", START, "one")]).result(SOON_S)
    store.submit([Prune(("one",))]).result(SOON_S)
    assert store.execution("one") is None
    assert [row.action for row in store.audit(execution_id="one")] == ["started"]


def test_hostile_text_in_a_note_is_stored(store: Store) -> None:
    text = "\0'; DROP TABLE audit; --\ud800"
    store.submit([AddAudit(text, text, text, START, text, {text: text})]).result(SOON_S)
    found = store.audit(execution_id=text)[0]
    expected = "\\u0000'; DROP TABLE audit; --\\ud800"
    assert (found.actor, found.source, found.action) == (expected, expected, expected)
    assert found.detail == {"\0'; DROP TABLE audit; --\\ud800": "\0'; DROP TABLE audit; --\\ud800"}
