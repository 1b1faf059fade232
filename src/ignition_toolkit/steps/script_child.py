"""The interpreter of one script: runs it in the main thread. Standard library only.

Started by `steps/python.py` as a file, not as a module: descriptor numbers as arguments, the
script and the variables over the first, variables and errors back over the second as JSON lines.
Nothing of the script is in an argument list or in the environment.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
import traceback
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

#: Exit status of a script that raised; the error itself goes over the private descriptor.
SCRIPT_RAISED = 1


class Reports:
    """Sends JSON lines to the runner; nothing from a copy of this process made by fork."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = os.getpid()
        os.set_inheritable(fd, False)

    def send(self, message: dict[str, object]) -> None:
        """Write one line."""
        if os.getpid() != self._pid:
            return
        data = json.dumps(message, default=str).encode("utf-8", "replace") + b"\n"
        while data:
            data = data[os.write(self._fd, data) :]


def namespace(variables: dict[str, Any], reports: Reports) -> dict[str, Any]:
    """Return the names that a script has at hand."""

    def set_variable(name: str, value: Any) -> None:
        """Set a variable of the playbook."""
        variables[name] = value
        reports.send({"variable": name, "value": value})

    def get_variable(name: str, default: Any = None) -> Any:
        """Return a variable of the playbook."""
        return variables.get(name, default)

    return {
        "__name__": "__main__",
        "set_variable": set_variable,
        "get_variable": get_variable,
        "Path": Path,
        "json": json,
        "time": time,
        "zipfile": zipfile,
        "ET": ElementTree,
    }


def report_error(error: BaseException, reports: Reports) -> None:
    """Say what the script raised, and at which of its lines."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<script>"]
    if isinstance(error, SyntaxError) and error.filename == "<script>":
        lines.append(error.lineno)
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    reports.send({"error": text, "line": lines[-1] if lines else None})


def main() -> int:
    """Run the script; return the exit status."""
    job_fd, report_fd = int(sys.argv[1]), int(sys.argv[2])
    with os.fdopen(job_fd, "rb") as stream:
        job = json.load(stream)
    # Kept open to the end: faulthandler writes to the descriptor.
    stuck = open(job["stuck_file"], "w", encoding="utf-8")  # noqa: SIM115
    faulthandler.register(signal.SIGUSR2, file=stuck, all_threads=True)
    reports = Reports(report_fd)
    pid = os.getpid()
    try:
        exec(compile(job["script"], "<script>", "exec"), namespace(job["variables"], reports))  # noqa: S102 - what the step is for
    except SystemExit as leave:
        return _exit_status(leave, reports)
    except BaseException as error:  # border: whatever a script raises is its result
        report_error(error, reports)
        return SCRIPT_RAISED
    finally:
        sys.stdout.flush()
        if os.getpid() != pid:
            os._exit(0)
    return 0


def _exit_status(leave: SystemExit, reports: Reports) -> int:
    if leave.code is None or isinstance(leave.code, int):
        return int(leave.code or 0)
    reports.send({"error": f"SystemExit: {leave.code}", "line": None})
    return SCRIPT_RAISED


if __name__ == "__main__":
    sys.exit(main())
