"""A command sends the access token to the server that it is for, and says what to do without."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from ignition_toolkit import errors
from ignition_toolkit.cli.access import token_for
from ignition_toolkit.cli.exits import Exit, exit_for
from ignition_toolkit.credentials import Secret
from ignition_toolkit.execution.access_token import AccessToken, token_for_server
from ignition_toolkit.execution.owner import FolderLock
from tests.unit.cli.fake_server import FakeServer, problem, stream

URL = "http://127.0.0.1:5123"
GIVEN = AccessToken(Secret("a-token-of-more-than-20"))


@pytest.fixture(autouse=True)
def no_token_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITK_TOKEN", raising=False)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The default data folder."""
    monkeypatch.setenv("ITK_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def owned(folder: Path) -> Iterator[AccessToken]:
    """The token of that folder, which a server owns."""
    lock = FolderLock.take(folder, kind="server", url=URL)
    yield token_for_server(folder)
    lock.release()


@pytest.mark.parametrize("url", [URL, "http://localhost:5123"])
def test_the_owner_of_the_folder_is_sent_the_folders_token(owned: AccessToken, url: str) -> None:
    assert token_for(url) == owned


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:5124", "http://127.0.0.1", "http://10.0.0.9:5123", "https://127.0.0.1:5123"],
)
@pytest.mark.usefixtures("owned")
def test_no_other_server_is_sent_the_folders_token(url: str) -> None:
    assert token_for(url) is None


def test_the_variable_beats_the_file(owned: AccessToken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITK_TOKEN", GIVEN.value.reveal())
    assert token_for(URL) == token_for("http://plant:5000") == GIVEN
    assert owned != GIVEN


def test_another_folder_is_looked_into_when_it_is_named(
    owned: AccessToken, tmp_path: Path, folder: Path
) -> None:
    assert token_for(URL, tmp_path / "other") is None
    assert token_for(URL, folder) == owned


def test_a_folder_that_no_server_owns_gives_none(folder: Path) -> None:
    assert token_for(URL) is None
    folder.mkdir()
    token_for_server(folder)
    assert token_for(URL) is None
    lock = FolderLock.take(folder, kind="run")
    assert token_for(URL) is None
    lock.release()


def test_a_folder_that_cannot_be_read_does_not_keep_a_command_from_a_server(folder: Path) -> None:
    folder.mkdir()
    (folder / "owner.lock").symlink_to("elsewhere")
    assert token_for(URL) is None


async def test_every_request_and_every_stream_has_the_token() -> None:
    server = FakeServer()
    server.on("GET /x", {})
    server.on("POST /x", {}, status=202)
    server.on("GET /s", stream())
    async with server.client(GIVEN) as client:
        await client.get("/x")
        await client.post("/x")
        async with client.events("/s", 0) as events:
            assert [event async for event in events] == []
    said = {request.headers["authorization"] for request in server.requests}
    assert said == {"Bearer a-token-of-more-than-20"}


async def test_what_a_server_points_to_is_not_asked() -> None:
    server = FakeServer()
    away = {"location": "http://evil.example/x"}
    for method, status in (("GET", 302), ("POST", 307)):
        server.on(f"{method} /x", lambda status=status: httpx2.Response(status, headers=away))
    server.on("GET /s", lambda: httpx2.Response(301, headers=away))
    async with server.client(GIVEN) as client:
        for question in (client.get, client.post):
            with pytest.raises(errors.ServerUnreachable, match="no ignition-toolkit server"):
                await question("/x")
        with pytest.raises(errors.ServerUnreachable, match="no ignition-toolkit server"):
            async with client.events("/s", 0):
                pass
    assert {request.url.host for request in server.requests} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("token", "found"),
    [
        (None, "asks for its access token, and none was found"),
        (GIVEN, "does not take the access token in ITK_TOKEN"),
        (
            AccessToken(GIVEN.value, Path("/data/token")),
            "does not take the access token in the file /data/token",
        ),
    ],
)
async def test_a_server_that_does_not_take_it_is_one_line_with_what_to_do(
    token: AccessToken | None, found: str
) -> None:
    server = FakeServer()
    refusal = problem(401, "unauthorized", "for every client")
    server.on("GET /x", refusal)
    async with server.client(token) as client:
        with pytest.raises(errors.AccessDenied) as seen:
            await client.get("/x")
        with pytest.raises(errors.AccessDenied, match="set ITK_TOKEN to"):
            async with client.events("/x", 0):
                pass
    assert seen.value.message == (
        f"the server at http://127.0.0.1:5000 {found}: set ITK_TOKEN to what the file `token` in "
        "its data folder holds, or to the ITK_TOKEN that it was started with"
    )
    assert exit_for(seen.value) is Exit.WRONG_INPUT
