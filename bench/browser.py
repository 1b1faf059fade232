"""Cancel browser steps over HTTP, again and again, and measure until nothing of them is left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.cancel import GoneWatch
from bench.figures import load, summary, table
from ignition_toolkit.simulator import SimulatedGateway, serving_in_thread
from tests.e2e.observer import Identity, below
from tests.e2e.server import Server, serving
from tests.integration.browser.site import SOON_S
from tests.integration.browser.told import Moment, Told
from tests.leaks import command
from tests.polling import poll_until

HEADER = [
    "stuck step",
    "step stopped (record)",
    "acted until (seen)",
    "tree gone (record)",
    "browser gone (seen)",
    "killed",
]
#: Seconds after a cancel in which a page might still act.
LISTEN_S = 0.3


@dataclass
class Stuck:
    """A browser step that is stuck, in milliseconds since the request."""

    name: str
    #: Path of the first page, and the step after it.
    page: str
    then: str = ""
    #: Act or path that reaches the gateway when it is stuck; empty: as soon as there is a driver.
    sign: str = ""
    stopped: list[float] = field(default_factory=list)
    acted: list[float] = field(default_factory=list)
    gone: list[float] = field(default_factory=list)
    gone_seen: list[float] = field(default_factory=list)
    killed: int = 0

    def text(self, told: Told) -> str:
        """Return the playbook."""
        first = f"{{id: open, name: Open, type: browser.navigate, parameters: {{url: '{told.url}"
        return f"name: {self.name}\nsteps:\n- {first}{self.page}'}}}}\n{self.then}"

    def await_stuck(self, server: Server, told: Told, since: Moment) -> None:
        """Return once the step is stuck."""
        if not self.sign:
            poll_until(lambda: browsers(server), SOON_S)
        else:
            poll_until(lambda: self.sign in told.after(since), SOON_S)

    def row(self) -> list[object]:
        """Return the line of the table."""
        figures = (self.stopped, self.acted, self.gone, self.gone_seen)
        return [self.name, *map(summary, figures), self.killed]


def ways() -> list[Stuck]:
    """Return the ways that are measured."""
    click = "- {id: it, name: It, type: browser.click, parameters: {selector: '#never'}}\n"
    loop = (
        "- {id: it, name: It, type: browser.evaluate, parameters: {script: 'simulator.loop(1)'}}\n"
    )
    return [
        Stuck("click waiting", "/simulator/acting", click, "worker tick"),
        Stuck("goto hung", "/simulator/never", sign="/simulator/never"),
        Stuck("endless loop", "/simulator/loop", loop, "loop beat"),
        Stuck("browser starting", "/simulator/form"),
    ]


def browsers(server: Server) -> set[Identity]:
    """Return the processes of the server's browsers, their drivers included."""
    found = below([server.pid])
    return {one for one in found if any(w in command(one.pid) for w in ("chrom", "run-driver"))}


def cancel_one(server: Server, told: Told, stuck: Stuck) -> None:
    """Run a stuck step, cancel it, and take the figures."""
    since = told.now()
    execution_id = server.client.start_text(stuck.text(told))
    stuck.await_stuck(server, told, since)
    watch = GoneWatch(browsers(server))
    asked = server.client.cancel(execution_id)
    record = server.client.wait(execution_id, {"cancelled"})["cancellation"]
    gone_at = watch.result()
    time.sleep(LISTEN_S)
    # The journal's times are the machine's.
    began = time.time() - (time.monotonic() - asked)
    last = max((one.at for one in told.gateway.acts(after=since.act)), default=began)
    stuck.stopped.append(record["step_stopped_ms"])
    stuck.acted.append(1000 * max(0.0, last - began))
    stuck.gone.append(record["tree_gone_ms"])
    stuck.gone_seen.append(1000 * (gone_at - asked))
    stuck.killed += record["outcome"] == "killed"


def all_of_it(folder: Path, times: int) -> str:
    """Cancel every way so many times, one after the other; return the table."""
    rows = []
    gateway = SimulatedGateway()
    with serving_in_thread(gateway), serving(folder / "browser") as server:
        before, told = load(), Told(gateway)
        for stuck in ways():
            for _ in range(times):
                cancel_one(server, told, stuck)
            rows.append(stuck.row())
            print(*rows[-1], sep="  ", flush=True)
    note = f"{times} times each, one after the other; load before {before:.1f}, after {load():.1f}."
    return f"{note}\n\n{table(HEADER, rows)}"
