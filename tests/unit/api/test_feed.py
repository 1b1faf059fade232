"""The feed: whoever asks, from wherever, gets each event once; and live ones are read once."""

import asyncio
from dataclasses import dataclass, field

import pytest

from ignition_toolkit.api import feed as feed_module
from ignition_toolkit.api.feed import BATCH_ROWS, KEPT_ROWS, Feed
from ignition_toolkit.execution.hub import EventHub
from tests.unit.api.fake_worker import FakeWorker


@dataclass
class Follower:
    """A stream without a client: asks until it has everything there is."""

    feed: Feed
    execution_id: str | None = None
    after: int = 0
    seen: list[int] = field(default_factory=list)

    async def catch_up(self) -> None:
        more = True
        async with asyncio.timeout(5):
            while more:
                batch = await self.feed.next(self.after, self.execution_id)
                self.seen += [event.id for event in batch.events]
                assert batch.position >= self.after
                self.after, more = batch.position, batch.more


def numbers(worker: FakeWorker, execution_id: str | None = None) -> list[int]:
    return [row.id for row in worker.rows if execution_id in (None, row.execution_id)]


def flood(worker: FakeWorker, execution_id: str, count: int) -> None:
    """Commit many lines as one group: one wake-up."""
    hub, worker.hub = worker.hub, EventHub()
    for number in range(count):
        worker.log(execution_id, f"line {number}")
    worker.hub = hub
    hub.publish(worker.rows[-1].id, {execution_id})


@pytest.fixture
def feed(worker: FakeWorker) -> Feed:
    return Feed(worker)


async def test_a_history_from_before_the_server_was_started_is_whole(worker: FakeWorker) -> None:
    mine, other = worker.add().execution_id, worker.add().execution_id
    flood(worker, other, 3 * BATCH_ROWS)
    flood(worker, mine, 2 * BATCH_ROWS + 1)
    # A restarted server has heard of no commit yet.
    worker.hub = EventHub()
    feed = Feed(worker)
    for execution_id in (mine, other, None):
        follower = Follower(feed, execution_id)
        await follower.catch_up()
        assert follower.seen == numbers(worker, execution_id)


async def test_one_group_of_many_events_reaches_every_follower_whole(
    worker: FakeWorker, feed: Feed
) -> None:
    mine, other = worker.add().execution_id, worker.add().execution_id
    worker.log(mine, "first")
    followers = [Follower(feed, execution_id) for execution_id in (None, mine, other) * 3]
    for count in (1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 5 * BATCH_ROWS):
        flood(worker, mine, count)
        flood(worker, other, count)
        await asyncio.gather(*(follower.catch_up() for follower in followers))
    for follower in followers:
        assert follower.seen == numbers(worker, follower.execution_id)


async def test_live_events_are_read_once_for_all_followers(worker: FakeWorker, feed: Feed) -> None:
    mine = worker.add().execution_id
    followers = [Follower(feed) for _ in range(20)]
    await asyncio.gather(*(follower.catch_up() for follower in followers))
    before = worker.reads
    for number in range(10):
        worker.log(mine, str(number))
        await asyncio.gather(*(follower.catch_up() for follower in followers))
    assert worker.reads - before == 10


async def test_a_follower_that_fell_far_behind_gets_all_the_same(
    worker: FakeWorker, feed: Feed
) -> None:
    mine = worker.add().execution_id
    quick, slow = Follower(feed), Follower(feed)
    await asyncio.gather(quick.catch_up(), slow.catch_up())
    for _ in range(3):
        for _ in range(5):
            flood(worker, mine, KEPT_ROWS // 3)
            await quick.catch_up()
        await slow.catch_up()
    assert quick.seen == slow.seen == numbers(worker)


async def test_what_nobody_has_followed_for_long_is_not_read_for_a_newcomer(
    worker: FakeWorker, feed: Feed
) -> None:
    mine, other = worker.add().execution_id, worker.add().execution_id
    first = Follower(feed, mine)
    worker.log(mine, "first")
    await first.catch_up()
    for _ in range(20):
        flood(worker, other, KEPT_ROWS)
    worker.log(mine, "second")
    before = worker.reads
    await first.catch_up()
    assert first.seen == numbers(worker, mine)
    assert worker.reads - before <= 3


async def test_followers_that_are_behind_the_newest_by_little_share_too(
    worker: FakeWorker, feed: Feed
) -> None:
    mine = worker.add().execution_id
    early, late = Follower(feed), Follower(feed)
    await early.catch_up()
    worker.log(mine, "a")
    await early.catch_up()
    await late.catch_up()
    worker.log(mine, "b")
    await late.catch_up()
    await early.catch_up()
    assert early.seen == late.seen == [1, 2]


async def test_removed_events_are_not_waited_for(worker: FakeWorker, feed: Feed) -> None:
    mine = worker.add().execution_id
    follower = Follower(feed)
    worker.log(mine, "stays")
    await follower.catch_up()
    worker.log(mine, "is removed before anybody reads it")
    removed = worker.rows.pop()
    await follower.catch_up()
    assert follower.seen == [1]
    assert follower.after == removed.id


async def test_what_is_kept_has_a_bound_in_events_and_in_bytes(
    worker: FakeWorker, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "KEPT_BYTES", 100_000)
    mine = worker.add().execution_id
    follower, behind = Follower(feed), Follower(feed)
    await follower.catch_up()
    await behind.catch_up()
    for _ in range(300):
        worker.log(mine, "x" * 10_000)
        await follower.catch_up()
    assert sum(len(event.text) for event in feed._kept) < 100_000 + 20_000
    for _ in range(20):
        flood(worker, mine, BATCH_ROWS)
        await follower.catch_up()
    assert len(feed._kept) <= KEPT_ROWS + BATCH_ROWS
    await behind.catch_up()
    assert follower.seen == behind.seen == numbers(worker)


async def test_a_follower_that_leaves_while_it_reads_stops_nobody_else(
    worker: FakeWorker, feed: Feed
) -> None:
    mine = worker.add().execution_id
    await Follower(feed).catch_up()
    worker.gate = asyncio.Event()
    worker.log(mine, "live")
    leaving = asyncio.create_task(Follower(feed).catch_up())
    staying = Follower(feed)
    other = asyncio.create_task(staying.catch_up())
    await asyncio.sleep(0.01)
    leaving.cancel()
    worker.gate.set()
    await other
    assert staying.seen == [1]
    with pytest.raises(asyncio.CancelledError):
        await leaving
