"""The exit codes of `itk`, and which error ends in which."""

from __future__ import annotations

from enum import IntEnum

from typer.exceptions import TyperException

from ignition_toolkit.errors import AuthorError, OperatorError, OutsideError


class Exit(IntEnum):
    """What a caller may rely on."""

    #: Done; of a run: completed.
    COMPLETED = 0
    #: A run failed or was interrupted, or a mistake of ours.
    FAILED = 1
    #: What was asked for cannot be: wrong input.
    WRONG_INPUT = 2
    #: No server answers.
    NOT_REACHABLE = 3
    #: Cancelled; also any other command that Ctrl-C ends.
    CANCELLED = 130


def exit_for(error: BaseException) -> Exit:
    """Return the exit code for what a command raised."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.CANCELLED
    if isinstance(error, (AuthorError, OperatorError, TyperException)):
        return Exit.WRONG_INPUT
    if isinstance(error, OutsideError):
        return Exit.NOT_REACHABLE
    return Exit.FAILED
