"""The commands `itk credentials` and `itk gateways` as Typer knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ignition_toolkit.cli.options import DataDir, Json, Playbooks, given_path, given_paths
from ignition_toolkit.cli.supported import check_platform

if TYPE_CHECKING:
    from ignition_toolkit.execution.settings import Settings

credentials_app = typer.Typer(help="Store credentials for playbooks, list them, remove them.")
gateways_app = typer.Typer(help="Register gateways under names, list them, remove them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="By which playbooks refer to it.")]

Replace = Annotated[bool, typer.Option("--replace", help="Replace one of the same name.")]


@credentials_app.command("add")
def add_credential(  # noqa: PLR0913, PLR0917 - Typer makes an option of each parameter
    name: Name,
    username: Annotated[
        str | None,
        typer.Option(
            "--username", metavar="USER", help="Whose password it is.", show_default=False
        ),
    ] = None,
    api_token: Annotated[
        bool, typer.Option("--api-token", help="It is an API token, not a password.")
    ] = False,
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Take the secret from a file; - is standard input. Else it is asked for.",
            show_default=False,
        ),
    ] = None,
    replace: Replace = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    playbooks: Playbooks = None,
) -> None:
    """Store a password or an API token. It is asked for without echo, or read from a file."""
    settings = _settings(data_dir, playbooks)
    from ignition_toolkit.cli.commands import stored
    from ignition_toolkit.credentials.vault import CredentialType

    kind = CredentialType.API_TOKEN if api_token else CredentialType.PASSWORD
    options = stored.CredentialOptions(name, kind, username, file, replace)
    stored.add_credential(settings, options, as_json=as_json)


@credentials_app.command("list")
def list_credentials(
    as_json: Json = False, data_dir: DataDir = None, playbooks: Playbooks = None
) -> None:
    """List the stored credentials, without their secrets."""
    settings = _settings(data_dir, playbooks)
    from ignition_toolkit.cli.commands import stored

    stored.list_credentials(settings, as_json=as_json)


@credentials_app.command("remove")
def remove_credential(name: Name, data_dir: DataDir = None, playbooks: Playbooks = None) -> None:
    """Remove a credential. Runs that have it go on with it."""
    settings = _settings(data_dir, playbooks)
    from ignition_toolkit.cli.commands import stored

    stored.remove_credential(settings, name)


@gateways_app.command("add")
def add_gateway(  # noqa: PLR0913, PLR0917 - Typer makes an option of each parameter
    name: Name,
    urls: Annotated[
        list[str],
        typer.Argument(metavar="URL...", help="Addresses of this one gateway; the first is used."),
    ],
    credential: Annotated[
        str | None,
        typer.Option(
            "--credential", metavar="NAME", help="The credential to use there.", show_default=False
        ),
    ] = None,
    ca_file: Annotated[
        str | None,
        typer.Option(
            "--ca-file",
            metavar="FILE",
            help="The authority that signs its certificate, in PEM.",
            show_default=False,
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Do not check its certificate.")
    ] = False,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TEXT", help="A word for it; several times."),
    ] = None,
    replace: Replace = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    playbooks: Playbooks = None,
) -> None:
    """Register a gateway under a name. All its addresses are then one gateway."""
    settings = _settings(data_dir, playbooks)
    from ignition_toolkit.cli.commands import stored

    options = stored.GatewayOptions(name, urls, credential, ca_file, insecure, tag or [], replace)
    stored.add_gateway(settings, options, as_json=as_json)


@gateways_app.command("list")
def list_gateways(
    as_json: Json = False, data_dir: DataDir = None, playbooks: Playbooks = None
) -> None:
    """List the registered gateways."""
    settings = _settings(data_dir, playbooks)
    from ignition_toolkit.cli.commands import stored

    stored.list_gateways(settings, as_json=as_json)


@gateways_app.command("remove")
def remove_gateway(name: Name, data_dir: DataDir = None, playbooks: Playbooks = None) -> None:
    """Remove a registered gateway. Runs that work on it go on."""
    settings = _settings(data_dir, playbooks)
    from ignition_toolkit.cli.commands import stored

    stored.remove_gateway(settings, name)


def _settings(data_dir: str | None, playbooks: list[str] | None) -> Settings:
    check_platform()
    from ignition_toolkit.execution.settings import Settings

    folders = given_paths(playbooks, "--playbooks")
    return Settings.from_environment(given_path(data_dir, "--data-dir"), folders)
