"""The worker's side of the janitor, against a janitor whose words the test speaks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.errors import InternalError
from ignition_toolkit.execution import janitor_link, janitor_requests, janitor_watch
from ignition_toolkit.execution.hand_overs import LeftToPerson
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.owner import ProcessIdentity
from ignition_toolkit.playbook.models import HandedOver, Leftover, Process
from tests.polling import poll_until_async

SCRIPT = Path(__file__).with_name("scripted_janitor.py")
T1, T2 = "f.w.1", "f.w.2"
ME = ProcessIdentity.mine()
#: Lines that are no answers.
NONSENSE = ["no json", "[]", '{"op": "sing"}', '{"op": "clean"}', '{"op": "clean", "token": 1}']
#: Generous: the machine may be busy, and a janitor is a process.
UP_S = 30.0


class Scripted:
    """A link, and the folder of the janitors that it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cleaned = 0
        os.mkfifo(folder / "mouth")
        self._mouth = os.open(folder / "mouth", os.O_RDWR | os.O_NONBLOCK)
        command = [sys.executable, "-S", "-E", str(SCRIPT), str(folder)]
        self.link = JanitorLink("f", "w", ME, self._on_clean, command)

    def _on_clean(self) -> None:
        self.cleaned += 1

    def close(self) -> None:
        os.close(self._mouth)

    # Any: a message is a JSON object.
    def say(self, op: str, **fields: Any) -> None:
        """Have the janitor say something."""
        self.tell(json.dumps({"op": op, **fields}))

    def tell(self, text: str) -> None:
        """Give the janitor an order, or a line to say."""
        os.write(self._mouth, text.encode() + b"\n")

    # Any: a message is a JSON object.
    def heard(self) -> list[dict[str, Any]]:
        """Return what the janitors heard since the birth of the last one."""
        try:
            text = (self.folder / "heard").read_text()
        except FileNotFoundError:
            return []
        lines = [json.loads(line) for line in text.split("\n")[:-1]]
        births = [number for number, line in enumerate(lines) if line["op"] == "(born)"]
        return lines[births[-1] + 1 :] if births else []

    def births(self) -> int:
        """Return how many janitors there were."""
        return (self.folder / "heard").read_text().count("(born)")

    async def hears(self, *ops: str) -> list[dict[str, Any]]:
        """Wait until the janitor has heard exactly these, after its hello."""

        def found() -> bool:
            return [said["op"] for said in self.heard()] == ["hello", *ops]

        await poll_until_async(found, UP_S)
        return self.heard()[1:]

    def clean(self, token: str, **fields: Any) -> None:
        """Have the janitor say that a tree is gone."""
        self.say("clean", token=token, began=1.0, t=2.0, **{"killed": [], **fields})

    async def die(self) -> int:
        """Kill the janitor, and wait until the next one is there."""
        before, pid = self.births(), self.link.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await poll_until_async(lambda: self.births() > before, UP_S)
        return pid


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Scripted]:
    made = Scripted(tmp_path)
    await made.link.start()
    yield made
    await made.link.close()
    made.close()


async def test_it_introduces_the_worker_first(scripted: Scripted) -> None:
    await scripted.hears()
    (hello,) = scripted.heard()
    assert (hello["folder"], hello["worker"], hello["worker_pid"]) == ("f", "w", os.getpid())


async def test_an_end_is_answered_with_what_was_done(scripted: Scripted) -> None:
    end = scripted.link.end(T1, at=5.0, ask_at=4.0)
    (said,) = await scripted.hears("end")
    assert (said["token"], said["at"], said["ask_at"]) == (T1, 5.0, 4.0)
    killed = [
        {"pid": 9, "name": "python3", "runner": True},
        {"pid": 10, "name": "sleep"},
    ]
    scripted.clean(T1, killed=killed)
    done = await end
    assert done is not None
    assert (done.began, done.t) == (1.0, 2.0)
    assert done.runner == Process(pid=9, name="python3")
    assert done.killed == (Process(pid=10, name="sleep"),)
    assert scripted.cleaned == 1


async def test_what_could_not_be_ended_is_named(scripted: Scripted) -> None:
    end = scripted.link.end(T1, at=5.0)
    left = {"pid": 9, "name": "n", "state": "D", "uid": 0, "why": "it sleeps"}
    scripted.say("stuck", token=T1, began=1.0, t=6.0, killed=[], leftovers=[left])
    done = await end
    assert done is not None
    assert done.leftovers == (Leftover.model_validate(left),)


async def test_ends_of_two_trees_have_answers_of_their_own(scripted: Scripted) -> None:
    first, second = scripted.link.end(T1, at=5.0), scripted.link.end(T2, at=5.0)
    scripted.clean(T2)
    assert (await second) is not None
    assert not first.done()
    scripted.clean(T1)
    assert (await first) is not None


async def test_asking_twice_for_one_end_waits_for_one_answer(scripted: Scripted) -> None:
    first, second = scripted.link.end(T1, at=5.0), scripted.link.end(T1, at=4.0)
    assert first is second
    await scripted.hears("end", "end")


async def test_an_end_that_was_taken_back_is_answered_with_none(scripted: Scripted) -> None:
    end = scripted.link.end(T1, at=5.0)
    scripted.link.spare(T1)
    scripted.link.spare(T1)
    await scripted.hears("end", "spare")
    scripted.say("spared", token=T1)
    assert await end is None


async def test_an_end_that_had_begun_is_not_taken_back(scripted: Scripted) -> None:
    end = scripted.link.end(T1, at=5.0)
    scripted.link.spare(T1)
    scripted.clean(T1)
    assert await end is not None


async def test_an_end_that_was_asked_for_again_is_not_answered_by_the_spare_before(
    scripted: Scripted,
) -> None:
    end = scripted.link.end(T1, at=5.0)
    scripted.link.spare(T1)
    assert scripted.link.end(T1, at=6.0) is end
    await scripted.hears("end", "spare", "end")
    # Both in one piece: what the first answer would settle, the second could not.
    scripted.tell(
        json.dumps({"op": "spared", "token": T1})
        + "\n"
        + json.dumps(
            {"op": "clean", "token": T1, "began": 1, "t": 2, "killed": [{"pid": 1, "name": "n"}]}
        )
    )
    done = await end
    assert done is not None
    assert done.killed == (Process(pid=1, name="n"),)


async def test_each_spare_has_its_answer(scripted: Scripted) -> None:
    end = scripted.link.end(T1, at=5.0)
    scripted.link.spare(T1)
    assert scripted.link.end(T1, at=6.0) is end
    scripted.link.spare(T1)
    await scripted.hears("end", "spare", "end", "spare")
    scripted.say("spared", token=T1)
    assert await scripted.link.answers(0.05) is False
    assert not end.done()
    scripted.say("spared", token=T1)
    assert await end is None


async def test_sparing_what_is_not_to_be_ended_says_nothing(scripted: Scripted) -> None:
    scripted.link.spare(T1)
    scripted.link.spawning(T1)
    await scripted.hears("spawning")


async def test_a_sweep_tells_what_dead_workers_had_left(scripted: Scripted) -> None:
    sweeping = asyncio.create_task(scripted.link.sweep())
    await scripted.hears("sweep")
    killed, left = {"pid": 3, "name": "old"}, {"pid": 4, "name": "rooted", "why": "not ours"}
    scripted.say("swept", killed=[killed], leftovers=[left])
    swept = await sweeping
    assert swept.killed == (Process(pid=3, name="old"),)
    assert swept.leftovers == (Leftover(pid=4, name="rooted", why="not ours"),)


async def test_a_ping_is_answered_by_its_own_pong_only(scripted: Scripted) -> None:
    asking = asyncio.create_task(scripted.link.answers(UP_S))
    (ping,) = await scripted.hears("ping")
    scripted.say("pong", id=ping["id"] + 1)
    scripted.say("pong", id=ping["id"])
    assert await asking


async def test_a_janitor_that_says_nothing_does_not_answer(scripted: Scripted) -> None:
    assert not await scripted.link.answers(0.05)


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_nonsense_is_logged_and_what_follows_is_heard(
    scripted: Scripted, nonsense: str, caplog: pytest.LogCaptureFixture
) -> None:
    end = scripted.link.end(T1, at=5.0)
    scripted.tell(nonsense)
    scripted.clean(T1)
    assert await end is not None
    assert "no answer" in caplog.text


async def test_a_complaint_is_logged(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    scripted.say("error", message="expected a token", line="b'x'")
    await poll_until_async(lambda: "expected a token" in caplog.text, UP_S)


async def test_a_dead_janitor_is_replaced_and_told_everything_again(scripted: Scripted) -> None:
    link = scripted.link
    link.spawning("f.w.3")
    link.watch(T1, 100, 200)
    link.watch(T2, 101, 201)
    link.forget(T2)
    end = link.end(T1, at=5.0, ask_at=4.0)
    sweeping = asyncio.create_task(link.sweep())
    await scripted.hears("spawning", "watch", "watch", "forget", "end", "sweep")
    old = await scripted.die()
    spawning, watch, ending, _ = await scripted.hears("spawning", "watch", "end", "sweep")
    assert link.pid != old
    assert spawning["token"] == "f.w.3"
    assert (watch["token"], watch["pid"], watch["start"]) == (T1, 100, 200)
    assert (ending["token"], ending["at"], ending["ask_at"]) == (T1, 5.0, 4.0)
    scripted.clean(T1)
    scripted.say("swept", killed=[], leftovers=[])
    assert await end is not None
    await sweeping


async def test_what_is_asked_for_while_there_is_no_janitor_is_said_to_the_next(
    scripted: Scripted,
) -> None:
    pid = scripted.link.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    end = scripted.link.end(T1, at=5.0)
    await scripted.hears("end")
    scripted.clean(T1)
    assert await end is not None


async def test_an_end_that_was_being_taken_back_stands_when_the_janitor_died(
    scripted: Scripted,
) -> None:
    """It may have frozen the tree before it died: nobody else would end it."""
    end = scripted.link.end(T1, at=5.0)
    scripted.link.spare(T1)
    await scripted.hears("end", "spare")
    await scripted.die()
    await scripted.hears("end")
    scripted.clean(T1)
    assert await end is not None


async def test_a_janitor_that_keeps_dying_is_started_more_and_more_rarely(
    scripted: Scripted,
) -> None:
    began = time.monotonic()
    for _ in range(4):
        await scripted.die()
    first, _ = janitor_link.RESTART_S
    assert time.monotonic() - began >= first * (1 + 2 + 4 + 8)


async def test_a_janitor_that_cannot_be_started_again_is_tried_again(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    works = scripted.link._command
    monkeypatch.setattr(scripted.link, "_command", ["/nonexistent/janitor"])
    pid = scripted.link.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await poll_until_async(lambda: "could not be started" in caplog.text, UP_S)
    monkeypatch.setattr(scripted.link, "_command", works)
    end = scripted.link.end(T1, at=5.0)
    await scripted.hears("end")
    scripted.clean(T1)
    assert await end is not None


async def test_a_stopped_janitor_goes_on_when_an_end_is_late(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    pid = scripted.link.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    end = scripted.link.end(T1, at=time.monotonic())
    await scripted.hears("end")
    scripted.clean(T1)
    assert await end is not None
    assert scripted.link.pid == pid
    assert f"the janitor (pid {pid}) was stopped" in caplog.text


async def test_a_stopped_janitor_goes_on_when_it_is_asked_whether_it_answers(
    scripted: Scripted,
) -> None:
    assert scripted.link.pid is not None
    os.kill(scripted.link.pid, signal.SIGSTOP)
    asking = asyncio.create_task(scripted.link.answers(UP_S))
    (ping,) = await scripted.hears("ping")
    scripted.say("pong", id=ping["id"])
    assert await asking


async def test_a_janitor_that_says_nothing_for_long_is_replaced(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(janitor_watch, "SILENT_S", 0.2)
    end = scripted.link.end(T1, at=time.monotonic())
    await poll_until_async(lambda: "says nothing since" in caplog.text, UP_S)
    await poll_until_async(lambda: scripted.births() >= 2, UP_S)
    monkeypatch.setattr(janitor_watch, "SILENT_S", UP_S)
    await scripted.hears("end")
    scripted.clean(T1)
    assert await end is not None


async def test_closing_has_a_stopped_janitor_go_on(scripted: Scripted) -> None:
    pid = scripted.link.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await scripted.link.close()
    assert not os.path.exists(f"/proc/{pid}")
    assert scripted.births() == 1


async def test_closing_lets_the_janitor_leave_by_itself(scripted: Scripted) -> None:
    pid = scripted.link.pid
    await scripted.link.close()
    assert not os.path.exists(f"/proc/{pid}")
    assert scripted.births() == 1


async def test_closing_after_the_janitor_died_starts_one_for_the_farewell(
    scripted: Scripted,
) -> None:
    """Without it nobody would end the runners: a stuck one does not notice that it should."""
    scripted.link.watch(T1, 100, 200)
    await scripted.hears("watch")
    pid = scripted.link.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await poll_until_async(lambda: not os.path.exists(f"/proc/{pid}"), UP_S)
    await scripted.link.close()
    assert scripted.births() == 2
    assert [said["op"] for said in scripted.heard()] == ["hello", "watch"]


async def test_closing_outlives_a_janitor_that_dies_meanwhile(scripted: Scripted) -> None:
    scripted.tell("!exit 3")
    await scripted.link.close()
    assert not os.path.exists(f"/proc/{scripted.link.pid}")


async def test_a_janitor_that_does_not_leave_is_killed_at_the_end(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(janitor_link, "CLOSE_S", 0.2)
    scripted.tell("!deaf")
    # The answer to what comes after it: by then it is deaf.
    scripted.say("pong", id=1)
    assert await scripted.link.answers(UP_S)
    pid = scripted.link.pid
    await scripted.link.close()
    assert not os.path.exists(f"/proc/{pid}")
    assert "did not leave" in caplog.text


async def test_a_janitor_that_does_not_come_up_is_an_error_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(janitor_link, "START_S", 0.2)
    link = JanitorLink("f", "w", ME, lambda: None, ["sleep", "60"])
    with pytest.raises(InternalError, match=r"did not come up within 0\.2 s"):
        await link.start()
    monkeypatch.setattr(janitor_link, "CLOSE_S", 0.1)
    await link.close()


async def test_a_janitor_that_cannot_be_started_is_an_error() -> None:
    link = JanitorLink("f", "w", ME, lambda: None, ["/nonexistent/janitor"])
    with pytest.raises(InternalError, match="could not be started"):
        await link.start()
    await link.close()


async def test_a_hand_over_is_recorded_before_the_janitor_is_told(scripted: Scripted) -> None:
    """A worker that dies in between takes along what nobody would be told of."""
    told_before: list[int] = []

    async def record(execution_id: str, processes: Sequence[HandedOver]) -> str | None:
        told_before.append(len(scripted.link._requests.kept))
        return f"no room for {execution_id}"

    scripted.link._record = record
    given = [HandedOver(pid=7, name="java", start=8, mark="m")]
    assert await scripted.link.hand_over("e", given) == "no room for e"
    (said,) = await scripted.hears("keep")
    assert (said["pid"], said["start"], said["mark"]) == (7, 8, "m")
    assert told_before == [0]


async def test_of_many_hand_overs_a_new_janitor_is_told_those_that_live(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor_link, "MAX_KEPT", 2)
    start = ME.start
    mine = HandedOver(pid=ME.pid, name="me", start=start)
    dead = [HandedOver(pid=ME.pid, name="gone", start=start + more) for more in (1, 2, 3)]
    await scripted.link.hand_over("e", [mine, *dead[:1]])
    await scripted.link.hand_over("f", dead[1:])
    await scripted.die()
    (said,) = await scripted.hears("keep")
    assert (said["pid"], said["start"]) == (ME.pid, start)


def test_of_too_many_that_live_the_newest_stay_in_mind_and_the_others_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(janitor_requests, "MAX_KEPT", 2)
    requests = janitor_requests.JanitorRequests()
    left = [LeftToPerson(pid, 1) for pid in (11, 12, 13, 14)]
    for one in left:
        requests.keep(one)
    requests.forget_kept({left[1]})
    assert requests.kept == left[2:]
    assert "process 11 is ended" in caplog.text
