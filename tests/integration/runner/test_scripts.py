"""utility.python as it really runs: outputs, variables, errors, live output, and its end."""

import os
import textwrap
import time
from pathlib import Path

import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.playbook.engine_host import Resume, ScopeState
from ignition_toolkit.playbook.events import Logged, ProcessKilled, VariableSet
from ignition_toolkit.playbook.json_values import to_wire
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.protocol import Done
from tests.e2e.observer import is_alive
from tests.integration.runner.driver import GRACE_S, RunnerUnderTest, code, script, step
from tests.polling import poll_until

COMPLETED, CANCELLED = ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED
#: Seconds that a script has to end in after its SIGINT.
SCRIPT_GRACE_S = 0.2

#: Counts open descriptors, but for those of /proc: the watchdog looks there now and then.
COUNT = """
import os

def target(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return "/proc/"

fds = os.listdir("/proc/self/fd")
return {"n": sum(not target(fd).startswith("/proc/") for fd in fds)}
"""


def lines(runner: RunnerUnderTest, stream: str = "stdout") -> list[str]:
    """Return what came on a stream, as lines of the log."""
    return [line.message for line in runner.bodies(Logged) if line.stream == stream]


def ended(runner: RunnerUnderTest, pid: int) -> bool:
    """Say whether a process that the runner had started is gone."""
    runner.look()
    return not any(one.pid == pid and is_alive(one) for one in runner.seen)


# What comes out


def test_printed_assignments_are_outputs_and_all_print_is_kept(runner: RunnerUnderTest) -> None:
    runner.run(
        script(
            "a",
            """
import sys
print("hello é")
print("COUNT=3")
print("name = no assignment")
print("_x=1=2")
print("COUNT=4")
print("EMPTY=")
print("  INDENTED=no")
print("to stderr", file=sys.stderr)
sys.stdout.write("last line without an end")
""",
        ),
        step("b", "utility.log", {"message": "{{ step.a.COUNT }}"}),
    )
    output = runner.output("a")
    assert output.pop("_output").splitlines() == [
        "hello é", "COUNT=3", "name = no assignment", "_x=1=2", "COUNT=4", "EMPTY=",
        "  INDENTED=no", "last line without an end",
    ]  # fmt: skip
    assert output == {"COUNT": "4", "_x": "1=2", "EMPTY": ""}
    assert lines(runner, "stderr") == ["to stderr"]
    assert {line.step_id for line in runner.bodies(Logged)} == {"a", "b"}
    assert runner.log[-1] == "4"


def test_variables_are_set_at_once_and_read_back(runner: RunnerUnderTest) -> None:
    runner.start(
        script(
            "a",
            """
set_variable("n", 1)
set_variable("n", {"deep": [1, None, "é"]})
assert get_variable("n") == {"deep": [1, None, "é"]}
assert get_variable("given") == [True]
assert get_variable("none") is None and get_variable("none", 5) == 5
set_variable("odd", {1, 2}.__class__)
import time
time.sleep(600)
""",
        ),
        resume=Resume(scopes={"": ScopeState(path="main.yaml", variables={"given": [True]})}),
    )
    runner.await_variable("odd")
    told = [(e.name, e.value) for e in runner.bodies(VariableSet)]
    assert told == [("n", 1), ("n", {"deep": [1, None, "é"]}), ("odd", "<class 'set'>")]


def test_variables_that_a_script_sets_reach_later_steps(runner: RunnerUnderTest) -> None:
    runner.run(
        script("a", "set_variable('n', [1, 2])"),
        script("b", "print('N=%s' % get_variable('n')[1])"),
        step("c", "utility.log", {"message": "{{ variable.n }} {{ step.b.N }}"}),
    )
    assert runner.log[-1] == "[1, 2] 2"


def test_the_names_that_scripts_were_written_for_are_at_hand(runner: RunnerUnderTest) -> None:
    done = runner.run(
        script(
            "a",
            """
import pickle, sys
assert Path("/tmp").name == "tmp" and json.loads("[1]") == [1] and time.time() > 0
assert zipfile.ZipFile and ET.fromstring("<a/>").tag == "a"
assert __name__ == "__main__" and sys.argv == ["<script>"]
assert sys.stdin.read() == ""
class Own: pass
assert type(pickle.loads(pickle.dumps(Own()))) is Own
""",
        )
    )
    assert done.status is COMPLETED, done.error


def test_a_pool_of_processes_finds_the_scripts_functions(runner: RunnerUnderTest) -> None:
    done = runner.run(
        script(
            "a",
            "import multiprocessing\n"
            "def twice(n):\n    return 2 * n\n"
            "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
            "    print('FOUND=%s' % pool.map(twice, [1, 2]))",
        )
    )
    assert done.status is COMPLETED, done.error
    assert runner.output("a")["FOUND"] == "[2, 4]"


ERRORS = {
    "an exception": ("x = 1\nraise ValueError('no\\nroute')", "(line 2 of the script)", "route"),
    "an exception below": ("def f():\n    1 / 0\n\nf()", "(line 2 of the script)", "division"),
    "an exception in a library": (
        "import json\n\njson.loads('{')",
        "(line 3 of the script)",
        "JSONDecodeError",
    ),
    "bad syntax": ("x = 1\nif:\n", "(line 2 of the script)", "SyntaxError"),
    "exit code": ("import sys\nsys.exit(3)", "", "the script ended with exit code 3"),
    "exit text": ("import sys\nsys.exit('no licence')", "", "SystemExit: no licence"),
    "os exit": ("import os\nos._exit(4)", "", "the script ended with exit code 4"),
    "a signal": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        "",
        "the script was ended by signal SIGSEGV",
    ),
    "a nameless signal": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGRTMIN + 3)",
        "",
        "the script was ended by signal 37",
    ),
    "an interrupt of its own": ("raise KeyboardInterrupt", "(line 1 of the script)", "Keyboard"),
    "a text that cannot be made": (
        "class Bad(Exception):\n    def __str__(self):\n        raise OSError\nraise Bad",
        "(line 4 of the script)",
        "Bad",
    ),
}


def test_what_a_script_dies_of_is_told_with_its_line(runner: RunnerUnderTest) -> None:
    """All in one run: each is a step of its own."""
    steps = [
        script(f"s{number}", text, on_failure="continue")
        for number, (text, _, _) in enumerate(ERRORS.values())
    ]
    assert runner.run(*steps).status is COMPLETED
    for number, (_, line, text) in enumerate(ERRORS.values()):
        error = runner.error(f"s{number}")
        assert text in error
        assert error.endswith(line)
        assert "\n" not in error
    traceback = "\n".join(lines(runner, "stderr"))
    assert "ValueError: no\nroute" in traceback
    assert 'File "<script>", line 2, in f\n    1 / 0' in traceback
    assert "script_child" not in traceback


def test_an_exit_without_an_error_is_none(runner: RunnerUnderTest) -> None:
    done = runner.run(
        script("a", "import sys\nprint('A=1')\nsys.exit()"), script("b", "raise SystemExit(0)")
    )
    assert done.status is COMPLETED
    assert runner.output("a")["A"] == "1"


# Output: live, bounded, hostile


def test_output_is_seen_before_the_end(runner: RunnerUnderTest) -> None:
    runner.start(script("a", "import time\nprint('first')\ntime.sleep(600)"))
    assert runner.await_log("first").stream == "stdout"


def test_a_grandchild_that_holds_the_pipes_does_not_delay_the_end(runner: RunnerUnderTest) -> None:
    began = time.monotonic()
    done = runner.run(
        script("a", "import subprocess\nsubprocess.Popen(['sleep', '600'])\nprint('A=1')")
    )
    assert time.monotonic() - began < 10
    assert done.status is COMPLETED
    assert runner.output("a")["A"] == "1"


def test_what_is_written_last_is_not_lost(runner: RunnerUnderTest) -> None:
    runner.run(script("a", "import os\nos.write(1, b'x' * 60_000 + b'\\nLAST=1')\nos._exit(0)"))
    assert runner.output("a")["LAST"] == "1"


def test_hostile_output_is_bounded_and_does_no_harm(runner: RunnerUnderTest) -> None:
    runner.run(
        script("a", "import os\nos.write(1, b'\\xff\\xfe\\0 bytes\\n')"),
        script("b", "print('x' * 300_000)\nprint('AFTER=1')"),
        script("c", "print('BIG=' + 'y' * 300_000)"),
    )
    assert runner.output("a")["_output"] == "\ufffd\ufffd\0 bytes"
    assert runner.output("b")["_output"] == "x" * 300_000 + "\nAFTER=1"
    assert runner.output("b")["AFTER"] == "1"
    assert runner.output("c")["BIG"] == "y" * 300_000
    assert all(len(line) <= 64 * 1024 for line in runner.log)


def test_a_flood_of_output_is_bounded_and_counted(runner: RunnerUnderTest) -> None:
    runner.run(
        script(
            "a",
            "for n in range(13 * 1024):\n    print('x' * 1023)\n",
        ),
        script("b", "print('y' * 13 * 1024 * 1024)"),
        code("c", "return {}"),
    )
    for name in "ab":
        assert len(runner.output(name)["_output"]) <= 512 * 1024
    notes = [line for line in runner.log if "bytes of output were dropped" in line]
    assert len(notes) == 2
    assert all(int(note.split()[0]) >= 3 * 1024 * 1024 - 1 for note in notes)
    assert sum(map(len, lines(runner))) <= 2 * 10 * 1024 * 1024


def test_too_many_outputs_are_a_failed_step(runner: RunnerUnderTest) -> None:
    runner.run(script("a", "for n in range(20):\n    print('K%d=' % n + 'x' * 100_000)"))
    assert "the outputs of utility.python are too large" in runner.error("a")


def test_variables_that_are_too_large_are_refused_at_their_line(runner: RunnerUnderTest) -> None:
    runner.run(
        script("a", "x = 'x' * 1_100_000\nset_variable('v', x)", on_failure="continue"),
        script("b", "set_variable('v', [0] * 200_000)", on_failure="continue"),
        script("c", "set_variable('v', 'é' * 900_000)\nprint('N=%d' % len(get_variable('v')))"),
        script("d", "print('N=%d' % len(get_variable('v')))"),
    )
    assert "variable 'v' has 1100002 characters as JSON" in runner.error("a")
    assert runner.error("a").endswith("(line 2 of the script)")
    assert "variable 'v' is too large" in runner.error("b")
    assert runner.output("c")["N"] == "900000"
    assert runner.output("d")["N"] == "900000"
    assert [len(e.value) for e in runner.bodies(VariableSet)] == [900_000]


def test_garbage_on_the_private_descriptor_does_no_harm(runner: RunnerUnderTest) -> None:
    done = runner.run(
        script(
            "a",
            r"""
import os
for fd in range(3, 64):
    try:
        os.write(fd, b'garbage\n[]\n{"variable": "v"}\n{"error": 1}\n7\n')
    except OSError:
        pass
set_variable("w", 1)
print("A=1")
""",
        )
    )
    assert done.status is COMPLETED
    assert runner.output("a")["A"] == "1"
    assert [e.name for e in runner.bodies(VariableSet)] == ["w"]


# Secrets


def test_secrets_reach_the_script_and_nothing_that_others_can_read(
    runner: RunnerUnderTest,
) -> None:
    variables = {"v": to_wire({"inner": [Secret("hunter2-hunter2")]})}
    runner.start(
        script(
            "a",
            """
import time
text = "{{ credential.gw.password }}"
assert text == "swordfish-" + "swordfish", "the reference"
assert get_variable("v") == {"inner": ["hunter2-" + "hunter2"]}, "the variable"
print("ready")
time.sleep(600)
""",
        ),
        resume=Resume(scopes={"": ScopeState(path="main.yaml", variables=variables)}),
        credentials={"gw": {"password": {"$secret": "swordfish-swordfish"}}},
    )
    runner.await_log("ready")
    assert runner.look()
    for one in runner.look():
        for name in ("cmdline", "environ"):
            seen = Path(f"/proc/{one.pid}/{name}").read_bytes()
            assert b"swordfish" not in seen
            assert b"hunter2" not in seen
    files = [path for path in runner.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"swordfish" in path.read_bytes()]
    runner.cancel()
    runner.await_done()
    said = "".join(e.model_dump_json() for e in runner.envelopes)
    assert "swordfish" not in said
    assert "hunter2" not in said


# Cancel


def test_a_polite_script_runs_its_finally_and_counts_as_cooperative(
    runner: RunnerUnderTest,
) -> None:
    runner.start(
        script(
            "a",
            "import time\ntry:\n    print('ready')\n    time.sleep(600)\n"
            "finally:\n    print('tidied')\n    set_variable('tidied', 1)",
        )
    )
    runner.await_log("ready")
    at = runner.cancel()
    done = runner.await_done()
    assert done.status is CANCELLED
    runner.assert_over(done, at)
    if runner.bodies(ProcessKilled):
        assert runner.time_of(done) - at > SCRIPT_GRACE_S, "killed before its time was over"
        return
    assert "tidied" in runner.log
    assert runner.await_variable("tidied") == 1
    assert not [line for line in lines(runner, "stderr") if "Traceback" in line]


STUCK = {
    "ignores the interrupt": (
        """
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("ready")
        time.sleep(600)  # here
        """,
        "<module>",
    ),
    "catches everything": (
        """
        import time
        def f():
            while True:
                try:
                    time.sleep(600)  # here
                except BaseException:
                    pass
        print("ready")
        f()
        """,
        "f",
    ),
    "stays in one C call": (
        """
        from collections import deque
        from itertools import repeat
        print("ready")
        deque(repeat(0), maxlen=0)  # here
        """,
        "<module>",
    ),
    "blocks in its finally": (
        """
        import time
        try:
            print("ready")
            time.sleep(600)
        finally:
            time.sleep(600)  # here
        """,
        "<module>",
    ),
}


@pytest.mark.parametrize(("text", "function"), STUCK.values(), ids=STUCK.keys())
def test_a_stuck_script_is_killed_in_time_and_its_place_is_told(
    text: str, function: str, runner: RunnerUnderTest
) -> None:
    text = textwrap.dedent(text)
    line = 1 + next(n for n, t in enumerate(text.splitlines()) if "# here" in t)
    runner.start(script("a", text))
    runner.await_log("ready")
    at = runner.cancel()
    done = runner.await_done()
    assert done.status is CANCELLED
    runner.assert_over(done, at)
    if not done.ended:
        # Given up when the grace was over: whoever supervises the runner ends it with the script.
        return
    (killed,) = runner.bodies(ProcessKilled)
    # Where there was no free processor, it may not have had a moment to say where it stands.
    is_silent = killed.stuck_at is None and runner.time_of(done) - at > GRACE_S
    assert is_silent or killed.stuck_at == f"<script>:{line} in {function}"
    assert killed.process.name == "script"
    poll_until(lambda: ended(runner, killed.process.pid), 5)


def test_a_stopped_script_is_killed_too(runner: RunnerUnderTest) -> None:
    runner.start(script("a", "import os, signal\nprint('ready')\nos.kill(0, signal.SIGSTOP)"))
    runner.await_log("ready")
    at = runner.cancel()
    done = runner.await_done()
    runner.assert_over(done, at)
    (killed,) = runner.bodies(ProcessKilled)
    assert killed.stuck_at is None


def test_the_children_of_a_scripts_group_end_with_it(runner: RunnerUnderTest) -> None:
    runner.start(
        script(
            "a",
            "import subprocess\n"
            "deaf = \"trap '' INT; sleep 600; sleep 600\"\n"
            "for command in (['sleep', '600'], ['sh', '-c', deaf]):\n"
            "    print('CHILD=%d' % subprocess.Popen(command).pid)\n"
            "print('ready')\nimport time\ntime.sleep(600)",
        )
    )
    runner.await_log("ready")
    poll_until(lambda: len(runner.look()) >= 4, 10)
    runner.cancel()
    assert runner.await_done() == Done(status=CANCELLED)
    poll_until(lambda: not [one for one in runner.seen if is_alive(one)
                            and one.pid != runner.pid], 5)  # fmt: skip


@pytest.mark.parametrize(
    "way", ["pass", "raise OSError", "raise SystemExit(3)", "import sys; sys.exit()"]
)
def test_a_forked_copy_of_a_script_has_no_part_in_its_end(
    way: str, runner: RunnerUnderTest
) -> None:
    runner.run(
        script(
            "a",
            f"""
import os
pid = os.fork()
if pid == 0:
    set_variable("copy", 1)
    {way}
else:
    print("STATUS=%d" % os.waitpid(pid, 0)[1])
""",
        )
    )
    assert runner.output("a")["STATUS"] == "0"
    assert not runner.bodies(VariableSet)


def test_a_cancel_while_the_interpreter_starts_is_quick(runner: RunnerUnderTest) -> None:
    runner.start(script("a", "import time\ntime.sleep(600)"))
    runner.await_step("a", "running")
    at = runner.cancel()
    done = runner.await_done()
    assert done.status is CANCELLED
    runner.assert_over(done, at)


def test_a_script_leaves_no_file_and_no_descriptor(runner: RunnerUnderTest) -> None:
    runner.run(
        code("before", COUNT),
        script("a", "print(1)"),
        script("b", "1 / 0", on_failure="continue"),
        script("c", "import subprocess\nsubprocess.Popen(['sleep', '600'])"),
        code("after", COUNT),
    )
    assert runner.output("after") == runner.output("before")
    assert os.listdir(runner.folder / "tmp") == []


def test_a_script_that_cannot_be_started_is_a_failed_step(runner: RunnerUnderTest) -> None:
    runner.run(
        code("before", COUNT),
        code("break", "import sys\nsys.executable = '/nonexistent'\nreturn {}"),
        script("a", "print(1)", on_failure="continue"),
        code("after", COUNT),
    )
    assert "FileNotFoundError" in runner.error("a")
    assert runner.output("after") == runner.output("before")
    assert os.listdir(runner.folder / "tmp") == []
