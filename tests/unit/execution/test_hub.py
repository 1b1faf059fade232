"""The hub wakes readers for what was committed, and costs nothing for those that do not read."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ignition_toolkit.execution.hub import EventHub, Subscription

LONG_S = 10.0


class Committed:
    """Events as a store has them: numbers in commit order, announced to a hub."""

    def __init__(self, hub: EventHub) -> None:
        self.hub = hub
        self.newest = 0

    def commit(self, count: int) -> None:
        for _ in range(count):
            self.newest += 1
            self.hub.publish(self.newest)


@pytest.fixture
def hub() -> EventHub:
    return EventHub()


@pytest.fixture
def other_threads() -> Iterator[list[threading.Thread]]:
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


async def test_a_reader_is_woken_by_a_commit_in_another_thread(
    hub: EventHub, other_threads: list[threading.Thread]
) -> None:
    subscription = hub.subscribe()
    other_threads.append(threading.Thread(target=hub.publish, args=(1,)))
    other_threads[0].start()
    assert await subscription.wait(LONG_S)
    subscription.close()


async def test_wait_says_false_when_nothing_came(hub: EventHub) -> None:
    subscription = hub.subscribe()
    assert not await subscription.wait(0.01)
    subscription.close()


async def test_a_burst_is_one_wake_up(hub: EventHub) -> None:
    subscription = hub.subscribe()
    for number in range(1, 1001):
        hub.publish(number)
    assert await subscription.wait(LONG_S)
    assert not await subscription.wait(0.01)
    subscription.close()


async def test_what_comes_between_two_waits_is_not_missed(hub: EventHub) -> None:
    subscription = hub.subscribe()
    hub.publish(1)
    assert await subscription.wait(LONG_S)
    hub.publish(2)
    assert await subscription.wait(LONG_S)
    subscription.close()


async def test_no_reader_misses_the_last_commit_of_a_racing_writer(
    hub: EventHub, other_threads: list[threading.Thread]
) -> None:
    total = 20_000
    committed = Committed(hub)
    readers = [asyncio.create_task(_read_to(committed, hub.subscribe(), total)) for _ in range(5)]
    other_threads.append(threading.Thread(target=committed.commit, args=(total,)))
    other_threads[0].start()
    await asyncio.gather(*readers)


async def _read_to(committed: Committed, subscription: Subscription, total: int) -> None:
    seen = 0
    while seen < total:
        assert await subscription.wait(LONG_S), f"woken no more, {seen} of {total} seen"
        seen = committed.newest
    subscription.close()


async def test_a_cancelled_wait_loses_nothing(hub: EventHub) -> None:
    subscription = hub.subscribe()
    waiting = asyncio.create_task(subscription.wait(LONG_S))
    await asyncio.sleep(0)
    hub.publish(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await subscription.wait(LONG_S)
    subscription.close()


async def test_a_reader_of_one_execution_is_not_woken_for_another(hub: EventHub) -> None:
    mine, everything = hub.subscribe("a"), hub.subscribe()
    hub.publish(1, {"b"})
    assert await everything.wait(LONG_S)
    assert not await mine.wait(0.01)
    hub.publish(2, {"a", "b"})
    assert await mine.wait(LONG_S)
    mine.close()
    everything.close()


async def test_a_commit_that_names_no_execution_wakes_all(hub: EventHub) -> None:
    mine = hub.subscribe("a")
    hub.publish(1)
    assert await mine.wait(LONG_S)
    mine.close()


async def test_closing_wakes_every_reader_and_says_that_it_is_over(hub: EventHub) -> None:
    before = hub.subscribe("a")
    hub.close()
    after = hub.subscribe()
    for subscription in (before, after):
        assert await subscription.wait(LONG_S)
        assert subscription.over
        subscription.close()


async def test_a_closed_subscription_is_not_woken_and_may_be_closed_again(hub: EventHub) -> None:
    subscription = hub.subscribe()
    subscription.close()
    subscription.close()
    hub.publish(1)
    assert not await subscription.wait(0.01)


def test_a_reader_whose_loop_is_gone_does_not_disturb_the_writer(hub: EventHub) -> None:
    async def subscribe_and_forget() -> Subscription:
        return hub.subscribe()

    gone = asyncio.run(subscribe_and_forget())
    hub.publish(1)
    hub.publish(2)
    assert not gone.ring()
    assert hub.last_id == 2
