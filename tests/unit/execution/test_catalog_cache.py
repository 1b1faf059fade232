"""The catalog is kept under a key of what is installed, and never believed beyond it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ignition_toolkit.execution.catalog_cache import FILE_NAME, keep, read_kept
from ignition_toolkit.playbook.catalog import BrokenModule, Catalog, Kind

CATALOG = Catalog(key="k1", kinds={"acme.go": Kind(type="acme.go", module="acme")})


def test_a_kept_catalog_is_read_again(tmp_path: Path) -> None:
    keep(tmp_path, CATALOG)
    assert read_kept(tmp_path, "k1") == CATALOG


def test_another_key_means_that_something_else_is_installed(tmp_path: Path) -> None:
    keep(tmp_path, CATALOG)
    assert read_kept(tmp_path, "k2") is None


def test_one_with_broken_modules_is_made_anew(tmp_path: Path) -> None:
    """What a module lacked may have been installed since, which the key does not show."""
    broken = (BrokenModule(module="m", distribution="d", error="no module named x"),)
    keep(tmp_path, CATALOG.model_copy(update={"broken": broken}))
    assert read_kept(tmp_path, "k1") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"key": 1}'])
def test_a_damaged_file_is_no_catalog(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    assert read_kept(tmp_path, "k1") is None


def test_no_file_is_no_catalog(tmp_path: Path) -> None:
    assert read_kept(tmp_path, "k1") is None


def test_what_cannot_be_kept_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(tmp_path / "nowhere", CATALOG)
    assert "could not be kept" in caplog.text


def test_nothing_half_written_is_left_under_the_name(tmp_path: Path) -> None:
    keep(tmp_path, CATALOG)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
