"""Streams of a real server: every event once, from anywhere, whatever the client does."""

import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Server
from tests.polling import poll_until

EVENT = re.compile(r"event: (\w+)\ndata: (.*)\nid: (\d+)\n")

PLAYBOOKS = {
    "talks.yaml": """\
name: Talks
steps:
  - {id: a, name: A, type: utility.log, parameters: {message: "first"}}
  - id: b
    name: B
    type: utility.python
    parameters: {script: "for n in range(300): print('line', n)"}
  - {id: c, name: C, type: utility.log, parameters: {message: "last"}}
""",
    "floods.yaml": """\
name: Floods
steps:
  - id: flood
    name: Flood
    type: utility.python
    parameters: {script: "for n in range(30000): print(n, 'x' * 100)"}
""",
    "sleeps.yaml": """\
name: Sleeps
steps: [{id: s, name: S, type: utility.sleep, parameters: {seconds: 600}}]
""",
}

Event = tuple[int, str, dict[str, Any]]  # Any: JSON values


@pytest.fixture(scope="module", autouse=True)
def playbooks(library: Path) -> None:
    """Add what these tests run to the library."""
    for name, text in PLAYBOOKS.items():
        (library / name).write_text(text, "utf-8")


def events_of(server: Server, path: str, after: int | None = None) -> list[Event]:
    """Return the events of a stream that ends by itself."""
    headers = {} if after is None else {"last-event-id": str(after)}
    answer = server.client.http.get(path, headers=headers).raise_for_status()
    return [
        (int(number), kind, json.loads(data)) for kind, data, number in EVENT.findall(answer.text)
    ]


def test_the_events_of_a_run_are_whole_in_order_and_end_with_its_end(server: Server) -> None:
    run = server.client.start("talks.yaml")
    live = events_of(server, f"/api/executions/{run}/events")
    numbers = [number for number, _, _ in live]
    assert numbers == sorted(set(numbers))
    lines = [data["message"] for _, kind, data in live if kind == "log"]
    assert lines == ["first", *(f"line {n}" for n in range(300)), "last"]
    _, kind, data = live[-1]
    assert (kind, data["status"]) == ("execution", "completed")
    assert data["execution_id"] == run
    # The same once more, when all of it is stored.
    assert events_of(server, f"/api/executions/{run}/events") == live


def test_a_client_that_comes_back_after_any_event_gets_exactly_the_rest(server: Server) -> None:
    run = server.client.start("talks.yaml")
    whole = events_of(server, f"/api/executions/{run}/events")
    for position in [*range(0, len(whole), 29), len(whole) - 2]:
        after = whole[position][0]
        assert events_of(server, f"/api/executions/{run}/events", after) == whole[position + 1 :]
    seen_all = server.client.http.get(
        f"/api/executions/{run}/events", headers={"last-event-id": str(whole[-1][0])}
    )
    assert seen_all.status_code == 204


def test_the_stream_of_all_has_the_same_events_under_the_same_numbers(server: Server) -> None:
    with server.client.http.stream("GET", "/api/events") as stream:
        text = stream.iter_text()
        found = next(text)
        run = server.client.start("talks.yaml")
        other = server.client.start("talks.yaml")
        ended: set[str] = set()
        while ended != {run, other}:
            found += next(text)
            for _, data, _ in EVENT.findall(found):
                event = json.loads(data)
                if event.get("status") == "completed" and "playbook_name" in event:
                    ended.add(event["execution_id"])
    seen = [(int(n), kind, json.loads(data)) for kind, data, n in EVENT.findall(found)]
    assert [number for number, _, _ in seen] == sorted({number for number, _, _ in seen})
    for one in (run, other):
        mine = [event for event in seen if event[2]["execution_id"] == one]
        assert mine == events_of(server, f"/api/executions/{one}/events")


def stalled_streams(server: Server, path: str, count: int) -> list[socket.socket]:
    """Open streams whose clients never read, with the smallest buffers."""
    opened = []
    for _ in range(count):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", server.port))
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        opened.append(one)
    return opened


def resident_mib(pid: int) -> float:
    """Return how much memory a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20


def test_clients_that_do_not_read_cost_nothing_and_delay_no_cancel(server: Server) -> None:
    before = resident_mib(server.pid)
    stalled = stalled_streams(server, "/api/events", 20)
    try:
        run = server.client.start("floods.yaml")
        assert server.client.wait(run)["status"] == "completed"
        sleeper = server.client.start("sleeps.yaml")
        server.client.wait(sleeper, {"running"})
        asked = server.client.cancel(sleeper)
        ended = server.client.wait(sleeper)
        assert time.monotonic() - asked < 2.0
        assert ended["cancellation"]["tree_gone_ms"] < 500
        # 30,000 lines of 100 letters for each of twenty clients would be over 150 MiB.
        assert resident_mib(server.pid) - before < 80
    finally:
        for one in stalled:
            one.close()


def test_a_client_that_leaves_takes_its_connection_along(server: Server) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))

    before = descriptors()
    for one in stalled_streams(server, "/api/events", 30):
        one.close()
    # Warm runners come and go; each has a few descriptors.
    poll_until(lambda: descriptors() <= before + 8, 10.0)


def test_the_stream_of_one_that_is_over_since_long_is_its_history(server: Server) -> None:
    run = server.client.start("sleeps.yaml")
    server.client.wait(run, {"running"})
    server.client.cancel(run)
    server.client.wait(run)
    events = events_of(server, f"/api/executions/{run}/events")
    statuses = [data["status"] for _, kind, data in events if kind == "execution"]
    assert statuses[-1] == "cancelled"
    assert "cancelling" in statuses
    assert events[-1][2]["cancellation"]["outcome"] == "cooperative"
