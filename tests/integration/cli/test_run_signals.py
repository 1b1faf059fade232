"""`itk run` as the worker itself: every signal cancels, and nothing is left when it returns."""

import contextlib
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from junitparser import JUnitXml

from tests.e2e.observer import Witness, end
from tests.e2e.server import ITK, environment
from tests.e2e.used_folder import make_used
from tests.integration.cli.command import Command, itk
from tests.polling import poll_until

STUCK = "tests/stuck/swallows_cancel.yaml"
FAMILY = "tests/stuck/child_processes.yaml"

# In the gate every signal and every kind of step has its turn; `make stress` tries each pair.
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
STRESS_INT, STRESS_TERM, STRESS_HUP = (
    pytest.param(number, marks=pytest.mark.stress) for number in (INT, TERM, HUP)
)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """Watches the stuck playbooks' signs of life."""
    watching = Witness(tmp_path / "beats")
    yield watching
    end(watching.alive())


def assert_cancelled(command: Command, *outcomes: str) -> None:
    """Fail unless it left with 130, nothing behind, and the record told one of these outcomes."""
    assert command.end() == 130
    out = command.stdout()
    assert "\ncancelled after " in out
    assert "\ncancel asked for by " in out
    (outcome,) = re.findall(r"\n  outcome      (\w+): ", out)
    assert outcome in outcomes
    # Who was ended is told by name.
    assert outcome != "killed" or re.search(r"\n  killed .*\b(script|runner)\b", out), out
    assert "\n  all gone     after " in out
    assert "Traceback" not in out + command.stderr()


@pytest.mark.parametrize("number", [INT, STRESS_TERM, STRESS_HUP], ids=lambda number: number.name)
def test_each_signal_cancels(number: signal.Signals, tmp_path: Path) -> None:
    report = tmp_path / "reports/run.xml"
    arguments = ("run", "tests/test_cancellation.yaml", "--junit", str(report))
    with itk(tmp_path / "run", *arguments) as command:
        command.wait_for("running    step1: Long Sleep")
        command.send(number)
        assert_cancelled(command, "cooperative")
        (suite,) = JUnitXml.fromfile(str(report))
        (case,) = suite
        assert (case.classname, case.result[0].type) == ("tests.test_cancellation", "cancelled")
        assert list(report.parent.iterdir()) == [report]
        said = command.stderr().splitlines()[0]
        assert said == f"itk: {number.name}: cancelling; Ctrl-C again kills at once"


@pytest.mark.parametrize("number", [HUP, STRESS_INT, STRESS_TERM], ids=lambda number: number.name)
def test_each_signal_ends_a_step_that_takes_no_notice(
    number: signal.Signals, tmp_path: Path, witness: Witness
) -> None:
    with itk(tmp_path / "run", "run", STUCK, "-p", f"beat={witness.path}") as command:
        command.wait_for("running    ")
        witness.wait_acting()
        asked = command.send(number)
        assert_cancelled(command, "killed")
        witness.assert_silent(since=asked + 0.5)
        witness.assert_gone()
        # Where the script stood; on a busy machine the runner may have been ended before it had the
        # script's answer, and then it says where it stood itself: waiting for it.
        assert re.search(
            r"\n  stuck at     (<script>|\S*/steps/script_process\.py):", command.stdout()
        )


def test_two_sigints_at_once_are_one_wish_that_ends_a_family_and_a_later_one_what_tidies_up(
    tmp_path: Path, shelf: Path, witness: Witness
) -> None:
    (shelf / "family.yaml").write_text(
        "name: A family, and what tidies up for long\n"
        "steps:\n"
        "  - {id: family, name: Family, type: playbook.run,\n"
        f'     parameters: {{playbook: {FAMILY}, beat: "{witness.path}"}}}}\n'
        "on_cancel: [{id: tidy, name: Tidy, type: utility.sleep, parameters: {seconds: 600}}]\n"
    )
    with itk(tmp_path / "run", "run", str(shelf / "family.yaml")) as command:
        command.wait_for("running    family/stuck: ")
        witness.wait_acting(3)
        asked = command.send(signal.SIGINT)
        command.process.send_signal(signal.SIGINT)
        # One wish more, and it would not be run.
        command.wait_for("running    on_cancel/tidy: Tidy")
        witness.assert_silent(since=asked + 0.5)
        witness.assert_gone()
        begun = command.press_again()
        # The script's interpreter needs time to leave after its SIGINT: on a busy machine its grace
        # may end before, and what killed it is told.
        assert_cancelled(command, "cooperative", "killed")
        assert time.monotonic() - begun < 20


def test_a_signal_before_the_start_starts_nothing(tmp_path: Path, shelf: Path) -> None:
    folder = tmp_path / "run"
    make_used(folder / "data")
    database = sqlite3.connect(folder / "data/itk.db", isolation_level=None)
    running = itk(folder, "run", str(shelf / "tells.yaml"), "-p", "who=you")
    # The signal is taken while the worker comes up: the folder is owned, no start can be stored.
    database.execute("BEGIN EXCLUSIVE")
    with contextlib.closing(database), running as command:
        poll_until((folder / "data/owner.json").exists, 30)
        command.send(signal.SIGINT)
        assert command.end() == 130
        assert command.stderr() == "itk: nothing was started\n"
        assert command.stdout() == ""


def test_a_killed_run_leaves_nothing_either(tmp_path: Path, witness: Witness) -> None:
    with itk(tmp_path / "run", "run", FAMILY, "-p", f"beat={witness.path}") as command:
        command.wait_for("running    ")
        witness.wait_acting(3)
        command.look()
        command.process.kill()
        command.process.wait()
        poll_until(lambda: not command.left(), 10)
        witness.assert_gone()


def test_a_hangup_that_nohup_ignores_cancels_nothing(tmp_path: Path, shelf: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = itk(tmp_path / "run", "run", str(shelf / "sleeps.yaml"))
        with running as command:
            signal.signal(signal.SIGHUP, before)
            command.wait_for("running    nap: Nap")
            command.send(signal.SIGHUP)
            command.send(signal.SIGTERM)
            assert_cancelled(command, "cooperative")
            assert command.stderr().startswith("itk: SIGTERM: cancelling")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_paused_pager_holds_back_no_cancel(tmp_path: Path, shelf: Path) -> None:
    make_used(tmp_path / "data")
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [str(ITK), "run", str(shelf / "chatters.yaml")],
        env=environment(ITK_DATA_DIR=str(tmp_path / "data")),
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=write_end,
        start_new_session=True,
    )
    command = Command(process, tmp_path / "none", tmp_path / "none")
    try:
        # Nobody reads: the pipe fills up.
        poll_until(lambda: not select.select([], [write_end], [], 0)[1], 30)
        command.send(signal.SIGINT)
        assert command.end() == 130
    finally:
        process.kill()
        process.wait()
        os.close(read_end)
        os.close(write_end)
        end(command.left())


def test_a_terminal_gets_its_cursor_back_after_ctrl_c(tmp_path: Path) -> None:
    make_used(tmp_path / "data")
    pid, terminal = pty.fork()
    if pid == 0:
        settings = environment(ITK_DATA_DIR=str(tmp_path / "data"), TERM="xterm")
        settings.pop("CI", None)
        arguments = [str(ITK), "run", "tests/test_cancellation.yaml"]
        os.execve(arguments[0], arguments, settings)
    shown = bytearray()
    try:
        read_until(terminal, shown, b"step1: Long Sleep")
        os.write(terminal, b"\x03")
        read_until(terminal, shown, b"all gone     after ")
        drain(terminal, shown)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    finally:
        os.close(terminal)
    text = shown.decode()
    assert "cancelling; Ctrl-C again kills at once" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    # The last lines stand on their own: what was redrawn is gone.
    assert "Ctrl-C cancels" not in text[text.rindex("\x1b[2K") :]


def read_until(terminal: int, shown: bytearray, text: bytes) -> None:
    """Read from a terminal until it has shown a text."""
    deadline = time.monotonic() + 60
    while text not in shown:
        assert time.monotonic() < deadline, f"never shown: {text!r}; shown: {bytes(shown)!r}"
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536)


def drain(terminal: int, shown: bytearray) -> None:
    """Read what a terminal still shows, until its program has ended."""
    try:
        while data := os.read(terminal, 65536):
            shown += data
    except OSError:
        return
