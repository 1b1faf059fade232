"""`itk validate`: playbook files checked without a server and without running anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ignition_toolkit.cli.chosen_playbook import read_bytes
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.output import say, stdout
from ignition_toolkit.cli.text import plural, printable
from ignition_toolkit.errors import OperatorError, PlaybookInvalid
from ignition_toolkit.execution.checker import check_program, describe_once
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.library import SUFFIXES, Library
from ignition_toolkit.playbook.program import load_program

PLACE = re.compile(r"(.*?:\d+:\d+: )(.*)", re.DOTALL)


def validate(paths: Sequence[str], data_dir: Path | None, playbooks: Sequence[Path]) -> int:
    """Print every problem and warning as `path:line:column: message`. Returns the exit code.

    Args:
        paths: files, and folders, whose playbooks are all checked.
        data_dir: its `playbooks` folder is part of the library; it need not exist.
        playbooks: further folders of the library, where nested playbooks are looked for.

    Raises:
        OperatorError: a file cannot be read, or a folder holds none.
    """
    settings = Settings.from_environment(data_dir, playbooks)
    files = [file for path in paths for file in _files(path)]
    library, catalog = Library(settings.library_folders), describe_once()
    out, invalid = stdout(), 0
    for file in files:
        problems, warnings = _check(file, library, catalog)
        lines = [*problems, *(PLACE.sub(r"\1warning: \2", line, count=1) for line in warnings)]
        out.write("".join(f"{printable(line)}\n" for line in lines))
        invalid += bool(problems)
    if invalid:
        say(f"itk: {invalid} of {plural(len(files), 'playbook')} not valid")
        return Exit.WRONG_INPUT
    say(f"itk: {plural(len(files), 'playbook')} valid")
    return Exit.COMPLETED


def _files(path: str) -> Iterator[str]:
    folder = Path(path)
    if not folder.is_dir():
        yield path
        return
    found = sorted(file for file in folder.rglob("*") if file.suffix in SUFFIXES)
    if not found:
        raise OperatorError(f"{path}: no file in this folder ends in {' or '.join(SUFFIXES)}")
    yield from map(str, found)


def _check(file: str, library: Library, catalog: Catalog) -> tuple[list[str], list[str]]:
    text = read_bytes(Path(file))
    try:
        loaded = load_program(file, library, catalog, text=text)
    except PlaybookInvalid as error:
        return error.problems, []
    return check_program(loaded, catalog), loaded.warnings
