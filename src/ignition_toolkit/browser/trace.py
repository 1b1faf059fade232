"""Trace: what Playwright records of a page, kept for who looks later why a step failed.

`playwright show-trace FILE` shows it, without any network. Two things keep secrets out of it: while
a field is on the page that a secret was put into, nothing is recorded; and what is written is a
copy without the secrets that are known, and without cookies (`trace_copy`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ignition_toolkit.browser.evidence import attempt_name
from ignition_toolkit.browser.foreign import translated
from ignition_toolkit.browser.trace_copy import copy_trace
from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import BrowserError
from ignition_toolkit.playbook.models import TraceWhen

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Locator

    from ignition_toolkit.playbook.step_handler import StepContext

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: Bytes on the disk above which what was recorded is thrown away and recording begins anew.
MAX_BYTES = 64 * 1024 * 1024
#: Seconds between two looks at how many there are.
LOOK_AGAIN_S = 5.0
#: Seconds at most that beginning, pausing and going on take, of a page that may be hung.
SOON_S = 1.0
#: Seconds at most that writing one takes.
KEEP_S = 5.0

_HIDDEN = "a secret was put into a field of this page"
_NO_ANSWER = "the browser did not answer in time when it was to record, or to give what it had"


@dataclass(frozen=True)
class TraceWish:
    """What an execution wants of traces.

    Args:
        when: when one is kept.
        secrets: gives the secrets that are known now.
        is_cancelled: says whether the execution is: then none is kept.
        folder: gives the execution's folder for files that stay.
    """

    when: TraceWhen = TraceWhen.NEVER
    secrets: Callable[[], Iterable[Secret]] = tuple
    is_cancelled: Callable[[], bool] = bool
    folder: Callable[[], Path] = Path


class Trace:
    """What is recorded of one browser context, from `go_on` on.

    No method but `keep` raises for what the browser does: a step does not fail for its recording.

    Args:
        context: of the browser.
        folder: where Playwright writes what it records, of this context only.
        wish: of the execution.
        hidden: gives the fields that a secret was put into.
    """

    def __init__(
        self,
        context: BrowserContext,
        folder: Path,
        wish: TraceWish,
        hidden: Callable[[], Sequence[Locator]],
    ) -> None:
        self._tracing = context.tracing
        self._folder = folder
        self._wish = wish
        self._hidden = hidden
        #: Why nothing is recorded; None while something is.
        self._off: str | None = "no step has begun on it"
        #: Whether it can no longer be told what is recorded: then nothing is kept.
        self._is_spoilt = False
        self._looked_at = time.monotonic()

    @property
    def nothing_because(self) -> str | None:
        """Why nothing is recorded that may be kept; None when something is."""
        return _NO_ANSWER if self._is_spoilt else self._off

    async def go_on(self) -> str | None:
        """Record from now on, if nothing secret is on the page; call it before each step.

        Returns: a line for the log when what was recorded had become too much, else None.
        Takes SOON_S at most. Cancellation: at once.
        """
        if self._is_spoilt:
            return None
        if self._off is not None:
            await self._begin()
            return None
        if not await self._is_too_much():
            return None
        await self.pause()
        await self._begin()
        return f"the trace begins anew here: it had more than {MAX_BYTES >> 20} MiB"

    async def pause(self) -> None:
        """Throw away what was recorded, and record no more. Cancellation: at once; none is kept."""
        if self._off is not None:
            return
        self._off = _HIDDEN
        self._is_spoilt = True
        if await self._try(self._tracing.stop()):
            self._is_spoilt = False
        await self._in_thread(_empty)

    async def keep(self, path: Path, seconds: float) -> None:
        """Write what was recorded so far, as a whole or not at all, and record on.

        Raises BrowserError, OSError, and TimeoutError after so many seconds. Cancellation: at once.
        """
        raw = self._folder / "kept.zip"
        self._is_spoilt = True
        async with asyncio.timeout(seconds):
            with translated():
                await self._tracing.stop_chunk(path=raw)
                await self._tracing.start_chunk()
            self._is_spoilt = False
            await copy_trace(raw, path, Redactor(self._wish.secrets()))

    async def _begin(self) -> None:
        if not await self._try(self._begin_unless_hidden()):
            self._off = _NO_ANSWER

    async def _begin_unless_hidden(self) -> None:
        for field in list(self._hidden()):
            if await field.count():
                self._off = _HIDDEN
                return
        # Of a context before it, whose step was stopped.
        await self._in_thread(_empty)
        await self._tracing.start(snapshots=True)
        self._off = None

    # Any: what Playwright returns plays no part.
    async def _try(self, doing: Coroutine[Any, Any, Any]) -> bool:
        """Do it within SOON_S and say whether it was done."""
        try:
            async with asyncio.timeout(SOON_S):
                with translated():
                    await doing
        except (TimeoutError, BrowserError) as error:
            logger.debug("no trace: %s", error, extra={"action": "trace_failed"})
            return False
        return True

    async def _is_too_much(self) -> bool:
        if time.monotonic() < self._looked_at + LOOK_AGAIN_S:
            return False
        self._looked_at = time.monotonic()
        return await self._in_thread(_size_of) > MAX_BYTES

    async def _in_thread(self, action: Callable[[Path], T]) -> T:
        """Do something with the folder, without holding the event loop. Cancellation: at once."""
        # itk: ignore[ITK109] a few thousand files at most: it ends by itself
        return await asyncio.get_running_loop().run_in_executor(None, action, self._folder)


def _size_of(folder: Path) -> int:
    return sum(map(_size, folder.rglob("*")))


def _empty(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_dir():
            path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


async def keep_trace(context: StepContext, trace: Trace) -> None:
    """Keep the trace of a step that has failed, and say so in the log.

    Takes KEEP_S at most, and no longer than the step may. Never raises for what the browser does.
    Cancellation: at once; there is no file.
    """
    name = f"trace_{attempt_name(context)}.zip"
    if (why := trace.nothing_because) is not None:
        context.log(f"no trace of it is kept: {why}", "info")
        return
    try:
        await trace.keep(context.artifacts / name, min(KEEP_S, context.remaining() / 2))
    except (TimeoutError, BrowserError, OSError) as error:
        context.log(f"no trace of it could be kept: {_why(error)}", "warning")
    else:
        context.log(f"a trace of it: {name}, which `playwright show-trace` shows", "error")


async def keep_last_trace(trace: Trace, wish: TraceWish) -> None:
    """Keep a trace at the end of a run that was not cancelled, where there is one.

    Takes KEEP_S at most. Never raises for what the browser does. Cancellation: at once.
    """
    if wish.is_cancelled() or trace.nothing_because is not None:
        return
    try:
        await trace.keep(wish.folder() / "trace.zip", KEEP_S)
    except (TimeoutError, BrowserError, OSError) as error:
        logger.warning("no trace could be kept: %s", _why(error))


def _why(error: Exception) -> str:
    return str(error) or "it took too long"
