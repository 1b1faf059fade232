"""The newest picture of an execution's page, and who watches it."""

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ignition_toolkit.errors import NotFound
from ignition_toolkit.execution import live_view
from ignition_toolkit.execution.live_view import LAST_PICTURE, LiveView, last_picture
from ignition_toolkit.protocol import FrameTaken
from tests.polling import poll_until_async

JPEG = b"\xff\xd8\xff\xe0 a picture"
AT = datetime(2026, 11, 23, 3, 4, 5, 678000, UTC)
SOON_S = 30.0


def frame(jpeg: bytes = JPEG) -> FrameTaken:
    return FrameTaken(data=base64.b64encode(jpeg).decode(), at=AT)


async def test_watchers_are_told_of_once_and_forgotten_when_they_vanish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_view, "LEASE_S", 0.05)
    said: list[bool] = []
    view = LiveView(said.append)
    view.look()
    view.look()
    assert said == [True]
    assert view.watched
    await poll_until_async(lambda: said == [True, False], SOON_S)
    assert not view.watched


async def test_a_look_that_comes_in_time_keeps_the_pictures_coming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[bool] = []
    view = LiveView(said.append)
    monkeypatch.setattr(live_view, "LEASE_S", 0.0)
    view.look()
    monkeypatch.setattr(live_view, "LEASE_S", 600.0)
    view.look()
    await asyncio.sleep(0.01)
    assert said == [True]
    view.end()


async def test_only_the_newest_picture_is_kept() -> None:
    view = LiveView(lambda _watched: None)
    view.take(frame())
    view.take(frame(JPEG + b" of later"))
    assert view.picture is not None
    assert view.picture.jpeg == JPEG + b" of later"
    assert view.state().at == AT


@pytest.mark.parametrize(
    "data", ["no base64", base64.b64encode(b"<script>").decode(), "", "/9j/" + "A" * 2_000_000]
)
async def test_what_is_no_picture_is_passed_over(data: str) -> None:
    view = LiveView(lambda _watched: None)
    view.take(FrameTaken(data=data))
    assert view.picture is None


async def test_nothing_is_taken_and_nobody_watches_after_the_end() -> None:
    said: list[bool] = []
    view = LiveView(said.append)
    view.look()
    view.take(frame())
    view.end()
    view.take(frame(JPEG + b" of later"))
    view.look()
    assert view.picture is not None
    assert view.picture.jpeg == JPEG
    assert (said, view.watched, view.state().live) == ([True], False, False)


def test_the_last_picture_stays_as_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    view = LiveView(lambda _watched: None)
    assert asyncio.run(view.keep(folder)) is None
    assert not folder.exists()
    view.take(frame())
    assert asyncio.run(view.keep(folder)) is None
    kept = last_picture(folder)
    assert kept.jpeg == JPEG
    assert abs((kept.at - AT).total_seconds()) < 0.001
    assert [file.name for file in folder.iterdir()] == [LAST_PICTURE]


def test_a_link_in_the_place_of_the_picture_leads_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (tmp_path / "precious").write_text("keep")
    (folder / LAST_PICTURE).symlink_to(tmp_path / "precious")
    with pytest.raises(NotFound):
        last_picture(folder)
    view = LiveView(lambda _watched: None)
    view.take(frame())
    asyncio.run(view.keep(folder))
    assert (tmp_path / "precious").read_text() == "keep"
    assert last_picture(folder).jpeg == JPEG


def test_a_picture_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("in the way")
    view = LiveView(lambda _watched: None)
    view.take(frame())
    assert asyncio.run(view.keep(tmp_path / "artifacts")) == "File exists"


@pytest.mark.parametrize("content", [None, b"", b"<html>"])
def test_an_execution_may_have_left_no_picture(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / LAST_PICTURE).write_bytes(content)
    with pytest.raises(NotFound):
        last_picture(tmp_path)
