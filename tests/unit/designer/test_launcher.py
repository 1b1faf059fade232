"""Where the launcher is, what it is told, and that what it starts is known again."""

import os
import sys
from pathlib import Path

import pytest

from ignition_toolkit.designer import launcher
from ignition_toolkit.designer.backend import Window, titled
from ignition_toolkit.designer.launcher import designer_link, find_launcher, start_launcher
from ignition_toolkit.designer.processes import belonging, is_marked, new_mark
from ignition_toolkit.errors import StepFailed


def test_a_launcher_that_is_named_is_taken_and_one_that_is_not_there_is_told(
    tmp_path: Path,
) -> None:
    file = tmp_path / "designerlauncher.sh"
    with pytest.raises(StepFailed, match=r"launcher_file: expected .*designerlauncher\.sh"):
        find_launcher(str(file))
    file.write_text("#!/bin/sh\n")
    with pytest.raises(StepFailed, match="a file that can be run"):
        find_launcher(str(file))
    file.chmod(0o755)
    assert find_launcher(str(file)) == file


def test_the_usual_places_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "second"
    monkeypatch.setattr(launcher, "PLACES", (str(tmp_path / "first"), str(file)))
    with pytest.raises(StepFailed, match=r"first or .*second, and found none; download it"):
        find_launcher(None)
    file.touch(0o755)
    assert find_launcher(None) == file


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("http://plant:8088", "designer://plant:8088/Line%203?insecure=true"),
        ("https://plant:8043/", "designer://plant:8043/Line%203"),
    ],
)
def test_a_link_names_gateway_and_project(url: str, link: str) -> None:
    assert designer_link(url, "Line 3") == link


def test_what_a_launcher_has_started_is_known_by_its_mark() -> None:
    mark = new_mark()
    arguments = ["-c", "input()"]
    with start_launcher(Path(sys.executable), arguments, mark, outlives=True) as process:
        process.wait(60)
        assert process.returncode == 1, "it has no input"
    with start_launcher(Path("/bin/sleep"), ["60"], mark, outlives=False) as process:
        assert [one.pid for one in belonging(mark)] == [process.pid]
        assert is_marked(process.pid, mark)
        assert not is_marked(process.pid, mark[:-1])
        assert not is_marked(os.getpid(), mark)
        process.kill()
    assert belonging(mark) == ()


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    file = tmp_path / "broken"
    file.write_bytes(b"\x7fELF nonsense")
    file.chmod(0o755)
    with pytest.raises(StepFailed, match="could not be started"):
        start_launcher(file, [], new_mark(), outlives=False)


def test_a_title_is_found_whatever_its_case() -> None:
    assert titled("open/create")(Window(1, "Ignition Designer - Open/Create Project"))
    assert not titled("login")(Window(1, "Tank Farm"))
