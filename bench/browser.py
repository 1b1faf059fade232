"""Cancel browser steps over HTTP, again and again, and measure until nothing of them is left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.cancel import GoneWatch
from bench.figures import load, summary, table
from tests.e2e.observer import Identity, below
from tests.e2e.server import Server, serving
from tests.integration.browser.site import SOON_S, Site, running_site
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
    #: Word or address that reaches the site when it is stuck; empty: as soon as there is a driver.
    sign: str = ""
    stopped: list[float] = field(default_factory=list)
    acted: list[float] = field(default_factory=list)
    gone: list[float] = field(default_factory=list)
    gone_seen: list[float] = field(default_factory=list)
    killed: int = 0

    def text(self, site: Site) -> str:
        """Return the playbook."""
        first = f"{{id: open, name: Open, type: browser.navigate, parameters: {{url: '{site.url}"
        return f"name: {self.name}\nsteps:\n- {first}{self.page}'}}}}\n{self.then}"

    def await_stuck(self, server: Server, site: Site, since: float) -> None:
        """Return once the step is stuck."""
        if not self.sign:
            poll_until(lambda: browsers(server), SOON_S)
        else:
            poll_until(lambda: any(self.sign in s.path for s in site.after(since)), SOON_S)

    def row(self) -> list[object]:
        """Return the line of the table."""
        figures = (self.stopped, self.acted, self.gone, self.gone_seen)
        return [self.name, *map(summary, figures), self.killed]


def ways() -> list[Stuck]:
    """Return the ways that are measured."""
    click = "- {id: it, name: It, type: browser.click, parameters: {selector: '#never'}}\n"
    loop = "- {id: it, name: It, type: browser.evaluate, parameters: {script: 'loop()'}}\n"
    return [
        Stuck("click waiting", "/scripts", click, "said/tick"),
        Stuck("goto hung", "/slow", sign="/slow"),
        Stuck("endless loop", "/loop", loop, "said/loops"),
        Stuck("browser starting", "/"),
    ]


def browsers(server: Server) -> set[Identity]:
    """Return the processes of the server's browsers, their drivers included."""
    found = below([server.pid])
    return {one for one in found if any(w in command(one.pid) for w in ("chrom", "run-driver"))}


def cancel_one(server: Server, site: Site, stuck: Stuck) -> None:
    """Run a stuck step, cancel it, and take the figures."""
    site.answer.clear()
    began = time.monotonic()
    execution_id = server.client.start_text(stuck.text(site))
    stuck.await_stuck(server, site, began)
    watch = GoneWatch(browsers(server))
    asked = server.client.cancel(execution_id)
    record = server.client.wait(execution_id, {"cancelled"})["cancellation"]
    gone_at = watch.result()
    time.sleep(LISTEN_S)
    last = max((seen.t for seen in site.after(asked)), default=asked)
    stuck.stopped.append(record["step_stopped_ms"])
    stuck.acted.append(1000 * (last - asked))
    stuck.gone.append(record["tree_gone_ms"])
    stuck.gone_seen.append(1000 * (gone_at - asked))
    stuck.killed += record["outcome"] == "killed"


def all_of_it(folder: Path, times: int) -> str:
    """Cancel every way so many times, one after the other; return the table."""
    rows = []
    with running_site() as site, serving(folder / "browser") as server:
        before = load()
        for stuck in ways():
            for _ in range(times):
                cancel_one(server, site, stuck)
            rows.append(stuck.row())
            print(*rows[-1], sep="  ", flush=True)
    note = f"{times} times each, one after the other; load before {before:.1f}, after {load():.1f}."
    return f"{note}\n\n{table(HEADER, rows)}"
