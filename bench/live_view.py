"""What the live view costs: processor time with and without watchers, and cancels under watch."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bench.browser import browsers
from bench.figures import load, summary, table
from tests.e2e.observer import Identity, below
from tests.e2e.server import Server, serving
from tests.integration.browser.site import SOON_S, Site, running_site
from tests.polling import poll_until

#: Seconds for which processor time is counted, each time.
COUNT_S = 10.0
#: Seconds after a page has come, before anything is counted.
SETTLE_S = 3.0
#: Seconds between two questions of a page that is looked at.
ASK_S = 0.25


def text(site: Site) -> str:
    """Return a playbook whose page repaints ten times a second, and whose last step is stuck."""
    first = f"{{id: open, name: Open, type: browser.navigate, parameters: {{url: '{site.url}"
    wait = "{selector: '#never', timeout: 0}"
    click = f"{{id: it, name: It, type: browser.click, timeout: 3600, parameters: {wait}}}"
    return f"name: Busy\nsteps:\n- {first}/busy'}}}}\n- {click}\n"


@contextmanager
def watching(server: Server, execution_id: str) -> Iterator[None]:
    """Ask for the newest picture as a page does, until the end of the block."""
    over = threading.Event()

    def ask() -> None:
        at = None
        while not over.wait(ASK_S):
            seen = server.client.http.get(f"/api/executions/{execution_id}/view").json()["at"]
            if seen != at:
                at = seen
                server.client.http.get(f"/api/executions/{execution_id}/frame")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def started(server: Server, site: Site) -> str:
    """Start the playbook; return its id when the page is there and its last step is stuck."""
    execution_id = server.client.start_text(text(site))
    poll_until(
        lambda: server.client.execution(execution_id)["step_results"][1]["status"] == "running",
        SOON_S,
    )
    time.sleep(SETTLE_S)
    return execution_id


def cpu_s(processes: set[Identity], also: set[int]) -> float:
    """Return the processor seconds that these have used so far."""
    ticks = 0
    for pid in {one.pid for one in processes} | also:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def runner_pids(server: Server) -> set[int]:
    """Return the server and its runners."""
    return {server.pid, *(one.pid for one in below([server.pid]))}


def share(server: Server) -> float:
    """Return the percentage of a core that all of it uses for a while."""
    processes, also = browsers(server), runner_pids(server)
    before, began = cpu_s(processes, also), time.monotonic()
    time.sleep(COUNT_S)
    return 100 * (cpu_s(processes, also) - before) / (time.monotonic() - began)


def cost(server: Server, site: Site, times: int) -> list[list[object]]:
    """Return lines: percent of a core without watchers, with one, and the difference."""
    without, watched = [], []
    execution_id = started(server, site)
    for _ in range(times):
        without.append(share(server))
        with watching(server, execution_id):
            time.sleep(SETTLE_S)
            watched.append(share(server))
        # The lease of the last question.
        time.sleep(SETTLE_S + 5.0)
    server.client.cancel(execution_id)
    server.client.wait(execution_id, {"cancelled"})
    more = [one - other for one, other in zip(watched, without, strict=True)]
    return [
        ["not watched, % of a core", summary(without, 1)],
        ["watched, % of a core", summary(watched, 1)],
        ["more, % of a core", summary(more, 1)],
    ]


def cancels(server: Server, site: Site, times: int) -> list[list[object]]:
    """Return lines: milliseconds from a cancel to the end of the tree, unwatched and watched."""
    rows: list[list[object]] = []
    for name, is_watched in (("not watched", False), ("watched", True)):
        gone: list[float] = []
        for _ in range(times):
            execution_id = started(server, site)
            with watching(server, execution_id) if is_watched else nullcontext():
                time.sleep(1.0)
                gone.append(cancelled_ms(server, execution_id))
        rows.append([f"cancel, {name}: tree gone, ms", summary(gone)])
    return rows


def cancelled_ms(server: Server, execution_id: str) -> float:
    """Cancel; return the milliseconds until everything was gone, as the record says."""
    server.client.cancel(execution_id)
    record = server.client.wait(execution_id, {"cancelled"})["cancellation"]
    return float(record["tree_gone_ms"])


def all_of_it(folder: Path, times: int) -> str:
    """Measure the cost a few times and the cancels so many times; return the table."""
    with running_site() as site, serving(folder / "live-view") as server:
        before = load()
        rows = cost(server, site, max(1, times // 4))
        rows += cancels(server, site, times)
    note = (
        f"A page that repaints ten times a second; {COUNT_S:g} s of processor time of server,"
        f" runner and browser, {max(1, times // 4)} times; {times} cancels each. Load before"
        f" {before:.1f}, after {load():.1f}."
    )
    return f"{note}\n\n{table(['what', 'median / p99 / maximum'], rows)}"
