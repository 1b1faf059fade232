"""The ladder's tries see what was not ended, and what ended late."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ignition_toolkit.drill import ladder
from ignition_toolkit.drill.ladder import Way
from ignition_toolkit.drill.results import Mark


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have a script in the place of `itk run`: what is in the folder's `play.py`."""
    monkeypatch.setattr(ladder, "_START", f"exec(open({str(tmp_path / 'play.py')!r}).read())")
    monkeypatch.setattr(ladder, "WAYS", {"ladder.played": Way("beat()")})
    return tmp_path


#: Says once that it acts, waits for the cancel, and acts `late` seconds after it.
PLAY = """
import json, os, signal, sys, time
def say(pid):
    with open("beats", "a") as out:
        out.write(f"{{pid}} {{time.monotonic()}}\\n")
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGINT}})
say({pid})
signal.sigwait({{signal.SIGINT}})
time.sleep({late})
say({pid})
print(json.dumps({{"status": {status!r}, "cancellation": {{"leftovers": {left}}}}}))
sys.exit({code})
"""
GONE = 2**30


def lines_of(folder: Path, **how: object) -> tuple[str, ...]:
    defaults = {"pid": GONE, "late": 0, "status": "cancelled", "left": [], "code": 130}
    (folder / "play.py").write_text(PLAY.format(**{**defaults, **how}))
    (result,) = ladder.ladder((), folder / "runs")
    assert result.mark is (Mark.BROKEN if result.lines else Mark.KEPT)
    return result.lines


def test_an_end_in_time_is_kept(played: Path) -> None:
    assert lines_of(played) == ()


def test_an_act_after_half_a_second_breaks_it(played: Path) -> None:
    (line,) = lines_of(played, late=0.6)
    assert "after the cancel; the promise is 0.5 s" in line


def test_a_process_that_is_still_there_breaks_it(played: Path) -> None:
    assert lines_of(played, pid=os.getpid()) == (f"process {os.getpid()} is still there",)


def test_what_the_record_says_is_held_against_it(played: Path) -> None:
    (line,) = lines_of(played, status="completed")
    assert line == "it is recorded as completed, expected cancelled"


def test_what_the_record_says_was_left_is_told(played: Path) -> None:
    (line,) = lines_of(played, left=[{"name": "rooted", "pid": 5}])
    assert line == "it is recorded that rooted (5) was left"


def test_another_exit_code_is_told_with_what_was_said(played: Path) -> None:
    (line,) = lines_of(played, code=1)
    assert line.startswith("`itk run` ended with 1, expected 130: ")


def test_a_run_that_does_not_begin_says_why(played: Path) -> None:
    (played / "play.py").write_text("import sys; sys.exit('no disk')")
    (result,) = ladder.ladder((), played / "runs")
    assert result.lines == ("its step did not begin: no disk",)


def test_only_what_the_patterns_name_is_tried(tmp_path: Path) -> None:
    assert list(ladder.ladder(["browser.*"], tmp_path)) == []
