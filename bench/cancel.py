"""Cancel every stuck step over HTTP, again and again, and measure until nothing acts any more.

Each figure is taken twice: the record's own, and what was seen from outside in the signs of life
and the process table. The two must agree, or the record lies.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bench.figures import load, summary, table
from tests.e2e.observer import Identity, Witness, is_alive
from tests.e2e.server import Server, serving
from tests.e2e.ways import BUSY, STUCK, Stuck

#: Seconds between two looks at the process table.
LOOK_S = 0.002
#: Ways that wait: many that spin would show how long a start takes, not a cancel.
WAITING = [stuck for stuck in STUCK if stuck.way not in BUSY]


@dataclass
class Figures:
    """What was measured of one stuck step, in milliseconds since the request."""

    stopped: list[float] = field(default_factory=list)
    acted: list[float] = field(default_factory=list)
    gone: list[float] = field(default_factory=list)
    gone_seen: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    left: int = 0

    def add(
        self, asked: float, gone_at: float | None, witness: Witness, record: dict[str, Any]
    ) -> None:
        """Take in one cancel; `gone_at` is None when nobody watched for it."""
        self.stopped.append(record["step_stopped_ms"])
        self.acted.append(1000 * max(0.0, witness.last() - asked))
        self.gone.append(record["tree_gone_ms"])
        if gone_at is not None:
            self.gone_seen.append(1000 * (gone_at - asked))
        self.outcomes[record["outcome"]] += 1
        self.left += len(witness.alive())

    def row(self, name: str) -> list[object]:
        """Return the line of the table."""
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items())
        figures = (self.stopped, self.acted, self.gone, self.gone_seen)
        return [name, outcomes, *map(summary, figures), self.left]


HEADER = [
    "stuck step",
    "outcome",
    "step stopped (record)",
    "acted until (seen)",
    "tree gone (record)",
    "tree gone (seen)",
    "left",
]


class GoneWatch:
    """Looks at a tree from a thread of its own and notes when the last of it was gone."""

    def __init__(self, tree: Collection[Identity]) -> None:
        self._tree = sorted(tree)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.gone_at = 0.0
        self._thread.start()

    def _watch(self) -> None:
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline and any(map(is_alive, self._tree)):
            time.sleep(LOOK_S)
        self.gone_at = time.monotonic()

    def result(self) -> float:
        """Return the monotonic second at which nothing of it was left."""
        self._thread.join()
        return self.gone_at


def cancel_one(server: Server, stuck: Stuck, path: Path, figures: Figures) -> None:
    """Run one stuck step, cancel it, and take the figures."""
    witness = Witness(path)
    execution_id = server.client.start(stuck.path, beat=str(path))
    stuck.wait_acting(witness)
    watch = GoneWatch(witness.tree)
    asked = server.client.cancel(execution_id)
    execution = server.client.wait(execution_id, {"cancelled"})
    gone_at = watch.result()
    time.sleep(0.1)
    figures.add(asked, gone_at, witness, execution["cancellation"])


def each(folder: Path, times: int) -> str:
    """Cancel every stuck step so many times, one after the other; return the table."""
    rows = []
    with serving(folder / "each") as server:
        before = load()
        for stuck in STUCK:
            figures = Figures()
            for number in range(times):
                cancel_one(server, stuck, folder / f"{stuck.id}-{number}", figures)
            rows.append(figures.row(f"{stuck.way}, {stuck.form}"))
            print(*rows[-1], sep="  ", flush=True)
    note = f"{times} times each, one after the other; load before {before:.1f}, after {load():.1f}."
    return f"{note}\n\n{table(HEADER, rows)}"


def many(folder: Path, counts: tuple[int, ...], times: int) -> str:
    """Cancel many at once, so many times; return the table."""
    rows = []
    with serving(folder / "many", max_running=max(counts)) as server:
        for count in counts:
            figures = Figures()
            for turn in range(times):
                cancel_many(server, folder / f"many-{count}-{turn}", count, figures)
            rows.append([*figures.row(f"{count} at once"), f"{load():.1f}"])
            print(*rows[-1], sep="  ", flush=True)
    note = f"All cancelled by one request; {times} times each."
    return f"{note}\n\n{table([*HEADER, 'load'], rows)}"


def cancel_many(server: Server, folder: Path, count: int, figures: Figures) -> None:
    """Run many stuck steps, cancel them together, and take the figures of each."""
    folder.mkdir()
    runs = []
    for number, stuck in enumerate(islice(cycle(WAITING), count)):
        witness = Witness(folder / str(number))
        runs.append((server.client.start(stuck.path, beat=str(witness.path)), stuck, witness))
    for _, stuck, witness in runs:
        stuck.wait_acting(witness, deadline_s=300.0)
    asked = time.monotonic()
    server.client.http.post("/api/executions/cancel").raise_for_status()
    executions = [server.client.wait(execution_id, {"cancelled"}) for execution_id, *_ in runs]
    for execution, (_, _, witness) in zip(executions, runs, strict=True):
        figures.add(asked, None, witness, execution["cancellation"])
