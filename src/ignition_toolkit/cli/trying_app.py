"""The command that tries the installed step kinds, as Typer knows it."""

from __future__ import annotations

from typing import Annotated

import typer

from ignition_toolkit.cli.options import one_of, whole_number
from ignition_toolkit.cli.supported import check_platform

#: Times that each kind may be tried at most.
MOST_TIMES = 1000

trying_app = typer.Typer()


@trying_app.command(rich_help_panel="Write playbooks")
def drill(
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kinds",
            metavar="PATTERN",
            help="Only these kinds, such as 'acme.*'; several times.",
            show_default=False,
        ),
    ] = None,
    times: Annotated[
        int,
        typer.Option(
            "--times",
            parser=whole_number(1, MOST_TIMES),
            metavar="N",
            help="How often each kind is tried.",
        ),
    ] = 1,
    junit: Annotated[
        str | None,
        typer.Option(
            "--junit", metavar="FILE", help="Write the results as JUnit XML.", show_default=False
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            parser=one_of("text", "json", "markdown"),
            help="text, json or markdown.",
        ),
    ] = "text",
) -> int:
    """Try every step kind at each moment of a cancel. Exit code 1 on a breach."""
    check_platform()
    from ignition_toolkit.cli.commands.drilling import drill as drill_kinds

    return drill_kinds(kinds or [], times, junit, form)
