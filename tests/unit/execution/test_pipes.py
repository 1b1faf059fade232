"""Pipes to and from children: never waited for, bounded, and drained exactly."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from ignition_toolkit.execution import pipe_writer
from ignition_toolkit.execution.pipe_reader import PipeReader
from ignition_toolkit.execution.pipe_writer import PipeWriter
from tests.polling import PollUntilAsync


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Give a pipe; a test says which ends it has closed by closing them."""
    reader, writer = os.pipe()
    yield reader, writer
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:
            continue


async def test_a_reader_hands_on_what_comes_and_tells_the_end_once(
    pipe: tuple[int, int], poll_until_async: PollUntilAsync
) -> None:
    heard: list[bytes] = []
    ends: list[bool] = []
    reader = PipeReader(pipe[0], heard.append, lambda: ends.append(True))
    os.write(pipe[1], b"one")
    await poll_until_async(lambda: b"".join(heard) == b"one")
    os.close(pipe[1])
    await poll_until_async(lambda: ends)
    await asyncio.sleep(0)
    assert ends == [True]
    reader.close()
    reader.close()


async def test_one_turn_takes_no_more_than_it_may(
    pipe: tuple[int, int], poll_until_async: PollUntilAsync
) -> None:
    heard: list[int] = []
    reader = PipeReader(pipe[0], lambda data: heard.append(len(data)), turn_bytes=1000)
    os.write(pipe[1], b"x" * 2500)
    await poll_until_async(lambda: sum(heard) == 2500)
    assert heard == [1000, 1000, 500]
    reader.close()


async def test_draining_takes_what_is_there_although_a_copy_holds_the_pipe(
    pipe: tuple[int, int],
) -> None:
    heard = bytearray()
    os.set_blocking(pipe[1], False)

    def hear(data: bytes) -> None:
        heard.extend(data)
        # A copy of the dead process that writes on: there is always more.
        os.write(pipe[1], b"later")

    reader = PipeReader(pipe[0], hear)
    os.write(pipe[1], b"last words")
    reader.drain()
    assert bytes(heard) == b"last words"
    reader.close()
    reader.drain()


async def test_a_reader_may_be_closed_by_what_it_hands_on(pipe: tuple[int, int]) -> None:
    heard: list[bytes] = []

    def hear(data: bytes) -> None:
        heard.append(data)
        reader.close()

    reader = PipeReader(pipe[0], hear, turn_bytes=1)
    os.write(pipe[1], b"two")
    reader.drain()
    assert heard == [b"t"]


async def test_a_writer_never_waits_and_loses_nothing(
    pipe: tuple[int, int], poll_until_async: PollUntilAsync
) -> None:
    writer = PipeWriter(pipe[1])
    data = bytes(range(256)) * 4096
    writer.write(data[:100])
    writer.write(data[100:])
    got = bytearray()
    reader = PipeReader(pipe[0], got.extend)
    await poll_until_async(lambda: len(got) == len(data))
    assert bytes(got) == data
    reader.close()
    writer.close()
    writer.close()


async def test_a_writer_drops_what_nobody_reads_any_more(pipe: tuple[int, int]) -> None:
    writer = PipeWriter(pipe[1])
    os.close(pipe[0])
    writer.write(b"to nobody")
    writer.write(b"and once more")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pipe[1])


async def test_a_reader_that_goes_while_much_waits_ends_the_writing(
    pipe: tuple[int, int], poll_until_async: PollUntilAsync
) -> None:
    writer = PipeWriter(pipe[1])
    writer.write(b"x" * 1_000_000)
    os.close(pipe[0])

    def is_closed() -> bool:
        try:
            os.fstat(pipe[1])
        except OSError:
            return True
        return False

    await poll_until_async(is_closed)
    writer.close()


async def test_a_pipe_that_is_not_read_is_closed_when_too_much_waits(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe_writer, "MAX_WAITING_BYTES", 200_000)
    writer = PipeWriter(pipe[1])
    writer.write(b"x" * 150_000)
    os.fstat(pipe[1])
    writer.write(b"x" * 150_000)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pipe[1])
