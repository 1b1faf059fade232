"""Stopping in a real runner: what a cancel, a timeout or a skip leaves, and what is said of it."""

import signal
import time

import pytest

from ignition_toolkit.playbook.events import Logged, StepChanged, StuckSeen
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus, OnFailure, Playbook
from ignition_toolkit.protocol import Done, Skip
from tests.integration.runner.driver import PROMISE_S, RunnerUnderTest, code, script, step
from tests.polling import poll_until

COMPLETED, CANCELLED = ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED
FOREVER = "import asyncio\nawait asyncio.sleep(600)"
STUBBORN = """
import asyncio
while True:
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        pass
"""


def stopped(runner: RunnerUnderTest, text: str, timeout: float = 0.3) -> None:
    """Run a step that times out, and one after it."""
    runner.start(
        code("a", text, timeout=timeout, on_failure=OnFailure.CONTINUE),
        step("b", "utility.log", {"message": "went on"}),
    )


# Cancel


def test_a_step_that_swallows_the_cancel_is_named_and_given_up(runner: RunnerUnderTest) -> None:
    runner.start(code("a", STUBBORN))
    runner.await_step("a", "running")
    at = runner.cancel()
    done = runner.await_done()
    assert done == Done(status=CANCELLED, ended=False)
    assert 0.2 < runner.time_of(done) - at < PROMISE_S
    (stuck,) = runner.bodies(StuckSeen)
    assert stuck.stuck_at == "<code>:6 in act"
    assert runner.await_end() == 0


# Each turn is shorter than the time after which Python has a thread give way to another.
@pytest.mark.parametrize(
    "work",
    ["sum(range(30_000))", "sum(range(100_000))", "context.log('x')", "context.progress(n)"],
)
def test_a_step_that_is_always_busy_and_awaits_hears_a_cancel(
    work: str, runner: RunnerUnderTest
) -> None:
    text = f"""
        import asyncio
        n = 0
        while True:
            for _ in range(200 if "context" in {work!r} else 1):
                {work}
                n += 1
            await asyncio.sleep(0)
        """
    runner.start(code("a", text))
    runner.await_step("a", "running")
    # So busy that the thread which reads commands has to wait for the interpreter.
    time.sleep(0.5)
    at = runner.cancel()
    done = runner.await_done()
    assert done == Done(status=CANCELLED)
    assert runner.time_of(done) - at < PROMISE_S


def test_a_step_that_blocks_says_where_when_it_is_asked_by_signal(runner: RunnerUnderTest) -> None:
    runner.start(code("a", "import time\ncontext.log('now')\ntime.sleep(600)"))
    runner.await_log("now")
    runner.process.send_signal(signal.SIGUSR2)
    trace = runner.folder / "stuck.txt"
    poll_until(lambda: 'File "<code>", line 4 in act' in trace.read_text(), 10)
    assert runner.process.poll() is None


def test_a_failing_clean_up_does_not_beat_the_cancel(runner: RunnerUnderTest) -> None:
    runner.start(
        code("a", "import asyncio\ntry:\n    await asyncio.sleep(600)\nfinally:\n    raise OSError")
    )
    runner.await_step("a", "running")
    runner.cancel()
    assert runner.await_done() == Done(status=CANCELLED)


def test_a_cancel_during_the_import_of_a_handler_is_acted_on_after_it(
    runner: RunnerUnderTest,
) -> None:
    (runner.folder / "slow_steps.py").write_text("import time\ntime.sleep(0.5)\n")
    runner.start(
        code("a", f"import sys\nsys.path.append({str(runner.folder)!r})\nreturn {{}}"),
        step("b", "slow.step"),
        modules={"odd.code": "tests.integration.runner.odd_steps", "slow.step": "slow_steps"},
    )
    runner.await_step("b", "running")
    runner.cancel()
    assert runner.await_done() == Done(status=CANCELLED)


# Timeout and skip: proved clean, or not


CLEAN = {
    "waits": FOREVER,
    "waits in groups": """
        import asyncio
        async with asyncio.timeout(900), asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(asyncio.wait_for(asyncio.sleep(600), 900))
    """,
    "used a thread that has ended": """
        import asyncio, time
        await asyncio.to_thread(time.sleep, 0.01)
        await asyncio.sleep(600)
    """,
    "started a child that it ends": """
        import asyncio
        child = await asyncio.create_subprocess_exec("sleep", "600")
        try:
            await child.wait()
        finally:
            child.kill()
            await child.wait()
    """,
    "used a pool that it closes": """
        import asyncio, concurrent.futures, time
        with concurrent.futures.ThreadPoolExecutor() as pool:
            await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 0.01)
            await asyncio.sleep(600)
    """,
    "cancels its timer": """
        import asyncio
        timer = asyncio.get_running_loop().call_later(600, print)
        try:
            await asyncio.sleep(600)
        finally:
            timer.cancel()
    """,
    "used a connection that it closes": """
        import asyncio
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port)
            try:
                await reader.read()
            finally:
                writer.close()
    """,
    "ends with an error": "import asyncio\ntry:\n    await asyncio.sleep(600)\nfinally:\n    1 / 0",
    "swallows the cancel and returns": """
        import asyncio
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            return {"done": "anyway"}
    """,
}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN.keys())
def test_a_runner_is_found_clean_after_a_step_that(text: str, runner: RunnerUnderTest) -> None:
    stopped(runner, text, timeout=0.6)
    settled = runner.await_settled()
    assert settled.unclean == ()
    assert settled.ended
    assert settled.clean
    time.sleep(0.1)
    assert "went on" not in runner.log, "it must wait for the answer"
    runner.proceed()
    assert runner.await_done().status is COMPLETED
    assert "went on" in runner.log
    assert "longer than its timeout" in runner.error("a")


UNCLEAN = {
    "task": ("import asyncio\nlost = asyncio.create_task(asyncio.sleep(600))\n" + FOREVER, "task "),
    "shielded work": (
        "import asyncio\nawait asyncio.shield(asyncio.create_task(asyncio.sleep(600)))",
        "task ",
    ),
    "thread": (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), name='pump', daemon=True).start()\n"
        + FOREVER,
        "thread pump",
    ),
    "job in the executor": (
        "import asyncio, time\nawait asyncio.to_thread(time.sleep, 600)",
        "1 job(s) in the executor",
    ),
    "child": ("import subprocess\nsubprocess.Popen(['sleep', '600'])\n" + FOREVER, "(sleep)"),
    "orphan": (
        "import subprocess\n"
        "subprocess.run(['sh', '-c', 'setsid sleep 600 < /dev/null > /dev/null 2>&1 &'])\n"
        + FOREVER,
        "(sleep)",
    ),
    "forked copy": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(600)\n" + FOREVER,
        "process ",
    ),
    "timer": (
        "import asyncio, os\nasyncio.get_running_loop().call_later(600, os.getpid)\n" + FOREVER,
        "timer ",
    ),
    "abandoned work": (
        """
        import asyncio
        from ignition_toolkit.playbook.cancellation import with_cancellation_check
        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(600)
                except asyncio.CancelledError:
                    pass
        await with_cancellation_check(stubborn(), bound=0.01)
        """,
        "abandoned ",
    ),
}


@pytest.mark.parametrize(("text", "dirt"), UNCLEAN.values(), ids=UNCLEAN.keys())
def test_a_runner_is_not_found_clean_after_a_step_that_leaves_a(
    text: str, dirt: str, runner: RunnerUnderTest
) -> None:
    stopped(runner, text)
    settled = runner.await_settled()
    assert settled.ended
    assert not settled.clean
    assert any(dirt in line for line in settled.unclean), settled.unclean
    time.sleep(0.1)
    assert "went on" not in runner.log
    assert runner.process.poll() is None


def test_a_runner_whose_step_does_not_end_says_so_and_does_not_go_on(
    runner: RunnerUnderTest,
) -> None:
    stopped(runner, STUBBORN)
    settled = runner.await_settled()
    assert (settled.ended, settled.clean) == (False, False)
    assert runner.bodies(StuckSeen)
    time.sleep(0.1)
    assert "went on" not in runner.log


def test_an_inner_step_that_times_out_leaves_a_clean_runner(runner: RunnerUnderTest) -> None:
    inner = Playbook(
        name="inner",
        path="inner.yaml",
        steps=(
            code("x", FOREVER, timeout=0.3, on_failure=OnFailure.CONTINUE),
            code("y", "return {}"),
        ),
    )
    runner.start(step("o", "playbook.run", {"playbook": "inner.yaml"}), others=(inner,))
    settled = runner.await_settled()
    assert settled.step_id == "o/x"
    assert settled.unclean == ()
    runner.proceed()
    assert runner.await_done().status is COMPLETED


def test_a_script_that_times_out_leaves_a_clean_runner(runner: RunnerUnderTest) -> None:
    runner.start(
        script("a", "import time\ntime.sleep(600)", timeout=1, on_failure=OnFailure.CONTINUE),
        code("b", "return {}"),
    )
    settled = runner.await_settled()
    assert settled.unclean == ()
    runner.proceed()
    assert runner.await_done().status is COMPLETED


def test_a_skip_of_a_script_whose_child_left_its_group_is_unclean(runner: RunnerUnderTest) -> None:
    runner.start(
        script(
            "a",
            "import subprocess, time\n"
            "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
            "print('ready')\ntime.sleep(600)",
        ),
        code("b", "return {}"),
    )
    runner.await_log("ready")
    runner.send(Skip(step_id="a"))
    settled = runner.await_settled()
    assert settled.source is CancelSource.SKIP
    assert any("(sleep)" in line for line in settled.unclean)


def test_a_cancel_while_the_answer_is_waited_for_ends_the_run_at_once(
    runner: RunnerUnderTest,
) -> None:
    stopped(runner, FOREVER)
    runner.await_settled()
    at = runner.cancel()
    done = runner.await_done()
    assert done.status is CANCELLED
    runner.assert_over(done, at)
    assert runner.await_end() == 0


def test_the_end_of_a_missed_skip_is_answered(runner: RunnerUnderTest) -> None:
    runner.start(code("a", "return {}"), code("b", FOREVER))
    runner.await_step("b", "running")
    runner.send(Skip(step_id="a"))
    assert runner.await_settled().missed
    runner.send(Skip(step_id="b"))
    runner.await_(type(runner.await_settled()), lambda settled: settled.step_id == "b")
    runner.proceed()
    assert runner.await_done().status is COMPLETED
    assert [e.status.value for e in runner.bodies(StepChanged)][-1] == "skipped"


# Resources at the end of a run


RESOURCE = """
import asyncio
class Thing:
    async def aclose(self):
        {close}
await context.use(Thing)
context.log("made")
{then}
"""


def test_resources_are_closed_at_the_end_of_a_run(runner: RunnerUnderTest) -> None:
    close = "import logging; logging.getLogger('thing').info('closed')"
    assert runner.run(code("a", RESOURCE.format(close=close, then="return {}"))).status is COMPLETED
    assert runner.log == ["made", "closed"]


def test_resources_are_closed_within_the_grace_of_a_cancel(runner: RunnerUnderTest) -> None:
    close = "await asyncio.sleep(600)"
    runner.start(code("a", RESOURCE.format(close=close, then="await asyncio.sleep(600)")))
    runner.await_log("made")
    at = runner.cancel()
    done = runner.await_done()
    assert done == Done(status=CANCELLED)
    assert 0.1 < runner.time_of(done) - at < PROMISE_S


def test_a_cancel_while_resources_are_closed_came_too_late_and_is_quick(
    runner: RunnerUnderTest,
) -> None:
    close = "import logging; logging.getLogger('thing').info('closing'); await asyncio.sleep(600)"
    runner.start(code("a", RESOURCE.format(close=close, then="return {}")))
    runner.await_(Logged, lambda line: line.message == "closing")
    at = runner.cancel()
    done = runner.await_done()
    assert done == Done(status=COMPLETED)
    runner.assert_over(done, at)
