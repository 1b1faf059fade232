"""`itk serve`: the server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ignition_toolkit.execution.settings import Settings


def serve(host: str, port: int, data_dir: Path | None, playbooks: Sequence[Path]) -> int:
    """Serve until SIGINT, SIGTERM or SIGHUP. Returns the exit code.

    Raises:
        OperatorError: the address, the data folder or the access token cannot be had.
    """
    settings = Settings.from_environment(data_dir, playbooks)
    # Imported here: a wrong option is told before the server's libraries are loaded.
    from ignition_toolkit.api.serve import serve as serve_api

    return serve_api(settings, host=host, port=port)
