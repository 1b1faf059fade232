"""Files to and from a gateway, piece by piece, so that their size costs no memory."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.gateway.answers import parsed
from ignition_toolkit.gateway.call import Body, Call
from ignition_toolkit.playbook.unfinished import unfinished

if TYPE_CHECKING:
    from ignition_toolkit.gateway.exchange import Exchange

T = TypeVar("T")

#: Bytes of a file that are in memory at once.
PIECE_BYTES = 256 * 1024
#: Bytes after which what was written is brought to the disk: one that waits for the disk cannot be
#: ended, so each wait is short.
SYNC_BYTES = 8 * 1024 * 1024
#: Seconds between two words on how far a transfer is.
TELL_S = 0.2


class Progress(Protocol):
    """Takes how far something is; a step's context has it."""

    def __call__(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say so."""


class Told:
    """Tells how far a transfer is, not too often, and once more at its end."""

    def __init__(self, progress: Progress, message: str, total: int | None) -> None:
        self._progress = progress
        self._message = message
        self._total = total
        self._next = 0.0
        self.done = 0

    def add(self, size: int) -> None:
        """Count bytes that have gone."""
        self.done += size
        if time.monotonic() >= self._next or self.done == self._total:
            self._next = time.monotonic() + TELL_S
            self._progress(self.done, self._total, self._message)


# Any in the result: a JSON value.
async def upload(
    exchange: Exchange, call: Call, file: Path, content_type: str, progress: Progress
) -> object:
    """Send a file as the body of a request; return the answer's JSON value, or its text.

    Args:
        exchange: with the gateway.
        call: the request, without its body.
        file: what to send; read while it is sent.
        content_type: of the file.
        progress: told the bytes that were taken, and of how many.

    Raises:
        StepFailed: the file cannot be read.
        GatewayError: as every request; a 200 whose body tells of a failure included.

    Cancellation: at once; the connection is closed in the middle of the file.
    """
    size = await _size_of(file)
    told = Told(progress, f"uploading {file.name}", size)
    body = Body(lambda: _pieces(file, told), content_type, size)
    sending = replace(call, body=body)
    answer = await exchange.answer(sending)
    try:
        value = parsed(answer.body)
    except ValueError:
        # Bodies that nobody has captured: a restore answers in words.
        return answer.body.decode("utf-8", "replace")
    exchange.check(sending, value)
    return value


async def download(exchange: Exchange, call: Call, file: Path, progress: Progress) -> int:
    """Write the body of an answer to a file; return its bytes.

    It is written beside the file, under a name that begins with a dot, and renamed when it is
    complete; what was there before stays until then.

    Raises:
        StepFailed: the file cannot be written.
        GatewayError: as every request; also when the answer ends before its end.

    Cancellation: at once; what was written is removed, also when the process is killed, and there
    is nothing under the final name that was not there before.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")

    async def once() -> int:
        async with exchange.opened(call) as response:
            total = response.headers.get("content-length", "")
            told = Told(progress, f"downloading {file.name}", int(total or 0) or None)
            await _write(part, response.aiter_raw(), told, file)
            return told.done

    with unfinished(part):
        size = await exchange.persistently(call, once)
        await _in_thread(lambda: os.replace(part, file), file, "written")
        return size


async def write_file(file: Path, text: str) -> None:
    """Write a small text file under a temporary name, then rename it. Raises StepFailed."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")

    def write() -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        part.replace(file)

    with unfinished(part):
        await _in_thread(write, file, "written")


async def _size_of(file: Path) -> int:
    def look() -> int:
        # Opened and not only looked at: what may not be read is found before anything is sent.
        with file.open("rb") as opened:
            return os.fstat(opened.fileno()).st_size

    return await _in_thread(look, file, "read")


async def _pieces(file: Path, told: Told) -> AsyncIterator[bytes]:
    opened = await _in_thread(lambda: file.open("rb"), file, "read")
    # A further try begins anew.
    told.done = 0
    try:
        while piece := await _in_thread(lambda: opened.read(PIECE_BYTES), file, "read"):
            yield piece
            told.add(len(piece))
    finally:
        opened.close()


async def _write(part: Path, pieces: AsyncIterator[bytes], told: Told, file: Path) -> None:
    def begin() -> BinaryIO:
        part.parent.mkdir(parents=True, exist_ok=True)
        return part.open("wb")

    opened = await _in_thread(begin, file, "written")
    unsynced = 0
    try:
        async for piece in pieces:
            unsynced += len(piece)
            sync = unsynced >= SYNC_BYTES
            await _in_thread(_writing(opened, piece, sync=sync), file, "written")
            unsynced = 0 if sync else unsynced
            told.add(len(piece))
        await _in_thread(_writing(opened, b"", sync=True), file, "written")
    finally:
        opened.close()


def _writing(opened: BinaryIO, piece: bytes, *, sync: bool) -> Callable[[], None]:
    def write() -> None:
        opened.write(piece)
        if sync:
            opened.flush()
            os.fsync(opened.fileno())

    return write


async def _in_thread(action: Callable[[], T], file: Path, what: str) -> T:
    """Do something with the disk, which may be slow, without holding the event loop.

    Cancellation: at once; what is being read or written meanwhile ends in its thread.
    """
    try:
        # itk: ignore[ITK109] a piece of a file, 256 KiB at most: it ends by itself
        return await asyncio.get_running_loop().run_in_executor(None, action)
    except OSError as error:
        why = error.strerror or str(error)
        raise StepFailed(f"{file} cannot be {what}: {why}") from error
