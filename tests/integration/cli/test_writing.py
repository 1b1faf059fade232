"""`itk validate`, `steps` and `schema`: without a server, and without a data folder."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema
import pytest
import yaml

from ignition_toolkit.cli.commands import kinds as kinds_module
from ignition_toolkit.cli.commands import validate as validate_module
from ignition_toolkit.execution.checker import describe_once
from tests.e2e.server import REPO
from tests.integration.cli.command import done
from tests.integration.conftest import Called

LONG = "x" * 300

WRONG = f"""\
name: Wrong
steps:
  - id: a
    name: A
    type: utility.slep
  - id: b
    name: B
    type: utility.sleep
    parameters: {{seconds: 1, secnds_{LONG}: 2}}
"""

OLD = """\
name: Old
steps:
  - {id: a, name: A, type: utility.python, parameters: {code: "print(1)"}}
"""


@pytest.fixture(scope="module", autouse=True)
def described_once() -> Iterator[None]:
    """Have the commands that are called here ask a runner for the step kinds one time only."""
    asked = cache(describe_once)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validate_module, "describe_once", asked)
        patch.setattr(kinds_module, "describe_once", asked)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good, a wrong and an old playbook."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "good.yaml").write_text(OLD.replace("code", "script"))
    (files / "old.yml").write_text(OLD)
    (files / "wrong.yaml").write_text(WRONG)
    (files / "typed.yaml").write_text(OLD.replace('{code: "print(1)"}', "{script: [1]}"))
    return files


def test_right_files_are_exit_code_0(folder: Path, tmp_path: Path) -> None:
    told = done(tmp_path / "run", "validate", str(folder / "good.yaml"))
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "itk: 1 playbook valid\n")
    assert not (tmp_path / "run/data").exists()


def test_every_error_is_one_unwrapped_line(folder: Path, called: Called) -> None:
    told = called("validate", str(folder / "wrong.yaml"), COLUMNS="40")
    assert told.returncode == 2
    first, second = told.stdout.splitlines()
    assert first.startswith(f"{folder}/wrong.yaml:5:11: ")
    assert "did you mean 'utility.sleep'" in first
    assert second.startswith(f"{folder}/wrong.yaml:9:")
    assert told.stderr == "itk: 1 of 1 playbook not valid\n"


def test_warnings_are_marked_and_exit_code_0(folder: Path, called: Called) -> None:
    told = called("validate", str(folder / "old.yml"))
    assert told.returncode == 0
    (line,) = told.stdout.splitlines()
    assert line.startswith(f"{folder}/old.yml:3:")
    assert ": warning: " in line
    assert "script" in line


def test_what_only_a_runner_can_tell_has_its_place_too(folder: Path, called: Called) -> None:
    told = called("validate", str(folder / "typed.yaml"))
    assert told.returncode == 2
    assert told.stdout.startswith(f"{folder}/typed.yaml:3:")


def test_a_folder_means_every_playbook_in_it(folder: Path, called: Called) -> None:
    told = called("validate", str(folder))
    assert told.returncode == 2
    assert told.stderr == "itk: 2 of 4 playbooks not valid\n"
    empty = folder / "none"
    empty.mkdir()
    told = called("validate", str(empty))
    assert told.returncode == 2
    assert "no file in this folder ends in .yaml or .yml" in told.stderr


def test_nested_playbooks_come_from_the_folders_given(folder: Path, called: Called) -> None:
    outer = folder.with_name("outer.yaml")
    outer.write_text(
        "name: Outer\nsteps:\n"
        "  - {id: a, name: A, type: playbook.run, parameters: {playbook: good.yaml}}\n"
    )
    assert called("validate", str(outer)).returncode == 2
    told = called("validate", str(outer), "--playbooks", str(folder))
    assert told.returncode == 0, told.stdout


def test_what_is_shipped_is_valid(called: Called) -> None:
    told = called("validate", str(REPO / "playbooks/examples"))
    assert told.returncode == 0, told.stdout


def test_the_step_kinds_are_listed_and_one_is_explained(tmp_path: Path, called: Called) -> None:
    told = done(tmp_path / "run", "steps")
    assert told.returncode == 0
    kinds = [line.split()[0] for line in told.stdout.splitlines()]
    assert kinds[0] == "KIND"
    assert set(kinds) >= {"utility.sleep", "utility.python", "playbook.run"}
    one = called("steps", "utility.sleep")
    assert one.returncode == 0
    assert any(line.startswith("seconds ") for line in one.stdout.splitlines())
    slip = called("steps", "utility.slep")
    assert slip.returncode == 2
    assert "did you mean 'utility.sleep'?" in slip.stderr
    as_json = json.loads(called("steps", "--json").stdout)
    assert as_json["utility.sleep"]["type"] == "utility.sleep"


def test_the_schema_takes_what_is_right_and_refuses_what_is_wrong(
    folder: Path, tmp_path: Path
) -> None:
    schema = json.loads(done(tmp_path / "run", "schema").stdout)
    jsonschema.validate(yaml.safe_load((folder / "good.yaml").read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(WRONG), schema)
