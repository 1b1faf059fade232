"""The reference page of the command line is complete."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ignition_toolkit.cli.app import app
from ignition_toolkit.cli.exits import Exit

PAGE = (Path(__file__).parents[3] / "docs/reference/command-line.md").read_text("utf-8")

COMMAND = typer.main.get_command(app)


# Any: a command of the library that Typer is made of, or a group of them.
def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its name, `credentials add` for one of a group."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


OPTIONS = [
    (name, option)
    for name, command in commands(COMMAND)
    for parameter in command.params
    for option in parameter.opts
    if option.startswith("-")
]


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_is_on_the_page_with_its_command(command: str, option: str) -> None:
    usages = [line for line in PAGE.splitlines() if line.startswith(f"itk {command}")]
    group = command.partition(" ")[0]
    section = PAGE.partition(f"## `itk {group}")[2].partition("\n## ")[0]
    assert usages or section, f"docs/reference/command-line.md says nothing of itk {command}"
    assert option in section + "".join(usages), f"{option} of itk {command} is missing"


def test_every_exit_code_is_on_the_page() -> None:
    for code in Exit:
        assert f"\n| {code.value} | " in PAGE
