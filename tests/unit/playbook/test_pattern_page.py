"""docs/CANCELLATION_PATTERN.md: its example works, and its checklist is the one reviewers see."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ignition_toolkit.playbook.step_handler import StepContext, StepHandler

REPO = Path(__file__).parents[3]
PAGE = (REPO / "docs" / "CANCELLATION_PATTERN.md").read_text("utf-8")


@pytest.fixture
def kind() -> type[StepHandler]:
    """The handler that the page shows."""
    [example] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)
    return cast(type[StepHandler], names["WaitForFile"])


def execute(kind: type[StepHandler], folder: Path) -> asyncio.Future[dict[str, Any]]:
    context = cast(StepContext, SimpleNamespace(artifacts=folder, remaining=lambda: 30.0))
    params = kind.Params.model_validate({"name": "made"}).model_dump()
    return asyncio.ensure_future(kind(context).execute(params))


async def test_the_example_waits_for_its_file(kind: type[StepHandler], tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.touch()
    assert await execute(kind, tmp_path) == {"path": str(made)}


async def test_the_example_can_be_cancelled(kind: type[StepHandler], tmp_path: Path) -> None:
    waiting = execute(kind, tmp_path)
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_reviewers_see_the_checklist_of_the_page() -> None:
    section = PAGE.partition("## Review checklist")[2].partition("\n## ")[0]
    checklist = section[section.index("- [ ]") :].strip()
    template = (REPO / ".github" / "pull_request_template.md").read_text("utf-8")
    assert template.strip().endswith(checklist)


def test_the_page_names_nothing_that_is_not_there() -> None:
    module = "ignition_toolkit.playbook.cancellation"
    utilities = vars(__import__(module, fromlist=["*"]))
    named = set(re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE))
    assert named == {"cancellable_sleep", "cancellable_poll", "with_cancellation_check"}
    assert named <= set(utilities)


def test_what_is_said_of_the_old_advice_is_what_was_measured() -> None:
    bench = (REPO / "bench" / "README.md").read_text("utf-8")
    section = bench.partition("<!-- advice -->")[2].partition("<!-- /advice -->")[0]
    rows = dict(re.findall(r"^\| (.+?) \| ([^|]+?) \|$", section, re.MULTILINE))
    medians = {what: found.partition(" / ")[0] for what, found in rows.items()}
    sleeps = {what: float(ms) for what, ms in medians.items() if "sleep" in what or "slice" in what}
    thread = [sleeps.pop(what) for what in list(sleeps) if "its thread" in what]
    assert len(sleeps) == 4
    assert max(sleeps.values()) < 0.5, "the page says 'less than 0.5 ms'"
    assert len(thread) == 1 and thread[0] > 400, "the page says that it works on for half a second"
    [loop] = [found for what, found in rows.items() if "plain loop" in what]
    [ours] = [found for what, found in rows.items() if "`cancellable_poll`" in what]
    assert (loop, ours) == ("True", "False")


def test_the_page_has_a_row_for_each_piece_of_old_advice_that_a_rule_is_against() -> None:
    advice = PAGE.partition("## What was wrong in the old advice")[2]
    for word in ("asyncio.sleep(30)", "slices", "current_task().cancelled()", "lambda:"):
        assert word in advice
