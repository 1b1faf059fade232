"""The server's own beginning and end: what it holds, whom it tells, what it leaves."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import DOWN_S, ITK, UP_S, Server, environment, is_up, launch
from tests.e2e.used_folder import make_used
from tests.integration.conftest import Called
from tests.polling import poll_until

PLAYBOOKS = {
    "sleeps.yaml": """\
name: Sleeps
steps: [{id: s, name: S, type: utility.sleep, parameters: {seconds: 600}}]
""",
    "cleans_up.yaml": """\
name: Cleans up for long
steps: [{id: s, name: S, type: utility.sleep, parameters: {seconds: 600}}]
on_cancel: [{id: tidy, name: Tidy, type: utility.sleep, parameters: {seconds: 600}}]
""",
}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    for name, text in PLAYBOOKS.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def server(tmp_path: Path, library: Path) -> Iterator[Server]:
    running = launch(tmp_path / "data", playbooks=(library,))
    yield running
    running.clean_up()


def running_sleeper(server: Server, playbook: str = "sleeps.yaml") -> str:
    execution_id = server.client.start(playbook)
    server.client.wait(execution_id, {"running"})
    return execution_id


@pytest.mark.parametrize(
    "number",
    # In the gate each signal stops one server of this file; `make stress` tries the others here.
    [
        signal.SIGHUP,
        pytest.param(signal.SIGTERM, marks=pytest.mark.stress),
        pytest.param(signal.SIGINT, marks=pytest.mark.stress),
    ],
    ids=lambda number: number.name,
)
def test_a_stopped_server_cancels_tells_its_followers_leaves_nothing_and_the_next_one_knows(
    server: Server, library: Path, number: signal.Signals
) -> None:
    assert_says_where_it_is(server)
    run = running_sleeper(server)
    with server.client.http.stream("GET", f"/api/executions/{run}/events") as stream:
        text = stream.iter_text()
        seen = next(text)
        server.look()
        server.process.send_signal(number)
        seen += "".join(text)
    assert '"status":"cancelled"' in seen
    assert '"source":"shutdown"' in seen
    assert server.process.wait(DOWN_S) == 0
    assert not server.left()
    again = launch(server.data_dir, playbooks=(library,))
    try:
        found = again.client.execution(run)
        assert found["status"] == "cancelled"
        assert found["cancellation"]["source"] == "shutdown"
        assert found["cancellation"]["tree_gone_ms"] < 500
        assert_a_second_ctrl_c_does_not_wait_for_steps_that_clean_up(again)
    finally:
        again.clean_up()


def assert_says_where_it_is(server: Server) -> None:
    """Fail unless people and programs can find the server."""
    said = server.text()
    assert f"http://127.0.0.1:{server.port}" in said
    assert "curl -X POST" in said
    owner = json.loads((server.data_dir / "owner.json").read_text("utf-8"))
    assert owner["url"] == f"http://127.0.0.1:{server.port}"
    assert owner["kind"] == "server"
    assert owner["pid"] == server.pid


def assert_a_second_ctrl_c_does_not_wait_for_steps_that_clean_up(server: Server) -> None:
    """Stop the server; fail unless it answers while it stops, and is gone when told again."""
    run = running_sleeper(server, "cleans_up.yaml")
    server.look()
    server.process.send_signal(signal.SIGINT)

    def cleans_up() -> bool:
        record = server.client.execution(run)["cancellation"]
        return bool(record and record["tree_gone_ms"] is not None)

    # It still answers while it stops, and starts nothing.
    poll_until(cleans_up, 10.0)
    refused = server.client.http.post("/api/executions", json={"playbook_path": "sleeps.yaml"})
    assert refused.status_code == 503
    assert server.process.poll() is None
    time.sleep(0.3)
    begin = time.monotonic()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(DOWN_S) == 0
    assert time.monotonic() - begin < 5.0
    assert not server.left()


@pytest.fixture
def under_nohup() -> Iterator[None]:
    """Have what the test starts ignore SIGHUP, as `nohup` does."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_under_nohup_a_closed_terminal_stops_no_server_and_open_streams_keep_none_from_ending(
    under_nohup: None, server: Server
) -> None:
    server.process.send_signal(signal.SIGHUP)
    assert is_up(server)
    # One is read and one is not.
    stalled = socket.create_connection(("127.0.0.1", server.port))
    stalled.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with stalled, server.client.http.stream("GET", "/api/events") as stream:
        text = stream.iter_text()
        assert "events follow" in next(text)
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        # To its end.
        "".join(text)
        assert server.process.wait(DOWN_S) == 0
        assert time.monotonic() - begin < 10.0
    assert "Traceback" not in server.text()


def test_a_server_that_is_stopped_while_it_comes_up_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_used(data)
    arguments = [str(ITK), "serve", "--port", "0", "--data-dir", str(data)]
    process = subprocess.Popen(
        arguments, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        poll_until((data / "owner.lock").exists, UP_S)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=DOWN_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert b"Traceback" not in output
    assert not (data / "owner.json").exists()


def test_a_wrong_list_of_names_is_told_before_anything_is_started(
    tmp_path: Path, called: Called
) -> None:
    data = tmp_path / "data"
    ended = called("serve", "--port", "0", "--data-dir", str(data), ITK_ALLOWED_HOSTS="http://x")
    assert ended.returncode == 2
    assert "ITK_ALLOWED_HOSTS" in ended.stderr
    assert not data.exists()
