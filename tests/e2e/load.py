"""Keeps a server busy, as a process of its own, until its stdin ends.

Arguments: the server's address, and the execution whose long log is read. Every line on stdout
names what was done once more: `body`, `library`, `log` (a part of it) or `whole log`.
"""

import http.client
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from urllib.parse import urlsplit

BODY_BYTES = 10 * 1024 * 1024
CHUNK = b"x" * 65536
#: Lines of a log that count as a part of it.
PART_LINES = 5000
#: Streams that stay open, as pages have them.
PAGES = 10
#: Seconds after which it ends in any case.
AT_MOST_S = 120.0


def main(url: str, execution_id: str) -> None:
    """Start everything, and wait for the end of stdin."""
    address = urlsplit(url).netloc
    threading.Timer(AT_MOST_S, os._exit, (1,)).start()
    for work in (feed, feed, read_log(execution_id), read_library):
        threading.Thread(target=repeat, args=(address, work), daemon=True).start()
    streams = [http.client.HTTPConnection(address, timeout=AT_MOST_S) for _ in range(PAGES)]
    for stream in streams:
        stream.request("GET", "/api/events", headers={"Accept": "text/event-stream"})
        stream.getresponse()
    sys.stdin.read()
    os._exit(0)


def repeat(address: str, work: Callable[[http.client.HTTPConnection], str]) -> None:
    """Do something again and again, each time over a new connection."""
    while True:
        connection = http.client.HTTPConnection(address, timeout=30)
        with suppress(OSError, http.client.HTTPException):
            say(work(connection))
        connection.close()


def say(what: str) -> None:
    """Note on stdout that something was done once more, in one write: threads do not mix."""
    os.write(1, f"{what}\n".encode())


def feed(connection: http.client.HTTPConnection) -> str:
    """Send ten megabytes of JSON in chunks, so that nothing tells their size before."""
    connection.putrequest("POST", "/api/executions")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    # The server may have answered, and closed, before the end.
    with suppress(OSError):
        for _ in range(BODY_BYTES // len(CHUNK)):
            connection.send(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))
        connection.send(b"0\r\n\r\n")
    with suppress(OSError, http.client.HTTPException):
        connection.getresponse().read()
    return "body"


def read_log(execution_id: str) -> Callable[[http.client.HTTPConnection], str]:
    """Return what reads a whole log by its stream."""

    def read(connection: http.client.HTTPConnection) -> str:
        connection.request(
            "GET", f"/api/executions/{execution_id}/events", headers={"Last-Event-ID": "0"}
        )
        lines = (line for line in connection.getresponse() if line.startswith(b"id:"))
        while list(islice(lines, PART_LINES)):
            say("log")
        return "whole log"

    return read


def read_library(connection: http.client.HTTPConnection) -> str:
    """Have the library read again."""
    connection.request("GET", "/api/playbooks")
    connection.getresponse().read()
    return "library"


if __name__ == "__main__":
    main(*sys.argv[1:])
