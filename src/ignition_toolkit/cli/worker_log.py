"""What a worker in this process logs, as messages to the person who runs it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ignition_toolkit.cli.output import stderr
from ignition_toolkit.cli.text import printable

PACKAGE = "ignition_toolkit"


class WorkerLog(logging.Handler):
    """Says warnings and errors; with ITK_DEBUG every change of a status too.

    Records come from any thread. `say` may be replaced while something is drawn on the terminal.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO if os.environ.get("ITK_DEBUG") else logging.WARNING)
        self.say: Callable[[str], None] = say_at_once

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record."""
        self.say(f"{record.levelname.lower()}: {printable(record.getMessage())}")


def say_at_once(text: str) -> None:
    """Write a line to standard error, unless nobody reads it now."""
    stderr().offer(f"itk: {text}\n")


@contextmanager
def worker_log() -> Iterator[WorkerLog]:
    """Say what the package logs, for the length of a block."""
    handler = WorkerLog()
    package = logging.getLogger(PACKAGE)
    level, propagates = package.level, package.propagate
    package.addHandler(handler)
    package.setLevel(handler.level)
    package.propagate = False
    try:
        yield handler
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        package.propagate = propagates
