"""`itk drill` on a desktop: what needs no Designer is tried, the rest says what it lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: Seconds for what takes ten on an idle machine.
SOON_S = 120.0


@pytest.mark.usefixtures("desktop")
def test_on_a_desktop_without_a_designer_a_drill_tries_what_it_can_and_says_the_rest() -> None:
    kinds = ("designer.press", "designer.screenshot", "designer.wait_for_window")
    chosen = [word for kind in kinds for word in ("--kinds", kind)]
    run = subprocess.run(
        [str(Path(sys.executable).with_name("itk")), "drill", *chosen, "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON_S,
    )
    assert run.returncode == 0, run.stderr
    press, screenshot, wait = json.loads(run.stdout)["results"]
    assert press["mark"] == "not tried"
    assert "put a designer.launch step before it" in press["lines"][0]
    assert (screenshot["mark"], wait["mark"]) == ("kept", "kept")
    # It was under way: the window never comes.
    assert wait["took_s"]
