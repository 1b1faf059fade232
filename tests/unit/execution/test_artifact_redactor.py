"""Marks of artifacts: who takes them away, what a crash leaves, and what is withheld."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.credentials import Redactor, Secret
from ignition_toolkit.credentials.vault import Credential, CredentialType, Vault
from ignition_toolkit.credentials.vault_key import KeyPlaces
from ignition_toolkit.errors import NotFound, VaultError, WrongState
from ignition_toolkit.execution import artifact_redactor as module
from ignition_toolkit.execution.archive import Archive
from ignition_toolkit.execution.artifact_marks import FROM_ENVIRONMENT, Mark, known_again, mark_of
from ignition_toolkit.execution.artifact_redaction import redact_files
from ignition_toolkit.execution.artifact_redactor import SCRATCH, UNDER_WAY, ArtifactRedactor
from ignition_toolkit.execution.audit import Action, note
from ignition_toolkit.execution.inventory import Inventory
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.supplies import Supplies
from ignition_toolkit.playbook.gateways import ENVIRONMENT_CREDENTIAL
from ignition_toolkit.storage import ExecutionRow, Store
from tests.polling import poll_until_async
from tests.unit.storage.samples import add, execution, open_store

SECRET, OTHER = "s3cret-of-the-plant", "an0ther-secret"
CHANGED = datetime(2026, 11, 23, 1, 2, 3, 4, tzinfo=UTC)
PLANT = Credential("plant", CredentialType.PASSWORD, Secret(SECRET), CHANGED)
#: Of an execution that used the credential only, and of one that was given a password as well.
MARK = Mark({"plant": CHANGED.isoformat()})
GIVEN = Mark({"plant": CHANGED.isoformat()}, ("parameter login",))
SOON_S = 30.0


class Scene:
    """A data folder, and a worker's part in it that redacts."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.settings = Settings(data_dir=folder)
        self.artifacts = self.settings.artifacts_dir
        self.vault = Vault(folder / "credentials.vault", KeyPlaces(folder))
        self.vault.put(PLANT)
        self.redactor = self.next_worker()

    def next_worker(self) -> ArtifactRedactor:
        """Return it as a worker has it that knows nothing of what was before."""
        inventory = Inventory(self.store, self.vault)
        self.redactor = ArtifactRedactor(self.store, inventory, self.artifacts)
        self.archive = Archive(
            self.store, self.settings, self.redactor.redactor_of, self.redactor.why_withheld
        )
        return self.redactor

    def left(self, mark: Mark | None, name: str = "log", status: str = "interrupted") -> str:
        """Have an execution that is stored, with one file; return its id."""
        execution_id = f"0192aaaa-{len(list(self.artifacts.glob('0*'))):04}"
        unredacted = mark.to_row() if mark is not None else None
        add(self.store, execution(execution_id, status=status, unredacted=unredacted))
        file = self.artifacts / execution_id / name
        file.parent.mkdir(parents=True)
        file.write_text(f"{SECRET} and {OTHER}")
        return execution_id

    async def row(self, execution_id: str) -> ExecutionRow:
        row = await in_thread(lambda: self.store.execution(execution_id))
        assert isinstance(row, ExecutionRow)
        return row

    async def until(self, execution_id: str, *, marked: bool) -> ExecutionRow:
        """Wait until the work is done; return the row then."""
        await poll_until_async(lambda: not self.redactor._is_looking, SOON_S)
        newest = self.redactor._newest
        await poll_until_async(lambda: newest is None or newest.done(), SOON_S)
        assert await in_thread(lambda: self.store.flush(SOON_S))
        row = await self.row(execution_id)
        assert (row.unredacted is not None) is marked
        return row

    async def read(self, execution_id: str, name: str = "log") -> str:
        """Read a file as clients do."""
        with await self.archive.open_artifact(execution_id, name) as opened:
            return str(await in_thread(opened.readall), "utf-8")

    def raw(self, execution_id: str, name: str = "log") -> str:
        return (self.artifacts / execution_id / name).read_text()


# Any: what the caller's function returns.
async def in_thread(work: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "itk.db") as opened:
        yield opened


@pytest.fixture
async def scene(store: Store, tmp_path: Path) -> AsyncIterator[Scene]:
    made = await in_thread(lambda: Scene(store, tmp_path))
    yield made
    await made.redactor.close()
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_artifacts_are_redacted_for_whoever_asks_and_then_where_they_are(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    held = redact_files
    # Any: the arguments of what is held up.
    monkeypatch.setattr(module, "redact_files", lambda *given: go.wait(SOON_S) and held(*given))
    execution_id = scene.left(GIVEN)
    scene.redactor.expect(execution_id, Redactor([SECRET, OTHER]), GIVEN)
    scene.redactor.redact(execution_id)
    assert await scene.read(execution_id) == "*** and ***"
    assert scene.raw(execution_id) == f"{SECRET} and {OTHER}"
    assert scene.archive.withheld(await scene.row(execution_id)) is None
    go.set()
    await scene.until(execution_id, marked=False)
    assert scene.raw(execution_id) == "*** and ***"
    await poll_until_async(lambda: scene.redactor.redactor_of(execution_id) is None, SOON_S)
    assert await scene.read(execution_id) == "*** and ***"


async def test_what_a_crash_left_is_withheld_until_the_next_worker_has_looked(
    scene: Scene,
) -> None:
    execution_id = scene.left(MARK)
    with pytest.raises(WrongState, match="are withheld: its worker ended before secrets were"):
        await scene.read(execution_id)
    listed = await scene.archive.artifacts(execution_id)
    assert listed.items == ()
    assert listed.withheld is not None
    assert listed.withheld == scene.archive.withheld(await scene.row(execution_id))
    scene.redactor.look_for_marked()
    await scene.until(execution_id, marked=False)
    assert await scene.read(execution_id) == f"*** and {OTHER}"


async def test_while_it_is_looked_for_what_is_left_nothing_is_given_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    secrets_again = Inventory.secrets_again

    def held(inventory: Inventory, marks: list[Mark]) -> Any:  # Any: as the one it stands for
        assert go.wait(SOON_S)
        return secrets_again(inventory, marks)

    monkeypatch.setattr(Inventory, "secrets_again", held)
    execution_id = scene.left(MARK)
    scene.redactor.look_for_marked()
    with pytest.raises(WrongState, match=UNDER_WAY):
        await scene.read(execution_id)
    go.set()
    await scene.until(execution_id, marked=False)


@pytest.mark.parametrize("how", ["given", "changed", "removed"])
async def test_artifacts_whose_secrets_are_lost_stay_withheld_until_somebody_releases_them(
    scene: Scene, how: str
) -> None:
    execution_id = scene.left(GIVEN if how == "given" else MARK)
    if how == "changed":
        await in_thread(lambda: scene.vault.put(replace(PLANT, changed_at=datetime.now(UTC))))
    elif how == "removed":
        await in_thread(lambda: scene.vault.remove("plant"))
    scene.redactor.look_for_marked()
    row = await scene.until(execution_id, marked=True)
    # What is known is taken out all the same.
    is_half = how == "given"
    assert scene.raw(execution_id) == (f"*** and {OTHER}" if is_half else f"{SECRET} and {OTHER}")
    why = scene.archive.withheld(row)
    assert why is not None
    assert {
        "given": "cannot be looked up any more: parameter login;",
        "changed": "credential plant, which has been changed;",
        "removed": "credential plant, which has been removed;",
    }[how] in why
    assert why.endswith(f"`itk release {execution_id} --artifacts` gives them out as they are")
    with pytest.raises(WrongState, match="withheld"):
        await scene.read(execution_id)
    released = note(
        Action.RELEASE_ARTIFACTS, source="cli", requested_by="anna", execution_id=execution_id
    )
    await asyncio.wrap_future(scene.redactor.release(row, released))
    assert await scene.read(execution_id) == scene.raw(execution_id)
    (told,) = await in_thread(lambda: scene.store.audit(10, execution_id=execution_id))
    assert (told.action, told.actor) == ("release_artifacts", "anna")
    row = await scene.row(execution_id)
    with pytest.raises(WrongState, match="are not withheld"):
        scene.redactor.release(row, released)


async def test_what_is_being_done_is_not_released(scene: Scene) -> None:
    execution_id = scene.left(MARK)
    scene.redactor.expect(execution_id, Redactor([SECRET]), MARK)
    released = note(Action.RELEASE_ARTIFACTS, source="cli", requested_by=None)
    row = await scene.row(execution_id)
    with pytest.raises(WrongState, match="try again in a moment"):
        scene.redactor.release(row, released)


async def test_a_mark_without_files_is_taken_away_whatever_is_lost(scene: Scene) -> None:
    execution_id = scene.left(GIVEN)
    (scene.artifacts / execution_id / "log").unlink()
    scene.redactor.look_for_marked()
    await scene.until(execution_id, marked=False)


async def test_what_is_not_over_is_left_to_who_runs_it(scene: Scene) -> None:
    execution_id = scene.left(MARK, status="running")
    scene.redactor.look_for_marked()
    await scene.until(execution_id, marked=True)
    assert SECRET in scene.raw(execution_id)


async def test_what_a_cut_off_left_half_written_is_removed(scene: Scene) -> None:
    (scene.artifacts / SCRATCH).mkdir(parents=True)
    (scene.artifacts / SCRATCH / "half").write_text("half")
    execution_id = scene.left(MARK)
    scene.redactor.look_for_marked()
    await scene.until(execution_id, marked=False)
    assert list(scene.artifacts.glob(f"{SCRATCH}/*")) == []


async def test_a_vault_that_cannot_be_opened_withholds_and_says_so(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def closed(_vault: Vault) -> dict[str, Credential]:
        raise VaultError("the vault has no key")

    monkeypatch.setattr(Vault, "read", closed)
    execution_id = scene.left(MARK)
    scene.redactor.look_for_marked()
    await scene.until(execution_id, marked=True)
    assert "stay withheld: the vault has no key" in caplog.text
    with pytest.raises(WrongState, match="withheld"):
        await scene.read(execution_id)


async def test_a_file_that_cannot_be_redacted_is_given_redacted_and_tried_again_at_the_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    execution_id = scene.left(GIVEN)
    scene.redactor.expect(execution_id, Redactor([SECRET, OTHER]), GIVEN)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        scene.redactor.redact(execution_id)
        row = await scene.until(execution_id, marked=True)
    assert "log could not be looked through for secrets: No space left on device" in caplog.text
    assert (
        row.unredacted
        == replace(
            GIVEN, why="log could not be looked through for secrets: No space left on device"
        ).to_row()
    )
    assert await scene.read(execution_id) == "*** and ***"
    await scene.redactor.close()
    assert scene.raw(execution_id) == "*** and ***"
    await scene.until(execution_id, marked=False)


async def test_a_mistake_of_ours_withholds_one_execution_and_quotes_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(folder: Path, *given: Any) -> list[str]:  # Any: as the one that it stands for
        if folder.name == first:
            raise ValueError(SECRET)
        return redact_files(folder, *given)

    monkeypatch.setattr(module, "redact_files", broken)
    first, second = scene.left(MARK), scene.left(MARK)
    scene.redactor.look_for_marked()
    row = await scene.until(first, marked=True)
    await scene.until(second, marked=False)
    assert "our mistake: ValueError at test_artifact_redactor.py:" in str(row.unredacted)
    assert SECRET not in caplog.text + str(row.unredacted)
    assert await scene.read(first) == f"*** and {OTHER}"


async def test_a_name_that_may_hold_a_lost_secret_is_not_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    execution_id = scene.left(GIVEN, name=f"of {OTHER}")
    monkeypatch.setattr(Path, "replace", full)
    scene.redactor.look_for_marked()
    row = await scene.until(execution_id, marked=True)
    assert OTHER not in caplog.text + str(row.unredacted) + str(scene.archive.withheld(row))


async def test_what_is_not_done_at_the_end_keeps_its_mark(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(module, "CLOSE_S", 0.01)
    held = redact_files
    monkeypatch.setattr(module, "redact_files", lambda *given: go.wait(SOON_S) and held(*given))
    execution_id = scene.left(MARK)
    scene.redactor.expect(execution_id, Redactor([SECRET]), MARK)
    scene.redactor.redact(execution_id)
    monkeypatch.setattr(module, "GONE_S", 0.01)
    await scene.redactor.close()
    go.set()
    await scene.until(execution_id, marked=True)
    assert SECRET in scene.raw(execution_id)
    scene.next_worker().look_for_marked()
    monkeypatch.setattr(module, "redact_files", held)
    await scene.until(execution_id, marked=False)


async def test_an_execution_without_secrets_has_no_mark_and_waits_for_nobody(scene: Scene) -> None:
    execution_id = scene.left(None)
    scene.redactor.expect(execution_id, Redactor(()), None)
    scene.redactor.redact(execution_id)
    assert scene.redactor.redactor_of(execution_id) is None
    assert await scene.read(execution_id) == f"{SECRET} and {OTHER}"
    with pytest.raises(NotFound):
        await scene.read("nobody")
    assert (await scene.archive.artifacts("nobody")).items == ()


def test_a_mark_tells_where_secrets_are_from_and_never_what_they_are() -> None:
    supplies = Supplies(
        credentials={
            "plant": {"password": Secret(SECRET)},
            "unknown": {"password": Secret(SECRET)},
            ENVIRONMENT_CREDENTIAL: {"api_token": Secret(SECRET)},
        },
        changed_at={"plant": CHANGED},
    )
    arguments = {"a": 1, "login": Secret(SECRET), "deep": {"list": [Secret(SECRET)]}}
    mark = mark_of(arguments, supplies)
    given = ("parameter login", "parameter deep", "credential unknown", FROM_ENVIRONMENT)
    assert mark == Mark({"plant": CHANGED.isoformat()}, given)
    assert Mark.of_row(mark.to_row()) == mark
    assert SECRET not in str(mark.to_row())


def test_a_mark_that_says_nothing_counts_as_lost() -> None:
    assert known_again(Mark.of_row({}), {}).lost == ("what it was given",)


def test_a_credential_counts_as_known_only_in_the_form_that_was_used() -> None:
    again = known_again(MARK, {"plant": PLANT})
    assert again.lost == ()
    assert again.redactor.text(f"it is {SECRET}") == "it is ***"
    later = replace(PLANT, changed_at=datetime(2026, 11, 23, 1, 2, 3, 5, tzinfo=UTC))
    assert known_again(MARK, {"plant": later}).lost != ()
