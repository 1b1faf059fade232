"""Programs are loaded in threads and checked by a runner, once per text and catalog."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from ignition_toolkit.errors import InternalError, NotFound, PlaybookInvalid
from ignition_toolkit.execution import programs as programs_module
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.questions import Questions
from ignition_toolkit.playbook.catalog import Catalog, Kind
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.models import Program
from ignition_toolkit.protocol import StepProblem

TEXT = "name: N\nsteps:\n  - {id: a, name: A, type: acme.go}\n"


class FakeQuestions:
    """Answers at once; the test says what."""

    def __init__(self) -> None:
        self.kinds = ["acme.go"]
        self.problems: list[StepProblem] = []
        self.checked = 0
        self.described = 0
        self.forgotten = 0
        self.error: InternalError | None = None

    async def describe(self) -> Catalog:
        self.described += 1
        if self.error:
            raise self.error
        kinds = {name: Kind(type=name, module=name.split(".")[0]) for name in self.kinds}
        return Catalog(key="runner's own", kinds=kinds)

    async def check(self, program: Program, modules: Mapping[str, str]) -> list[StepProblem]:
        self.checked += 1
        return self.problems

    async def forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
def questions() -> FakeQuestions:
    return FakeQuestions()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list whose last entry is the key of what is installed."""
    keys = ["one"]
    monkeypatch.setattr(programs_module, "_installed_key", lambda: keys[-1])
    monkeypatch.setattr(programs_module, "LOOK_AGAIN_S", 0.0)
    return keys


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "n.yaml").write_text(TEXT)
    return Library([tmp_path / "library"])


@pytest.fixture
async def programs(
    tmp_path: Path, library: Library, questions: FakeQuestions, installed: list[str]
) -> AsyncIterator[Programs]:
    made = Programs(library, cast("Questions", questions), tmp_path)
    yield made
    made.close()


async def test_a_playbook_is_found_in_the_library_and_checked(
    programs: Programs, questions: FakeQuestions
) -> None:
    loaded = await programs.load("n.yaml", None)
    assert loaded.program.main.name == "N"
    assert loaded.texts == {"n.yaml": TEXT}
    assert questions.checked == 1


async def test_the_same_text_is_checked_once(programs: Programs, questions: FakeQuestions) -> None:
    first = await programs.load("n.yaml", None)
    assert await programs.load("n.yaml", None) is first
    await programs.from_snapshot("n.yaml", {"n.yaml": TEXT})
    assert questions.checked == 1
    await programs.load("n.yaml", TEXT.replace("N", "M"))
    assert questions.checked == 2


async def test_a_text_outside_the_library_has_a_name_for_its_problems(
    programs: Programs,
) -> None:
    with pytest.raises(PlaybookInvalid) as caught:
        await programs.load(None, "steps: []")
    assert all(line.startswith("playbook.yaml:") for line in caught.value.problems)


async def test_what_a_runner_finds_wrong_has_its_place_in_the_file(
    programs: Programs, questions: FakeQuestions
) -> None:
    wrong = StepProblem(path="n.yaml", location=("steps", 0, "type"), message="expected more")
    questions.problems = [wrong]
    with pytest.raises(PlaybookInvalid, match="has 1 problem") as caught:
        await programs.load("n.yaml", None)
    (line,) = caught.value.problems
    assert line.startswith("n.yaml:3:")
    assert "expected more" in line
    questions.problems = []
    await programs.load("n.yaml", None)


async def test_nothing_named_and_nothing_found_are_errors(programs: Programs) -> None:
    with pytest.raises(NotFound, match="no playbook was named"):
        await programs.load(None, None)
    with pytest.raises(NotFound):
        await programs.load("unknown.yaml", None)


async def test_few_programs_are_kept(
    programs: Programs, questions: FakeQuestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs_module, "KNOWN_PROGRAMS", 2)
    for name in ("A", "B", "C"):
        await programs.load(None, TEXT.replace("N", name))
    assert len(programs._known) == 2
    await programs.load(None, TEXT.replace("N", "A"))
    assert questions.checked == 4


async def test_large_programs_are_not_kept_in_memory_for_ever(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs_module, "KNOWN_CHARACTERS", 2 * len(TEXT))
    for name in ("A", "B", "C", "D"):
        await programs.load(None, TEXT.replace("N", name))
    assert len(programs._known) == 2


async def test_a_kind_that_was_installed_under_the_running_worker_counts(
    programs: Programs, questions: FakeQuestions, installed: list[str]
) -> None:
    text = TEXT.replace("acme.go", "acme.stop")
    with pytest.raises(PlaybookInvalid):
        await programs.load(None, text)
    questions.kinds = ["acme.go", "acme.stop"]
    installed.append("two")
    await programs.load(None, text)
    assert programs.modules == {"acme.go": "acme", "acme.stop": "acme"}
    # The runner that answered before knows the modules as they were.
    assert questions.forgotten == 2


async def test_while_nothing_changes_the_runner_is_asked_once(
    programs: Programs, questions: FakeQuestions
) -> None:
    await asyncio.gather(*(programs.load("n.yaml", None) for _ in range(5)))
    assert questions.described == 1


async def test_the_kept_catalog_saves_the_question(
    programs: Programs, questions: FakeQuestions, tmp_path: Path
) -> None:
    await programs.look_at_kinds()
    kept = (tmp_path / "catalog.json").read_text()
    (tmp_path / "catalog.json").write_text(kept.replace("runner's own", "one"))
    programs._installed = ""
    await programs.look_at_kinds()
    assert questions.described == 1


async def test_a_catalog_that_cannot_be_made_is_asked_for_again(
    programs: Programs, questions: FakeQuestions
) -> None:
    questions.error = InternalError("no answer")
    with pytest.raises(InternalError):
        await programs.load("n.yaml", None)
    questions.error = None
    await programs.load("n.yaml", None)


async def test_the_installed_packages_are_not_looked_at_for_every_start(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def look() -> str:
        looks.append(1)
        return "one"

    monkeypatch.setattr(programs_module, "_installed_key", look)
    monkeypatch.setattr(programs_module, "LOOK_AGAIN_S", 60.0)
    for _ in range(3):
        await programs.load("n.yaml", None)
    assert len(looks) == 1
