"""How a command asks a server once: makes the client, runs the question, explains silence."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from ignition_toolkit.cli.access import token_for
from ignition_toolkit.cli.client import ServerClient
from ignition_toolkit.cli.server_url import chosen_url, default_owner, server_url
from ignition_toolkit.errors import NotFound, ServerUnreachable

T = TypeVar("T")

ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def ask(
    option: str | None,
    question: Callable[[ServerClient], Awaitable[T]],
    data_dir: Path | None = None,
) -> T:
    """Return the answer to a question to the server that `--server` and its stand-ins name.

    Args:
        option: the text of `--server`.
        question: what is asked.
        data_dir: the folder whose access token its owner is sent; None for the default one.

    Raises:
        ServerUnreachable: there is none; says so when an `itk run` works without one.
        ToolkitError: the server refuses.
        KeyboardInterrupt: Ctrl-C; nothing is cancelled by it.
    """

    url = server_url(option)
    token = token_for(url, data_dir)

    async def put() -> T:
        async with ServerClient(url, token) as client:
            return await question(client)

    try:
        return asyncio.run(put())
    except ServerUnreachable as error:
        raise _explained(error, option) from error


def address(execution_id: str, verb: str = "") -> str:
    """Return the address of an execution, or of what can be done with it.

    Raises:
        NotFound: no execution has such an id.
    """
    if not ID.fullmatch(execution_id):
        raise NotFound(f"no execution has the id {execution_id!r}; `itk list` shows them all")
    return f"/api/executions/{execution_id}" + (f"/{verb}" if verb else "")


# Any: JSON as the server sent it.
def as_text(answer: Any) -> str:
    """Return JSON for a person and for programs alike."""
    return json.dumps(answer, indent=2) + "\n"


def _explained(error: ServerUnreachable, option: str | None) -> ServerUnreachable:
    owner = None if chosen_url(option) else default_owner()
    if owner is None or owner.kind != "run" or not owner.pid:
        return error
    return ServerUnreachable(
        f"{error.message}. An `itk run` (process {owner.pid}) works in the data folder without "
        f"a server: Ctrl-C in its terminal, or `kill -INT {owner.pid}`, cancels it",
        **error.fields,
    )
