"""The catalog as data, and the key that it is kept under."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ignition_toolkit.playbook import catalog as catalog_module
from ignition_toolkit.playbook.catalog import BrokenModule, Catalog, Kind, installed_key
from tests.unit.playbook.kinds import CATALOG


def test_it_survives_json() -> None:
    full = Catalog(
        key="k",
        kinds={"a.b": Kind(type="a.b", effect="reads", leaves="a file", extra_parameters=True)},
        broken=(BrokenModule(module="acme.steps", distribution="acme", error="no module x"),),
    )
    assert Catalog.from_json(full.to_json()) == full
    assert Catalog.from_json(CATALOG.to_json().encode()) == CATALOG


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', '{"key": "k", "new": 1}', b"\xff"])
def test_a_spoilt_file_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Catalog.from_json(text)


def test_a_kind_names_its_parameters() -> None:
    kind = CATALOG.kinds["utility.log"]
    assert list(kind.properties) == ["message", "level"]
    assert kind.required == ("message",)
    assert Kind(type="a").properties == {}
    assert Kind(type="a").required == ()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one entry point whose import would fail."""
    folder = tmp_path / "acme_line"
    (folder / "steps").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (folder / "steps" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (folder / "steps" / "filling.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = EntryPoint("acme", "acme_line.steps.filling", catalog_module.ENTRY_POINT_GROUP)
    monkeypatch.setattr(catalog_module, "entry_points", lambda group: [entry])
    return folder


def test_the_key_imports_no_handler(package: Path) -> None:
    assert len(installed_key()) == 16
    assert installed_key() == installed_key()
    assert "acme_line" not in sys.modules


def test_an_edited_handler_changes_the_key(package: Path) -> None:
    before = installed_key()
    (package / "steps" / "filling.py").write_text("# edited\n")
    assert installed_key() != before


def test_an_edited_module_of_a_package_changes_the_key(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("acme", "acme_line.steps", catalog_module.ENTRY_POINT_GROUP)
    monkeypatch.setattr(catalog_module, "entry_points", lambda group: [entry])
    before = installed_key()
    (package / "steps" / "filling.py").write_text("# edited\n")
    assert installed_key() != before


@pytest.mark.parametrize(
    "module", ["no_such_module", "acme_line.no_such", "acme_line.x.y.z", "a:b"]
)
def test_a_module_that_is_not_there_still_gives_a_key(
    package: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    before = installed_key()
    entry = EntryPoint("acme", module, catalog_module.ENTRY_POINT_GROUP)
    monkeypatch.setattr(catalog_module, "entry_points", lambda group: [entry])
    assert installed_key() != before


def test_a_new_entry_point_changes_the_key(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = installed_key()
    monkeypatch.setattr(catalog_module, "entry_points", lambda group: [])
    assert installed_key() != before
