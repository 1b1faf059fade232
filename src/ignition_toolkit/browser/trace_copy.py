"""A copy of a Playwright trace that holds no secrets that are known, and no cookies."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.credentials.secret import REDACTED
from ignition_toolkit.errors import BrowserError

#: Headers whose values open a door, in lower case.
HIDDEN_HEADERS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie", "x-ignition-api-token"}
)
#: Where the frames of this program stand, which show the folders of this machine.
_LEFT_OUT = (".stacks",)
_PIECE_BYTES = 64 * 1024
#: Seconds at most that a copy which is cancelled waits for the piece that is under way.
STOP_S = 0.05


async def copy_trace(raw: Path, path: Path, redactor: Redactor) -> None:
    """Copy a trace, the secrets in it as `***`; the file is there as a whole or not at all.

    The event loop is not held. Raises BrowserError for what is no trace, OSError. Cancellation: it
    stops after the piece of 64 KiB that is under way, which takes STOP_S at most; there is no file.
    """
    stopped = threading.Event()
    loop = asyncio.get_running_loop()
    copying = loop.run_in_executor(None, _copy, raw, path, redactor, stopped.is_set)
    try:
        # Unlike awaiting it, this leaves it alone when it is cancelled: the thread goes on anyway.
        await asyncio.wait({copying})
    except asyncio.CancelledError:
        stopped.set()
        done, _ = await asyncio.wait({copying}, timeout=STOP_S)
        if done:
            # It may have become whole before it was told.
            removing = loop.run_in_executor(None, partial(path.unlink, missing_ok=True))
            await asyncio.wait({removing}, timeout=STOP_S)
        raise
    copying.result()


def _copy(raw: Path, path: Path, redactor: Redactor, is_stopped: Callable[[], bool]) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        with ZipFile(raw) as source, ZipFile(part, "w", ZIP_DEFLATED, compresslevel=1) as target:
            for name in source.namelist():
                if not name.endswith(_LEFT_OUT):
                    _copy_member(source, target, name, redactor, is_stopped)
        if not is_stopped():
            part.replace(path)
    except (BadZipFile, EOFError) as error:
        raise BrowserError(f"the recording is no trace: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _copy_member(
    source: ZipFile, target: ZipFile, name: str, redactor: Redactor, is_stopped: Callable[[], bool]
) -> None:
    stream = redactor.stream()
    with source.open(name) as reading, target.open(name, "w") as writing:
        for piece in _requests(reading) if name.endswith(".network") else _pieces(reading):
            if is_stopped():
                return
            writing.write(stream.feed(piece))
        writing.write(stream.flush())


def _pieces(reading: IO[bytes]) -> Iterator[bytes]:
    while piece := reading.read(_PIECE_BYTES):
        yield piece


def _requests(reading: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a network log without what opens a door; what is no entry is left out."""
    for line in reading:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            _hide(entry.get("snapshot"))
            yield json.dumps(entry).encode() + b"\n"


# Any: JSON of Playwright's, in the form of an HTTP archive.
def _hide(snapshot: Any) -> None:
    for side in ("request", "response"):
        half = snapshot.get(side) if isinstance(snapshot, dict) else None
        if not isinstance(half, dict):
            continue
        for header in half.get("headers") or ():
            if str(header.get("name")).lower() in HIDDEN_HEADERS:
                header["value"] = REDACTED
        for cookie in half.get("cookies") or ():
            cookie["value"] = REDACTED
