"""`--describe` and `--check`: the runner asked once, without a server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.models import Playbook, Program, Step
from ignition_toolkit.protocol import Check, Checked, StepProblem, encode

SLEEP = "ignition_toolkit.steps.utility"

ACME = """
print("a module that talks on import")
from pydantic import BaseModel
from ignition_toolkit.playbook.step_handler import Effect, StepHandler

class Wait(StepHandler):
    type = "acme.wait"
    summary = "Wait for a line"
    effect = Effect.READS
    leaves = "nothing"

    class Params(BaseModel):
        line: str

    async def execute(self, params):
        return {}
"""


def package(folder: Path, name: str, *entries: str, **modules: str) -> None:
    """Install a package of step kinds into a folder, as pip would."""
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "\n".join(f"e{number} = {entry}" for number, entry in enumerate(entries))
    (info / "entry_points.txt").write_text(f"[ignition_toolkit.steps]\n{points}\n")


def ask(option: str, folder: Path, question: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "ignition_toolkit.runner", option],
        input=question,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(folder)},
        timeout=60,
        check=False,
    )


def described(folder: Path) -> Catalog:
    done = ask("--describe", folder)
    assert done.returncode == 0, done.stderr.decode()
    return Catalog.from_json(done.stdout)


def checked(folder: Path, *steps: Step, modules: dict[str, str]) -> list[StepProblem]:
    program = Program(main=Playbook(name="m", path="m.yaml", steps=steps))
    done = ask("--check", folder, encode(Check(request=7, program=program, modules=modules)))
    assert done.returncode == 0, done.stderr.decode()
    answer = Checked.model_validate_json(done.stdout)
    assert answer.request == 7
    return list(answer.problems)


def test_the_catalog_has_ours_and_other_packages_kinds(tmp_path: Path) -> None:
    package(tmp_path, "acme", "acme_steps", acme_steps=ACME)
    catalog = described(tmp_path)
    kind = catalog.kinds["acme.wait"]
    assert (kind.summary, kind.effect, kind.leaves) == ("Wait for a line", "reads", "nothing")
    assert (kind.module, kind.distribution) == ("acme_steps", "acme")
    assert kind.required == ("line",)
    assert catalog.kinds["utility.sleep"].distribution == "ignition-toolkit"
    assert catalog.kinds["utility.python"].required == ("script",)


def test_broken_packages_are_listed_and_spoil_no_other(tmp_path: Path) -> None:
    package(tmp_path, "acme", "acme_steps", acme_steps=ACME)
    package(tmp_path, "acme2", "acme_two", acme_two=ACME)
    package(tmp_path, "bad", "bad_gone", "bad_raises", "bad_none", "bad_exits",
            bad_raises="1 / 0", bad_none="x = 1", bad_exits="import sys; sys.exit(9)")  # fmt: skip
    catalog = described(tmp_path)
    assert catalog.kinds["acme.wait"].module == "acme_steps"
    broken = {b.module: (b.distribution, b.error) for b in catalog.broken}
    assert broken["bad_raises"] == (
        "bad", "module bad_raises cannot be imported: ZeroDivisionError: division by zero",
    )  # fmt: skip
    assert "No module named 'bad_gone'" in broken["bad_gone"][1]
    assert "declares no step kind" in broken["bad_none"][1]
    assert "SystemExit: 9" in broken["bad_exits"][1]
    assert "'acme.wait' is declared by acme (acme_steps) too" in broken["acme_two"][1]


def test_what_a_module_prints_on_import_does_not_mix_with_the_answer(tmp_path: Path) -> None:
    package(tmp_path, "acme", "acme_steps", acme_steps=ACME)
    done = ask("--describe", tmp_path)
    assert json.loads(done.stdout)
    assert b"a module that talks on import" in done.stderr


def step(type: str, **parameters: Any) -> Step:
    return Step(id="a", name="A", type=type, parameters=parameters)


def test_steps_are_checked_as_written(tmp_path: Path) -> None:
    package(tmp_path, "bad", "bad_raises", bad_raises="1 / 0")
    modules = {"utility.sleep": SLEEP, "utility.log": SLEEP, "bad.kind": "bad_raises"}
    problems = checked(
        tmp_path,
        step("utility.sleep", seconds="{{ parameter.s }}"),
        step("utility.sleep", seconds="3"),
        step("utility.sleep", seconds=-1),
        step("utility.sleep"),
        step("utility.log", message="x", lvel="info"),
        step("bad.kind"),
        step("no.kind"),
        modules=modules,
    )
    assert [(p.location, p.message) for p in problems] == [
        (
            ("steps", 2, "parameters", "seconds"),
            "the step 'a': seconds: input should be greater than or equal to 0, found -1",
        ),
        (("steps", 3, "parameters", "seconds"), "the step 'a': seconds: field required"),
        (
            ("steps", 4, "parameters", "lvel"),
            "the step 'a': lvel: unknown parameter; did you mean 'level'?",
        ),
        (
            ("steps", 5, "type"),
            "module bad_raises cannot be imported: ZeroDivisionError: division by zero",
        ),
        (("steps", 6, "type"), "step kind 'no.kind' is not installed; `itk steps` lists all"),
    ]


@pytest.mark.parametrize("question", [b"", b"nonsense", b'{"kind": "start"}'])
def test_a_question_that_is_none_is_told(question: bytes, tmp_path: Path) -> None:
    done = ask("--check", tmp_path, question)
    assert done.returncode == 1
    assert b"--check expects one `check` command as JSON on stdin" in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_a_runner_is_not_for_hands(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ignition_toolkit.runner"], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"a runner is started by its supervisor; see --describe and --check" in done.stderr
