"""A runner as a process: copies of it, signals, the death of its server, and what it costs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ignition_toolkit.playbook.models import ExecutionStatus
from tests.e2e.observer import is_alive
from tests.integration.runner.driver import SOON_S, RunnerUnderTest, code, environment, script
from tests.polling import poll_until

COMPLETED, CANCELLED = ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED
FOREVER = "import asyncio\nawait asyncio.sleep(600)"

#: Seconds that a runner leaves to the janitor when its server is gone.
HEAD_START_S = 0.3
SERVER_GONE = 75


# Copies made by fork


WAYS = {
    "returns": "return {'copy': True}",
    "raises": "raise RuntimeError('in the copy')",
    "awaits": "await asyncio.sleep(0.01); return {'copy': True}",
    "waits for a thread": "await asyncio.to_thread(print); return {'copy': True}",
    "exits": "raise SystemExit(5)",
    "logs and returns": "context.log('from the copy'); context.set_variable('v', 1); return {}",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_forked_copy_leaves_at_once(way: str, runner: RunnerUnderTest) -> None:
    """A copy that unwinds into the event loop would deafen or answer for the original."""
    runner.start(
        code(
            "a",
            f"""
            import asyncio, os
            pid = os.fork()
            if pid == 0:
                {way}
            status = await asyncio.to_thread(lambda: os.waitpid(pid, 0)[1])
            return {{"status": status}}
            """,
        ),
        code("b", FOREVER),
    )
    assert runner.output("a") == {"status": 0}
    runner.await_step("b", "running")
    at = runner.cancel()
    done = runner.await_done()
    # In time: the copy has not deafened the original.
    assert done.status is CANCELLED
    runner.assert_over(done, at)
    assert {e.pid for e in runner.envelopes} == {runner.pid}
    assert runner.log == []
    assert [e.seq for e in runner.envelopes] == list(range(1, len(runner.envelopes) + 1))
    assert runner.await_end() == 0


def test_a_copy_that_works_on_hurts_nobody_and_does_not_hold_the_streams(
    runner: RunnerUnderTest,
) -> None:
    runner.run(
        code(
            "a",
            """
            import os, time
            pid = os.fork()
            if pid == 0:
                time.sleep(600)
            return {"pid": pid}
            """,
        ),
        code("b", "return {}"),
    )
    assert runner.output("b") == {}
    copies = [one for one in runner.look() if one.pid == runner.output("a")["pid"]]
    assert copies, "the sweep's work, not the runner's"


def test_multiprocessing_of_a_step_works(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            """
            import multiprocessing
            with multiprocessing.get_context("fork").Pool(2) as pool:
                return {"found": pool.map(abs, [-1, -2])}
            """,
        )
    )
    assert runner.output("a") == {"found": [1, 2]}
    assert runner.await_done().status is COMPLETED


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_signals_of_a_terminal_do_not_stop_a_runner(
    number: signal.Signals, runner: RunnerUnderTest
) -> None:
    runner.start(code("a", "import asyncio\ncontext.log('now')\nawait asyncio.sleep(1)\nreturn {}"))
    runner.await_log("now")
    for _ in range(3):
        runner.process.send_signal(number)
        time.sleep(0.02)
    assert runner.await_done().status is COMPLETED


def test_what_a_step_starts_still_dies_of_an_interrupt(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            """
            import signal, subprocess
            found = {}
            for name in ("SIGINT", "SIGHUP", "SIGUSR2", "SIGTERM"):
                child = subprocess.Popen(["sleep", "600"])
                child.send_signal(getattr(signal, name))
                found[name] = child.wait(5)
            return found
            """,
        )
    )
    assert runner.output("a") == {
        name: -getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGUSR2", "SIGTERM")
    }


def test_a_runner_adopts_the_orphans_below_it(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            """
            import asyncio, os, subprocess
            command = "setsid sleep 600 < /dev/null > /dev/null 2>&1 & echo $!"
            pid = int(subprocess.run(["sh", "-c", command], capture_output=True).stdout)
            context.set_variable("pid", pid)
            await asyncio.sleep(600)
            """,
        )
    )
    pid = runner.await_variable("pid")
    assert f"PPid:\t{runner.pid}\n" in Path(f"/proc/{pid}/status").read_text()


# The death of the server


def test_an_idle_runner_leaves_when_its_server_is_gone(runner: RunnerUnderTest) -> None:
    began = time.monotonic()
    runner.hang_up()
    assert runner.await_end() == SERVER_GONE
    assert HEAD_START_S * 0.9 < time.monotonic() - began < 5


BUSY = {
    "a waiting handler": FOREVER,
    "a blocked loop": "import time\ntime.sleep(600)",
    "a spinning handler": "while True:\n    pass",
}


@pytest.mark.parametrize("text", BUSY.values(), ids=BUSY.keys())
def test_a_busy_runner_ends_its_tree_and_leaves_when_its_server_is_gone(
    text: str, runner: RunnerUnderTest
) -> None:
    runner.start(
        code(
            "a",
            "import subprocess\n"
            "subprocess.Popen(['sleep', '600'])\n"
            "subprocess.run(['sh', '-c', 'env -i setsid sleep 601 > /dev/null 2>&1 &'])\n"
            "context.log('now')\n" + text,
        )
    )
    runner.await_log("now")
    poll_until(lambda: len(runner.look()) >= 2, SOON_S)
    began = time.monotonic()
    runner.hang_up()
    assert runner.await_end() == SERVER_GONE
    assert time.monotonic() - began > HEAD_START_S * 0.9
    assert [one for one in runner.seen if is_alive(one)] == []


def test_a_script_ends_with_its_runner_when_the_server_is_gone(runner: RunnerUnderTest) -> None:
    runner.start(
        script(
            "a",
            "import signal, time\n"
            "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "print('now')\ntime.sleep(600)",
        )
    )
    runner.await_log("now")
    assert runner.look()
    runner.hang_up()
    assert runner.await_end() == SERVER_GONE
    assert [one for one in runner.seen if is_alive(one)] == []


def test_no_step_begins_when_the_server_is_gone(runner: RunnerUnderTest) -> None:
    """Ending the tree ends the script of a step, which must not be taken for a failed step."""
    sign = runner.folder / "sign"
    runner.start(
        script("a", "print('now')\nimport time\ntime.sleep(600)", on_failure="continue"),
        code("b", f"open({str(sign)!r}, 'w').close()\nreturn {{}}"),
    )
    runner.await_log("now")
    runner.hang_up()
    assert runner.await_end() == SERVER_GONE
    assert not sign.exists()


def test_a_runner_without_a_marker_only_leaves(tmp_path: Path) -> None:
    """Started by hand, it has nothing that would tell its tree from its neighbours'."""
    folder = tmp_path / "runner"
    (folder / "tmp").mkdir(parents=True)
    names = environment("", folder)
    del names["ITK_RUN"]
    done = subprocess.run(
        [sys.executable, "-m", "ignition_toolkit.runner", "--folder", folder, "--stdout-fd", "2"],
        input=b"",
        capture_output=True,
        env=names,
        timeout=SOON_S,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == SERVER_GONE


# What it costs


def test_an_idle_runner_is_small_and_does_not_wake_up(
    runner: RunnerUnderTest, record_property: object
) -> None:
    time.sleep(0.2)
    before = switches(runner.pid)
    time.sleep(1)
    assert switches(runner.pid) == before
    unique = sum(
        int(line.split()[1])
        for line in Path(f"/proc/{runner.pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Private_")
    )
    print(f"unique memory of an idle runner: {unique / 1024:.1f} MiB")
    assert unique <= 40 * 1024


def switches(pid: int) -> dict[str, str]:
    """Return how often each thread of a process was given a core."""
    return {
        thread: Path(f"/proc/{pid}/task/{thread}/status").read_text().partition("voluntary")[2]
        for thread in os.listdir(f"/proc/{pid}/task")
    }


def test_a_warm_runner_has_imported_no_outside_world() -> None:
    command = "import sys, ignition_toolkit.runner.session; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    roots = {name.split(".")[0] for name in done.stdout.decode().split()}
    heavy = {
        "alembic", "fastapi", "httpx2", "jinja2", "playwright", "rich", "sqlalchemy", "starlette",
        "typer", "uvicorn", "yaml", "http", "xml", "multiprocessing", "sqlite3",
    }  # fmt: skip
    assert not roots & heavy
