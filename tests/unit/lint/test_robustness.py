"""Whatever is in the files, the linter ends with findings, not with an error of its own."""

import json
import os
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.lint.engine import lint_paths
from ignition_toolkit.lint.sources import MAX_BYTES, python_files
from tests.unit.lint.cases import CASES
from tests.unit.lint.trees import looked_at, places, write

SLEEPS = """
    import asyncio
    from nowhere_to_be_found import StepHandler

    class Wait(StepHandler):
        async def execute(self, params):
            await asyncio.sleep(1)
"""


def test_a_broken_file_does_not_hide_what_is_in_the_others(tmp_path: Path) -> None:
    files = {"broken.py": "def f(:\n", "wait.py": SLEEPS}
    found = places(tmp_path, looked_at(tmp_path, files))
    assert found == ["broken.py:1 ITK100", "wait.py:7 ITK101"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"name = '\xe9'\n", "does not fit its encoding"),
        (b"# coding: nonsense\n", "does not fit its encoding"),
        (b"x = 1\0\n", "null bytes"),
        (b"x = " + b"(" * 5000, "cannot be parsed|is no Python"),
        (b"#" * (MAX_BYTES + 1), "longer than 4 MiB"),
        (b"async def f():\n\tpass\n        pass\n", "is no Python"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_finding(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "strange.py").write_bytes(data)
    (finding,) = lint_paths([tmp_path])
    assert finding.code == "ITK100"
    assert any(one in finding.message for one in why.split("|"))


WITH_UMLAUTS = """
import asyncio
async def grüße(work):
    await asyncio.gather(work, return_exceptions=True)
"""


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("latin-1", "# coding: latin-1"),
        ("utf-8-sig", ""),
        ("cp1252", "# vim: set fileencoding=cp1252 :"),
    ],
)
def test_other_encodings_are_read(encoding: str, head: str, tmp_path: Path) -> None:
    data = (head + WITH_UMLAUTS).replace("\n", "\r\n").encode(encoding)
    (tmp_path / "strange.py").write_bytes(data)
    (finding,) = lint_paths([tmp_path])
    assert (finding.code, finding.line) == ("ITK107", 4)
    assert "grüße" in finding.message


@pytest.mark.parametrize("end", ["\r", "\n\f\n", "\r\n"])
def test_lines_may_end_as_they_like(end: str, tmp_path: Path) -> None:
    text = end.join(WITH_UMLAUTS.splitlines()) + end
    (tmp_path / "strange.py").write_bytes(text.encode())
    (finding,) = lint_paths([tmp_path])
    assert finding.code == "ITK107"


def test_imports_that_lead_nowhere_hide_nothing(tmp_path: Path) -> None:
    """Missing packages, more dots than folders, stars, oneself, and a name of the library's."""
    heads = """
        from . import nothing
        from ...beyond import deeper
        from nowhere import *
        from wait import *
        import nowhere.deep as deep
        import nowhere.other

        class Line(deep.Line, nowhere.other.Device, nothing.At.all):
            pass
    """
    files = {"heads.py": heads, "json.py": heads, "wait.py": "    from heads import *" + SLEEPS}
    assert places(tmp_path, looked_at(tmp_path, files)) == ["wait.py:7 ITK101"]


def test_pipes_devices_and_lost_links_are_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, {"wait.py": SLEEPS, "folder.py/inside.py": ""})
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "zero.py").symlink_to("/dev/zero")
    (tmp_path / "lost.py").symlink_to("nowhere.py")
    assert places(tmp_path, lint_paths([tmp_path])) == ["lost.py:1 ITK100", "wait.py:7 ITK101"]


def test_a_file_whose_name_is_no_text_is_read(tmp_path: Path) -> None:
    strange = tmp_path / os.fsdecode(b"caf\xe9.py")
    strange.write_text(textwrap.dedent(SLEEPS), "utf-8")
    (finding,) = lint_paths([tmp_path])
    # A terminal and a JSON file take it too.
    assert finding.to_text().encode("ascii", "backslashreplace")
    assert json.loads(json.dumps(finding.path)) == str(strange)


def test_deep_nesting_ends(tmp_path: Path) -> None:
    deep = "x = " + "-" * 600 + "1\n" + "y = " + "+".join(["x"] * 3000) + "\n"
    found = looked_at(tmp_path, {"deep.py": deep})
    assert [finding.code for finding in found] in ([], ["ITK100"])


def test_hidden_folders_environments_and_links_are_left_out(tmp_path: Path) -> None:
    names = ["a.py", ".hidden/b.py", "env/pyvenv.cfg", "env/c.py", "__pycache__/d.py", "e/f.py"]
    write(tmp_path, dict.fromkeys(names, ""))
    (tmp_path / "e" / "again").symlink_to(tmp_path)
    assert python_files([tmp_path]) == [tmp_path / "a.py", tmp_path / "e" / "f.py"]


def test_a_file_that_is_given_by_name_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    script = write(tmp_path, {"tool": SLEEPS}) / "tool"
    assert [finding.code for finding in lint_paths([script, script])] == ["ITK101"]


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lint_paths([tmp_path / "nothing"])


TEXTS = [case.read_text("utf-8").splitlines(keepends=True) for case in CASES]


@given(st.data())
def test_code_that_is_being_typed_never_breaks_the_linter(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A case with some of its lines gone, doubled or mixed with those of another."""
    lines = data.draw(st.sampled_from(TEXTS)) + data.draw(st.sampled_from(TEXTS))
    kept = data.draw(st.lists(st.sampled_from(lines), max_size=60))
    folder = tmp_path_factory.mktemp("typed")
    (folder / "typed.py").write_text("".join(kept), "utf-8")
    lint_paths([folder])


@pytest.mark.parametrize("name", ["super", "list", "int"])
def test_names_of_python_itself_are_no_surprise(name: str, tmp_path: Path) -> None:
    text = (
        f"class A({name}):\n    async def f(self): {name}().x; {name}(self)[0](); (await self)()\n"
    )
    assert looked_at(tmp_path, {"a.py": text}) == []
