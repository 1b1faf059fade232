"""The file of `itk run --junit` is tried before the run, and is whole or not there."""

import os
from pathlib import Path

import pytest
from junitparser import JUnitXml

from ignition_toolkit.cli.junit_file import JunitFile
from ignition_toolkit.errors import OperatorError
from tests.unit.cli.samples import execution, step


def test_the_export_is_written_whole_in_a_folder_that_is_made(tmp_path: Path) -> None:
    file = tmp_path / "reports/deep/run.xml"
    JunitFile.prepare(str(file)).write(execution("completed", step_results=(step(),)))
    assert next(iter(JUnitXml.fromfile(str(file)))).tests == 1
    assert [path.name for path in file.parent.iterdir()] == ["run.xml"]


def test_nobody_takes_an_older_file_for_that_of_this_run(tmp_path: Path) -> None:
    file = tmp_path / "run.xml"
    file.write_text("of yesterday")
    JunitFile.prepare(str(file))
    assert list(tmp_path.iterdir()) == []


def test_a_link_still_leads_to_the_file_afterwards(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    link = tmp_path / "run.xml"
    link.symlink_to(tmp_path / "store/real.xml")
    JunitFile.prepare(str(link)).write(execution("completed"))
    assert link.is_symlink()
    assert link.read_text().startswith("<?xml")


def test_a_name_as_long_as_the_system_allows_is_written(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 251 + ".xml")
    JunitFile.prepare(str(file)).write(execution("completed"))
    assert file.exists()


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for named in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(OperatorError, match="expected the path of a file"):
            JunitFile.prepare(str(named))
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("{tmp}/file/run.xml", "Not a directory|File exists"),
        ("{tmp}/" + "x" * 256, "File name too long"),
        ("~nobody-of-this-name/run.xml", "home directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_the_run(
    named: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=f"cannot be written: .*({reason})"):
        JunitFile.prepare(named.format(tmp=tmp_path))


def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = JunitFile.prepare(str(tmp_path / "run.xml"))
    whole = Path.write_text

    def cut(path: Path, text: str, encoding: str) -> int:
        whole(path, text[:10], encoding)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", cut)
    with pytest.raises(OSError, match="No space left"):
        made.write(execution("completed"))
    assert list(tmp_path.iterdir()) == []
