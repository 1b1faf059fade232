"""A runner's conversation: from ready to done, whatever its steps print, close or flood."""

import json
import os
import time
from pathlib import Path

import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.playbook.engine_host import Resume, ScopeState
from ignition_toolkit.playbook.events import Logged, PauseChanged, Progressed, StepChanged
from ignition_toolkit.playbook.json_values import to_wire
from ignition_toolkit.playbook.models import ExecutionStatus, Playbook, Program
from ignition_toolkit.protocol import (
    PROTOCOL_VERSION,
    Check,
    Checked,
    Continue,
    Describe,
    Described,
    Done,
    LogsDropped,
    Ready,
)
from tests.integration.runner.driver import RunnerUnderTest, code, script, step
from tests.polling import poll_until

COMPLETED, CANCELLED = ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED
FOREVER = "import asyncio\nawait asyncio.sleep(600)"


def test_a_run_from_ready_to_done(runner: RunnerUnderTest) -> None:
    done = runner.run(
        step("a", "utility.set_variable", {"name": "n", "value": 3}),
        step("b", "utility.log", {"message": "n is {{ variable.n }}", "level": "warning"}),
        step("c", "utility.sleep", {"seconds": "0.01"}),
    )
    assert done == Done(status=COMPLETED)
    kinds = [e.body.kind for e in runner.envelopes]
    assert " ".join(kinds) == "ready scope step variable step step log step step step done"
    assert runner.bodies(Ready)[0].version == PROTOCOL_VERSION
    assert [e.seq for e in runner.envelopes] == list(range(1, len(kinds) + 1))
    assert {e.pid for e in runner.envelopes} == {runner.pid}
    assert sorted(e.t for e in runner.envelopes) == [e.t for e in runner.envelopes]
    (line,) = runner.bodies(Logged)
    assert (line.step_id, line.level, line.message) == ("b", "warning", "n is 3")
    assert runner.output("c") == {"slept": 0.01}


def test_a_failed_run_says_why(runner: RunnerUnderTest) -> None:
    done = runner.run(code("a", "raise OSError('no route to gateway')"))
    assert done.status is ExecutionStatus.FAILED
    assert done.error == "step 'a' failed: OSError: no route to gateway"
    assert "<code>" in runner.log[0]


def test_a_cancel_that_comes_with_the_start_is_not_lost(runner: RunnerUnderTest) -> None:
    runner.start(step("a", "utility.log", {"message": "x"}))
    runner.cancel()
    assert runner.await_done().status is CANCELLED or runner.bodies(StepChanged)


def test_a_cancel_ends_a_waiting_step_within_milliseconds(runner: RunnerUnderTest) -> None:
    runner.start(code("a", FOREVER), code("b", "return {}"))
    runner.await_step("a", "running")
    at = runner.cancel()
    done = runner.await_done()
    assert done.status is CANCELLED
    runner.assert_over(done, at)
    assert runner.await_end() == 0
    assert [e.status.value for e in runner.bodies(StepChanged)] == ["running", "cancelled"]


def test_commands_during_a_blocked_loop_are_acted_on_afterwards(runner: RunnerUnderTest) -> None:
    runner.start(code("a", "import time\ntime.sleep(0.5)\nreturn {}"), code("b", "return {}"))
    runner.await_step("a", "running")
    runner.cancel()
    assert runner.await_done().status is CANCELLED
    assert [e.status.value for e in runner.bodies(StepChanged)] == ["running", "completed"]


def test_a_pause_and_its_end(runner: RunnerUnderTest) -> None:
    runner.start(step("a", "utility.log", {"message": "x"}), paused=True)
    runner.await_(PauseChanged)
    assert not runner.bodies(StepChanged)
    runner.send(Continue())
    assert runner.await_done().status is COMPLETED
    assert [e.paused for e in runner.bodies(PauseChanged)] == [True, False]


def test_what_an_earlier_process_did_is_taken_up_secrets_included(runner: RunnerUnderTest) -> None:
    scopes = {"": ScopeState(path="main.yaml", variables={"v": to_wire(Secret("hunter2"))})}
    runner.start(
        code(
            "a", "v = context.get_variable('v')\nreturn {'text': str(v), 'clear': v.reveal()[:3]}"
        ),
        resume=Resume(scopes=scopes),
    )
    assert runner.output("a") == {"text": "***", "clear": "hun"}


def test_credentials_and_secret_parameters_reach_steps_as_secrets(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            "password = context.credential('gw')['password']\n"
            "return {'hidden': str(password), 'again': password}",
        ),
        step("b", "utility.log", {"message": "{{ credential.gw.password }} {{ parameter.p }}"}),
        credentials={"gw": {"username": "u", "password": {"$secret": "hunter2"}}},
        parameters={"p": {"$secret": "swordfish"}},
    )
    assert runner.output("a") == {"hidden": "***", "again": {"$secret": "hunter2"}}
    runner.await_done()
    assert runner.log == ["***"]


# What steps print


def test_prints_of_a_step_go_to_the_other_pipes_and_at_once(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            """
            import asyncio, os, subprocess, sys
            print("by print é")
            print("to stderr", file=sys.stderr)
            os.write(1, b"by write\\n")
            subprocess.run(["echo", "by a child"])
            await asyncio.sleep(600)
            """,
        )
    )
    lines = ["by print é", "by write", "by a child"]
    poll_until(lambda: runner.stdout.decode().splitlines() == lines, 10)
    poll_until(lambda: runner.stderr.decode() == "to stderr\n", 10)


def test_lines_that_look_like_messages_are_only_output(runner: RunnerUnderTest) -> None:
    forged = json.dumps({"seq": 2, "pid": runner.pid, "t": 0, "body": {"kind": "done"}})
    done = runner.run(code("a", f"print({forged!r})\nprint('x' * 1_000_000)\nreturn {{}}"))
    assert done.status is COMPLETED
    poll_until(lambda: runner.stdout.count(b"\n") == 2, 10)
    assert runner.stdout.decode().splitlines()[0] == forged


def test_a_step_reads_nothing_from_stdin(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            """
            import subprocess, sys
            child = subprocess.run(["cat"], capture_output=True, timeout=5)
            return {"own": sys.stdin.read(), "childs": child.stdout.decode()}
            """,
        )
    )
    assert runner.output("a") == {"own": "", "childs": ""}


def test_programs_that_a_step_starts_get_none_of_the_private_descriptors(
    runner: RunnerUnderTest,
) -> None:
    runner.start(
        code(
            "a",
            """
            import subprocess
            command = ["sh", "-c", "ls /proc/$$/fd"]
            return {"fds": subprocess.run(command, capture_output=True).stdout.decode().split()}
            """,
        )
    )
    assert runner.output("a") == {"fds": ["0", "1", "2"]}


def test_a_step_that_closes_0_1_and_2_and_low_numbers_does_not_cut_the_protocol(
    runner: RunnerUnderTest,
) -> None:
    runner.start(
        code("a", "import os\nfor fd in (0, 1, 2):\n    os.close(fd)\nreturn {}"),
        code("b", "import sys\nsys.stdout.close()\nsys.stdout = None\nreturn {}"),
        step("c", "utility.log", {"message": "still here"}),
    )
    assert runner.await_done().status is COMPLETED
    assert runner.log == ["still here"]


def test_a_step_that_closes_every_descriptor_ends_its_runner_with_a_status(
    runner: RunnerUnderTest,
) -> None:
    runner.start(
        code("a", "import os\nos.closerange(3, 4096)\nawait __import__('asyncio').sleep(1)")
    )
    assert runner.await_end() not in (0, None)
    assert not runner.bodies(Done)


def test_a_handlers_own_thread_does_not_hold_a_broken_runner(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            """
            import asyncio, os, time
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
            os.closerange(3, 4096)
            await asyncio.sleep(1)
            """,
        )
    )
    assert runner.await_end() == 70


@pytest.mark.parametrize("status", [0, 3])
def test_a_step_that_leaves_the_process_ends_the_runner_with_its_status(
    status: int, runner: RunnerUnderTest
) -> None:
    runner.start(code("a", f"import os\nos._exit({status})"))
    assert runner.await_end() == status
    assert runner.bodies(StepChanged)[-1].status.value == "running"
    assert not runner.bodies(Done)


LEAVES = "import os\nos._exit(3)"


def test_a_step_does_not_begin_before_its_supervisor_can_know_of_it(
    runner: RunnerUnderTest,
) -> None:
    runner.reads_events.clear()
    fills = "for n in range(500):\n    context.log(f'{n} ' + 'x' * 1000)\nreturn {}"
    runner.start(code("a", fills), code("b", LEAVES))
    time.sleep(1)
    assert runner.process.poll() is None
    runner.reads_events.set()
    assert runner.await_end() == 3
    last = runner.bodies(StepChanged)[-1]
    assert (last.step_id, last.status.value) == ("b", "running")


def test_a_step_that_stops_the_event_loop_ends_the_runner(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            "import asyncio\nasyncio.get_running_loop().stop()\nawait asyncio.sleep(600)\n",
        )
    )
    assert runner.await_end() == 70


# Floods


def test_a_flood_of_logs_is_dropped_and_counted(runner: RunnerUnderTest) -> None:
    runner.reads_events.clear()
    runner.start(
        code("a", "for n in range(30_000):\n    context.log(f'{n} ' + 'x' * 1000)\nreturn {}")
    )
    time.sleep(1)
    runner.reads_events.set()
    assert runner.await_done().status is COMPLETED
    told = len(runner.bodies(Logged))
    dropped = sum(e.count for e in runner.bodies(LogsDropped))
    assert told + dropped == 30_000
    assert dropped > 0


def test_a_cancel_is_heard_between_two_steps_also_behind_a_flood(runner: RunnerUnderTest) -> None:
    runner.reads_events.clear()
    flood = "for n in range(30_000):\n    context.log(f'{n} ' + 'x' * 1000)\nreturn {}"
    runner.start(code("a", flood), step("b", "utility.sleep", {"seconds": 600}))
    # By now the second step waits to be told of.
    time.sleep(1)
    runner.cancel()
    time.sleep(0.2)
    runner.reads_events.set()
    assert runner.await_done().status is CANCELLED
    told = len(runner.bodies(Logged))
    assert told < 2000, "all that had waited was told first"
    assert told + sum(e.count for e in runner.bodies(LogsDropped)) == 30_000


def test_done_after_a_cancel_overtakes_a_flood_and_no_state(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            """
            import asyncio
            context.set_variable("begun", 1)
            n = 0
            while True:
                for _ in range(200):
                    context.log(f"{n} " + "x" * 5000)
                    n += 1
                context.set_variable("n", n)
                await asyncio.sleep(0)
            """,
        )
    )
    runner.await_variable("begun")
    time.sleep(0.3)
    runner.reads_events.clear()
    time.sleep(0.5)
    at = runner.cancel()
    time.sleep(0.2)
    runner.reads_events.set()
    done = runner.await_done()
    assert done == Done(status=CANCELLED)
    # Without a cancel it waits two seconds for who does not read.
    assert runner.time_of(done) - at < 1.0, "the cancel waited for the reader"
    assert runner.await_end() == 0
    last = [e.body for e in runner.envelopes][-1]
    assert last is done or isinstance(last, LogsDropped)
    states = [e.status.value for e in runner.bodies(StepChanged)]
    assert states == ["running", "cancelled"]
    assert [e.seq for e in runner.envelopes] == list(range(1, len(runner.envelopes) + 1))


def test_a_reader_that_is_slow_gets_done_at_last(runner: RunnerUnderTest) -> None:
    """The end of a run waits for its reader as long as it takes: state is never lost."""
    runner.reads_events.clear()
    runner.start(code("a", "for n in range(3000):\n    context.log('x' * 3000)\nreturn {}"))
    time.sleep(4)
    assert runner.process.poll() is None
    runner.reads_events.set()
    assert runner.await_done().status is COMPLETED
    assert runner.await_end() == 0


def test_a_flood_of_progress_tells_the_newest(runner: RunnerUnderTest) -> None:
    runner.run(code("a", "for n in range(50_000):\n    context.progress(n, 50_000)\nreturn {}"))
    told = [e.done for e in runner.bodies(Progressed)]
    assert told[-1] == 49_999
    assert told == sorted(told)


def test_progress_that_is_no_number_does_not_damage_the_stream(runner: RunnerUnderTest) -> None:
    text = "nan = float('nan')\ncontext.progress(nan)\ncontext.progress(1, nan)\nreturn {'n': nan}"
    assert runner.run(code("a", text)).status is COMPLETED
    assert [(e.done, e.total) for e in runner.bodies(Progressed)] == [(1, None)]
    assert runner.output("a") == {"n": "nan"}


def test_texts_that_no_encoding_knows_do_not_damage_the_stream(runner: RunnerUnderTest) -> None:
    done = runner.run(
        code(
            "a",
            r"""
            import logging, sys
            half = "\udc80"
            context.log(half)
            context.progress(1, 2, half)
            context.set_variable(half, half)
            logging.getLogger("acme").warning("from %s", half)
            print(half)
            raise RuntimeError(half)
            """,
        )
    )
    assert done.status is ExecutionStatus.FAILED
    assert "\\udc80" in (done.error or "")
    assert runner.log[:2] == ["\\udc80", "from \\udc80"]
    assert "\\udc80" in runner.stdout.decode()


def test_a_start_of_many_megabytes_is_understood(runner: RunnerUnderTest) -> None:
    large = {f"k{n}": "x" * 100_000 for n in range(100)}
    runner.start(
        code("a", "return {'n': len(context.variables())}"),
        resume=Resume(scopes={"": ScopeState(path="main.yaml", variables=large)}),
    )
    assert runner.output("a") == {"n": 100}


def test_an_output_that_is_too_large_is_a_failed_step(runner: RunnerUnderTest) -> None:
    runner.run(
        code("a", "return {'v': 'x' * 50_000_000}", on_failure="continue"),
        code("b", "return {'v': 'x' * 1_000_000}"),
    )
    assert "the outputs of odd.code are too large" in runner.error("a")
    assert len(runner.output("b")["v"]) == 1_000_000


# Logging of Python, artifacts


def test_python_logging_goes_to_the_log_of_the_step(runner: RunnerUnderTest) -> None:
    runner.start(
        code(
            "a",
            """
            import logging, threading
            log = logging.getLogger("acme")
            log.info("count %d", 3)
            log.debug("not this")
            log.error("bad %d %d", 1)
            thread = threading.Thread(target=log.warning, args=("from a thread",))
            thread.start(); thread.join()
            return {}
            """,
        )
    )
    runner.await_done()
    assert [(line.level, line.step_id) for line in runner.bodies(Logged)] == [
        ("info", "a"), ("error", "a"), ("warning", "a"),
    ]  # fmt: skip
    assert runner.log[0] == "count 3"
    assert "could not be formatted" in runner.log[1]


def test_the_artifacts_folder_is_made_on_first_use(runner: RunnerUnderTest) -> None:
    artifacts = runner.folder / "artifacts"
    runner.start(
        step("a", "utility.log", {"message": "x"}),
        code("b", "(context.artifacts / 'f.txt').write_text('kept')\nreturn {}"),
    )
    runner.await_done()
    assert (artifacts / "f.txt").read_text() == "kept"


# Questions


def test_a_warm_runner_answers_questions_and_is_still_fit_to_run(runner: RunnerUnderTest) -> None:
    runner.send(Describe())
    catalog = runner.await_(Described).catalog
    assert "utility.sleep" in catalog["kinds"]
    main = Playbook(name="m", path="m.yaml", steps=(step("a", "utility.sleep", {"seconds": "x"}),))
    modules = {"utility.sleep": "ignition_toolkit.steps.utility"}
    for request in (1, 2):
        runner.send(Check(request=request, program=Program(main=main), modules=modules))
        answer = runner.await_(Checked, lambda a, request=request: a.request == request)  # type: ignore[misc]
        (problem,) = answer.problems
        assert problem.location == ("steps", 0, "parameters", "seconds")
    assert runner.run(step("a", "utility.log", {"message": "x"})).status is COMPLETED


def test_something_that_is_no_command_ends_the_runner(runner: RunnerUnderTest) -> None:
    assert runner.process.stdin is not None
    runner.process.stdin.write(b'{"kind": "dance"}\n')
    runner.process.stdin.flush()
    assert runner.await_end() == 70
    # Read by a thread, which may come to it after the end was seen.
    poll_until(lambda: b"the runner was sent something that is no command" in runner.stderr, 30)


def test_what_is_said_of_no_command_shows_nothing_of_it(
    runner: RunnerUnderTest,
) -> None:
    assert runner.process.stdin is not None
    command = b'{"kind": "start", "parameters": {"password": "hunter22"}, "modules": "hunter22"}'
    runner.process.stdin.write(command + b"\n")
    runner.process.stdin.flush()
    assert runner.await_end() == 70
    poll_until(lambda: b"start.execution_id: Field required" in runner.stderr, 30)
    assert b"hunter22" not in runner.stderr


def test_a_runner_keeps_to_its_own_folder(runner: RunnerUnderTest) -> None:
    runner.start(
        code("a", "import tempfile\nreturn {'tmp': tempfile.gettempdir()}"),
        script("b", "import tempfile\nprint('tmp=' + tempfile.gettempdir())"),
    )
    assert Path(runner.output("a")["tmp"]) == runner.folder / "tmp"
    assert Path(runner.output("b")["tmp"]) == runner.folder / "tmp"
    runner.await_done()
    assert os.listdir(runner.folder / "tmp") == []
