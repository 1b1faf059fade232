"""The processes that completed executions have left to people, kept over a server's restarts.

A file in the data folder lists them; without it the next worker's sweep would take them for
leftovers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ignition_toolkit.execution.owner import ProcessIdentity, boot_id
from ignition_toolkit.playbook.events import Logged
from ignition_toolkit.playbook.models import HandedOver
from ignition_toolkit.protocol import HAND_OVER_MARK

logger = logging.getLogger(__name__)

FILE_NAME = "handed_over.json"
#: Seconds that a hand-over waits for its file; on a healthy disk it takes milliseconds.
WRITTEN_S = 5.0


@dataclass(frozen=True)
class LeftToPerson:
    """A process that a person has got.

    Args:
        pid, start: its number, and the clock tick of its start.
        mark: what it and all that belongs to it bear in their environment; None for nothing.
        name: what it calls itself.
        execution_id: the execution that started it.
    """

    pid: int
    start: int
    mark: str | None = None
    name: str = "?"
    execution_id: str = ""

    @property
    def alive(self) -> bool:
        """Whether this very process still exists."""
        return ProcessIdentity(self.pid, boot_id(), self.start).alive


def handed_over_line(processes: Iterable[LeftToPerson | HandedOver]) -> Logged:
    """Return the line of an execution's log that says which processes a person has got."""
    names = ", ".join(f"{one.name} ({one.pid})" for one in processes)
    return Logged(message=f"handed over, still running: {names}")


def still_there(listed: Iterable[LeftToPerson]) -> list[LeftToPerson]:
    """Return those that live, or whose mark something else bears that they have started."""
    known = list(listed)
    dead = {one for one in known if not one.alive}
    marks = {one.mark for one in dead if one.mark is not None}
    borne = _borne(marks) if marks else set()
    return [one for one in known if one not in dead or one.mark in borne]


def _borne(marks: set[str]) -> set[str]:
    """Return those of the marks that a living process bears."""
    entries = {f"{HAND_OVER_MARK}={mark}".encode(): mark for mark in marks}
    found: set[str] = set()
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue  # it has ended, or is another user's
        found.update(entries[entry] for entry in environment.split(b"\0") if entry in entries)
    return found


class HandOvers:
    """The list and its file. To be used from the supervision loop, but for `load`.

    Args:
        data_dir: the data folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / FILE_NAME
        self._listed: dict[tuple[int, int], LeftToPerson] = {}
        self._turn = asyncio.Lock()
        self._writing: asyncio.Future[tuple[set[LeftToPerson], str | None]] | None = None

    def load(self) -> list[LeftToPerson]:
        """Read the list; return what is still there. Blocks.

        A file that cannot be read is none: it is said in the log.
        """
        try:
            said = json.loads(self._file.read_text("utf-8"))
            is_now = said["boot_id"] == boot_id()
            listed = [_read(one) for one in said["processes"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.error("%s cannot be read: %s; what was handed over is ended", self._file, error)
            return []
        there = still_there(listed) if is_now else []
        self._listed = {(one.pid, one.start): one for one in there}
        return there

    async def record(self, execution_id: str, processes: Sequence[HandedOver]) -> str | None:
        """Add an execution's processes; return when the file holds them.

        Returns None, or why the next worker will not know of them. Takes twice WRITTEN_S at
        most.

        Cancellation: at once; the file is written all the same.
        """
        for given in processes:
            left = LeftToPerson(given.pid, given.start, given.mark, given.name, execution_id)
            self._listed[left.pid, left.start] = left
        # One at a time: the later one holds what the earlier one has added.
        async with self._turn:
            if self._writing is not None and not await self._is_written(self._writing):
                return self._late()
            loop = asyncio.get_running_loop()
            listed = tuple(self._listed.values())
            self._writing = loop.run_in_executor(None, self._write, listed)
            if not await self._is_written(self._writing):
                return self._late()
            gone, problem = self._writing.result()
        for one in gone:
            self._listed.pop((one.pid, one.start), None)
        return problem

    async def _is_written(
        self, writing: asyncio.Future[tuple[set[LeftToPerson], str | None]]
    ) -> bool:
        done, _ = await asyncio.wait({writing}, timeout=WRITTEN_S)
        return bool(done)

    def _late(self) -> str:
        problem = f"{self._file} was not written within {WRITTEN_S:g} s"
        logger.error("%s; a restart ends what was handed over", problem)
        return problem

    def _write(self, listed: tuple[LeftToPerson, ...]) -> tuple[set[LeftToPerson], str | None]:
        """Write those that are there; return the others, and what went wrong."""
        there = still_there(listed)
        part = self._file.with_suffix(".part")
        try:
            said = {"boot_id": boot_id(), "processes": [asdict(one) for one in there]}
            with open(part, "w", encoding="utf-8") as file:
                json.dump(said, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._file)
        except OSError as error:
            logger.error("%s cannot be written: %s; a restart ends them", self._file, error)
            return set(listed) - set(there), f"{self._file} cannot be written: {error.strerror}"
        return set(listed) - set(there), None


def _read(one: dict[str, object]) -> LeftToPerson:
    """Return what an entry of the file says. Raises ValueError, KeyError, TypeError."""
    mark = one["mark"]
    return LeftToPerson(
        pid=int(str(one["pid"])),
        start=int(str(one["start"])),
        mark=None if mark is None else str(mark),
        name=str(one["name"]),
        execution_id=str(one["execution_id"]),
    )
