"""Asks a runner once, without a server: for `itk validate`, `itk steps` and `itk schema`."""

from __future__ import annotations

import subprocess
import sys

from pydantic import ValidationError

from ignition_toolkit.errors import InternalError
from ignition_toolkit.execution.child_process import own_environment
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.program import LoadedProgram
from ignition_toolkit.protocol import Check, Checked, encode

#: Seconds in which the modules of all step kinds have to be imported.
ANSWER_S = 60.0


def describe_once() -> Catalog:
    """Return the catalog of the installed step kinds. Blocks; raises InternalError."""
    return Catalog.from_json(_ask("--describe", b""))


def check_program(loaded: LoadedProgram, catalog: Catalog) -> list[str]:
    """Check the parameters of a program's steps; return lines `path:line:column: message`.

    Blocks; raises InternalError when no answer comes.
    """
    modules = {name: kind.module for name, kind in catalog.kinds.items()}
    answer = _ask("--check", encode(Check(request=0, program=loaded.program, modules=modules)))
    try:
        problems = Checked.model_validate_json(answer).problems
    except ValidationError as error:
        raise InternalError(f"the step check gave no answer that can be read: {error}") from error
    return [loaded.loaded[p.path].line(p.location, p.message) for p in problems]


def _ask(option: str, question: bytes) -> bytes:
    command = [sys.executable, "-m", "ignition_toolkit.runner", option]
    try:
        done = subprocess.run(
            command,
            input=question,
            capture_output=True,
            timeout=ANSWER_S,
            check=False,
            env=own_environment(),
        )
    except subprocess.TimeoutExpired as error:
        text = f"the step kinds did not answer within {ANSWER_S:g} s: a module hangs on import"
        raise InternalError(text) from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = lines[-1] if lines else f"exit code {done.returncode}"
        raise InternalError(f"the step kinds could not be asked: {why}")
    return done.stdout
