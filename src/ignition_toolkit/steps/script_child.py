"""The interpreter of one script: runs it in the main thread. Standard library only.

Started by `steps/python.py` as a file, not as a module: descriptor numbers as arguments. The
script and the variables come over the first, variables and errors go back over the second as JSON
lines, and into the third goes where the script stands when it is asked. Nothing of the script is
in an argument list, in the environment or in a file.
"""

from __future__ import annotations

import faulthandler
import json
import linecache
import os
import signal
import sys
import time
import traceback
import zipfile
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any
from xml.etree import ElementTree

#: Exit status of a script that raised; the error itself goes over the private descriptor.
SCRIPT_RAISED = 1
#: Characters of the JSON text of one variable, at most.
MAX_VARIABLE = 1024 * 1024

#: What a traceback calls the script.
_NAME = "<script>"


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
        text = json.dumps(message, default=str, ensure_ascii=False)
        data = memoryview(text.encode("utf-8", "backslashreplace") + b"\n")
        while data:
            data = data[os.write(self._fd, data) :]


def namespace(variables: dict[str, Any], reports: Reports) -> dict[str, Any]:
    """Return the names that a script has at hand."""

    def set_variable(name: str, value: Any) -> None:
        """Set a variable of the playbook. Raises ValueError when it is too large."""
        size = len(json.dumps(value, default=str, ensure_ascii=False))
        if size > MAX_VARIABLE:
            raise ValueError(
                f"variable {name!r} has {size} characters as JSON, at most {MAX_VARIABLE} are"
                " possible: write it to a file and set the path"
            )
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
    """Say what the script raised, and at which of its lines; the whole of it goes to stderr."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == _NAME]
    if isinstance(error, SyntaxError) and error.filename == _NAME:
        lines.append(error.lineno)
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    if not isinstance(error, KeyboardInterrupt):
        # The first frame is the one that runs the script.
        traceback.print_exception(type(error), error, _script_part(error.__traceback__))
    reports.send({"error": text, "line": lines[-1] if lines else None})


def _script_part(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename != _NAME:
        trace = trace.tb_next
    return trace


def run_script(script: str, variables: dict[str, Any], reports: Reports) -> int:
    """Run the script in a module `__main__` of its own; return the exit status."""
    linecache.cache[_NAME] = (len(script), None, script.splitlines(keepends=True), _NAME)
    module = ModuleType("__main__")
    # By name, as the script's own classes and functions are looked up by whoever pickles them.
    sys.modules["__main__"] = module
    sys.argv[:] = [_NAME]
    vars(module).update(namespace(variables, reports))
    try:
        exec(compile(script, _NAME, "exec"), vars(module))  # noqa: S102 - what the step is for
    except SystemExit as leave:
        if leave.code is None or isinstance(leave.code, int):
            return int(leave.code or 0)
        reports.send({"error": f"SystemExit: {leave.code}", "line": None})
        return SCRIPT_RAISED
    except BaseException as error:  # noqa: BLE001 - border: what a script raises is its result
        report_error(error, reports)
        return SCRIPT_RAISED
    return 0


def main() -> int:
    """Run the job that is given by descriptor; return the exit status."""
    job_fd, report_fd, stuck_fd = map(int, sys.argv[1:4])
    with os.fdopen(job_fd, "rb") as stream:
        job = json.load(stream)
    os.set_inheritable(stuck_fd, False)
    # This thread only: a look at the frames of threads that run is a crash in waiting.
    faulthandler.register(signal.SIGUSR2, file=stuck_fd, all_threads=False)
    pid = os.getpid()
    try:
        return run_script(job["script"], job["variables"], Reports(report_fd))
    finally:
        # A copy made by fork has no part in the end of the original.
        if os.getpid() != pid:
            os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
