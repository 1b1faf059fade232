"""Objects that steps share: made once, never half, closed at the end, within their time."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.playbook.cancellation import abandoned_work
from ignition_toolkit.playbook.models import HandedOver
from ignition_toolkit.runner.resources import Resources, type_name
from tests.polling import poll_until_async
from tests.unit.playbook import fake_clock
from tests.unit.playbook.fake_clock import by_fake_clock


class Client:
    """A stranger's own type."""

    made: ClassVar[int] = 0

    def __init__(self, url: str = "http://localhost") -> None:
        Client.made += 1
        self.url = url
        self.closed = False

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed = True


class Browser:
    def __init__(self, port: int) -> None:
        self.port = port
        self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def none_made_yet() -> None:
    Client.made = 0


async def test_a_strangers_type_is_called_without_arguments_and_once() -> None:
    resources = Resources()
    first, second = await asyncio.gather(resources.use(Client), resources.use(Client))
    assert first is second
    assert (Client.made, first.url) == (1, "http://localhost")


async def test_a_type_with_a_factory_is_made_by_it_once() -> None:
    calls: list[int] = []

    async def launch() -> Browser:
        calls.append(1)
        await asyncio.sleep(0.01)
        return Browser(9222)

    resources = Resources({type_name(Browser): launch})
    browsers = await asyncio.gather(*(resources.use(Browser) for _ in range(5)))
    assert {id(browser) for browser in browsers} == {id(browsers[0])}
    assert browsers[0].port == 9222
    assert calls == [1]


async def test_a_type_that_wants_arguments_says_so() -> None:
    with pytest.raises(HandlerBroken, match=r"Browser cannot be made without arguments: .*port"):
        await Resources().use(Browser)


async def test_a_type_without_a_signature_is_called() -> None:
    assert await Resources().use(dict) == {}


@by_fake_clock
async def test_a_cancel_while_making_discards_the_half_made_object() -> None:
    stages: list[str] = []

    async def launch() -> Browser:
        stages.append("begun")
        try:
            await asyncio.sleep(3600 if len(stages) == 1 else 0)
        except asyncio.CancelledError:
            stages.append("discarded")
            raise
        return Browser(1)

    resources = Resources({type_name(Browser): launch})
    user = asyncio.create_task(resources.use(Browser))
    await asyncio.sleep(0.01)
    began = fake_clock.now()
    user.cancel()
    with pytest.raises(asyncio.CancelledError):
        await user
    assert fake_clock.now() == began
    assert stages == ["begun", "discarded"]
    assert (await resources.use(Browser)).port == 1


async def test_a_factory_that_fails_is_tried_again_by_the_next_use() -> None:
    tries: list[int] = []

    async def launch() -> Browser:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no display")
        return Browser(1)

    resources = Resources({type_name(Browser): launch})
    with pytest.raises(OSError, match="no display"):
        await resources.use(Browser)
    assert (await resources.use(Browser)).port == 1


async def test_all_are_closed_by_whichever_way_they_have() -> None:
    async def launch() -> Browser:
        return Browser(1)

    resources = Resources({type_name(Browser): launch})
    client, browser = await resources.use(Client), await resources.use(Browser)
    await resources.use(dict)
    await resources.close(1)
    assert client.closed
    assert browser.closed


async def test_closing_nothing_takes_no_time() -> None:
    await Resources().close(1)


class Failing:
    def close(self) -> None:
        raise RuntimeError("already gone")


async def test_one_that_fails_to_close_is_logged_and_the_others_are_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resources = Resources()
    client = await resources.use(Client)
    await resources.use(Failing)
    await resources.close(1)
    assert client.closed
    assert "closing tests.unit.runner.test_resources.Failing failed" in caplog.text
    assert "already gone" in caplog.text


class Hanging:
    end: ClassVar[asyncio.Event]

    async def aclose(self) -> None:
        while not Hanging.end.is_set():
            try:
                await Hanging.end.wait()
            except asyncio.CancelledError:
                continue


@asynccontextmanager
async def hanging() -> AsyncIterator[type[Hanging]]:
    Hanging.end = asyncio.Event()
    try:
        yield Hanging
    finally:
        Hanging.end.set()
        await poll_until_async(lambda: not abandoned_work())


@by_fake_clock
async def test_one_that_hangs_is_abandoned_and_delays_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with hanging() as stuck:
        resources = Resources()
        await resources.use(stuck)
        client = await resources.use(Client)
        began = fake_clock.now()
        await resources.close(0.1)
        assert fake_clock.now() - began == pytest.approx(0.1, abs=0.001)
        assert client.closed
        assert len(abandoned_work()) == 1
        assert [r.levelno for r in caplog.records] == [logging.WARNING]


@by_fake_clock
async def test_a_cancelled_close_abandons_at_once() -> None:
    async with hanging() as stuck:
        resources = Resources()
        await resources.use(stuck)
        closing: asyncio.Task[Any] = asyncio.create_task(resources.close(60))
        await asyncio.sleep(0.01)
        began = fake_clock.now()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert fake_clock.now() == began
        assert len(abandoned_work()) == 1


class Desktop:
    """Has processes: one of them outlives steps, and is a person's in the end."""

    def long_lived_processes(self) -> set[int]:
        return {5}

    def handed_over(self) -> list[object]:
        return [HandedOver(pid=5, name="java", start=6), "no process"]


class Mute:
    """Cannot tell."""

    def long_lived_processes(self) -> set[int]:
        raise RuntimeError("it does not know")


async def test_processes_are_long_lived_and_handed_over_as_their_object_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resources = Resources()
    assert (resources.long_lived_processes(), resources.handed_over()) == (set(), ())
    for kind in (Client, Desktop, Mute):
        await resources.use(kind)
    assert resources.long_lived_processes() == {5}
    assert resources.handed_over() == (HandedOver(pid=5, name="java", start=6),)
    assert "does not tell long_lived_processes" in caplog.text
