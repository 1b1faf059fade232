"""The commands as Typer knows them: names, options and help. What they do is in `commands`.

A command's module is imported when it is called, so that a cancel does not wait for a server's
libraries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ignition_toolkit.cli.border import guarded
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.looking_app import looking_app
from ignition_toolkit.cli.options import (
    DataDir,
    Json,
    Playbooks,
    given_path,
    given_paths,
    one_of,
    whole_number,
)
from ignition_toolkit.cli.output import stdout
from ignition_toolkit.cli.stored_app import credentials_app, gateways_app
from ignition_toolkit.cli.supported import check_platform
from ignition_toolkit.cli.trying_app import trying_app
from ignition_toolkit.cli.version import version_line

HELP = """Run playbooks against an Ignition gateway, watch them, and cancel them for certain.

Exit codes: 0 completed, 1 failed, 2 wrong input, 3 not reachable, 130 cancelled."""

RUNNING, WRITING = "Run playbooks", "Write playbooks"
STORED = "What is stored for playbooks"

PlaybookArgument = Annotated[
    str, typer.Argument(metavar="PLAYBOOK", help="A path inside the library, or any file.")
]

GivenParameters = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        metavar="KEY=VALUE",
        help="A parameter: key=value, key=@file, or key=@env:NAME; several times.",
        show_default=False,
    ),
]

EventJson = Annotated[
    bool,
    typer.Option("--json", help="Print a line of JSON per event, the execution as the last."),
]

RunningServer = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Have this server run it. Else ITK_SERVER, else the server that owns the data "
        "folder; where none does, it runs here.",
        show_default=False,
    ),
]

Detach = Annotated[
    bool, typer.Option("--detach", help="Leave when a server has taken it, and print its id.")
]

JunitFile = Annotated[
    str | None,
    typer.Option(
        "--junit", metavar="FILE", help="Write how it ended as JUnit XML.", show_default=False
    ),
]

app = typer.Typer(
    help=HELP,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Boxes and colours are for people at a terminal.
    rich_markup_mode="rich" if stdout().live else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Its commands are commands of this one.
app.add_typer(looking_app)
app.add_typer(trying_app)
app.add_typer(gateways_app, name="gateways", rich_help_panel=STORED)
app.add_typer(credentials_app, name="credentials", rich_help_panel=STORED)


def run_app(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name and return its exit code."""
    return guarded(lambda: app(arguments, prog_name="itk", standalone_mode=False) or 0)


def _version(wanted: bool) -> None:
    if wanted:
        stdout().write(version_line() + "\n")
        raise typer.Exit


@app.callback()
def _itk(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(Exit.WRONG_INPUT)


@app.command(rich_help_panel=RUNNING)
def run(  # noqa: PLR0913, PLR0917 - Typer makes an option of each parameter
    playbook: PlaybookArgument,
    parameter: GivenParameters = None,
    as_json: EventJson = False,
    server: RunningServer = None,
    detach: Detach = False,
    junit: JunitFile = None,
    data_dir: DataDir = None,
    playbooks: Playbooks = None,
) -> int:
    """Run a playbook and follow it to its end. Ctrl-C cancels it, a second one kills at once."""
    check_platform()
    from ignition_toolkit.cli.commands.run import RunOptions
    from ignition_toolkit.cli.commands.run import run as run_playbook

    return run_playbook(
        RunOptions(
            playbook=playbook,
            parameters=parameter or [],
            as_json=as_json,
            server=server,
            data_dir=given_path(data_dir, "--data-dir"),
            playbooks=given_paths(playbooks, "--playbooks"),
            junit=junit,
            detach=detach,
        )
    )


@app.command(rich_help_panel=RUNNING)
def serve(
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen at. Who reaches it at another than this machine's own is "
            "asked for the access token."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            parser=whole_number(0, 65535), metavar="NUMBER", help="0 takes any that is free."
        ),
    ] = 5000,
    data_dir: DataDir = None,
    playbooks: Playbooks = None,
) -> int:
    """Serve the pages and the HTTP API."""
    check_platform()
    from ignition_toolkit.cli.commands.serve import serve as serve_until_ended

    folders = given_paths(playbooks, "--playbooks")
    return serve_until_ended(host, port, given_path(data_dir, "--data-dir"), folders)


@app.command(rich_help_panel=RUNNING)
def prune(
    older_than: Annotated[
        int | None,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            parser=whole_number(0, 36500),
            help="Those that ended more than so many days ago, whatever became of them. Else those "
            "that ITK_KEEP_DAYS no longer keeps.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be removed, and remove nothing.")
    ] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    playbooks: Playbooks = None,
) -> int:
    """Remove old executions with their logs and artifacts."""
    check_platform()
    from ignition_toolkit.cli.commands.pruning import prune as prune_executions
    from ignition_toolkit.execution.settings import Settings

    folders = given_paths(playbooks, "--playbooks")
    settings = Settings.from_environment(given_path(data_dir, "--data-dir"), folders)
    return prune_executions(settings, older_than, dry_run=dry_run, as_json=as_json)


@app.command(rich_help_panel=WRITING)
def validate(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Playbook files, or folders of them.")
    ],
    data_dir: DataDir = None,
    playbooks: Playbooks = None,
) -> int:
    """Check playbook files. Each problem is one line `path:line:column: message`."""
    from ignition_toolkit.cli.commands.validate import validate as validate_files

    folders = given_paths(playbooks, "--playbooks")
    return validate_files(paths, given_path(data_dir, "--data-dir"), folders)


@app.command(rich_help_panel=WRITING)
def steps(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="One kind, with its parameters.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the step kinds that a playbook may use."""
    from ignition_toolkit.cli.commands.kinds import steps as show_steps

    show_steps(kind, as_json=as_json)


@app.command(rich_help_panel=WRITING)
def schema() -> None:
    """Print the JSON Schema of a playbook. An editor's YAML plug-in can use it."""
    from ignition_toolkit.cli.commands.kinds import schema as show_schema

    show_schema()


@app.command(rich_help_panel=WRITING)
def lint(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Python files, or folders of them.")
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", parser=one_of("text", "json"), help="text or json."
        ),
    ] = "text",
) -> int:
    """Find where the code of step handlers loses a cancel. Exit code 1 on findings."""
    from ignition_toolkit.cli.commands.linting import lint as lint_files

    return lint_files(paths, form)


@app.command("simulate-gateway", rich_help_panel=WRITING)
def simulate_gateway(
    port: Annotated[
        int,
        typer.Option(
            parser=whole_number(0, 65535), metavar="NUMBER", help="0 takes any that is free."
        ),
    ] = 8088,
    token: Annotated[
        str, typer.Option(metavar="NAME:KEY", help="The API key that it knows.")
    ] = "itk:simulator",  # noqa: S107 - of a simulator on loopback
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="FILE",
            help="Where it keeps its contents over its own end.",
            show_default=False,
        ),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Answer over TLS too, with a certificate of its own.")
    ] = False,
    tls_port: Annotated[
        int,
        typer.Option(
            parser=whole_number(0, 65535),
            metavar="NUMBER",
            help="Where it does; 0 takes any that is free.",
        ),
    ] = 8043,
) -> int:
    """Simulate an Ignition gateway to try playbooks against."""
    check_platform()
    from ignition_toolkit.cli.commands.simulating import simulate_gateway as simulate
    from ignition_toolkit.simulator.serving import Options

    return simulate(Options(port, token, given_path(state, "--state"), tls, tls_port))
