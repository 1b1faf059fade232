"""Who did what, what is removed and what is measured, on one real server."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.server import Server
from tests.integration.conftest import Called
from tests.polling import poll_until

SLEEPS = """\
name: Sleeps
steps:
  - {id: nap, name: Nap, type: utility.sleep, parameters: {seconds: 600}}
  - {id: tell, name: Tell, type: utility.log, parameters: {message: "up again"}}
"""

LOGIN = """\
name: Login
parameters: [{name: login, type: credential}]
steps:
  - {id: one, name: One, type: utility.log, parameters: {message: "{{ parameter.login.username }}"}}
"""

SECRET = "correct-horse-battery"


# Any: JSON, here and below.
def post(server: Server, path: str, body: Any = None, user: str = "anna") -> dict[str, Any]:
    """Return the answer to somebody's POST, which must be a yes."""
    answer = server.client.http.post(path, json=body, headers={"X-ITK-User": user})
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def sleeper(server: Server) -> str:
    """Start an execution that sleeps; return its id when it does."""
    execution_id = str(post(server, "/api/executions", {"playbook_text": SLEEPS})["execution_id"])
    poll_until(lambda: step_status(server, execution_id) == "running", 60.0)
    return execution_id


def step_status(server: Server, execution_id: str) -> str | None:
    """Return the status of an execution's first step."""
    steps = server.client.execution(execution_id)["step_results"]
    return steps[0]["status"] if steps else None


def notes(server: Server, execution_id: str) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    """Return what was done to an execution, oldest first."""
    page = server.client.get(f"/api/audit?execution_id={execution_id}")
    return [
        (item["action"], item["source"], item["requested_by"], item["detail"])
        for item in reversed(page["items"])
    ]


def test_everything_that_is_done_to_an_execution_is_noted(server: Server) -> None:
    execution_id = sleeper(server)
    address = f"/api/executions/{execution_id}"
    for verb in ("pause", "resume", "cancel"):
        post(server, f"{address}/{verb}", user=f"{verb}r")
    path = server.client.wait(execution_id, {"cancelled"})["playbook_path"]
    again = post(server, f"{address}/rerun", user="bob")["execution_id"]
    post(server, f"/api/executions/{again}/cancel")
    server.client.wait(again, {"cancelled"})
    refused = server.client.http.post(f"{address}/cancel")
    assert refused.status_code == 409
    step = {"step_id": "nap"}
    assert notes(server, execution_id) == [
        ("start", "api", "anna", {"playbook": path}),
        ("pause", "api", "pauser", step),
        ("resume", "api", "resumer", step),
        ("cancel", "api", "cancelr", step),
    ]
    linked = {"playbook": path, "rerun_of": execution_id}
    assert notes(server, again)[0] == ("rerun", "api", "bob", linked)


def test_no_note_holds_a_secret(server: Server) -> None:
    login = {"username": "me", "password": SECRET}
    body = {"playbook_text": LOGIN, "parameters": {"login": login}}
    execution_id = post(server, "/api/executions", body, user=f"me {SECRET}")["execution_id"]
    server.client.wait(execution_id, {"completed"})
    ((_, _, requested_by, _),) = notes(server, execution_id)
    assert requested_by == "me ***"
    assert SECRET not in server.client.http.get("/api/audit").text


def figures(server: Server) -> dict[tuple[str, ...], float]:
    """Return every figure by its name and its labels' values."""
    text = server.client.http.get("/metrics").raise_for_status().text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_cancel_and_its_latency_are_measured(server: Server) -> None:
    before = figures(server)
    execution_id = sleeper(server)
    assert figures(server)["itk_executions_running",] == before["itk_executions_running",] + 1
    server.client.cancel(execution_id)
    server.client.wait(execution_id, {"cancelled"})
    counted = ("itk_executions_total", "cancelled")
    # It is counted a moment after it can be seen.
    poll_until(lambda: figures(server)[counted] == before[counted] + 1)
    after = figures(server)
    for name in (
        ("itk_cancels_total", "cooperative"),
        ("itk_cancel_step_stopped_seconds_count",),
        ("itk_cancel_tree_gone_seconds_bucket", "+Inf"),
    ):
        assert after[name] == before[name] + 1, name
    assert before["itk_runner_starts_total",] >= 1
    assert before["itk_runner_start_failures_total",] == 0


def test_old_executions_go_with_their_artifacts_and_what_runs_stays(
    server: Server, called: Called
) -> None:
    over = str(post(server, "/api/executions", {"playbook_text": SLEEPS})["execution_id"])
    server.client.cancel(over)
    server.client.wait(over, {"cancelled"})
    runs = sleeper(server)
    artifacts = server.data_dir / "artifacts"
    for execution_id in (over, runs):
        (artifacts / execution_id).mkdir(parents=True, exist_ok=True)
        (artifacts / execution_id / "picture.png").write_bytes(b"x" * 3000)
    data = {"ITK_DATA_DIR": str(server.data_dir)}
    arguments = ("prune", "--older-than", "0")
    told = called(*arguments, "--dry-run", **data)
    assert (told.returncode, " would be removed: " in told.stdout) == (0, True)
    assert (artifacts / over).is_dir()
    told = called(*arguments, **data)
    assert (told.returncode, told.stderr) == (0, "")
    assert "\n  artifacts  2.9 KiB in 1 folder\n" in told.stdout
    assert server.client.http.get(f"/api/executions/{over}").status_code == 404
    assert [entry.name for entry in artifacts.iterdir()] == [runs]
    assert [action for action, *_ in notes(server, over)] == ["start", "cancel"]
    newest = server.client.get("/api/audit?limit=1")["items"][0]
    assert (newest["action"], newest["source"]) == ("prune", "cli")
    server.client.cancel(runs)
    assert server.client.wait(runs)["status"] == "cancelled"
