"""The writer of events: nothing of state is lost, logs give way, and nobody is waited for."""

import fcntl
import os
import sys
import termios
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ignition_toolkit.playbook.events import Logged, Progressed, StepChanged
from ignition_toolkit.playbook.models import ExecutionStatus, StepStatus
from ignition_toolkit.protocol import Body, Done, Envelope, FrameTaken, LogsDropped, Ready
from ignition_toolkit.runner.channel import (
    LOWEST_PRIVATE_FD,
    MAX_WAITING_LOGS,
    CommandReader,
    EventWriter,
    private_copy,
)
from tests.polling import poll_until

#: Seconds for what takes a moment; generous, as the machine may be busy.
SOON_S = 30.0

PIPE_SIZE = 65536


class Pipe:
    """A pipe whose reading end is read when the test wants, and a writer on the other."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.writer = EventWriter(self.writing)
        self._rest = b""
        self._open = True

    def read(self) -> list[Envelope]:
        """Return what there is to read now."""
        os.set_blocking(self.reading, False)
        while True:
            try:
                data = os.read(self.reading, 1 << 20)
            except BlockingIOError:
                break
            if not data:
                break
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        return [Envelope.model_validate_json(line) for line in lines]

    def read_until(self, last: type[Body]) -> list[Envelope]:
        found: list[Envelope] = []

        def complete() -> bool:
            found.extend(self.read())
            return bool(found) and isinstance(found[-1].body, last)

        poll_until(complete, SOON_S)
        return found

    def close_reading(self) -> None:
        if self._open:
            self._open = False
            os.close(self.reading)

    def close(self) -> None:
        self.close_reading()
        for _ in range(2):
            # The thread ends with the first message that it cannot write.
            self.writer.send(Ready())
        poll_until(lambda: not self.writer._thread.is_alive())
        os.close(self.writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    if made.writer.native_id is None:
        made.writer.start()
    made.close()


def log(text: str) -> Logged:
    return Logged(step_id="a", message=text)


def changed(number: int) -> StepChanged:
    return StepChanged(step_id=f"s{number}", step_name="S", type="t", status=StepStatus.RUNNING)


DONE = Done(status=ExecutionStatus.CANCELLED)


def fill(pipe: Pipe) -> None:
    """Fill the pipe, so that the writer's thread stands in the middle of a write."""
    pipe.writer.start()
    for _ in range(4):
        pipe.writer.send(log("x" * 60_000))
    poll_until(lambda: waiting_bytes(pipe.reading) == PIPE_SIZE)


def waiting_bytes(fd: int) -> int:
    """Return how much there is to read."""
    answer = fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(answer, sys.byteorder)


def test_messages_come_in_order_numbered_and_signed(pipe: Pipe) -> None:
    pipe.writer.start()
    before = time.monotonic()
    for body in (Ready(), changed(1), log("x"), changed(2), DONE):
        pipe.writer.send(body)
    found = pipe.read_until(Done)
    assert [e.seq for e in found] == [1, 2, 3, 4, 5]
    assert {e.pid for e in found} == {os.getpid()}
    assert all(before <= e.t <= time.monotonic() for e in found)
    assert [e.body.kind for e in found] == ["ready", "step", "log", "step", "done"]


def test_sending_never_waits_for_a_reader(pipe: Pipe) -> None:
    fill(pipe)
    began = time.monotonic()
    for number in range(1000):
        pipe.writer.send(changed(number))
        pipe.writer.send(log("x" * 1000))
    assert time.monotonic() - began < 2
    assert not pipe.writer.flush(0.01)


def test_a_flood_of_logs_is_dropped_and_counted_and_state_never(pipe: Pipe) -> None:
    fill(pipe)
    text = "x" * 10_000
    sent = 2 * MAX_WAITING_LOGS // len(text)
    for number in range(sent):
        pipe.writer.send(log(text))
        pipe.writer.send(changed(number))
    pipe.writer.send(DONE)
    found = pipe.read_until(Done)
    states = [e.body.step_id for e in found if isinstance(e.body, StepChanged)]
    assert states == [f"s{number}" for number in range(sent)]
    logs = [e for e in found if isinstance(e.body, Logged)]
    dropped = sum(e.body.count for e in found if isinstance(e.body, LogsDropped))
    assert dropped > sent // 3
    assert len(logs) + dropped == sent + 4
    assert [e.seq for e in found] == list(range(1, len(found) + 1))


def test_the_end_of_a_run_overtakes_logs_and_never_state(pipe: Pipe) -> None:
    fill(pipe)
    for number in range(500):
        pipe.writer.send(log(f"{number} " + "x" * 10_000))
        pipe.writer.send(changed(number))
    pipe.writer.shorten_log(32 * 1024)
    pipe.writer.send(DONE)
    found = pipe.read_until(Done)
    assert [e.body.step_id for e in found if isinstance(e.body, StepChanged)] == [
        f"s{number}" for number in range(500)
    ]
    logs = [e.body.message for e in found if isinstance(e.body, Logged)]
    dropped = sum(e.body.count for e in found if isinstance(e.body, LogsDropped))
    assert [text.split()[0] for text in logs[-3:]] == ["497", "498", "499"]
    assert dropped + len(logs) == 504
    assert dropped >= 497


def test_nothing_follows_the_end_of_a_run_also_when_logs_were_dropped_for_it(pipe: Pipe) -> None:
    for _ in range(100):
        pipe.writer.send(log("x" * 2000))
    pipe.writer.shorten_log(32 * 1024)
    pipe.writer.send(DONE)
    pipe.writer.start()
    assert pipe.writer.flush(5)
    kinds = [e.body.kind for e in pipe.read()]
    assert (kinds[0], kinds[-1], kinds.count("dropped")) == ("dropped", "done", 1)


def test_a_short_log_is_told_whole_at_the_end_of_a_run(pipe: Pipe) -> None:
    for number in range(50):
        pipe.writer.send(log(f"line {number}"))
    pipe.writer.shorten_log(32 * 1024)
    pipe.writer.send(DONE)
    pipe.writer.start()
    found = pipe.read_until(Done)
    assert [e.body.kind for e in found] == ["log"] * 50 + ["done"]


def test_only_the_newest_progress_of_a_step_waits(pipe: Pipe) -> None:
    for done in range(10_000):
        for step in ("a", "b"):
            pipe.writer.send(Progressed(step_id=step, done=done, message="x" * (done % 100)))
    pipe.writer.send(DONE)
    pipe.writer.start()
    found = pipe.read_until(Done)
    told = [(e.body.step_id, e.body.done) for e in found if isinstance(e.body, Progressed)]
    assert told == [("a", 9999), ("b", 9999)]
    assert not [e for e in found if isinstance(e.body, LogsDropped)]
    assert pipe.writer._log_size == 0


def test_progress_goes_on_after_it_was_told(pipe: Pipe) -> None:
    pipe.writer.start()
    for done in (1, 2, 3):
        pipe.writer.send(Progressed(step_id="a", done=done))
        assert pipe.writer.flush(5)
    assert [e.body.done for e in pipe.read() if isinstance(e.body, Progressed)] == [1, 2, 3]


def test_shortening_the_log_forgets_progress_too(pipe: Pipe) -> None:
    pipe.writer.send(Progressed(step_id="a", done=1, message="x" * 1000))
    pipe.writer.shorten_log(0)
    pipe.writer.send(Progressed(step_id="a", done=2))
    pipe.writer.send(DONE)
    pipe.writer.start()
    found = pipe.read_until(Done)
    assert [e.body.done for e in found if isinstance(e.body, Progressed)] == [2]


def test_flush_waits_until_the_reader_has_taken_all(pipe: Pipe) -> None:
    fill(pipe)
    assert not pipe.writer.flush(0.05)
    reader = threading.Thread(target=lambda: pipe.read_until(Done))
    reader.start()
    pipe.writer.send(DONE)
    assert pipe.writer.flush(5)
    reader.join()


def test_nothing_waits_for_a_reader_that_is_gone(pipe: Pipe) -> None:
    fill(pipe)
    pipe.close_reading()
    assert pipe.writer.flush(5)
    pipe.writer.send(changed(1))
    assert pipe.writer.flush(5)
    assert not pipe.writer._waiting


class Telling:
    """Tells something from a thread of its own."""

    def __init__(self, writer: EventWriter, body: Body) -> None:
        self._thread = threading.Thread(target=writer.tell, args=(body,))
        self._thread.start()

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()


def test_who_tells_waits_until_it_is_written_and_not_for_what_comes_behind(pipe: Pipe) -> None:
    fill(pipe)
    telling = Telling(pipe.writer, changed(1))
    poll_until(lambda: any(isinstance(one.body, StepChanged) for one in pipe.writer._waiting))
    for _ in range(10):
        pipe.writer.send(log("x" * 60_000))
    time.sleep(0.3)
    assert telling.waits
    taken = bytearray()

    def is_told() -> bool:
        taken.extend(os.read(pipe.reading, 4096))
        return not telling.waits

    poll_until(is_told, SOON_S)
    assert not pipe.writer.flush(0), "it waited for all"
    unread = os.read(pipe.reading, PIPE_SIZE)
    assert b'"s1"' in taken + unread
    pipe.close_reading()


def test_who_tells_does_not_wait_for_a_reader_that_is_gone(pipe: Pipe) -> None:
    fill(pipe)
    telling = Telling(pipe.writer, changed(1))
    time.sleep(0.1)
    pipe.close_reading()
    poll_until(lambda: not telling.waits, SOON_S)
    pipe.writer.tell(changed(2))


def test_who_tells_is_let_through_a_flood_when_a_stop_comes(pipe: Pipe) -> None:
    fill(pipe)
    for _ in range(300):
        pipe.writer.send(log("x" * 10_000))
    pipe.writer.hurry(0)
    assert len(pipe.writer._waiting) > 300, "nobody waited"
    telling = Telling(pipe.writer, changed(1))
    poll_until(lambda: isinstance(pipe.writer._waiting[-1].body, StepChanged))
    pipe.writer.hurry(0)
    found = pipe.read_until(StepChanged)
    assert sum(e.body.count for e in found if isinstance(e.body, LogsDropped)) >= 300
    poll_until(lambda: not telling.waits, SOON_S)


def test_a_forked_copy_says_nothing(pipe: Pipe) -> None:
    pipe.writer.start()
    child = os.fork()
    if child == 0:
        # Its writer's thread is the original's: who waited for it would wait for ever.
        threading.Timer(SOON_S, os._exit, (2,)).start()
        pipe.writer.send(changed(1))
        pipe.writer.tell(changed(2))
        os._exit(0 if not pipe.writer._waiting else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    pipe.writer.send(DONE)
    assert [e.body.kind for e in pipe.read_until(Done)] == ["done"]


def test_an_idle_writer_does_not_wake_up(pipe: Pipe) -> None:
    pipe.writer.start()
    pipe.writer.send(Ready())
    assert pipe.writer.flush(5)
    time.sleep(0.05)
    before = switches(pipe.writer.native_id)
    time.sleep(0.5)
    assert switches(pipe.writer.native_id) == before


def switches(thread: int | None) -> list[str]:
    """Return how often a thread of ours was given a core."""
    with open(f"/proc/self/task/{thread}/status", encoding="ascii") as status:
        return [line for line in status if "ctxt_switches" in line]


# Commands


class Commands:
    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.lines: list[bytes] = []
        self.ended = threading.Event()
        self.reader = CommandReader(self.reading, self.lines.append, self.ended.set)
        self.reader.start()

    def end(self) -> None:
        os.close(self.writing)
        assert self.ended.wait(5)
        self.reader._thread.join(5)
        os.close(self.reading)


def test_commands_come_line_by_line_however_they_are_cut() -> None:
    commands = Commands()
    for piece in (b"a", b"b\nc", b"d\n\n", b"e\nf\n", b"rest"):
        os.write(commands.writing, piece)
        time.sleep(0.01)
    poll_until(lambda: len(commands.lines) == 5)
    assert commands.lines == [b"ab", b"cd", b"", b"e", b"f"]
    commands.end()
    assert len(commands.lines) == 5


def test_a_command_of_several_megabytes_is_read_without_delay() -> None:
    commands = Commands()
    data: Any = memoryview(b"x" * 20_000_000 + b"\n")
    began = time.monotonic()
    while data:
        data = data[os.write(commands.writing, data) :]
    poll_until(lambda: commands.lines)
    took = time.monotonic() - began
    assert len(commands.lines[0]) == 20_000_000
    assert took < 3
    commands.end()


def test_the_end_of_the_pipe_is_seen_at_once() -> None:
    commands = Commands()
    began = time.monotonic()
    commands.end()
    assert time.monotonic() - began < 1


# Pictures


def test_a_picture_gives_way_to_all_that_waits(pipe: Pipe) -> None:
    pipe.writer.send(Ready())
    pipe.writer.send(FrameTaken(data="behind"))
    pipe.writer.start()
    assert pipe.writer.flush(SOON_S)
    pipe.writer.send(FrameTaken(data="x" * 2 * PIPE_SIZE))
    pipe.writer.send(FrameTaken(data="second"))
    pipe.writer.send(Done(status=ExecutionStatus.COMPLETED))
    kinds = [envelope.body.kind for envelope in pipe.read_until(Done)]
    assert kinds == ["ready", "frame", "done"]


# Descriptors


def test_a_private_descriptor_is_out_of_the_way_and_does_not_reach_programs() -> None:
    reading, writing = os.pipe()
    copy = private_copy(reading)
    assert copy >= LOWEST_PRIVATE_FD
    assert fcntl.fcntl(copy, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    for fd in (reading, writing, copy):
        os.close(fd)
