"""Executions that are run again, and starts that are repeated, on one real server."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.e2e.server import Server
from tests.polling import poll_until

#: Each step says in a file that it has run; the last one fails until there is a file `mended`.
STEPS = """\
name: Steps
parameters:
  - {name: folder, type: string}
  - {name: word, type: string, default: old}
steps:
  - id: make
    name: Make
    type: utility.python
    parameters:
      script: |
        with open("{{ parameter.folder }}/log", "a") as file:
            file.write("make\\n")
        set_variable("made", {"list": [1, {"deep": None}], "text": "caf\\u00e9"})
        print("KEY=value")
  - {id: name, name: Name, type: utility.set_variable,
     parameters: {name: named, value: "{{ step.make.KEY }} {{ parameter.word }}"}}
  - id: check
    name: Check
    type: utility.python
    parameters:
      script: |
        found = ["{{ step.make.KEY }}", "{{ variable.named }}", get_variable("made")]
        with open("{{ parameter.folder }}/log", "a") as file:
            file.write(json.dumps(found) + "\\n")
        if not Path("{{ parameter.folder }}/mended").exists():
            raise ValueError("not mended")
  - {id: last, name: Last, type: utility.log, parameters: {message: "{{ variable.named }}"}}
"""

LOGIN = """\
name: Login
parameters: [{name: login, type: credential}]
steps:
  - {id: one, name: One, type: utility.log, parameters: {message: "{{ parameter.login.username }}"}}
  - {id: two, name: Two, type: utility.log, parameters: {message: "two"}}
"""

TELLS = """\
name: Tells
steps: [{id: a, name: A, type: utility.log, parameters: {message: "WORD"}}]
"""

SLEEPS = """\
name: Sleeps
steps:
  - {id: one, name: One, type: utility.log, parameters: {message: "one"}}
  - {id: nap, name: Nap, type: utility.sleep, parameters: {seconds: 600}}
"""

MADE = {"list": [1, {"deep": None}], "text": "caf\u00e9"}


# Any: JSON, here and below.
def post(server: Server, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Send a request that changes something; return the status and the body of its answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = server.client.http.post(path, json=body, headers=named)
    return answer.status_code, answer.json()


def rerun(server: Server, execution_id: str, **body: str) -> dict[str, Any]:
    """Run an execution again, and return the new one at its end."""
    status, answer = post(server, f"/api/executions/{execution_id}/rerun", body or None)
    assert status == 202, answer
    assert answer["rerun_of"] == execution_id
    return server.client.wait(answer["execution_id"])


def refused(server: Server, execution_id: str, **body: str) -> dict[str, Any]:
    """Return the problem with which a rerun is refused."""
    status, problem = post(server, f"/api/executions/{execution_id}/rerun", body)
    assert status == 409, problem
    return problem


def statuses(view: dict[str, Any]) -> list[str]:
    return [step["status"] for step in view["step_results"]]


def test_a_rerun_from_the_failed_step_has_what_those_before_it_gave_and_one_without_runs_all(
    server: Server, tmp_path: Path
) -> None:
    first = server.client.wait(server.client.start_text(STEPS, folder=str(tmp_path), word="new"))
    assert statuses(first) == ["completed", "completed", "failed", "pending"]
    again = rerun(server, first["execution_id"], from_step="check")
    assert again["status"] == "failed"
    (tmp_path / "mended").touch()
    # Of what was taken over already.
    last = rerun(server, again["execution_id"], from_step="check")
    assert (last["status"], last["rerun_from_step"]) == ("completed", "check")
    assert statuses(last) == ["skipped", "skipped", "completed", "completed"]
    assert last["step_results"][0]["output"]["KEY"] == "value"
    assert last["parameters"] == first["parameters"] == {"folder": str(tmp_path), "word": "new"}
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "make"
    assert [json.loads(line) for line in lines[1:]] == 3 * [["value", "value new", MADE]]
    assert last["step_results"][3]["output"] == {"message": "value new"}
    whole = rerun(server, last["execution_id"])
    assert (whole["status"], whole["rerun_from_step"]) == ("completed", None)
    assert statuses(whole) == 4 * ["completed"]
    assert (tmp_path / "log").read_text().splitlines().count("make") == 2
    listed = server.client.get("/api/executions?limit=1")["items"]
    assert listed[0]["rerun_of"] == last["execution_id"]


def test_a_rerun_that_is_cancelled_is_one_and_names_its_step(server: Server) -> None:
    first = server.client.start_text(SLEEPS)
    poll_until(lambda: statuses(server.client.execution(first))[1] == "running", 30)
    server.client.cancel(first)
    server.client.wait(first)
    _, answer = post(server, f"/api/executions/{first}/rerun", {"from_step": "nap"})
    again = answer["execution_id"]
    poll_until(lambda: statuses(server.client.execution(again))[1] == "running", 30)
    server.client.cancel(again)
    found = server.client.wait(again)
    assert (found["status"], statuses(found)) == ("cancelled", ["skipped", "cancelled"])
    assert found["cancellation"]["step_id"] == "nap"
    assert found["current_step_index"] == 1


def test_the_old_text_is_run_unless_the_newest_is_wanted(server: Server, library: Path) -> None:
    file = library / "tells.yaml"
    file.write_text(TELLS.replace("WORD", "old"))
    first = server.client.wait(server.client.start("tells.yaml"))["execution_id"]
    file.write_text(TELLS.replace("WORD", "new"))
    messages = [
        rerun(server, first, **body)["step_results"][0]["output"]["message"]
        for body in ({}, {"text": "snapshot"}, {"text": "newest"})
    ]
    assert messages == ["old", "old", "new"]
    file.write_text(TELLS.replace("id: a", "id: b"))
    assert "there are b" in refused(server, first, text="newest", from_step="a")["detail"]
    file.write_text("name: [\n")
    status, problem = post(server, f"/api/executions/{first}/rerun", {"text": "newest"})
    assert (status, problem["type"].rpartition(":")[2]) == (422, "playbook-invalid")
    file.unlink()
    assert "has no newest text" in refused(server, first, text="newest")["detail"]
    assert rerun(server, first)["status"] == "completed"


def test_what_a_rerun_cannot_have_is_named_and_starts_nothing(server: Server) -> None:
    secret = {"username": "me", "password": "hunter2-hunter2"}
    first = server.client.wait(server.client.start_text(LOGIN, login=secret))
    assert first["status"] == "completed"
    execution_id = first["execution_id"]
    before = server.client.get("/api/executions")["total"]
    for body in ({}, {"from_step": "two"}):
        problem = refused(server, execution_id, **body)
        assert problem["type"].endswith(":rerun-refused")
        assert list(problem["missing"]) == ["parameter login"]
        assert "hunter2" not in json.dumps(problem)
    assert "there are one, two" in refused(server, execution_id, from_step="three")["detail"]
    running = server.client.start_text(SLEEPS)
    problem = refused(server, running)
    assert problem["type"].endswith(":wrong-state")
    server.client.cancel(running)
    server.client.wait(running)
    status, _ = post(server, "/api/executions/0192-none/rerun")
    assert status == 404
    assert server.client.get("/api/executions")["total"] == before + 1


def test_a_variable_that_held_a_secret_is_not_made_up(server: Server) -> None:
    keeps = LOGIN.replace(
        'utility.log, parameters: {message: "two"}}',
        "utility.set_variable, "
        'parameters: {name: token, value: "{{ parameter.login.password }}"}}\n'
        "  - {id: three, name: Three, type: utility.log, parameters: {message: three}}",
    )
    secret = {"username": "me", "password": "hunter2-hunter2"}
    first = server.client.wait(server.client.start_text(keeps, login=secret))
    assert first["status"] == "completed"
    missing = refused(server, first["execution_id"], from_step="three")["missing"]
    assert list(missing) == ["parameter login", "variable token"]
    database = b"".join(path.read_bytes() for path in server.data_dir.glob("itk.db*"))
    assert b"hunter2" not in database


def start(server: Server, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return post(server, "/api/executions", body, idempotency_key=key)


def test_a_repeated_start_returns_the_first_execution(server: Server, library: Path) -> None:
    (library / "once.yaml").write_text(TELLS)
    body = {"playbook_path": "once.yaml", "parameters": {}}
    status, first = start(server, "one-1", body)
    assert status == 202
    execution_id = first["execution_id"]
    server.client.wait(execution_id)
    # Whatever has become of the playbook, and of the execution.
    (library / "once.yaml").unlink()
    for key in ("one-1", '"one-1"'):
        status, again = start(server, key, body)
        assert (status, again["execution_id"]) == (202, execution_id)
        assert again["status"] == "completed"
    status, problem = start(server, "one-1", {"playbook_path": "other.yaml"})
    assert (status, problem["execution_id"]) == (422, execution_id)
    assert problem["type"].endswith(":key-reused")


def test_many_starts_with_one_key_at_the_same_moment_are_one_execution(server: Server) -> None:
    before = server.client.get("/api/executions")["total"]
    body = {"playbook_text": TELLS, "parameters": {}}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: start(server, "at-once", body), range(8)))
    assert {status for status, _ in answers} == {202}
    (execution_id,) = {answer["execution_id"] for _, answer in answers}
    assert server.client.wait(execution_id)["status"] == "completed"
    assert server.client.get("/api/executions")["total"] == before + 1


def test_a_start_that_was_refused_leaves_its_key_unused(server: Server) -> None:
    status, _ = start(server, "wrong-then-right", {"playbook_text": TELLS, "parameters": {"x": 1}})
    assert status == 422
    status, _ = start(server, "wrong-then-right", {"playbook_text": TELLS})
    assert status == 202
