"""The `itk` command."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run `itk` with the arguments of this process, and leave with its exit code."""
    _keep_standard_descriptors()
    if sys.argv[1:] == ["--version"]:
        # Answered here: a question that scripts ask should not wait for imports.
        from ignition_toolkit.cli.output import stdout
        from ignition_toolkit.cli.version import version_line

        stdout().write(version_line() + "\n")
        sys.exit(0)
    try:
        from ignition_toolkit.cli.app import run_app

        code = run_app(sys.argv[1:])
    except KeyboardInterrupt:
        # Ctrl-C while the libraries are loaded: no command has begun.
        code = 130
    sys.exit(code)


def _keep_standard_descriptors() -> None:
    """Give descriptors 0 to 2 to the null device where the caller has closed them.

    Else the next file that is opened gets the number, and messages are written into a database.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is this one, as those below it are open.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
