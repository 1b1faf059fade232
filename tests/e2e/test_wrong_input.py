"""Wrong input over HTTP: a clear answer with the right status, and nothing is lost by it."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import ITK, STUCK_PLAYBOOKS, Server, environment, serving

TWO_PARAMETERS = """\
name: Takes two
parameters:
  - {name: count, type: integer}
  - {name: title, type: string, default: none}
steps:
  - {id: say, name: Say, type: utility.log, parameters: {message: "{{ parameter.title }}"}}
"""
LINK_TARGET = (
    "name: Outside\nsteps: [{id: a, name: A, type: utility.log, parameters: {message: m}}]\n"
)
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    + ["name: Bomb", "steps: [{id: a, name: A, type: utility.log, parameters: {message: *a9}}]"]
)
DEEP = "name: Deep\nsteps: " + "[" * 2000 + "]" * 2000


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of playbooks: one with parameters, one broken, and a link that leads out."""
    folder = tmp_path_factory.mktemp("library")
    outside = tmp_path_factory.mktemp("outside") / "outside.yaml"
    outside.write_text(LINK_TARGET, "utf-8")
    (folder / "takes_two.yaml").write_text(TWO_PARAMETERS, "utf-8")
    (folder / "broken.yaml").write_text("name: Broken\nsteps: [\n", "utf-8")
    (folder / "link.yaml").symlink_to(outside)
    (folder / "linked").symlink_to(outside.parent)
    return folder


@pytest.fixture(scope="module")
def server(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server with that folder in its library."""
    folders = (STUCK_PLAYBOOKS, library)
    with serving(tmp_path_factory.mktemp("wrong") / "data", playbooks=folders) as running:
        yield running


@dataclass(frozen=True)
class Wrong:
    """One wrong body of a start, the status it must get, and what the answer must name."""

    why: str
    body: Any
    status: int
    says: tuple[str, ...]
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)


def text(playbook: str, **parameters: Any) -> dict[str, Any]:
    """Return the body that starts a playbook given as text."""
    return {"playbook_text": playbook, "parameters": parameters}


def path(library_path: str, **parameters: Any) -> dict[str, Any]:
    """Return the body that starts a playbook of the library."""
    return {"playbook_path": library_path, "parameters": parameters}


def steps(*lines: str) -> str:
    """Return a playbook's text with these steps, each one line of YAML."""
    return "name: Text\nsteps:\n" + "".join(f"  - {line}\n" for line in lines)


LOG = "{id: a, name: A, type: utility.log, parameters: {message: m}}"

WRONG = [
    Wrong("unknown playbook", path("no/such.yaml"), 404, ("no/such.yaml",)),
    Wrong("path above the library", path("../../etc/passwd"), 404, ()),
    Wrong("absolute path", path("/etc/passwd"), 404, ()),
    Wrong("path with a null byte", path("a\0b.yaml"), 404, ()),
    Wrong("link out of the library", path("link.yaml"), 404, ("link.yaml",)),
    Wrong("path through a linked folder", path("linked/outside.yaml"), 404, ()),
    Wrong("broken file of the library", path("broken.yaml"), 422, ("broken.yaml:",)),
    Wrong("bad YAML", text("name: x\nsteps: [\n"), 422, (":",)),
    Wrong("tabs as indent", text("name: x\nsteps:\n\t- id: a\n"), 422, (":3:",)),
    Wrong("no steps", text("name: x\nsteps: []\n"), 422, ("steps",)),
    Wrong("steps missing", text("name: x\n"), 422, ("steps",)),
    Wrong("empty text", text(""), 422, ()),
    Wrong("a list for a playbook", text("- a\n- b\n"), 422, ()),
    Wrong("YAML bomb", text(BOMB), 422, ()),
    Wrong("YAML too deep", text(DEEP), 422, ()),
    Wrong("Python object", text("name: !!python/object/apply:os.getcwd []\nsteps: []"), 422, ()),
    Wrong("duplicate key", text(f"name: x\nname: y\nsteps: [{LOG}]\n"), 422, (":2:1", "name")),
    Wrong("duplicate step id", text(steps(LOG, LOG)), 422, ("a",)),
    Wrong("unknown key", text(f"name: x\nstepps: []\nsteps: [{LOG}]\n"), 422, ("stepps", "steps")),
    Wrong(
        "unknown step kind",
        text(steps("{id: a, name: A, type: utility.slep}")),
        422,
        ("utility.slep", "utility.sleep"),
    ),
    Wrong(
        "unknown parameter of a step",
        text(steps("{id: a, name: A, type: utility.sleep, parameters: {second: 1, seconds: 1}}")),
        422,
        ("second",),
    ),
    Wrong(
        "wrong type of a step's parameter",
        text(steps("{id: a, name: A, type: utility.sleep, parameters: {seconds: soon}}")),
        422,
        ("seconds",),
    ),
    Wrong(
        "reference to no parameter",
        text(
            steps('{id: a, name: A, type: utility.log, parameters: {message: "{{ parameter.x }}"}}')
        ),
        422,
        ("x",),
    ),
    Wrong(
        "unknown parameter",
        path("takes_two.yaml", count=1, titel="x"),
        422,
        ("titel",),
        {"parameters": ("titel",)},
    ),
    Wrong(
        "wrong type of a parameter",
        path("takes_two.yaml", count="many"),
        422,
        ("count",),
        {"parameters": ("count",)},
    ),
    Wrong(
        "two wrong parameters, both named",
        path("takes_two.yaml", count=1.5, other=2),
        422,
        (),
        {"parameters": ("count", "other")},
    ),
    Wrong("missing parameter", path("takes_two.yaml"), 422, ("count",), {"parameters": ("count",)}),
    Wrong("neither path nor text", {"parameters": {}}, 422, ("playbook_path",)),
    Wrong("parameters as a list", {"playbook_path": "takes_two.yaml", "parameters": []}, 422, ()),
    Wrong("a text for a body", "start it", 422, ()),
]


@pytest.fixture(autouse=True)
def nothing_is_started(server: Server) -> Iterator[None]:
    """Fail when a refused request started something, or when the server is worse for it."""
    before = server.client.get("/api/executions")["total"]
    yield
    assert server.client.get("/api/executions")["total"] == before
    assert server.client.get("/api/health")["status"] == "ok"


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.why)
def test_a_wrong_start_is_refused_with_what_is_wrong(server: Server, wrong: Wrong) -> None:
    answer = server.client.http.post("/api/executions", json=wrong.body)
    problem = assert_problem(answer.status_code, wrong.status, answer.headers, answer.json())
    said = problem["detail"] + "\n".join(problem.get("problems", []))
    for part in wrong.says:
        assert part in said, problem
    for member, names in wrong.members.items():
        assert set(problem[member]) == set(names), problem
    assert "Traceback" not in answer.text


def assert_problem(found: int, expected: int, headers: Any, body: Any) -> dict[str, Any]:
    """Fail unless an answer is a problem of that status; return it."""
    assert found == expected, body
    assert headers["content-type"].startswith("application/problem+json"), headers
    assert {"type", "title", "status", "detail"} <= body.keys(), body
    assert body["status"] == expected
    return dict(body)


@pytest.mark.parametrize("size", [10 * 1024 * 1024, 1024 * 1024 + 1])
def test_a_body_that_is_too_big_is_refused(server: Server, size: int) -> None:
    body = b'{"playbook_text": "' + b"x" * size + b'"}'
    answer = server.client.http.post(
        "/api/executions", content=body, headers={"content-type": "application/json"}
    )
    assert_problem(answer.status_code, 413, answer.headers, answer.json())


def test_a_body_that_is_no_json_is_refused(server: Server) -> None:
    answer = server.client.http.post(
        "/api/executions", content=b'{"a": ', headers={"content-type": "application/json"}
    )
    assert_problem(answer.status_code, 400, answer.headers, answer.json())


def test_a_form_of_a_foreign_page_is_refused(server: Server) -> None:
    answer = server.client.http.post("/api/executions", data={"playbook_path": "x"})
    assert_problem(answer.status_code, 415, answer.headers, answer.json())


UNKNOWN = "01890000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("name", [UNKNOWN, "nonsense", "%2E%2E", "%00", "a" * 5000])
@pytest.mark.parametrize("move", ["", "/status", "/events"])
def test_an_unknown_execution_is_not_found(server: Server, name: str, move: str) -> None:
    answer = server.client.http.get(f"/api/executions/{name}{move}")
    assert_problem(answer.status_code, 404, answer.headers, answer.json())


@pytest.mark.parametrize("move", ["cancel", "pause", "resume", "skip"])
def test_nothing_can_be_done_to_an_unknown_execution(server: Server, move: str) -> None:
    answer = server.client.http.post(f"/api/executions/{UNKNOWN}/{move}")
    assert_problem(answer.status_code, 404, answer.headers, answer.json())


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil", "", "0.0.0.0"]
)
@pytest.mark.parametrize("address", ["/api/health", "/api/events", "/"])
def test_a_foreign_host_is_refused(server: Server, host: str, address: str) -> None:
    assert raw(server, f"GET {address} HTTP/1.1\r\nHost: {host}\r\n") in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:1"])
def test_every_name_of_this_machine_is_taken(server: Server, host: str) -> None:
    assert raw(server, f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n") == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
@pytest.mark.parametrize("address", ["/api/executions", "/api/executions/cancel"])
def test_a_page_of_a_foreign_origin_may_change_nothing(
    server: Server, origin: str, address: str
) -> None:
    answer = server.client.http.post(address, json={}, headers={"origin": origin})
    assert_problem(answer.status_code, 403, answer.headers, answer.json())


def raw(server: Server, head: str) -> int:
    """Send a request as it is written; return the status of the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        return int(connection.makefile("rb").readline().split()[1])


def test_a_second_server_on_the_same_port_is_refused(server: Server, tmp_path: Path) -> None:
    arguments = [str(ITK), "serve", "--port", str(server.port), "--data-dir", str(tmp_path / "d")]
    ended = subprocess.run(
        arguments, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2, ended
    assert str(server.port) in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_second_server_on_the_same_data_folder_is_refused(server: Server) -> None:
    arguments = [str(ITK), "serve", "--port", "0", "--data-dir", str(server.data_dir)]
    ended = subprocess.run(
        arguments, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2, ended
    assert str(server.pid) in ended.stderr
    assert "Traceback" not in ended.stderr
