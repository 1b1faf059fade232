"""The border of the command line: every error becomes one clear message and an exit code."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from typing import TypeGuard

from typer.exceptions import TyperException

from ignition_toolkit.cli.exits import Exit, exit_for
from ignition_toolkit.cli.output import say, stdout
from ignition_toolkit.cli.text import printable
from ignition_toolkit.errors import NamesUnknown, ParametersInvalid, PlaybookInvalid, ToolkitError


def guarded(command: Callable[[], int]) -> int:
    """Call a command and return its exit code; what it raises is said on standard error.

    With ITK_DEBUG=1 the traceback is shown too.
    """
    try:
        return command()
    except KeyboardInterrupt:
        return Exit.CANCELLED
    except SystemExit:
        # Typer leaves so when the reader of a help text has gone.
        if stdout().hung_up:
            return Exit.COMPLETED
        raise
    except Exception as error:  # noqa: BLE001 - the border of the command line, nobody is above
        if os.environ.get("ITK_DEBUG"):
            say("".join(traceback.format_exception(error)).rstrip())
        for line in message_lines(error):
            say(line)
        return exit_for(error)


def message_lines(error: Exception) -> Iterator[str]:
    """Yield what a person is told of an error."""
    if isinstance(error, PlaybookInvalid) and error.problems:
        # Unwrapped and unadorned: editors and people find the place by them.
        yield from map(printable, error.problems)
        yield "itk: the playbook is not valid, see above"
    elif _is_of_parameters(error):
        yield "itk: the parameters do not fit the playbook:"
        for name, message in error.parameters.items():
            yield f"  {printable(name)}: {printable(message)}"
        yield "  give each with -p name=value, -p name=@file or -p name=@env:NAME"
    elif isinstance(error, ToolkitError):
        yield f"itk: {printable(error.message)}"
    elif isinstance(error, TyperException):
        yield from _usage_lines(error)
    else:
        yield f"itk: {type(error).__name__}: {printable(str(error))}"
        yield "itk: this is a mistake in itk itself; ITK_DEBUG=1 shows where, please report it"


def _is_of_parameters(error: Exception) -> TypeGuard[ParametersInvalid]:
    # What is not stored is said by the message, also where a parameter names it.
    if not isinstance(error, ParametersInvalid) or isinstance(error, NamesUnknown):
        return False
    return bool(error.parameters)


def _usage_lines(error: TyperException) -> Iterator[str]:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "itk"
    message = printable(error.format_message())
    if "unexpected extra argument" in message:
        # The words themselves are not shown: `-p password secret` ends up here.
        message = "Too many arguments; a value with blanks needs quotes, a parameter -p key=value"
    yield f"{command}: {message}"
    yield f"{command} --help says how it is used"
