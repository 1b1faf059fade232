"""Calls a step's handler, and puts into words what it raised. Handlers are strangers' code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

from ignition_toolkit.errors import HandlerBroken, ToolkitError
from ignition_toolkit.playbook.context import AttemptContext
from ignition_toolkit.playbook.events import Logged
from ignition_toolkit.playbook.json_values import TooLarge, clean_text, jsonable
from ignition_toolkit.playbook.models import Step
from ignition_toolkit.playbook.parameters import resolve
from ignition_toolkit.playbook.step_check import validated
from ignition_toolkit.playbook.task_place import is_foreign

#: Characters of a step's error that are kept; its log has the whole of it.
MAX_ERROR = 10_000


async def call_handler(step: Step, context: AttemptContext) -> dict[str, Any]:
    """Resolve the parameters, check them, run the handler, and return its outputs.

    Raises ToolkitError for what we find wrong, and whatever the handler raises. Cancellation: as
    the handler does it. A copy of this process that the handler made by fork leaves here.
    """
    pid = os.getpid()
    try:
        parameters = resolve(step.parameters, context.scope)
        handler = context.host.handler_class(step.type)
        arguments = validated(handler, parameters)
        return _checked_output(step, await handler(context).execute(arguments))
    except (SystemExit, KeyboardInterrupt) as error:
        # Border: these would end the event loop, and with it the runner, without a word.
        raise HandlerBroken(f"the step called for the end of its process ({error!r})") from error
    finally:
        # A copy made by fork must not unwind into the event loop: it shares the parent's epoll
        # and closing the loop deafens the parent (test_forked_copy_leaves_at_once).
        if os.getpid() != pid:
            os._exit(0)


def _checked_output(step: Step, output: object) -> dict[str, Any]:
    if output is None:
        return {}
    if not isinstance(output, dict):
        found = type(output).__name__
        raise HandlerBroken(f"{step.type} must return a dict of outputs, it returned {found}")
    try:
        checked: dict[str, Any] = jsonable(output)
    except TooLarge as error:
        raise HandlerBroken(f"the outputs of {step.type} are too large: {error}") from error
    return checked


def error_text(error: BaseException) -> str:
    """Return what to say of an error, on a page and in a record."""
    text = clean_text(_text(error)[:MAX_ERROR])
    if isinstance(error, ToolkitError):
        return text
    if isinstance(error, TimeoutError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - border: a stranger's exception that cannot say its name
        return "an error whose text cannot be made"


def log_traceback(error: BaseException, context: AttemptContext) -> None:
    """Log where in the step's own code an error came from; our own errors say it themselves."""
    if isinstance(error, ToolkitError):
        return
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not is_foreign(frame.filename)
    ]
    where = "".join(traceback.format_list(frames))
    text = f"{where}{''.join(traceback.format_exception_only(error))}".rstrip()
    context.host.emit(Logged(step_id=context.step_id, level="error", message=text))


def flush_standard_streams() -> None:
    """Write out what a step printed, so that it is attributed to that step."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            # A step closed or replaced its stream: there is nothing to write to.
            continue
