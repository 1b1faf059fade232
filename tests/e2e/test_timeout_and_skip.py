"""A step that is timed out or skipped is as gone as a cancelled one, and the next step runs.

All ways to be stuck run beside each other, a few at a time; each test then looks at one of them.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.observer import Witness, end
from tests.e2e.server import Server
from tests.e2e.ways import STUCK, Runner, Stuck

# Every stuck way runs in the set-up of the first test, a few at a time.
pytestmark = pytest.mark.timeout(400)

#: Seconds of the step's own timeout: time enough for every process of it to act.
TIMEOUT_S = 3.0
#: Milliseconds until the end of a tree has been verified; generous, as in test_cancel.
VERIFIED_MS = 1500
#: Times that a step is ended again whose record leaves its place unknown.
TRIES = 3
#: Executions at once. What they do keeps both cores busy.
AT_ONCE = 6


@dataclass
class Ended:
    """One stuck step that was ended, with what came after it."""

    stuck: Stuck
    before: Witness
    after: Witness
    execution: dict[str, Any]


def playbook(stuck: Stuck, before: Witness, after: Witness, timeout_s: float) -> str:
    """Return a playbook of the stuck step and one that beats into a file of its own.

    JSON is YAML; values that come from a temporary folder need no quoting of ours.
    """
    follow = {"beat": str(after.path), "seconds": 0.5}
    steps = [
        {**stuck.step(before.path), "timeout": timeout_s, "on_failure": "continue"},
        {"id": "next", "name": "Next", "type": "stuck.async_sleep", "parameters": follow},
    ]
    return json.dumps({"name": f"{stuck.id}, and on", "steps": steps})


def end_all(server: Server, folder: Path, *, skip: bool) -> dict[str, Ended]:
    """Have every stuck step timed out, or skip it; return how each ended, by its id."""
    found = {}
    for first in range(0, len(STUCK), AT_ONCE):
        found.update(end_some(server, STUCK[first : first + AT_ONCE], folder, skip=skip))
    return found


def end_some(
    server: Server, some: Sequence[Stuck], folder: Path, *, skip: bool
) -> dict[str, Ended]:
    """Do so for some of them at once."""
    client = server.client
    runs: dict[str, Ended] = {}
    for stuck in some:
        before, after = Witness(folder / f"{stuck.id}-1"), Witness(folder / f"{stuck.id}-2")
        text = playbook(stuck, before, after, timeout_s=60.0 if skip else TIMEOUT_S)
        runs[client.start_text(text)] = Ended(stuck, before, after, {})
    for execution_id, run in runs.items():
        run.stuck.wait_acting(run.before)
        if skip:
            answer = client.http.post(f"/api/executions/{execution_id}/skip")
            assert answer.status_code == 202, answer.text
    for execution_id, run in runs.items():
        run.execution = client.wait(execution_id)
    return {run.stuck.id: run for run in runs.values()}


@pytest.fixture(scope="module")
def timed_out(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give every stuck way as its timeout ended it."""
    yield from ended_and_cleaned(server, tmp_path_factory.mktemp("timed-out"), skip=False)


@pytest.fixture(scope="module")
def skipped(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give every stuck way as a skip ended it."""
    yield from ended_and_cleaned(server, tmp_path_factory.mktemp("skipped"), skip=True)


def ended_and_cleaned(server: Server, folder: Path, *, skip: bool) -> Iterator[dict[str, Ended]]:
    """Yield how each ended, and end what a product that fails has left."""
    found: dict[str, Ended] = {}
    try:
        found = end_all(server, folder, skip=skip)
        yield found
    finally:
        end_witnessed(folder)


def end_witnessed(folder: Path) -> None:
    """End what acted into a folder's files and still lives."""
    for path in folder.glob("*-[12]"):
        end(Witness(path).acted())


@pytest.mark.parametrize("stuck", STUCK, ids=lambda stuck: stuck.id)
def test_after_a_timeout_the_next_step_runs_and_nothing_of_the_old_acts_beside_it(
    server: Server, tmp_path: Path, timed_out: dict[str, Ended], stuck: Stuck
) -> None:
    ended = timed_out[stuck.id]
    step = assert_went_on(ended)
    assert step["status"] == "failed", step
    assert "took longer than its timeout" in step["error"], step
    assert step["cancellation"]["source"] == "timeout", step
    assert_place_is_told(server, tmp_path, ended, skip=False)


@pytest.mark.parametrize("stuck", STUCK, ids=lambda stuck: stuck.id)
def test_after_a_skip_the_next_step_runs_and_nothing_of_the_old_acts_beside_it(
    server: Server, tmp_path: Path, skipped: dict[str, Ended], stuck: Stuck
) -> None:
    ended = skipped[stuck.id]
    step = assert_went_on(ended)
    assert step["status"] == "skipped", step
    assert step["cancellation"]["source"] == "skip", step
    assert_place_is_told(server, tmp_path, ended, skip=True)


def assert_went_on(ended: Ended) -> dict[str, Any]:
    """Fail unless the next step ran alone, in the right process; return the stuck step's view."""
    first, following = ended.execution["step_results"]
    assert following["status"] == "completed", ended.execution
    assert ended.execution["status"] == "completed", ended.execution
    assert ended.before.beats(), "the stuck step never acted"
    late = ended.before.last() - ended.after.beats()[0].at
    assert late <= 0, f"the old step acted {late:.3f} s into the next one"
    ended.stuck.assert_outcome(first["cancellation"])
    ended.stuck.tells_place(first["cancellation"])
    assert first["cancellation"]["tree_gone_ms"] <= VERIFIED_MS, first
    assert_right_runner(ended)
    return dict(first)


def assert_place_is_told(server: Server, folder: Path, ended: Ended, *, skip: bool) -> None:
    """Fail when no record says where it was stuck, also when the same is tried again alone."""
    for number in range(TRIES):
        if ended.stuck.tells_place(ended.execution["step_results"][0]["cancellation"]):
            return
        again = folder / str(number)
        again.mkdir()
        try:
            ended = end_some(server, [ended.stuck], again, skip=skip)[ended.stuck.id]
        finally:
            end_witnessed(again)
    assert ended.stuck.tells_place(ended.execution["step_results"][0]["cancellation"]), ended


def assert_right_runner(ended: Ended) -> None:
    """Fail when a process goes on that cannot be clean, or one is replaced that was."""
    old = ended.before.tree
    (new,) = ended.after.acted()
    if ended.stuck.runner is Runner.STAYS and settled_in_time(ended):
        assert new in old, "the next step ran in a fresh runner, and the old one was clean"
    if ended.stuck.runner is Runner.GOES:
        assert new not in old, "the next step ran in a process of the stuck one"


def settled_in_time(ended: Ended) -> bool:
    """Whether the old runner could say within the grace that it was clean.

    One that gets no processor for so long is rightly replaced: it was not proved clean.
    """
    stopped = ended.execution["step_results"][0]["cancellation"]["tree_gone_ms"]
    return bool(stopped < 250)


def test_nothing_of_any_of_them_is_left(
    timed_out: dict[str, Ended], skipped: dict[str, Ended]
) -> None:
    ended_at = time.monotonic()
    for ended in (*timed_out.values(), *skipped.values()):
        ended.before.assert_gone()
        ended.before.assert_silent(since=ended_at, for_s=0.0)
