"""LiveView: the newest picture of an execution's page, and who watches. Never in the database."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ignition_toolkit.errors import NotFound
from ignition_toolkit.execution.artifacts import open_artifact
from ignition_toolkit.execution.views import LiveViewState
from ignition_toolkit.protocol import FrameTaken

#: Seconds for which one look counts as watching: a watcher that vanishes is forgotten then.
LEASE_S = 5.0
#: File in the execution's folder of artifacts in which its last picture is kept.
LAST_PICTURE = "last_live_picture.jpg"
#: Bytes at most of a picture.
MAX_BYTES = 1024 * 1024

_JPEG_BEGINS = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Picture:
    """One picture of a page."""

    at: datetime
    jpeg: bytes


class LiveView:
    """What people see of one execution's page. To be used from the supervision loop only.

    Args:
        say: told when somebody begins to watch, and when nobody does any more.
    """

    def __init__(self, say: Callable[[bool], None]) -> None:
        self._say = say
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        #: The newest picture; None before the first.
        self.picture: Picture | None = None

    @property
    def watched(self) -> bool:
        """Whether somebody watches."""
        return self._timer is not None

    def look(self) -> None:
        """Count as watching for LEASE_S seconds."""
        if self._over:
            return
        was_watched = self.watched
        self._set_timer()
        if not was_watched:
            self._say(True)

    def state(self) -> LiveViewState:
        """Say what there is to see."""
        return state_of(self.picture, live=not self._over)

    def take(self, frame: FrameTaken) -> None:
        """Take the newest picture; what is none is passed over, and all after `end`."""
        if self._over:
            return
        try:
            jpeg = base64.b64decode(frame.data, validate=True)
        except binascii.Error:
            return
        if jpeg.startswith(_JPEG_BEGINS) and len(jpeg) <= MAX_BYTES:
            self.picture = Picture(frame.at, jpeg)

    def end(self) -> None:
        """Take nothing more: the execution is cancelled, or over."""
        self._over = True
        self._forget_timer()

    async def keep(self, folder: Path) -> str | None:
        """Write the last picture, if there is one, into the execution's folder.

        Returns: why it could not be written; None when it was.
        """
        picture = self.picture
        if picture is None:
            return None
        try:
            await asyncio.get_running_loop().run_in_executor(None, _write, folder, picture)
        except OSError as error:
            return error.strerror or str(error)
        return None

    def _set_timer(self) -> None:
        self._forget_timer()
        self._timer = asyncio.get_running_loop().call_later(LEASE_S, self._on_lease_over)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_lease_over(self) -> None:
        self._timer = None
        self._say(False)


def state_of(picture: Picture | None, *, live: bool) -> LiveViewState:
    """Say what there is to see.

    Args:
        picture: the newest one.
        live: whether more may come.
    """
    return LiveViewState(live=live, at=picture.at if picture is not None else None)


def last_picture(folder: Path) -> Picture:
    """Return the picture that an execution which is over has left. Blocks: for a thread.

    Raises NotFound when there is none.
    """
    with os.fdopen(open_artifact(folder, LAST_PICTURE), "rb") as file:
        facts = os.fstat(file.fileno())
        jpeg = file.read(MAX_BYTES)
    if not jpeg.startswith(_JPEG_BEGINS):
        raise NotFound("this execution has left no picture of its page")
    return Picture(datetime.fromtimestamp(facts.st_mtime, UTC), jpeg)


def _write(folder: Path, picture: Picture) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # A name that nobody can have led elsewhere by a link.
    descriptor, part = tempfile.mkstemp(prefix=".picture-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(picture.jpeg)
        at = picture.at.timestamp()
        os.utime(part, (at, at))
        os.replace(part, folder / LAST_PICTURE)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
