"""The server's own beginning and end: what it holds, whom it tells, what it leaves."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.server import DOWN_S, ITK, UP_S, Server, environment, free_port, launch
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stopped_server_cancels_tells_its_followers_and_leaves_nothing(
    server: Server, library: Path, number: signal.Signals
) -> None:
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


def test_what_a_stopped_server_has_cancelled_is_known_to_the_next_one(
    server: Server, library: Path
) -> None:
    assert_says_where_it_is(server)
    run = running_sleeper(server)
    assert server.stop() == 0
    again = launch(server.data_dir, playbooks=(library,))
    try:
        found = again.client.execution(run)
        assert found["status"] == "cancelled"
        assert found["cancellation"]["source"] == "shutdown"
        assert found["cancellation"]["tree_gone_ms"] < 500
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


def test_open_streams_do_not_keep_a_server_from_ending_read_or_not(server: Server) -> None:
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


def test_a_second_ctrl_c_does_not_wait_for_steps_that_clean_up(server: Server) -> None:
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


def test_a_server_that_is_stopped_while_it_comes_up_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
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


def test_a_used_port_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        arguments = [str(ITK), "serve", "--port", str(port), "--data-dir", str(tmp_path / "data")]
        ended = subprocess.run(
            arguments, env=environment(), capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "--port" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_a_wrong_list_of_names_is_told_before_anything_is_started(tmp_path: Path) -> None:
    arguments = [str(ITK), "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    ended = subprocess.run(
        arguments,
        env=environment(ITK_ALLOWED_HOSTS="http://x"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "ITK_ALLOWED_HOSTS" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_a_terminal_that_is_closed_under_nohup_does_not_stop_the_server(
    tmp_path: Path,
) -> None:
    port = free_port()
    arguments = [str(ITK), "serve", "--port", str(port), "--data-dir", str(tmp_path / "data")]
    ignoring = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", ignoring, *arguments],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        poll_until(lambda: is_healthy(port), UP_S)
        process.send_signal(signal.SIGHUP)
        assert is_healthy(port)
        process.terminate()
        assert process.wait(DOWN_S) == 0
    finally:
        process.kill()
        process.wait()


def is_healthy(port: int) -> bool:
    """Say whether a server answers there."""
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/api/health", trust_env=False).is_success
    except httpx2.TransportError:
        return False
