"""The linter as a plug-in of pylint."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from pylint.lint import Run
from pylint.reporters.text import TextReporter

from tests.unit.lint.cases import CASES, code_of, expected
from tests.unit.lint.trees import write

MESSAGE = re.compile(r":(\d+):\d+: W98\d\d: .* \((itk\d{3})\)$", re.MULTILINE)
READABLE = [case for case in CASES if code_of(case) != "ITK100"]


def findings_of_pylint(*arguments: str) -> str:
    """Run pylint with nothing but the plug-in's messages, in this process."""
    output = StringIO()
    plug_in = ["--load-plugins=ignition_toolkit.lint.pylint", "--disable=all", "--persistent=n"]
    Run(
        [*plug_in, "--enable=ignition-toolkit", "--score=n", "--rcfile=/dev/null", *arguments],
        reporter=TextReporter(output),
        exit=False,
    )
    return output.getvalue()


def test_it_finds_in_every_case_what_the_command_finds() -> None:
    found = set(MESSAGE.findall(findings_of_pylint(*map(str, READABLE))))
    announced = {place for case in READABLE for place in expected(case)}
    assert found == {(str(line), code.lower()) for line, code in announced}


@pytest.mark.parametrize(("option", "count"), [("y", 1), ("n", 0)])
def test_the_guides_option_switches_the_rule_about_sleeps(
    option: str, count: int, tmp_path: Path
) -> None:
    text = """
        import asyncio
        from toolbox import StepHandler

        class Wait(StepHandler):
            async def execute(self, params):
                await asyncio.sleep(1)
    """
    file = write(tmp_path, {"wait.py": text}) / "wait.py"
    said = findings_of_pylint(f"--disallow-asyncio-sleep-in-handlers={option}", str(file))
    assert said.count("(itk101)") == count
    assert ("reached from handler" in said) == bool(count)
