"""From a click to the first step, the price of a step, and what an idle server costs."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.figures import load, summary, table
from tests.e2e.client import FINAL
from tests.e2e.observer import Witness, monotonic_of
from tests.e2e.server import Server, serving
from tests.polling import poll_until

#: Seconds that an idle server is watched.
IDLE_S = 20.0
STEPS = 1000
TICKS = os.sysconf("SC_CLK_TCK")


def all_of_it(folder: Path, times: int) -> str:
    """Take every figure of this module; return the table."""
    with serving(folder / "start") as server:
        rows = [*starts(server, folder, times), *log_steps(server, times=5)]
        rows += idle(server)
    for row in rows:
        print(*row, sep="  ", flush=True)
    return f"Load {load():.1f}.\n\n" + table(["what", "median / p99 / maximum", "target"], rows)


def starts(server: Server, folder: Path, times: int) -> list[list[object]]:
    """Start executions with a warm runner at hand, and see when their first step runs."""
    running, acting = [], []
    for number in range(times):
        wait_warm(server)
        witness = Witness(folder / f"start-{number}")
        asked = time.monotonic()
        execution_id = server.client.start("stuck_steps/async_sleep.yaml", beat=str(witness.path))
        poll_until(witness.beats)
        acting.append(1000 * (witness.beats()[0].at - asked))
        (step,) = server.client.execution(execution_id)["step_results"]
        running.append(1000 * (moment(step["started_at"]) - asked))
        server.client.cancel(execution_id)
        server.client.wait(execution_id, {"cancelled"})
    note = f"start → first step running, {times} times, ms"
    return [
        [f"{note} (record)", summary(running, 1), "50 in the median"],
        [f"{note} (its first act, seen; the handler's import included)", summary(acting, 1), "-"],
    ]


def moment(stamp: str) -> float:
    """Return a timestamp as a second of the monotonic clock."""
    return monotonic_of(datetime.fromisoformat(stamp).timestamp())


def wait_warm(server: Server) -> None:
    """Return when a runner is ready and another one in reserve."""
    poll_until(lambda: server.client.get("/api/health")["warm_runners"] >= 2, 30.0)


def log_steps(server: Server, times: int) -> list[list[object]]:
    """Run a thousand steps that do nothing but log."""
    step = {"name": "Log", "type": "utility.log", "parameters": {"message": "a line"}}
    steps = [{**step, "id": f"s{number}"} for number in range(STEPS)]
    text = json.dumps({"name": "A thousand lines", "steps": steps})
    took = []
    for _ in range(times):
        wait_warm(server)
        asked = time.monotonic()
        execution_id = server.client.start_text(text)
        poll_until(lambda: is_over(server), 120.0)
        execution = server.client.execution(execution_id)
        took.append(moment(execution["completed_at"]) - asked)
        assert_all_ran(execution)
    return [
        [f"a run of {STEPS} `utility.log` steps, request to end, s", summary(took, 2), "2"],
        ["the same for one step, ms", summary([1000 * t / STEPS for t in took], 2), "2"],
    ]


def is_over(server: Server) -> bool:
    """Say whether the newest execution is over; its thousand steps are not asked for."""
    (newest,) = server.client.get("/api/executions?limit=1")["items"]
    return newest["status"] in FINAL


def assert_all_ran(execution: dict[str, Any]) -> None:
    """Fail when a step was lost."""
    statuses = [step["status"] for step in execution["step_results"]]
    assert statuses == ["completed"] * STEPS, execution["error"]


def idle(server: Server) -> list[list[object]]:
    """See what a server costs that has nothing to do."""
    wait_warm(server)
    time.sleep(2.0)
    family = sorted(one.pid for one in server.look() if cpu_seconds(one.pid) is not None)
    before, began = total_cpu(family), time.monotonic()
    time.sleep(IDLE_S)
    share = 100 * (total_cpu(family) - before) / (time.monotonic() - began)
    memory = [unique_mib(one.pid) for one in server.runners()]
    return [
        [f"idle server, {len(family)} processes, % of a core", f"{share:.2f}", "1"],
        ["unique memory of an idle runner, MiB", summary(memory, 1), "40"],
        ["unique memory of the server, MiB", f"{unique_mib(server.pid):.1f}", "-"],
        ["unique memory of the janitor, MiB", f"{unique_mib(server.janitor().pid):.1f}", "-"],
    ]


def total_cpu(pids: list[int]) -> float:
    """Return the seconds of processor time that processes have used."""
    return sum(cpu_seconds(pid) or 0.0 for pid in pids)


def cpu_seconds(pid: int) -> float | None:
    """Return the seconds of processor time of one process, None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS


def unique_mib(pid: int) -> float:
    """Return the memory that only this process has, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii", "replace").splitlines()
    private = [int(line.split()[1]) for line in lines if line.startswith("Private_")]
    return sum(private) / 1024
