"""`itk lint`: its output, its exit codes, and what it says without astroid."""

import json
import re
from pathlib import Path

import pytest

from ignition_toolkit.cli.app import run_app

CASES = Path(__file__).parents[2] / "lint_cases"
BAD, GOOD = str(CASES / "ITK101_bad_sleep.py"), str(CASES / "ITK101_good_sleep.py")


def test_findings_are_lines_and_exit_code_1(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app(["lint", BAD]) == 1
    out, err = capfd.readouterr()
    assert re.findall(rf"^{re.escape(BAD)}:(\d+):\d+: (ITK\d+) `", out, re.MULTILINE) == [
        ("9", "ITK101"),
        ("20", "ITK101"),
    ]
    assert err == "itk: 2 findings\n"


def test_without_findings_exit_code_0(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app(["lint", GOOD]) == 0
    assert capfd.readouterr() == ("", "itk: 0 findings\n")


def test_json_is_one_array_of_the_frozen_keys(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app(["lint", "--format", "json", BAD]) == 1
    out, err = capfd.readouterr()
    found = json.loads(out)
    keys = ["path", "line", "column", "code", "message", "handler", "chain"]
    assert [list(one) for one in found] == [keys, keys]
    assert found[0]["path"] == BAD
    assert found[0]["handler"] == "ITK101_bad_sleep.Settle"
    assert len(found[0]["chain"]) == 2
    assert err == ""


def test_json_of_nothing_is_an_empty_array(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app(["lint", "--format=json", GOOD]) == 0
    assert json.loads(capfd.readouterr().out) == []


@pytest.mark.parametrize("arguments", [["nowhere.py"], ["--format", "xml", GOOD], []])
def test_wrong_input_is_exit_code_2(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_app(["lint", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err


def test_without_astroid_it_says_what_to_install(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ignition_toolkit.cli.commands.linting.find_spec", lambda name: None)
    assert run_app(["lint", GOOD]) == 2
    assert "pip install 'ignition-toolkit[lint]'" in capfd.readouterr().err


def test_a_hostile_name_cannot_steer_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a\x1b[2Jb"
    folder.mkdir()
    (folder / "x.py").write_text("def f(:\n")
    assert run_app(["lint", str(folder)]) == 1
    assert "\x1b" not in capfd.readouterr().out
