"""The files that pages refer to: read once, served from memory, never older than the server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class StaticFile:
    """One file: what it is called, what it is, what is in it, and a short hash of that."""

    name: str
    media_type: str
    content: bytes
    version: str


def load_static() -> dict[str, StaticFile]:
    """Read every file of the `static` folder."""
    folder = files("ignition_toolkit.web") / "static"
    return {file.name: _loaded(file.name, file.read_bytes()) for file in folder.iterdir()}


def address_of(file: StaticFile) -> str:
    """Return the address of a file; another content has another address."""
    return f"/static/{file.name}?v={file.version}"


def _loaded(name: str, content: bytes) -> StaticFile:
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return StaticFile(name, media_type, content, hashlib.sha256(content).hexdigest()[:12])
