"""Messages are told from garbage, and no pipe is ever waited for."""

import contextlib
import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.janitor import wire
from ignition_toolkit.janitor.proc import Identity
from ignition_toolkit.janitor.wire import Inbox, Outbox, WireError, parse


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Give a pipe's ends; a test may close the second."""
    reading, writing = os.pipe()
    yield reading, writing
    for handle in (reading, writing):
        try:
            os.close(handle)
        except OSError:
            continue


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"op": "hello", "folder": "f", "worker": "w", "worker_pid": 5, "worker_start": 6},
            wire.Hello("f", "w", Identity(5, 6)),
        ),
        ({"op": "spawning", "token": "t"}, wire.Spawning("t")),
        ({"op": "watch", "token": "t", "pid": 5, "start": 6}, wire.Watch("t", Identity(5, 6))),
        ({"op": "forget", "token": "t"}, wire.Forget("t")),
        ({"op": "end", "token": "t", "at": 5, "ask_at": 4.5}, wire.End("t", 5.0, 4.5)),
        ({"op": "end", "token": "t", "at": 5.5, "ask_at": None}, wire.End("t", 5.5, None)),
        ({"op": "end", "token": "t", "at": 5.5}, wire.End("t", 5.5, None)),
        ({"op": "spare", "token": "t"}, wire.Spare("t")),
        ({"op": "keep", "pid": 5, "start": 6}, wire.Keep(Identity(5, 6))),
        ({"op": "keep", "pid": 5, "start": 6, "mark": "m"}, wire.Keep(Identity(5, 6), "m")),
        ({"op": "sweep"}, wire.Sweep()),
        ({"op": "ping", "id": 3}, wire.Ping(3)),
    ],
)
def test_every_message_is_read(said: dict[str, object], message: wire.Message) -> None:
    assert parse(json.dumps(said).encode()) == message


@given(st.binary() | st.recursive(st.none() | st.integers(), st.lists).map(repr).map(str.encode))
def test_any_bytes_are_a_message_or_a_wire_error(line: bytes) -> None:
    with pytest.raises(WireError):
        parse(line)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([1])
KEYS = st.sampled_from(["folder", "worker", "worker_pid", "worker_start", "token", "pid", "start"])


@given(
    st.sampled_from(["hello", "spawning", "watch", "forget", "end", "spare", "ping", "other"]),
    st.dictionaries(KEYS | st.sampled_from(["at", "ask_at", "id"]), VALUES),
)
def test_any_fields_are_a_message_or_a_wire_error(op: str, fields: dict[str, object]) -> None:
    with contextlib.suppress(WireError):
        message = parse(json.dumps({**fields, "op": op}).encode())
        assert type(message).__name__.lower() == op


def test_an_error_names_the_message_the_field_and_what_was_found() -> None:
    with pytest.raises(WireError, match=r"end: expected 'at' to be a finite number.*found 'soon'"):
        parse(b'{"op": "end", "token": "t", "at": "soon"}')


def test_lines_are_put_together_from_pieces(pipe: tuple[int, int]) -> None:
    inbox = Inbox(pipe[0])
    assert not inbox.fill()
    for piece in (b"on", b"e\n\n  \ntwo\nth", b"ree\n"):
        os.write(pipe[1], piece)
        assert inbox.fill()
    assert list(inbox.lines) == [b"one", b"two", b"three"]
    assert not inbox.is_closed


def test_the_end_of_the_pipe_is_seen_once_all_is_read(pipe: tuple[int, int]) -> None:
    inbox = Inbox(pipe[0])
    os.write(pipe[1], b"one\nhalf")
    os.close(pipe[1])
    assert inbox.fill()
    assert not inbox.is_closed
    assert not inbox.fill()
    assert inbox.is_closed
    assert list(inbox.lines) == [b"one"]


def test_a_line_that_does_not_end_takes_no_more_memory_than_allowed(pipe: tuple[int, int]) -> None:
    inbox = Inbox(pipe[0])
    for _ in range(40):
        os.write(pipe[1], b"x" * 10000)
        inbox.fill()
    os.write(pipe[1], b"x\nnext\n")
    while inbox.fill():
        pass
    assert len(inbox.lines) == 2
    assert len(inbox.lines[0]) <= 2 * wire.MAX_LINE_BYTES
    assert inbox.lines[1] == b"next"


def read_all(handle: int, outbox: Outbox) -> list[dict[str, object]]:
    """Return what is in the pipe, and what the outbox writes once there is room."""
    os.set_blocking(handle, False)
    data = b""
    while part := read_or_nothing(handle):
        data += part
        outbox.flush()
    return [json.loads(line) for line in data.splitlines()]


def read_or_nothing(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 20)
    except BlockingIOError:
        return b""


def test_an_answer_is_written_at_once(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1])
    outbox.say("clean", token="t")
    assert not outbox.is_waiting
    assert read_all(pipe[0], outbox) == [{"op": "clean", "token": "t"}]


def test_answers_wait_for_a_slow_reader_and_come_in_order(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1])
    for number in range(10000):
        outbox.say("pong", id=number)
    assert outbox.is_waiting
    assert [message["id"] for message in read_all(pipe[0], outbox)] == list(range(10000))
    assert not outbox.is_waiting


def test_what_nobody_reads_is_dropped_counted_and_said(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_WAITING_BYTES", 1000)
    outbox = Outbox(pipe[1])
    for number in range(10000):
        outbox.say("pong", id=number)
    *pongs, error = read_all(pipe[0], outbox)
    assert error["message"] == f"{10000 - len(pongs)} answers were dropped because nobody read them"
    outbox.say("pong", id=1)
    assert read_all(pipe[0], outbox) == [{"op": "pong", "id": 1}]


def test_a_broken_pipe_is_survived(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1])
    os.close(pipe[0])
    outbox.say("clean", token="t")
    outbox.say("clean", token="t")
    assert not outbox.is_waiting
