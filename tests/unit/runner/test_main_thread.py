"""Where the main thread stands is seen from another one; what a step cannot help is excused."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, ModuleType

import pytest
from blockbuster import BlockBuster

from ignition_toolkit.playbook.task_place import step_place
from ignition_toolkit.runner.channel import EventWriter
from ignition_toolkit.runner.main_thread import EXCUSED, MainThread, run_delay


def seen_from_another_thread(sight: MainThread) -> str | None:
    """Return the place that another thread sees while this one waits for it."""
    found: list[str | None] = []
    thread = threading.Thread(target=lambda: found.append(sight.place()))
    thread.start()
    thread.join()
    return found[0]


def test_another_thread_sees_the_innermost_line_that_is_not_the_librarys(
    no_blocking_calls: BlockBuster,
) -> None:
    # Its wrappers would be that line.
    no_blocking_calls.deactivate()
    first = inspect.getsourcelines(seen_from_another_thread)[1]
    starting, joining = first + 3, first + 4
    place = seen_from_another_thread(MainThread())
    expected = [f"{__file__}:{n} in seen_from_another_thread" for n in (starting, joining)]
    assert place in expected


def test_frames_of_the_library_and_of_ours_alone_are_no_place() -> None:
    assert step_place(None, EXCUSED) is None
    frame: FrameType | None = sys._getframe()
    while frame is not None and not frame.f_code.co_filename.endswith("runpy.py"):
        frame = frame.f_back
    assert step_place(frame, EXCUSED) is None


def test_an_import_is_excused_with_all_that_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[str | None] = []
    probe = ModuleType("probe_of_places")
    look: Callable[[], None] = lambda: places.append(step_place(sys._getframe(), EXCUSED))  # noqa: E731
    monkeypatch.setattr(probe, "look", look, raising=False)
    monkeypatch.setitem(sys.modules, "probe_of_places", probe)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = "imported_slowly_in_a_test"
    (tmp_path / f"{module}.py").write_text("import probe_of_places\nprobe_of_places.look()\n")
    try:
        importlib.import_module(module)
    finally:
        sys.modules.pop(module, None)
    look()
    assert places[0] is None
    assert places[1] is not None


def test_what_is_excused_is_there_under_that_name() -> None:
    def name(code: CodeType) -> tuple[str, str]:
        return code.co_filename, code.co_name

    bootstrap = sys.modules["_frozen_importlib"]
    assert {
        # Not in its types.
        name(vars(bootstrap)["_find_and_load"].__code__),
        name(vars(subprocess.Popen)["_execute_child"].__code__),
        name(EventWriter.tell.__code__),
    } == EXCUSED


def test_a_thread_that_is_not_there_has_waited_for_nothing() -> None:
    assert run_delay(os.getpid()) >= 0
    assert run_delay(2**22 + 1) == 0


def test_the_waiting_of_the_looking_thread_is_told_once_it_is_known() -> None:
    sight = MainThread()
    assert sight.delays().own == 0
    sight.looked_from = os.getpid()
    before = run_delay(os.getpid())
    assert sight.delays().own >= before
