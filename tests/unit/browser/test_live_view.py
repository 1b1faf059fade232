"""Pictures leave a process only while somebody watches."""

import asyncio

from ignition_toolkit.browser.live_view import MAX_PICTURE, LiveView


async def test_a_picture_is_sent_only_while_somebody_watches() -> None:
    sent: list[str] = []
    view = LiveView(sent.append)
    view.show("before")
    view.watch(True)
    view.show("now")
    view.watch(False)
    view.show("after")
    assert sent == ["now"]


async def test_a_picture_that_is_too_large_is_not_sent() -> None:
    sent: list[str] = []
    view = LiveView(sent.append)
    view.watch(True)
    view.show("x" * (MAX_PICTURE + 1))
    assert sent == []


async def test_nothing_is_sent_after_the_end_whoever_watches() -> None:
    sent: list[str] = []
    view = LiveView(sent.append)
    view.watch(True)
    view.end()
    view.watch(True)
    view.show("late")
    assert (sent, view.watched) == ([], False)


async def test_who_waits_for_watchers_goes_on_with_the_first() -> None:
    view = LiveView(lambda _picture: None)
    waiting = asyncio.create_task(view.wait_watched(30))
    await asyncio.sleep(0)
    assert not waiting.done()
    view.watch(True)
    assert await waiting


async def test_who_waits_for_watchers_does_not_wait_for_ever() -> None:
    assert not await LiveView(lambda _picture: None).wait_watched(0.01)
