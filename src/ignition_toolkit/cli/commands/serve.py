"""`itk serve`: the server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ignition_toolkit.cli.server_url import is_loopback
from ignition_toolkit.errors import OperatorError
from ignition_toolkit.execution.settings import Settings


def serve(host: str, port: int, data_dir: Path | None, playbooks: Sequence[Path]) -> int:
    """Serve until SIGINT, SIGTERM or SIGHUP. Returns the exit code.

    Raises:
        OperatorError: the address or the data folder cannot be had.
    """
    if not is_loopback(host):
        raise OperatorError(
            f"--host {host} is not this machine alone, and this release has no log-in yet to "
            "keep others out; use 127.0.0.1, and reach it from elsewhere through an SSH tunnel: "
            f"ssh -L {port}:127.0.0.1:{port} THIS-MACHINE"
        )
    settings = Settings.from_environment(data_dir, playbooks)
    # Imported here: a wrong option is told before the server's libraries are loaded.
    from ignition_toolkit.api.serve import serve as serve_api

    return serve_api(settings, host=host, port=port)
