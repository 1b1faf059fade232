"""The client says who asks, and turns every answer into JSON or the error that it stands for."""

import asyncio
import getpass

import httpx2
import pytest

from ignition_toolkit import errors
from ignition_toolkit.cli.asking import address
from ignition_toolkit.cli.client import unreachable
from ignition_toolkit.cli.login import login_name
from tests.unit.cli.fake_server import FakeServer, problem, refused


async def ask(server: FakeServer) -> object:
    """Ask for one address, and return or raise what comes of it."""
    async with server.client() as client:
        return await client.get("/x")


async def test_an_answer_is_its_json() -> None:
    server = FakeServer()
    server.on("GET /x", {"a": [1, None]})
    assert await ask(server) == {"a": [1, None]}


async def test_every_request_says_who_asks_and_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "jürgen k")
    server = FakeServer()
    server.on("POST /y", {}, status=202)
    async with server.client() as client:
        await client.post("/y")
    (request,) = server.requests
    assert request.headers["x-itk-client"] == "cli"
    assert request.headers["x-itk-user"] == "j%C3%BCrgen k"
    assert "content-type" not in request.headers
    assert request.content == b""


async def test_a_user_without_a_name_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert login_name() is None
    server = FakeServer()
    server.on("GET /x", {})
    await ask(server)
    assert "x-itk-user" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("status", "name", "error"),
    [
        (404, "not-found", errors.NotFound),
        (409, "wrong-state", errors.WrongState),
        (422, "parameters-invalid", errors.ParametersInvalid),
        (422, "playbook-invalid", errors.PlaybookInvalid),
        (422, "request-invalid", errors.OperatorError),
        (429, "too-many-attempts", errors.AccessDenied),
        (403, "foreign-host", errors.OperatorError),
        (413, "too-big", errors.OperatorError),
        (501, "unsupported", errors.PlatformUnsupported),
        (503, "database", errors.StoreError),
        (503, "http", errors.ServerUnreachable),
        (500, "mistake", errors.InternalError),
        (418, "of-a-later-release", errors.OperatorError),
        (500, "of-a-later-release", errors.InternalError),
    ],
)
async def test_a_problem_is_the_error_that_it_stands_for(
    status: int, name: str, error: type[errors.ToolkitError]
) -> None:
    server = FakeServer()
    server.on("GET /x", problem(status, name, "what to do", problems=["a:1:2: b"]))
    with pytest.raises(error) as seen:
        await ask(server)
    assert type(seen.value) is error
    assert seen.value.message == "what to do"
    assert seen.value.fields == {"problems": ["a:1:2: b"]}


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html>", headers={"content-type": "text/html"}),
        httpx2.Response(403, text=""),
        httpx2.Response(200, text="{", headers={"content-type": "application/json"}),
    ],
)
async def test_somebody_elses_server_is_told_from_ours(answer: httpx2.Response) -> None:
    server = FakeServer()
    server.on("GET /x", lambda: answer)
    with pytest.raises(errors.ServerUnreachable, match="no ignition-toolkit server"):
        await ask(server)


async def test_a_server_that_is_not_there_is_said_with_what_to_do() -> None:
    server = FakeServer()
    server.on("GET /x", refused)
    with pytest.raises(
        errors.ServerUnreachable, match=r"at http://127.0.0.1:5000 .*itk serve"
    ) as e:
        await ask(server)
    assert e.value.fields == {"url": "http://127.0.0.1:5000"}


async def test_the_reason_is_the_systems_own() -> None:
    server = FakeServer()
    async with type(server.client())("http://127.0.0.1:1") as client:
        with pytest.raises(errors.ServerUnreachable, match=r"\(Connection refused\)"):
            await client.get("/x")


def test_a_server_that_is_stuck_is_not_called_absent() -> None:
    stuck = unreachable("http://x:1", httpx2.ReadTimeout(""))
    assert "took the request and did not answer within 30 s" in stuck.message
    absent = unreachable("http://x:1", httpx2.ConnectTimeout(""))
    assert "no server answers at http://x:1 (not within 3 s)" in absent.message


async def test_a_proxy_for_the_world_is_not_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    proxy = await asyncio.start_server(note, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    from ignition_toolkit.cli.client import ServerClient

    async with proxy:
        async with ServerClient("http://127.0.0.1:1") as client:
            with pytest.raises(errors.ServerUnreachable):
                await client.get("/x")
        assert not asked
        async with ServerClient("http://plant.example") as client:
            with pytest.raises(errors.ServerUnreachable):
                await client.get("/x")
    assert asked[0].startswith(b"GET http://plant.example/x")


def test_an_id_that_none_can_be_never_reaches_an_address() -> None:
    assert address("0192-a", "cancel") == "/api/executions/0192-a/cancel"
    for wrong in ("", "..", "a/b", "a?b", "ä", "x" * 65):
        with pytest.raises(errors.NotFound, match="no execution has the id"):
            address(wrong)
