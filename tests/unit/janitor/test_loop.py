"""The janitor's loop, run in a thread of the test: the ways that no real process takes at will."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ignition_toolkit.janitor import loop, proc
from ignition_toolkit.janitor.__main__ import await_hello
from ignition_toolkit.janitor.children import choose_lists
from ignition_toolkit.janitor.clock import ANSWER_S
from ignition_toolkit.janitor.loop import Janitor
from ignition_toolkit.janitor.proc import Identity, Sent
from ignition_toolkit.janitor.sweep import Hunt
from ignition_toolkit.janitor.wire import Hello, Inbox, Outbox
from tests.polling import poll_until

TOKEN = "f0.w1.1"
STUCK_S = 0.5

# Any: a message is a JSON object.
Message = dict[str, Any]


class Talk:
    """A janitor in a thread, with this process as its worker."""

    def __init__(self) -> None:
        self._stdin, self._to = os.pipe()
        self._from, self._stdout = os.pipe()
        os.set_blocking(self._from, False)
        self._heard = b""
        own = proc.identify(os.getpid())
        assert own is not None
        janitor = Janitor(
            Hello("f0", "w1", own), choose_lists(), Inbox(self._stdin), Outbox(self._stdout)
        )
        self._thread = threading.Thread(target=janitor.run)
        self._thread.start()

    def say(self, op: str, **fields: object) -> None:
        os.write(self._to, json.dumps({"op": op, **fields}).encode() + b"\n")

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        identity = proc.identify(process.pid)
        assert identity is not None
        self.say("watch", token=TOKEN, pid=identity.pid, start=identity.start)

    def end(self, *, asked: bool = False) -> None:
        now = time.monotonic()
        self.say("end", token=TOKEN, at=now, ask_at=now if asked else None)

    def heard(self, op: str) -> list[Message]:
        with contextlib.suppress(BlockingIOError):
            self._heard += os.read(self._from, 1 << 20)
        whole = self._heard[: self._heard.rfind(b"\n") + 1]
        return [message for line in whole.splitlines() if (message := json.loads(line))["op"] == op]

    def await_one(self, op: str, count: int = 1) -> Message:
        return poll_until(lambda: got if len(got := self.heard(op)) >= count else [], 10)[-1]

    def close_stdin(self) -> None:
        os.close(self._to)
        self._to = -1

    def close(self) -> None:
        if self._to >= 0:
            self.close_stdin()
        self._thread.join(10)
        assert not self._thread.is_alive()
        for handle in (self._stdin, self._from, self._stdout):
            os.close(handle)


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    monkeypatch.setattr(loop, "STUCK_S", STUCK_S)
    talk = Talk()
    yield talk
    talk.close()


@pytest.fixture
def runner() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "20"], start_new_session=True) as process:
        yield process
        process.kill()


def refuse_to_kill(monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    """Make a process one that the kernel does not let us signal."""
    send = proc.send

    def refuse(identity: Identity, number: signal.Signals) -> Sent:
        return Sent.REFUSED if identity.pid == pid else send(identity, number)

    monkeypatch.setattr(proc, "send", refuse)


def test_what_cannot_be_ended_is_reported_and_can_be_tried_again(
    talk: Talk, runner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.watch(runner)
    with monkeypatch.context() as patch:
        refuse_to_kill(patch, runner.pid)
        talk.end()
        stuck = talk.await_one("stuck")
    assert stuck["token"] == TOKEN
    assert stuck["killed"] == []
    assert stuck["t"] - stuck["began"] >= STUCK_S
    (left,) = stuck["leftovers"]
    assert (left["pid"], left["name"], left["uid"]) == (runner.pid, "sleep", os.getuid())
    assert left["state"] == "S"
    found = proc.identify(runner.pid)
    assert found is not None
    assert left["start"] == found.start
    assert f"belongs to user {os.getuid()}" in left["why"]
    talk.end()
    assert talk.await_one("clean")["killed"] == [
        {"pid": runner.pid, "name": "sleep", "runner": True}
    ]


def test_leftovers_are_known_without_their_runner(
    talk: Talk, runner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt knows what the first could not end, though nothing leads to it any more."""
    shell = subprocess.Popen(["sh", "-c", "sleep 20 & echo $!; wait"], stdout=subprocess.PIPE)
    with shell:
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        talk.watch(shell)
        with monkeypatch.context() as patch:
            refuse_to_kill(patch, child)
            talk.end()
            assert [left["pid"] for left in talk.await_one("stuck")["leftovers"]] == [child]
        talk.end()
        assert [entry["pid"] for entry in talk.await_one("clean")["killed"]] == [child]


def test_a_leftover_that_has_its_signal_says_so(
    talk: Talk, runner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.watch(runner)
    monkeypatch.setattr(proc, "is_gone", lambda identity: False)
    monkeypatch.setattr(proc, "send", lambda identity, number: Sent.DELIVERED)
    talk.end()
    (left,) = talk.await_one("stuck")["leftovers"]
    assert f"has not ended {STUCK_S} s after its SIGKILL" in left["why"]


def test_a_failing_look_is_reported_and_does_not_end_the_janitor(
    talk: Talk, runner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(hunt: Hunt) -> None:
        raise OSError(24, "Too many open files")

    talk.watch(runner)
    with monkeypatch.context() as patch:
        patch.setattr(Hunt, "step", fail)
        talk.end()
        assert "Too many open files" in talk.await_one("error")["message"]
        assert talk.await_one("stuck")["leftovers"]
    talk.end()
    assert talk.await_one("clean")["killed"]


def test_a_long_list_is_cut_and_counted(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MAX_LISTED", 2)
    children = " & ".join(["sleep 20"] * 5)
    with subprocess.Popen(["sh", "-c", f"{children} & echo; wait"], stdout=-1) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        talk.watch(shell)
        talk.end()
        killed = talk.await_one("clean")["killed"]
    assert len(killed) == 3
    assert killed[-1] == {"pid": 0, "name": "and 4 more"}


def test_a_flood_of_messages_does_not_keep_the_janitor_from_its_work(
    talk: Talk, runner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MAX_MESSAGES", 1)
    talk.watch(runner)
    talk.end()
    for number in range(2000):
        talk.say("ping", id=number)
    assert talk.await_one("clean")
    assert talk.await_one("pong", count=2000)["id"] == 1999


def test_a_runner_that_is_asked_late_still_has_a_moment_to_say_where_it_is(
    talk: Talk, runner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[signal.Signals, float] = {}
    send = proc.send

    def note(identity: Identity, number: signal.Signals) -> Sent:
        sent.setdefault(number, time.monotonic())
        # It would die of the question.
        return Sent.DELIVERED if number is signal.SIGUSR2 else send(identity, number)

    monkeypatch.setattr(proc, "send", note)
    talk.watch(runner)
    talk.end(asked=True)
    talk.await_one("clean")
    assert sent[signal.SIGSTOP] - sent[signal.SIGUSR2] >= ANSWER_S


def test_a_runner_whose_start_was_under_way_is_waited_for_when_the_worker_has_gone(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker died between fork and exec; it shows its marker a moment later."""
    monkeypatch.setattr(loop, "LATE_START_S", 1.0)
    monkeypatch.setattr(loop, "STUCK_S", 5.0)
    talk.say("spawning", token=TOKEN)
    talk.close_stdin()
    time.sleep(0.2)
    with subprocess.Popen(["sleep", "6"], env={"ITK_RUN": TOKEN}) as late:
        poll_until(lambda: late.poll() is not None)
        assert late.returncode == -signal.SIGKILL


def test_hello_is_awaited_through_nonsense_and_nothing_after_it_is_lost() -> None:
    reading, writing = os.pipe()
    answers, to_worker = os.pipe()
    hello = b'{"op": "hello", "folder": "f0", "worker": "w1", "worker_pid": 5, "worker_start": 6}\n'
    os.write(writing, b'nonsense\n{"op": "sweep"}\n' + hello + b"next\n")
    inbox = Inbox(reading)
    assert await_hello(inbox, Outbox(to_worker)) == Hello("f0", "w1", Identity(5, 6))
    assert list(inbox.lines) == [b"next"]
    said = [json.loads(line)["message"] for line in os.read(answers, 65536).splitlines()]
    assert [message.partition(",")[0] for message in said] == [
        "expected a JSON object on one line",
        "expected hello first",
    ]
    os.close(writing)
    inbox.lines.clear()
    assert await_hello(inbox, Outbox(to_worker)) is None
    for handle in (reading, answers, to_worker):
        os.close(handle)
