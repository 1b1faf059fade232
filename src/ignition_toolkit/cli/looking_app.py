"""The commands about executions as Typer knows them: to look at them, and to act on them."""

from __future__ import annotations

from typing import Annotated

import typer

from ignition_toolkit.cli.options import ExecutionId, Json, Server, whole_number

PANEL = "Executions on a server"

looking_app = typer.Typer()


@looking_app.command("list", rich_help_panel=PANEL)
def list_(
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only those in this status.")
    ] = None,
    limit: Annotated[
        int,
        typer.Option(parser=whole_number(1, 500), metavar="NUMBER", help="At most so many."),
    ] = 20,
    library: Annotated[
        bool, typer.Option("--library", help="List the playbooks of the library instead.")
    ] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List executions, newest first. With --library: what can be run."""
    from ignition_toolkit.cli.commands.looking import list_executions, list_library

    if library:
        list_library(server, as_json=as_json)
    else:
        list_executions(server, status, limit, as_json=as_json)


@looking_app.command(rich_help_panel=PANEL)
def show(
    execution_id: ExecutionId,
    as_json: Json = False,
    junit: Annotated[bool, typer.Option("--junit", help="Print JUnit XML.")] = False,
    server: Server = None,
) -> None:
    """Show one execution. Its steps, its error, its cancellation record."""
    from ignition_toolkit.cli.commands.looking import show as show_execution

    show_execution(server, execution_id, as_json=as_json, junit=junit)


@looking_app.command(rich_help_panel=PANEL)
def logs(
    execution_id: ExecutionId,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until the execution is over.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON each.")] = False,
    server: Server = None,
) -> None:
    """Print what an execution's steps have logged and printed."""
    from ignition_toolkit.cli.commands.looking import logs as show_logs

    show_logs(server, execution_id, follow=follow, as_json=as_json)


@looking_app.command(rich_help_panel=PANEL)
def cancel(
    execution_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The execution, as `itk list` shows it.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Cancel every execution that is not over.")
    ] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Cancel an execution. The answer does not wait for its end."""
    from ignition_toolkit.cli.commands.controlling import cancel as cancel_executions

    cancel_executions(server, execution_id, every=every, as_json=as_json)


@looking_app.command(rich_help_panel=PANEL)
def rerun(
    execution_id: ExecutionId,
    from_step: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STEP",
            help="Begin at this step, with what the steps before it gave.",
            show_default=False,
        ),
    ] = None,
    newest: Annotated[
        bool, typer.Option("--newest", help="Run what the library has now, not the old text.")
    ] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Run an execution again, with the same parameters. It must be over."""
    from ignition_toolkit.cli.commands.controlling import rerun as rerun_execution

    rerun_execution(server, execution_id, from_step, newest=newest, as_json=as_json)


@looking_app.command(rich_help_panel=PANEL)
def pause(execution_id: ExecutionId, as_json: Json = False, server: Server = None) -> None:
    """Pause an execution after its current step."""
    _control(server, execution_id, "pause", as_json)


@looking_app.command(rich_help_panel=PANEL)
def resume(execution_id: ExecutionId, as_json: Json = False, server: Server = None) -> None:
    """Let a paused execution go on."""
    _control(server, execution_id, "resume", as_json)


@looking_app.command(rich_help_panel=PANEL)
def skip(execution_id: ExecutionId, as_json: Json = False, server: Server = None) -> None:
    """Skip the current step. While it is paused, the next one."""
    _control(server, execution_id, "skip", as_json)


@looking_app.command(rich_help_panel=PANEL)
def release(
    execution_id: ExecutionId,
    artifacts: Annotated[
        bool,
        typer.Option("--artifacts", help="Give out withheld artifacts; they may hold secrets."),
    ] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Free what an execution blocks or withholds."""
    from ignition_toolkit.cli.commands.controlling import release as release_execution

    release_execution(server, execution_id, artifacts=artifacts, as_json=as_json)


def _control(server: str | None, execution_id: str, verb: str, as_json: bool) -> None:
    from ignition_toolkit.cli.commands.controlling import control

    control(server, execution_id, verb, as_json=as_json)
