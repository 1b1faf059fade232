"""Where a task stands in the code, for the record of what was stuck."""

from __future__ import annotations

import asyncio
import sysconfig
from collections.abc import Set
from pathlib import Path
from types import FrameType
from typing import Any

_STDLIB = sysconfig.get_path("stdlib")
_SITE = sysconfig.get_path("purelib")
_PACKAGE = Path(__file__).parent.parent
#: The parts of ours that wait on behalf of steps; the steps themselves are not among them.
_OWN = tuple(str(_PACKAGE / part) for part in ("playbook", "runner", "janitor", "protocol"))


def task_place(task: asyncio.Task[Any]) -> str | None:
    """Return `file:line in function` of the innermost frame that a step's author wrote.

    Frames of the standard library and of the engine are passed over unless nothing else is
    there. None when the task has no frame, as one that has ended.
    """
    places = [(frame.f_code.co_filename, frame) for frame in _frames(task.get_coro())]
    for name, frame in reversed(places):
        if not is_foreign(name):
            return _text(frame)
    return _text(places[-1][1]) if places else None


def step_place(frame: FrameType | None, excused: Set[tuple[str, str]]) -> str | None:
    """Return `file:line in function` of the innermost frame that a step's author wrote.

    Args:
        frame: the innermost one of a thread; the others are found from it.
        excused: functions by file and name; while one of them is called there is no such place.
    """
    place: str | None = None
    while frame is not None:
        code = frame.f_code
        if (code.co_filename, code.co_name) in excused:
            return None
        if place is None and not is_foreign(code.co_filename):
            place = _text(frame)
        frame = frame.f_back
    return place


def is_foreign(filename: str) -> bool:
    """Whether a file belongs to the standard library or to the runner, not to a step."""
    in_stdlib = filename.startswith(_STDLIB) and not filename.startswith(_SITE)
    return in_stdlib or filename.startswith((*_OWN, "<frozen"))


def _text(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def _frames(awaited: object) -> list[FrameType]:
    frames: list[FrameType] = []
    while awaited is not None:
        frame = _attribute(awaited, "cr_frame", "gi_frame", "ag_frame")
        if frame is None:
            break
        frames.append(frame)
        awaited = _attribute(awaited, "cr_await", "gi_yieldfrom", "ag_await")
    return frames


# Any: coroutines, generators and asynchronous generators share no type.
def _attribute(thing: object, *names: str) -> Any:
    for name in names:
        if hasattr(thing, name):
            return getattr(thing, name)
    return None
