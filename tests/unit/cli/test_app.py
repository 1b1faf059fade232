"""What a person types wrong is answered in one clear message, with the right exit code."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ignition_toolkit import errors
from ignition_toolkit.cli.app import app, run_app
from ignition_toolkit.cli.border import guarded
from ignition_toolkit.cli.exits import Exit

COMMANDS = [
    "run",
    "serve",
    "validate",
    "lint",
    "drill",
    "steps",
    "schema",
    "list",
    "show",
    "logs",
    "cancel",
    "pause",
    "resume",
    "skip",
    "rerun",
    "release",
    "prune",
    "simulate-gateway",
]


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A data folder and a server that are not there."""
    monkeypatch.setenv("ITK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ITK_SERVER", "http://127.0.0.1:1")
    monkeypatch.delenv("ITK_DEBUG", raising=False)


def test_the_help_names_every_command_in_a_whole_sentence(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run_app(["--help"]) == 0
    text = capfd.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z].*\.$", text, re.MULTILINE), command
    assert "..." not in text.replace("[ARGS]...", "")
    assert "0 completed, 1 failed, 2 wrong input, 3 not reachable, 130" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app([command, "--help"]) == 0
    text = capfd.readouterr().out
    assert f"itk {command}" in text
    assert not re.search(r"^  --?\S+( [A-Z]+)?$\n  -", text, re.MULTILINE), "an option says nothing"


def test_no_command_is_there_that_the_tests_do_not_know() -> None:
    # Any: a group of the library that Typer is made of.
    group: Any = typer.main.get_command(app)
    names = [name for name, one in group.commands.items() if not hasattr(one, "commands")]
    assert sorted(names) == sorted(COMMANDS)


def test_without_a_command_the_help_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app([]) == Exit.WRONG_INPUT
    assert "Usage: itk" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cancl"], "itk: No such command 'cancl'. Did you mean 'cancel'?"),
        (["show"], "itk show: Missing argument 'ID'."),
        (["show", "--josn", "x"], "itk show: No such option: --josn"),
        (
            ["list", "--limit", "none"],
            "itk list: Invalid value for '--limit': expected a whole number from 1 to 500, found",
        ),
        (
            ["prune", "--older-than", "-3"],
            "itk prune: Invalid value for '--older-than': expected a whole number from 0 to 36500",
        ),
        (["serve", "--port", "70000"], "itk serve: Invalid value for '--port'"),
        (["serve", "--host", "192.0.2.1"], "itk: it is not possible to listen at '192.0.2.1'"),
        (["run", "x.yaml", "-p", "a"], "itk: -p number 1 has no '='"),
        (["run", "x.yaml", "--data-dir", ""], "itk: --data-dir is empty"),
        (["run", "x.yaml", "--playbooks", "/nowhere"], "itk: --playbooks: /nowhere does not exist"),
        (["run", "x.yaml", "--junit", ""], "itk: --junit is empty: name a file"),
        (["run", "x.yaml", "--junit", "/"], "itk: --junit /: expected the path of a file"),
        (["run", "x.yaml", "--junit", "/dev/null"], "itk: --junit /dev/null: expected the path"),
        (["run", "x.yaml", "--junit", "/proc/x.xml"], "itk: --junit /proc/x.xml: the file cannot"),
        (["run", "x.yaml", "--junit", "f", "--detach"], "itk: --detach does not wait for the end"),
        (["run", "x.yaml", "--detach"], "itk: --detach needs a server that goes on with the run"),
        (["show", "x", "--junit", "--json"], "itk: --json and --junit are two forms of the same"),
        (["rerun", "no/id"], "itk: no execution has the id 'no/id'"),
        (["validate", "gone.yaml"], "itk: gone.yaml: no such file"),
        (["validate"], "itk validate: Missing argument 'PATH...'."),
        (["simulate-gateway", "--token", "itk"], "itk: --token: expected NAME:KEY"),
        (["simulate-gateway", "--state", "/"], "itk: /: cannot be read"),
        (["cancel"], "itk: name one execution to cancel, or --all"),
        (["cancel", "--all", "x"], "itk: name one execution to cancel, or --all"),
        (["show", "no/id"], "itk: no execution has the id 'no/id'"),
        (["list", "--server", "ftp://x"], "itk: --server: expected the address of a server"),
    ],
)
def test_wrong_input_is_said_in_one_message_and_exit_code_2(
    arguments: list[str],
    message: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ITK_SERVER")
    assert run_app(arguments) == Exit.WRONG_INPUT
    out, err = capfd.readouterr()
    assert err.startswith(message), err
    assert len(err.splitlines()) <= 2
    assert out == ""


def test_a_value_that_follows_p_by_mistake_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app(["run", "x.yaml", "hunter2-hunter2", "more"]) == Exit.WRONG_INPUT
    err = capfd.readouterr().err
    assert "hunter2" not in err
    assert err.startswith("itk run: Too many arguments")


@pytest.mark.parametrize("command", [["list"], ["show", "x"], ["cancel", "x"], ["logs", "-f", "x"]])
def test_a_server_that_is_not_there_is_exit_code_3(
    command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_app(command) == Exit.NOT_REACHABLE
    assert capfd.readouterr().err == (
        "itk: no server answers at http://127.0.0.1:1 (Connection refused); "
        "start one with `itk serve`, or name another with --server or ITK_SERVER\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (errors.NotFound("none\x1b[2J"), 2, r"itk: none\x1b[2J"),
        (errors.StoreError("disk full"), 1, "itk: disk full"),
        (errors.RunnerLost("died"), 1, "itk: died"),
        (errors.StepFailed("failed"), 2, "itk: failed"),
        (
            errors.PlaybookInvalid("no", problems=["a.yaml:1:2: b", "a.yaml:3:4: c"]),
            2,
            "a.yaml:1:2: b\na.yaml:3:4: c\nitk: the playbook is not valid, see above",
        ),
        (
            errors.ParametersInvalid("no", parameters={"url": "expected text"}),
            2,
            (
                "itk: the parameters do not fit the playbook:\n  url: expected text\n"
                "  give each with -p name=value, -p name=@file or -p name=@env:NAME"
            ),
        ),
        (
            ZeroDivisionError("division by zero"),
            1,
            (
                "itk: ZeroDivisionError: division by zero\n"
                "itk: this is a mistake in itk itself; ITK_DEBUG=1 shows where, please report it"
            ),
        ),
    ],
)
def test_every_error_is_a_message_and_an_exit_code(
    error: Exception, code: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert guarded(fail) == code
    assert capfd.readouterr().err == said + "\n"


def test_debugging_shows_where_an_error_came_from(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_DEBUG", "1")
    assert run_app(["show", "no/id"]) == Exit.WRONG_INPUT
    err = capfd.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.endswith("`itk list` shows them all\n")


def test_ctrl_c_in_a_command_is_exit_code_130(capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert guarded(interrupted) == Exit.CANCELLED
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("command", ["run", "serve", "prune"])
def test_a_system_that_is_not_linux_is_told_so(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    arguments = [command, "x.yaml"] if command == "run" else [command]
    assert run_app(arguments) == Exit.WRONG_INPUT
    assert "runs playbooks on Linux only" in capfd.readouterr().err


def itk(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-c", "from ignition_toolkit.cli import main; main()", *arguments]
    return subprocess.run(
        command,
        env=os.environ | changes,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_version_is_told() -> None:
    done = itk("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"itk \d+\.\d+\.\d+\n", done.stdout)


def test_a_question_to_a_server_loads_neither_rich_nor_the_models() -> None:
    source = (
        "import sys\n"
        "from ignition_toolkit.cli.app import run_app\n"
        "code = run_app(['cancel', 'x'])\n"
        "heavy = {'rich', 'sqlalchemy', 'fastapi', 'yaml', 'ignition_toolkit.playbook.models'}\n"
        "print(code, sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "3 []\n", done.stderr


def test_closed_descriptors_do_no_harm() -> None:
    line = (
        "exec 0<&- 1>&- 2>&-; exec \"$0\" -c 'from ignition_toolkit.cli import main; main()' list"
    )
    done = subprocess.run(["sh", "-c", line, sys.executable], timeout=60, check=False)
    assert done.returncode == Exit.NOT_REACHABLE


def test_a_reader_that_stops_reading_is_no_failure() -> None:
    line = "\"$0\" -c 'from ignition_toolkit.cli import main; main()' --help | true"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, sys.executable],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
