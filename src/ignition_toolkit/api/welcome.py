"""What `itk serve` says when it is up: where it is, who may ask, and what to try."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from ignition_toolkit.api.hosts import VARIABLE, HostRules
from ignition_toolkit.api.listening import is_local, url_of
from ignition_toolkit.execution.access_token import AccessToken

EXAMPLE = "tests/test_cancellation.yaml"


def welcome(
    listener: socket.socket, data_dir: Path, rules: HostRules, token: AccessToken | None
) -> str:
    """Return the text. It says where the access token is, and never what it is.

    Args:
        listener: the server's socket.
        data_dir: the data folder.
        rules: the names that it may be called by.
        token: what it asks for, if it does.
    """
    url = url_of(listener)
    lines = [
        f"itk {version('ignition-toolkit')} serves {url}   (data folder {data_dir})",
        "",
        *_access(listener, rules, token),
        f"  Open     {url}/",
        *_commands(url, token),
        f"  Or       itk run {EXAMPLE}     and Ctrl-C",
        "",
        "Ctrl-C here stops the server and cancels what runs.",
    ]
    return "\n".join(lines)


def _access(listener: socket.socket, rules: HostRules, token: AccessToken | None) -> Iterator[str]:
    if token is not None:
        yield f"  Token    everybody is asked for the access token; it is in {token.origin}"
    if not is_local(listener):
        names = ", ".join(rules.names)
        yield f"  Names    it answers to {names}; list others in {VARIABLE}"
        yield "  Careful  plain HTTP: the token travels unencrypted; put a proxy with TLS in front"


def _commands(url: str, token: AccessToken | None) -> Iterator[str]:
    # With a token they would be long, and a token in an argument can be seen by other users.
    if token is None:
        start = f"curl -X POST {url}/api/executions"
        yield f"  Start    {start} -H 'Content-Type: application/json' \\"
        yield f'                -d \'{{"playbook_path": "{EXAMPLE}"}}\''
        yield f"  Cancel   curl -X POST {url}/api/executions/EXECUTION_ID/cancel"
