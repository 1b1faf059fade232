"""Writing neither fails with a reader that has gone nor waits for one that does not read."""

import asyncio
import os
import pty
import time
from collections.abc import Iterator

import pytest

from ignition_toolkit.cli.output import CHUNK_BYTES, Output, styler
from tests.unit.cli.samples import Pipe, pipe


@pytest.fixture
def end() -> Iterator[Pipe]:
    """A pipe that an Output writes into."""
    with pipe() as opened:
        yield opened


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A descriptor of a terminal, in an environment that says nothing of terminals."""
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    yield theirs
    os.close(ours)
    os.close(theirs)


def fill(end: Pipe) -> None:
    """Leave no room in the pipe."""
    descriptor = end.output._descriptor
    os.set_blocking(descriptor, False)
    try:
        while os.write(descriptor, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(descriptor, True)


async def test_long_text_arrives_whole(end: Pipe) -> None:
    text = "line\n" * 2000
    await end.output.send(text)
    assert end.read_all() == text


def test_a_reader_that_has_gone_is_no_error(end: Pipe) -> None:
    end.close_reader()
    end.output.write("dropped")
    end.output.write("dropped too")
    assert end.output.reader_gone


async def test_a_reader_that_has_gone_is_no_error_in_a_loop(end: Pipe) -> None:
    end.close_reader()
    await end.output.send("dropped")
    await end.output.send("dropped too")
    assert end.output.reader_gone


def test_a_full_disk_is_a_failure_but_no_reader_gone() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    output = Output(descriptor)
    output.write("lost")
    os.close(descriptor)
    assert output.failure
    assert not output.reader_gone


async def test_a_reader_that_does_not_read_holds_back_the_sender_and_not_the_loop(
    end: Pipe,
) -> None:
    fill(end)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await end.output.send("late")
    assert time.monotonic() - begun < 2


async def test_sending_goes_on_when_the_reader_reads(end: Pipe) -> None:
    fill(end)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(end.output.send("late\n" * CHUNK_BYTES))
        await asyncio.sleep(0)
        got = []
        while not sending.done():
            got.append(end.read_all())
            await asyncio.sleep(0)
    got.append(end.read_all())
    assert "".join(got).lstrip("x") == "late\n" * CHUNK_BYTES


async def test_what_is_offered_is_dropped_when_nobody_reads(end: Pipe) -> None:
    fill(end)
    end.output.offer("dropped")
    assert "dropped" not in end.read_all()
    end.output.offer("seen")
    assert end.read_all() == "seen"


async def test_what_is_offered_during_a_send_comes_after_it(end: Pipe) -> None:
    fill(end)
    async with asyncio.TaskGroup() as group:
        group.create_task(end.output.send("line\n"))
        await asyncio.sleep(0)
        end.output.offer("note\n")
        first = end.read_all()
    assert "note" not in first
    assert end.read_all() == "line\nnote\n"


def test_a_pipe_that_somebody_made_non_blocking_loses_nothing(end: Pipe) -> None:
    os.set_blocking(end.output._descriptor, False)
    pid = os.fork()
    if pid == 0:
        time.sleep(0.1)
        total = 0
        while total < 200_000:
            total += len(os.read(end.read_end, 65536))
        os._exit(0)
    end.output.write("x" * 200_000)
    assert os.waitpid(pid, 0)[1] == 0
    assert end.output.failure is None


def test_a_pipe_is_neither_live_nor_coloured(end: Pipe) -> None:
    assert not end.output.live
    assert styler(end.output)("word", "red") == "word"


def test_a_terminal_is_live_and_coloured(terminal: int) -> None:
    output = Output(terminal)
    assert output.live
    assert styler(output)("word", "red") == "\x1b[31mword\x1b[0m"


@pytest.mark.parametrize(
    ("name", "value", "live", "coloured"),
    [
        ("CI", "true", False, False),
        ("TERM", "dumb", False, False),
        ("NO_COLOR", "1", True, False),
        ("NO_COLOR", "", True, True),
    ],
)
def test_the_environment_says_how_plain_a_terminal_should_be(
    name: str,
    value: str,
    live: bool,
    coloured: bool,
    terminal: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, value)
    assert (Output(terminal).live, Output(terminal).coloured) == (live, coloured)


def test_text_that_the_locale_cannot_write_is_escaped(
    end: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locale.getencoding", lambda: "ascii")
    end.output.write("grün")
    assert end.read_all() == r"gr\xfcn"
