"""Which linter finds which way of losing a cancel, over the case files; and how fast ours reads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import load, summary, table
from ignition_toolkit.lint.engine import lint_paths
from ignition_toolkit.lint.rules import RULES

REPO = Path(__file__).parents[1]
CASES = REPO / "tests" / "lint_cases"
BIN = Path(sys.executable).parent
#: Seconds that a linter of others has for one file.
LIMIT_S = 60

_EXPECTED = re.compile(r"# expect: (ITK\d{3})")
_PLACE = re.compile(r"^[^:\n]+:(\d+):\d+:? ASYNC", re.MULTILINE)


def all_of_it(_folder: Path, times: int) -> str:
    """Measure, and return the tables."""
    return f"{_who_finds_what()}\n\n{_speed(max(1, times // 4))}"


def _who_finds_what() -> str:
    rows = []
    tools = {"itk lint": _ours, "flake8-async": _flake8_async, "ruff ASYNC": _ruff}
    for code, rule in sorted(RULES.items()):
        bad = sorted(CASES.glob(f"{code}_bad_*.py"))
        good = sorted(CASES.glob(f"{code}_good_*.py"))
        places = {(path, line) for path in bad for line in _announced(path, code)}
        row: list[object] = [f"{code} {rule.name}", len(places)]
        for look in tools.values():
            seen = {(path, line) for path in (*bad, *good) for line in look(path)}
            false = len([place for place in seen if place[0] in good])
            row.append(f"{len(places & seen)}" + (f" (and {false} in good ones)" if false else ""))
        rows.append(row)
    return table(["way", "places", *tools], rows)


def _announced(path: Path, code: str) -> set[int]:
    lines = path.read_text("utf-8").splitlines()
    found = ((number, _EXPECTED.search(line)) for number, line in enumerate(lines, start=1))
    return {number for number, match in found if match and match[1] == code}


def _ours(path: Path) -> set[int]:
    return {finding.line for finding in lint_paths([path])}


def _flake8_async(path: Path) -> set[int]:
    said = _said(["flake8-async", "--asyncio", str(path)])
    return {int(line) for line in _PLACE.findall(said)}


def _ruff(path: Path) -> set[int]:
    options = ["--isolated", "--no-cache", "--select=ASYNC", "--preview", "--output-format=json"]
    said = json.loads(_said(["ruff", "check", *options, str(path)]))
    return {int(one["location"]["row"]) for one in said}


def _said(command: list[str]) -> str:
    program = str(BIN / command[0])
    done = subprocess.run(
        [program, *command[1:]], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return done.stdout


def _speed(times: int) -> str:
    source = REPO / "src"
    count = sum(len(path.read_bytes().splitlines()) for path in source.rglob("*.py"))
    before = load()
    walls = [_timed(time.monotonic, source) for _ in range(times)]
    processor = [_timed(time.process_time, source) for _ in range(times)]
    rows: list[list[object]] = [
        ["our own code, lines", count, "-"],
        ["read and judged in, s", summary(walls, 1), "30 for 40,000 lines"],
        ["of processor time, s", summary(processor, 1), "-"],
    ]
    return f"{times} times; load before {before:.1f}.\n\n" + table(["what", "seen", "target"], rows)


def _timed(clock: Callable[[], float], source: Path) -> float:
    begin = clock()
    lint_paths([source])
    return clock() - begin
