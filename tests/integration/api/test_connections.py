"""The server at its socket: bodies that are refused, connections that go on, clients that stall."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ignition_toolkit.api.body import DRAIN_BYTES, DRAIN_S, MAX_BODY_BYTES
from tests.e2e.server import Server

JSON = "Content-Type: application/json\r\n"
#: One answer waits at most for the drain; the rest is for a busy machine.
DEADLINE_S = DRAIN_S + 15.0


@pytest.fixture(autouse=True)
def starts_nothing(server: Server) -> Iterator[None]:
    """Fail a test whose requests start an execution."""
    before = server.client.get("/api/executions")["total"]
    yield
    assert server.client.get("/api/executions")["total"] == before


class Connection:
    """One connection, written to and read from by hand."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.file = connected.makefile("rb")

    def send(self, head: str, body: bytes = b"") -> None:
        """Send a request line with its headers, and what follows them."""
        self.socket.sendall(f"{head}Host: 127.0.0.1\r\n\r\n".encode() + body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer: status, headers in small letters, body."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, self.file.read(int(headers.get("content-length", "0")))

    def is_closed(self) -> bool:
        """Wait for the server to close its side."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


@contextmanager
def connection(server: Server) -> Iterator[Connection]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as connected:
        opened = Connection(connected)
        try:
            yield opened
        finally:
            opened.file.close()


def post(length: int | None, more: str = JSON) -> str:
    """Return the head of a start whose body has a length, or comes in chunks."""
    size = "Transfer-Encoding: chunked\r\n" if length is None else f"Content-Length: {length}\r\n"
    return f"POST /api/executions HTTP/1.1\r\n{size}{more}"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def assert_healthy(server: Server) -> None:
    assert server.client.get("/api/health")["status"] == "ok"
    assert server.client.http.get("/api/executions").status_code == 200


def test_a_connection_goes_on_after_requests_that_were_refused(server: Server) -> None:
    refused = [
        ("GET /api/nowhere HTTP/1.1\r\n", b"", 404),
        ("DELETE /api/executions HTTP/1.1\r\n", b"", 405),
        (post(7), b'{"a": 1', 400),
        (post(2), b"[]", 422),
        ("POST /api/executions/x/cancel HTTP/1.1\r\nContent-Length: 0\r\n", b"", 404),
        (
            "POST /api/executions/cancel HTTP/1.1\r\nContent-Length: 0\r\nOrigin: null\r\n",
            b"",
            403,
        ),
    ]
    with connection(server) as line:
        for head, body, status in refused:
            line.send(head, body)
            found, headers, text = line.answer()
            assert found == status
            assert headers["content-type"] == "application/problem+json"
            assert json.loads(text)["status"] == status
        line.send("GET /api/health HTTP/1.1\r\n")
        assert line.answer()[0] == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_writes_ten_megabytes_before_it_reads_gets_its_answer(
    server: Server, *, chunked: bool
) -> None:
    part = b"x" * MAX_BODY_BYTES
    with connection(server) as line:
        line.send(post(None if chunked else 10 * MAX_BODY_BYTES))
        for _ in range(10):
            line.socket.sendall(chunk(part) if chunked else part)
        if chunked:
            line.socket.sendall(b"0\r\n\r\n")
        status, headers, body = line.answer()
        assert status == 413
        assert json.loads(body)["title"] == "The body is too big"
        assert headers["connection"] == "close"
        assert line.is_closed()
    assert_healthy(server)


def test_a_body_without_end_is_cut_off(server: Server) -> None:
    with connection(server) as line:
        line.send(post(None))
        sent = send_until_cut_off(line.socket, 3 * DRAIN_BYTES)
    # What the kernel's buffers took on the way comes on top.
    assert sent <= DRAIN_BYTES + 16 * MAX_BODY_BYTES
    assert_healthy(server)


def send_until_cut_off(line: socket.socket, limit: int) -> int:
    """Send a body in chunks; return how much of it the other side took."""
    part = chunk(b"x" * MAX_BODY_BYTES)
    sent = 0
    while sent <= limit:
        try:
            line.sendall(part)
        except (ConnectionResetError, BrokenPipeError):
            break
        sent += len(part)
    return sent


def test_a_client_that_asks_first_is_told_without_sending_its_body(server: Server) -> None:
    with connection(server) as line:
        line.send(post(10**9, JSON + "Expect: 100-continue\r\n"))
        status, _, _ = line.answer()
        assert status == 413
        assert line.is_closed()


def test_a_client_that_asks_first_for_a_body_that_fits_is_asked_for_it(server: Server) -> None:
    body = b'{"playbook_path": "no/such.yaml"}'
    with connection(server) as line:
        line.send(post(len(body), JSON + "Expect: 100-continue\r\n"))
        assert line.answer()[0] == 100
        line.socket.sendall(body)
        assert line.answer()[0] == 404


def test_clients_that_stall_in_the_middle_of_a_body_hold_up_nobody(server: Server) -> None:
    stalled = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    try:
        for one in stalled:
            one.sendall(f"{post(100)}Host: 127.0.0.1\r\n\r\n{{".encode())
        begin = time.monotonic()
        assert_healthy(server)
        assert time.monotonic() - begin < 5.0
    finally:
        for one in stalled:
            one.close()
    assert_healthy(server)


def test_a_head_without_end_is_cut_off(server: Server) -> None:
    with connection(server) as line:
        line.socket.sendall(b"GET /api/health HTTP/1.1\r\nX-Filler: " + b"x" * 200_000)
        assert line.answer()[0] == 400
    assert_healthy(server)


@pytest.mark.parametrize(
    "name", ["X-ITK-User: \xc3\xbc\r\n", "X-ITK-User: a\tb\r\n", "X-ITK-User: \r\n"]
)
def test_a_strange_name_of_the_asker_breaks_nothing(server: Server, name: str) -> None:
    with connection(server) as line:
        line.send(f"POST /api/executions/cancel HTTP/1.1\r\nContent-Length: 0\r\n{name}")
        assert line.answer()[0] == 202
