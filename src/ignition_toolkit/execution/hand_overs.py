"""The processes that completed executions have left to people, kept over a server's restarts.

A file in the data folder lists them; without it the next worker's sweep would take them for
leftovers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from ignition_toolkit.execution.owner import ProcessIdentity, boot_id

logger = logging.getLogger(__name__)

FILE_NAME = "handed_over.json"


class HandOvers:
    """The list and its file. To be used from the supervision loop, but for `load`.

    Args:
        data_dir: the data folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / FILE_NAME
        self._processes: set[tuple[int, int]] = set()
        self._writing: asyncio.Future[frozenset[tuple[int, int]]] | None = None
        self._unwritten = False

    def load(self) -> list[tuple[int, int]]:
        """Read the list; return the processes that live, as pid and clock tick. Blocks.

        A file that cannot be read is none: it is said in the log.
        """
        try:
            said = json.loads(self._file.read_text("utf-8"))
            is_now = said["boot_id"] == boot_id()
            listed = {(int(pid), int(start)) for pid, start in said["processes"]}
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.error("%s cannot be read: %s; what was handed over is ended", self._file, error)
            return []
        self._processes = set(_living(listed)) if is_now else set()
        return sorted(self._processes)

    def add(self, pid: int, start: int) -> None:
        """Add a process, and write the file soon."""
        self._processes.add((pid, start))
        self._unwritten = True
        if self._writing is None:
            self._begin()

    def _begin(self) -> None:
        self._unwritten = False
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, self._write, frozenset(self._processes))
        self._writing.add_done_callback(self._on_written)

    def _on_written(self, writing: asyncio.Future[frozenset[tuple[int, int]]]) -> None:
        self._writing = None
        if not writing.cancelled():
            self._processes -= writing.result()
        # What came while it was being written: a Designer is several processes.
        if self._unwritten:
            self._begin()

    async def close(self) -> None:
        """Return when the file has been written."""
        while self._writing is not None:
            await asyncio.wait({self._writing})
            # Its callback, which may begin anew, comes in the next turn.
            await asyncio.sleep(0)

    def _write(self, processes: frozenset[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        """Write those that live; return the others, which nobody has to be told of any more."""
        alive = _living(processes)
        part = self._file.with_suffix(".part")
        try:
            said = {"boot_id": boot_id(), "processes": sorted(alive)}
            part.write_text(json.dumps(said), "utf-8")
            os.replace(part, self._file)
        except OSError as error:
            logger.error("%s cannot be written: %s; a restart ends them", self._file, error)
        return processes - set(alive)


def _living(processes: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    boot = boot_id()
    return [(pid, start) for pid, start in processes if ProcessIdentity(pid, boot, start).alive]
