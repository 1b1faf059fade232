"""`python -m ignition_toolkit.runner`: a runner, or its questions asked once.

--describe          print the catalog of the installed step kinds as JSON
--check             read a `check` command from stdin, print `checked` as JSON
--fork-server N --folder F   fork runners, of folders no longer than F; a supervisor starts it
--folder F --stdout-fd N     be a runner
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import NoReturn


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m ignition_toolkit.runner")
    parser.add_argument("--describe", action="store_true", help="print the catalog as JSON")
    parser.add_argument("--check", action="store_true", help="check the steps given on stdin")
    parser.add_argument("--folder", type=Path, help="the runner's own folder")
    parser.add_argument("--stdout-fd", type=int, help="where the output of steps goes")
    parser.add_argument("--fork-server", type=int, help="where runners are asked for")
    arguments = parser.parse_args()
    _go_with_others()
    if arguments.describe or arguments.check:
        _answer_once(arguments.check)
    elif arguments.fork_server is not None:
        _serve(arguments.fork_server)
    elif arguments.folder is None or arguments.stdout_fd is None:
        parser.error("a runner is started by its supervisor; see --describe and --check")
    else:
        from ignition_toolkit.runner.session import main as be_a_runner

        be_a_runner(arguments.folder, arguments.stdout_fd)


def _go_with_others() -> None:
    """Take the ordinary share of the processor: a server goes before the steps that it runs."""
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:
        os.setpriority(os.PRIO_PROCESS, 0, 0)


def _serve(control_fd: int) -> NoReturn:
    # Nothing that an import makes is garbage: looking for it took a tenth of the time, and would
    # have each runner write into memory that all of them share.
    gc.disable()
    from ignition_toolkit.runner.fork_server import serve

    gc.freeze()
    gc.enable()
    serve(control_fd)


def _answer_once(check: bool) -> None:
    """Answer on the real stdout; what imported modules print goes to stderr."""
    answer_fd = os.dup(1)
    os.dup2(2, 1)
    text = _check(sys.stdin.buffer.read()) if check else _describe()
    with os.fdopen(answer_fd, "w", encoding="utf-8") as answer:
        answer.write(text + "\n")


def _describe() -> str:
    from ignition_toolkit.runner.kinds import describe

    return describe().to_json()


def _check(question: bytes) -> str:
    from pydantic import ValidationError

    from ignition_toolkit.protocol import Check, Checked, what_is_wrong
    from ignition_toolkit.runner.kinds import check_program

    try:
        command = Check.model_validate_json(question)
    except ValidationError as error:
        sys.exit(f"--check expects one `check` command as JSON on stdin: {what_is_wrong(error)}")
    problems = tuple(check_program(command.program, command.modules))
    return Checked(request=command.request, problems=problems).model_dump_json()


if __name__ == "__main__":
    main()
