"""The commands that ask a server: what they ask, and what they make of its answers."""

import json
from pathlib import Path

import pytest
from junitparser import JUnitXml

from ignition_toolkit.cli import asking
from ignition_toolkit.cli.app import run_app
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.execution.owner import FolderLock
from tests.unit.cli.fake_server import FakeServer, problem, stream
from tests.unit.cli.samples import (
    EXECUTION_ID,
    after,
    execution,
    execution_event,
    log_event,
    record,
    step,
    step_event,
)

ADDRESS = f"/api/executions/{EXECUTION_ID}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """The server that every command asks."""
    fake = FakeServer()
    monkeypatch.setattr(asking, "ServerClient", lambda *_: fake.client())
    monkeypatch.setenv("ITK_SERVER", "http://127.0.0.1:5000")
    return fake


def test_cancel_asks_for_the_cancel_of_one(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = {"execution_id": EXECUTION_ID, "status": "cancelling", "already": False}
    server.on(f"POST {ADDRESS}/cancel", answer, answer | {"already": True}, status=202)
    assert run_app(["cancel", EXECUTION_ID]) == 0
    assert capfd.readouterr().out == (
        f"{EXECUTION_ID} is being cancelled; `itk show {EXECUTION_ID}` has the record "
        "(status cancelling)\n"
    )
    assert run_app(["cancel", EXECUTION_ID]) == 0
    assert f"{EXECUTION_ID} already is being cancelled" in capfd.readouterr().out
    assert run_app(["cancel", EXECUTION_ID, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == answer | {"already": True}


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["a", "b"], "2 executions are being cancelled\na\nb\n"),
        (["a"], "1 execution is being cancelled\na\n"),
        ([], "nothing runs: nothing to cancel\n"),
    ],
)
def test_cancel_all_names_what_it_cancels(
    ids: list[str], said: str, server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on("POST /api/executions/cancel", {"execution_ids": ids}, status=202)
    assert run_app(["cancel", "--all"]) == 0
    assert capfd.readouterr().out == said
    assert run_app(["cancel", "--all", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"execution_ids": ids}


def test_a_cancel_after_the_end_is_wrong_input(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    refusal = problem(409, "wrong-state", "it is completed and cannot be cancelled")
    server.on(f"POST {ADDRESS}/cancel", refusal)
    assert run_app(["cancel", EXECUTION_ID]) == Exit.WRONG_INPUT
    assert capfd.readouterr().err == "itk: it is completed and cannot be cancelled\n"


@pytest.mark.parametrize("verb", ["pause", "resume", "skip"])
def test_each_verb_asks_for_itself(
    verb: str, server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(f"POST {ADDRESS}/{verb}", {"status": "running"}, status=202)
    assert run_app([verb, EXECUTION_ID]) == 0
    assert server.asked() == [f"POST {ADDRESS}/{verb}"]
    assert capfd.readouterr().out.startswith(EXECUTION_ID)


def test_a_release_says_what_is_free_again(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    claims = [
        {"kind": "desktop", "name": "the desktop"},
        {"kind": "gateway", "name": "http://plant:8088"},
    ]
    answer = {"execution_id": EXECUTION_ID, "status": "failed", "released": claims}
    server.on(f"POST {ADDRESS}/release", answer, status=202)
    assert run_app(["release", EXECUTION_ID]) == 0
    said = capfd.readouterr().out
    assert said == f"{EXECUTION_ID} no longer blocks the desktop, gateway http://plant:8088\n"
    assert run_app(["release", EXECUTION_ID, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == answer


def test_a_release_of_artifacts_says_what_that_means(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = {"execution_id": EXECUTION_ID, "status": "interrupted"}
    server.on(f"POST {ADDRESS}/release-artifacts", answer, status=202)
    assert run_app(["release", EXECUTION_ID, "--artifacts"]) == 0
    said = capfd.readouterr().out
    given = "are given out as they are from now on; they may hold secrets"
    assert said == f"the artifacts of {EXECUTION_ID} {given}\n"
    assert run_app(["release", EXECUTION_ID, "--artifacts", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == answer


def test_a_release_of_what_blocks_nothing_is_wrong_input(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(f"POST {ADDRESS}/release", problem(409, "wrong-state", "it blocks nothing"))
    assert run_app(["release", EXECUTION_ID]) == Exit.WRONG_INPUT
    assert capfd.readouterr().err == "itk: it blocks nothing\n"


def test_an_answer_may_hold_more_than_this_release_knows(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    view = execution("completed").model_dump(mode="json") | {"of_a_later_release": 1}
    server.on(f"GET {ADDRESS}", view)
    assert run_app(["show", EXECUTION_ID]) == 0
    assert "status     completed" in capfd.readouterr().out
    assert run_app(["show", EXECUTION_ID, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == view


def test_show_prints_steps_and_record(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = (step("wait", "cancelled", completed_at=after(3.2)),)
    view = execution("cancelled", step_results=steps, cancellation=record())
    server.on(f"GET {ADDRESS}", view.model_dump(mode="json"))
    assert run_app(["show", EXECUTION_ID]) == 0
    out = capfd.readouterr().out
    assert "cancelled  wait: The step wait (3.2 s)\n" in out
    assert "  outcome      killed: the step did not end by itself and was killed\n" in out


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ([], {"text": "snapshot"}),
        (["--from", "check"], {"text": "snapshot", "from_step": "check"}),
        (["--newest", "--from", "check"], {"text": "newest", "from_step": "check"}),
    ],
)
def test_rerun_asks_for_a_new_execution_and_names_it(
    options: list[str],
    body: dict[str, str],
    server: FakeServer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    again = execution("pending", execution_id="new", rerun_of=EXECUTION_ID)
    server.on(f"POST {ADDRESS}/rerun", again.model_dump(mode="json"), status=202)
    assert run_app(["rerun", EXECUTION_ID, *options]) == 0
    assert json.loads(server.requests[0].content) == body
    assert capfd.readouterr().out == (
        f"new runs {EXECUTION_ID} again; `itk logs -f new` follows it (status pending)\n"
    )
    assert run_app(["rerun", EXECUTION_ID, *options, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["rerun_of"] == EXECUTION_ID


def test_a_rerun_that_is_refused_is_wrong_input(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "execution x cannot be run again: parameter login: it was given as a secret"
    server.on(f"POST {ADDRESS}/rerun", problem(409, "rerun-refused", text, missing={}))
    assert run_app(["rerun", EXECUTION_ID]) == Exit.WRONG_INPUT
    assert capfd.readouterr().err == f"itk: {text}\n"


def test_show_names_what_was_run_again(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    view = execution("completed", rerun_of="old", rerun_from_step="check")
    server.on(f"GET {ADDRESS}", view.model_dump(mode="json"))
    assert run_app(["show", EXECUTION_ID]) == 0
    said = "rerun of   old, from step check; the steps before it are taken over\n"
    assert said in capfd.readouterr().out


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_show_prints_junit_that_a_reader_takes_in_any_locale(
    locale: str,
    server: FakeServer,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "ignition_toolkit.cli.output.locale.getencoding",
        lambda: "ascii" if locale == "C" else "utf-8",
    )
    name = "Caf\u00e9 \U0001f6d1 <&>"
    steps = (step("wait", "failed", step_name=name, error="no\x1b[2J \u00fc"),)
    view = execution("failed", step_results=steps)
    server.on(f"GET {ADDRESS}", view.model_dump(mode="json"))
    assert run_app(["show", EXECUTION_ID, "--junit"]) == 0
    (suite,) = JUnitXml.fromstring(capfd.readouterr().out.encode("ascii"))
    (case,) = suite
    assert case.name == f"wait: {name}"
    assert case.result[0].message == "no\ufffd[2J \u00fc"


def test_list_asks_for_what_is_wanted(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    items = [execution("failed").model_dump(mode="json")]
    server.on("GET /api/executions", {"items": items, "total": 7})
    assert run_app(["list", "--status", "failed", "--limit", "1"]) == 0
    assert dict(server.requests[0].url.params) == {"limit": "1", "status": "failed"}
    out, err = capfd.readouterr()
    assert out.splitlines()[1].startswith(f"{EXECUTION_ID}  failed")
    assert err == "itk: 1 of 7 are shown; --limit shows more\n"
    assert run_app(["list", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["total"] == 7


def test_list_library_names_what_can_be_run_and_what_cannot(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    good = {"path": "a.yaml", "name": "First", "valid": True, "problems": []}
    bad = {"path": "b.yaml", "name": "b.yaml", "valid": False, "problems": ["b.yaml:1:1: empty"]}
    server.on("GET /api/playbooks", [good, bad], [good, bad])
    assert run_app(["list", "--library"]) == 0
    said = capfd.readouterr()
    assert said.out.splitlines() == ["PATH    NAME", "a.yaml  First", "b.yaml"]
    assert said.err == "itk: b.yaml:1:1: empty\n"
    assert run_app(["list", "--library", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == [good, bad]


def test_an_empty_list_says_how_to_begin(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on("GET /api/executions", {"items": [], "total": 0})
    assert run_app(["list"]) == 0
    out, err = capfd.readouterr()
    assert (out, err) == ("", "itk: there are no executions yet; `itk run PLAYBOOK` starts one\n")
    assert run_app(["list", "--status", "failed"]) == 0
    assert capfd.readouterr().err == "itk: there are no executions with the status failed\n"


def test_a_status_that_is_none_is_refused_with_those_that_are(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_app(["list", "--status", "canceled"]) == Exit.WRONG_INPUT
    assert "did you mean 'cancelled'?" in capfd.readouterr().err
    assert server.requests == []


def test_logs_are_followed_to_the_end(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(f"GET {ADDRESS}", execution().model_dump(mode="json"))
    server.on(
        f"GET {ADDRESS}/events",
        stream(step_event(1, "wait", "running"), log_event(2, "one"), breaks=True),
        stream(log_event(3, "two", stream="stderr"), execution_event(4, "completed")),
    )
    assert run_app(["logs", "-f", EXECUTION_ID]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line[9:] for line in lines] == ["info       wait: one", "err        wait: two"]


def test_logs_so_far_are_all_when_the_execution_is_over(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(f"GET {ADDRESS}", execution("completed").model_dump(mode="json"))
    server.on(f"GET {ADDRESS}/events", stream(log_event(2, "one"), execution_event(4, "completed")))
    assert run_app(["logs", "--json", EXECUTION_ID]) == 0
    assert json.loads(capfd.readouterr().out) == log_event(2, "one").data


def test_the_logs_of_an_unknown_execution_are_an_error(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(f"GET {ADDRESS}", problem(404, "not-found", "no execution has the id"))
    assert run_app(["logs", "-f", EXECUTION_ID]) == Exit.WRONG_INPUT
    assert capfd.readouterr().err == "itk: no execution has the id\n"


def test_a_run_without_a_server_is_named_when_no_server_answers(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ITK_SERVER", raising=False)
    monkeypatch.setenv("ITK_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("ignition_toolkit.cli.server_url.DEFAULT_URL", "http://127.0.0.1:1")
    lock = FolderLock.take(tmp_path, kind="run")
    try:
        assert run_app(["cancel", EXECUTION_ID]) == Exit.NOT_REACHABLE
    finally:
        lock.release()
    err = capfd.readouterr().err
    assert "An `itk run` (process" in err
    assert "`kill -INT" in err
