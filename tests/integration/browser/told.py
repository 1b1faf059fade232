"""What the simulated gateway's pages told, and what was asked of it: the truth about late acts."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from urllib.request import Request, urlopen

from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.simulator.request_log import Entry
from tests.integration.browser.site import SOON_S
from tests.polling import poll_until

JOURNAL = "/simulator/journal"
DOWNLOAD = "/simulator/download"
#: Acts that are not a page's: ours, and the gateway's note that a page has gone.
NOT_OF_PAGES = {"mark", "socket-close"}

_marks = itertools.count(1)


@dataclass(frozen=True)
class Moment:
    """A point in the order of what has reached the gateway: numbers of the last act and request."""

    act: int
    request: int


class Told:
    """The journal and the request log of a simulated gateway, in words."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self.gateway = gateway
        self.url = gateway.base_url

    def now(self) -> Moment:
        """Return the moment after all that has reached the gateway's sockets was let in.

        What a page sent before a stop may still stand in the queue of a busy gateway.
        """
        mark = str(next(_marks))
        body = json.dumps({"act": "mark", "target": mark, "page": ""}).encode()
        with urlopen(Request(f"{self.url}{JOURNAL}?mark={mark}", body), timeout=SOON_S):
            pass
        (act,) = self.gateway.acts("mark", mark)
        entries = self.gateway.requests("POST", JOURNAL)
        return Moment(act.number, next(e.number for e in entries if e.query == f"mark={mark}"))

    def acts(self, since: Moment) -> list[str]:
        """Return what pages did since then, as in `start click`."""
        found = self.gateway.acts(after=since.act)
        return [f"{one.target} {one.act}" for one in found if one.act not in NOT_OF_PAGES]

    def asked(self, path: str, since: Moment) -> list[Entry]:
        """Return the requests for a path since then."""
        return self.gateway.requests(path=path, after=since.request)

    def after(self, since: Moment) -> list[str]:
        """Return all that pages did and asked for since then."""
        asked = self.gateway.requests(after=since.request)
        return self.acts(since) + [one.path for one in asked if one.path != JOURNAL]

    def await_act(self, act: str, since: Moment) -> None:
        """Return once a page has done this, as in `start click`."""
        poll_until(lambda: act in self.acts(since), SOON_S)

    def await_asked(self, path: str, since: Moment) -> None:
        """Return once this path was asked for."""
        poll_until(lambda: bool(self.asked(path, since)), SOON_S)

    def await_download(self, since: Moment) -> Entry:
        """Return the request for a file that drips, once some of it has come."""
        poll_until(lambda: any(e.sent_bytes > 1 for e in self.asked(DOWNLOAD, since)), SOON_S)
        (entry,) = self.asked(DOWNLOAD, since)
        return entry
