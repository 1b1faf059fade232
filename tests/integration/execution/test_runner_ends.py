"""A runner that ends by itself is a failed step with its exit code or signal, never a hung run."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.errors import PlaybookInvalid
from ignition_toolkit.execution import supervisor
from ignition_toolkit.playbook.models import ExecutionStatus
from tests.integration.execution.conftest import OpenRig, Paused
from tests.integration.execution.rig import (
    SOON_S,
    Data,
    Rig,
    is_alive,
    playbook,
    step,
    step_statuses,
    steps,
)
from tests.polling import poll_until_async

E = ExecutionStatus

ENDS = [
    ("exit", "the runner ended by itself with exit code 3 during this step"),
    ("kill", "the runner was ended by signal SIGKILL during this step"),
    ("segv", "the runner was ended by signal SIGSEGV during this step"),
    # What is seen first: the end of its stream, or its own, for want of descriptors.
    (
        "close",
        r"(a step closed its descriptors|ended by itself with exit code 70) during this step",
    ),
    ("garbage", "the runner's event stream is damaged"),
]


def log(step_id: str, **fields: Any) -> Data:
    return step(step_id, "utility.log", message=step_id, **fields)


@pytest.mark.parametrize(("how", "text"), ENDS)
async def test_a_runner_that_ends_by_itself_fails_its_step_and_says_how(
    rig: Rig, how: str, text: str
) -> None:
    point = rig.point()
    view = await rig.run(playbook(step("a", "held.end", how=how, point=str(point)), log("b")))
    assert view.status is E.FAILED, view
    assert re.search(text, steps(view)["a"].error or "")
    assert step_statuses(view) == {"a": "failed", "b": "pending"}
    assert not is_alive(point.pids[0])
    assert view.cancellation is None


@pytest.mark.parametrize("how", ["exit", "close"])
async def test_a_step_that_may_fail_lets_a_fresh_runner_go_on(rig: Rig, how: str) -> None:
    point = rig.point()
    view = await rig.run(
        playbook(
            step("e", "held.echo", value="kept"),
            step("a", "held.end", how=how, point=str(point), on_failure="continue"),
            step("f", "held.echo", value="{{ step.e.value }}"),
        )
    )
    assert view.status is E.COMPLETED, view
    assert step_statuses(view)["a"] == "failed"
    outputs = {name: found.output or {} for name, found in steps(view).items()}
    assert outputs["f"]["value"] == "kept"
    assert outputs["f"]["pid"] != outputs["e"]["pid"]


async def test_a_lost_attempt_is_tried_again_in_a_fresh_runner(rig: Rig) -> None:
    point = rig.point()
    ending = step(
        "a", "held.end", how="exit", point=str(point), times=2, retry_count=2, retry_delay=0.01
    )
    view = await rig.run(playbook(ending))
    assert view.status is E.COMPLETED, view
    assert steps(view)["a"].attempts == 3
    assert len(set(point.pids)) == 3


async def test_a_runner_that_dies_from_outside_is_a_failed_step(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.wait", point=str(point))))
    os.kill(await point.reached(), signal.SIGKILL)
    view = await rig.final(execution_id)
    assert view.status is E.FAILED
    assert "ended by signal SIGKILL" in (view.error or "")


async def test_a_runner_that_dies_while_paused_fails_the_run(paused: Paused) -> None:
    rig, execution_id = await paused(log("a"))
    for pid in set(rig.worker._core._pool.pids):
        os.kill(pid, signal.SIGKILL)
    view = await rig.final(execution_id)
    assert view.status is E.FAILED
    assert "no step was running" in (view.error or "")


async def test_what_a_dead_runner_had_started_is_gone(rig: Rig) -> None:
    point, end = rig.point(), rig.point("end")
    view = await rig.run(
        playbook(
            step("a", "held.leave", point=str(point)),
            step("b", "held.end", how="exit", point=str(end)),
        )
    )
    assert view.status is E.FAILED
    assert not is_alive(int(Path(f"{point}.left").read_text()))


async def test_without_a_runner_a_run_waits_says_so_and_fails_in_the_end(
    open_rig: OpenRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = open_rig(warm=0)
    text = playbook(log("a"))
    await rig.check(text)
    monkeypatch.setattr(supervisor, "NO_RUNNER_S", 3.0)
    rig.worker._core._pool._command = ["/nonexistent/python"]
    execution_id = await rig.start(text)
    waiting = await rig.until(execution_id, lambda view: view.waiting_for is not None)
    assert waiting.waiting_for is not None
    assert (waiting.status, waiting.waiting_for.kind) == (E.RUNNING, "runner")
    health = await rig.worker.health()
    assert health.status == "down"
    assert "nonexistent" in health.runner
    view = await rig.final(execution_id)
    assert view.status is E.FAILED
    assert "no runner came up within 3 s: " in (view.error or "")
    assert "nonexistent" in (view.error or "")


@contextmanager
def breaking(module: Path) -> Iterator[Path]:
    """Have a module as it was afterwards, its time too: another makes every catalog an old one."""
    text, before = module.read_bytes(), module.stat()
    try:
        yield module
    finally:
        module.write_bytes(text)
        os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))


async def test_a_broken_step_module_is_told_and_harms_no_other_kind(
    open_rig: OpenRig, held_steps: Path
) -> None:
    rig = open_rig()
    with breaking(held_steps / "held_import.py") as broken:
        broken.write_text("import no_such_module_anywhere\n")
        rig.worker._core.programs._look_at = 0.0
        with pytest.raises(PlaybookInvalid) as caught:
            await rig.run(playbook(step("a", "held.imported")))
        assert any("held.imported" in line for line in caught.value.problems)
        catalog = await rig.worker.catalog()
        assert [one.module for one in catalog.broken] == ["held_import"]
        assert "no_such_module_anywhere" in catalog.broken[0].error
        assert (await rig.run(playbook(log("a")))).status is E.COMPLETED


async def test_a_module_that_breaks_after_the_check_is_a_failed_step(
    open_rig: OpenRig, held_steps: Path
) -> None:
    rig = open_rig()
    source = playbook(step("a", "held.imported", on_failure="continue"), log("b"))
    await rig.check(source)
    with breaking(held_steps / "held_import.py") as broken:
        broken.write_text("raise SystemExit('not today')\n")
        rig.worker._core.programs._look_at = float("inf")
        view = await rig.run(source)
    assert view.status is E.COMPLETED
    assert "not today" in (steps(view)["a"].error or "")


async def test_a_step_that_prints_megabytes_and_protocol_lines_hurts_nobody(rig: Rig) -> None:
    said = '{"seq": 1, "pid": 1, "t": 0, "body": {"kind": "done", "status": "completed"}}\n'
    text = playbook(
        step("a", "held.say", point=str(rig.point()), text=said * 1000, times=20),
        step("b", "held.echo", value=1),
    )
    view = await rig.run(text)
    assert view.status is E.COMPLETED, view
    lines = [line for text in await rig.log(view.execution_id) for line in text.split("\n")]
    odd = [line for line in lines if line != said.strip()]
    assert lines.count(said.strip()) == 20_000, odd


async def test_a_large_output_arrives(rig: Rig) -> None:
    script = "print('VALUE=' + 'x' * 400_000)"
    view = await rig.run(
        playbook(
            step("a", "utility.python", script=script),
            step("b", "held.echo", value="{{ step.a.VALUE }}"),
        )
    )
    assert view.status is E.COMPLETED, view.error
    assert len((steps(view)["b"].output or {})["value"]) == 400_000


async def test_a_warm_runner_that_dies_is_replaced_before_it_is_handed_out(
    open_rig: OpenRig,
) -> None:
    rig = open_rig(warm=1)
    pool = rig.worker._core._pool
    await poll_until_async(lambda: pool.warm_pids, SOON_S)
    warm = pool.warm_pids[0]
    os.kill(warm, signal.SIGKILL)
    # On a busy machine a signal takes its time; a runner that lives is handed out.
    await poll_until_async(lambda: not is_alive(warm), SOON_S)
    view = await rig.run(playbook(log("a")))
    assert view.status is E.COMPLETED
