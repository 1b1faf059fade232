"""`/api/playbooks`: the library, and one playbook with its parameters and steps."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from ignition_toolkit.api.parts import WorkerOf
from ignition_toolkit.api.problems import documented
from ignition_toolkit.errors import NotFound

router = APIRouter(tags=["playbooks"])

MAX_PATH_LENGTH = 500

PlaybookPath = Annotated[str, Path(description="path inside the library, with forward slashes")]


# Any: JSON objects that describe playbooks.
@router.get("/api/playbooks", responses=documented(503))
async def playbooks(worker: WorkerOf) -> list[dict[str, Any]]:
    """List the library; a playbook that does not load is there too, with its problems."""
    return await worker.playbooks()


# Any: a JSON object that describes a playbook.
@router.get("/api/playbooks/{path:path}", responses=documented(404, 503))
async def playbook(path: PlaybookPath, worker: WorkerOf) -> dict[str, Any]:
    """Describe one playbook: its parameters, its steps, its problems and warnings."""
    return await worker.playbook(library_path(path))


def library_path(text: str) -> str:
    """Return a path that may be looked up in the library.

    Raises:
        NotFound: no file of a library has such a name.
    """
    if text and text.isprintable() and len(text) <= MAX_PATH_LENGTH:
        return text
    raise NotFound(
        "There is no such playbook: expected a path inside the library of at most "
        f"{MAX_PATH_LENGTH} printable characters, found {text[:100]!r}."
    )
