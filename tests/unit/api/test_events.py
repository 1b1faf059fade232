"""Streams: every event once and in order, from where the client was, and nothing for the slow."""

import asyncio
import json
import re

import httpx2
import jsonschema
import pytest
from fastapi import FastAPI

from ignition_toolkit.api import events as events_module
from ignition_toolkit.api.event_schema import event_schema
from ignition_toolkit.api.events import CHUNK_BYTES, stream
from ignition_toolkit.api.feed import Feed
from ignition_toolkit.errors import StoreError
from ignition_toolkit.playbook.models import ExecutionStatus
from tests.unit.api.asgi import Conversation
from tests.unit.api.fake_worker import FakeWorker, record_of

EVENT = re.compile(r"(?m)^event: (\w+)\ndata: (.*)\nid: (\d+)\n\n")


@pytest.fixture(autouse=True)
def short_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "LINGER_S", 0.05)


def ids(text: str) -> list[int]:
    """Return the numbers of the events in a stream's text."""
    return [int(found[3]) for found in EVENT.finditer(text)]


def address(execution_id: str) -> str:
    return f"/api/executions/{execution_id}/events"


async def test_the_stream_of_one_starts_at_its_first_event_and_goes_on_live(
    app: FastAPI, worker: FakeWorker
) -> None:
    mine, other = worker.add().execution_id, worker.add().execution_id
    worker.put(mine, status=ExecutionStatus.RUNNING)
    worker.log(other, "not mine")
    worker.log(mine, "before")
    async with Conversation(app, address(mine)) as talk:
        status, headers = await talk.start()
        assert status == 200
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "no-store"
        text = await talk.until("before")
        worker.log(other, "not mine either")
        worker.log(mine, "live")
        text += await talk.until("live")
    assert ids(text) == [1, 3, 5]
    assert "not mine" not in text


async def test_the_stream_of_all_starts_with_what_is_new(app: FastAPI, worker: FakeWorker) -> None:
    mine, other = worker.add().execution_id, worker.add().execution_id
    worker.log(mine, "old")
    async with Conversation(app, "/api/events") as talk:
        await talk.start()
        text = await talk.until("\n\n")
        worker.log(mine, "new")
        worker.log(other, "newest")
        text += await talk.until("newest")
    assert ids(text) == [2, 3]


@pytest.mark.parametrize("whose", ["one", "all"])
@pytest.mark.parametrize(
    ("query", "header"), [("?last_event_id=2", None), ("", "2"), ("?last_event_id=1", "2")]
)
async def test_a_client_that_comes_back_misses_nothing_and_sees_nothing_twice(
    app: FastAPI, worker: FakeWorker, whose: str, query: str, header: str | None
) -> None:
    mine = worker.add().execution_id
    for number in range(1, 6):
        worker.log(mine, f"line {number}")
    path = (address(mine) if whose == "one" else "/api/events") + query
    headers = [("last-event-id", header)] if header else []
    async with Conversation(app, path, headers=headers) as talk:
        await talk.start()
        text = await talk.until("line 5")
    assert ids(text) == [3, 4, 5]


async def test_a_number_from_another_data_folder_starts_anew(
    app: FastAPI, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    worker.log(mine, "first")
    async with Conversation(app, f"{address(mine)}?last_event_id=1000") as talk:
        await talk.start()
        assert ids(await talk.until("first")) == [1]


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "9" * 19, "9" * 40, "٣"])
async def test_a_number_that_is_none_is_refused(client: httpx2.AsyncClient, number: str) -> None:
    answer = await client.get("/api/events", params={"last_event_id": number})
    assert answer.status_code == 422
    assert list(answer.json()["parameters"]) == ["last_event_id"]


async def test_the_stream_of_an_unknown_execution_is_404(client: httpx2.AsyncClient) -> None:
    answer = await client.get(address("unknown"))
    assert answer.status_code == 404


async def test_the_stream_of_one_ends_by_itself_after_its_final_event(
    app: FastAPI, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    async with Conversation(app, address(mine)) as talk:
        await talk.start()
        await talk.until("\n\n")
        worker.finish_cancelled(mine)
        text = (await talk.rest()).decode()
    assert ids(text) == [1]
    assert text.rstrip().endswith("nothing follows")
    data = json.loads(EVENT.findall(text)[0][1])
    assert data["cancellation"]["outcome"] == "killed"


async def test_the_stream_of_all_goes_on_after_a_final_event(
    app: FastAPI, worker: FakeWorker
) -> None:
    one, two = worker.add().execution_id, worker.add().execution_id
    async with Conversation(app, "/api/events") as talk:
        await talk.start()
        worker.finish_cancelled(one)
        await talk.until(one)
        worker.log(two, "still here")
        await talk.until("still here")


async def test_a_browser_that_has_seen_the_end_is_told_not_to_come_back(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    worker.finish_cancelled(mine)
    answer = await client.get(address(mine), headers={"last-event-id": "1"})
    assert answer.status_code == 204
    assert answer.content == b""


async def test_one_that_has_not_seen_the_end_gets_it(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    worker.log(mine, "line")
    worker.finish_cancelled(mine)
    answer = await client.get(address(mine), headers={"last-event-id": "1"})
    assert ids(answer.text) == [2]


async def test_a_silent_stream_is_kept_alive_even_while_others_are_busy(
    app: FastAPI, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "KEEP_ALIVE_S", 0.1)
    mine = worker.add().execution_id
    async with Conversation(app, address(mine)) as talk:
        await talk.start()
        await talk.until("\n\n")
        for _ in range(20):
            # A wake-up that brings nothing must not put the comment off.
            worker.hub.publish(0)
            await asyncio.sleep(0.01)
        assert await talk.until("keep-alive")


async def test_data_is_one_line_of_json_whatever_the_text(app: FastAPI, worker: FakeWorker) -> None:
    hostile = "a\nevent: step\ndata: {}\r\n\nid: 99\r \u2028 \u0000 <b> ü"
    mine = worker.add().execution_id
    worker.log(mine, hostile)
    worker.finish_cancelled(mine)
    async with Conversation(app, address(mine)) as talk:
        await talk.start()
        text = (await talk.rest()).decode()
    assert ids(text) == [1, 2]
    assert json.loads(EVENT.findall(text)[0][1])["message"] == hostile


async def test_a_long_history_comes_whole_in_bounded_pieces(
    app: FastAPI, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    total = 3000
    for number in range(total):
        worker.log(mine, f"line {number} " + "x" * 200)
    worker.finish_cancelled(mine)
    sizes, text, more = [], "", True
    async with Conversation(app, address(mine)) as talk:
        await talk.start()
        while more:
            part, more = await talk.part()
            sizes.append(len(part))
            text += part.decode()
    assert ids(text) == list(range(1, total + 2))
    assert max(sizes) < 2 * CHUNK_BYTES


async def test_a_client_that_does_not_read_costs_one_batch(
    app: FastAPI, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    async with Conversation(app, address(mine)) as talk:
        await talk.start()
        await talk.until("\n\n")
        talk.reads.clear()
        for _ in range(50):
            worker.log(mine, "x")
            await asyncio.sleep(0.002)
        stalled_at = worker.reads
        for _ in range(50):
            worker.log(mine, "x")
            await asyncio.sleep(0.002)
        assert worker.reads == stalled_at, "it is not read for who does not read"
        talk.reads.set()
        worker.log(mine, "the last")
        text = await talk.until("the last")
    assert ids(text)[-1] == 101


async def test_a_client_that_leaves_takes_its_subscription_along(
    app: FastAPI, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    for path in (address(mine), "/api/events"):
        async with Conversation(app, path) as talk:
            await talk.start()
            await talk.until("\n\n")
            assert len(worker.hub._subscriptions) == 1
        assert len(worker.hub._subscriptions) == 0


async def test_closing_the_hub_ends_every_stream(app: FastAPI, worker: FakeWorker) -> None:
    mine = worker.add().execution_id
    async with (
        Conversation(app, address(mine)) as one,
        Conversation(app, "/api/events") as all_of_them,
    ):
        for talk in (one, all_of_them):
            await talk.start()
            await talk.until("\n\n")
        worker.log(mine, "the last")
        worker.hub.close()
        assert b"the last" in await one.rest()
        assert b"the last" in await all_of_them.rest()


async def test_a_database_that_fails_ends_the_stream_for_the_client_to_come_back(
    app: FastAPI, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    async with Conversation(app, address(mine)) as talk:
        await talk.start()
        await talk.until("\n\n")
        worker.error = StoreError("the database is locked")
        worker.hub.publish(1)
        assert b"come back" in await talk.rest()


async def test_readers_of_a_racing_writer_see_every_event_once_and_in_order(
    worker: FakeWorker,
) -> None:
    mine = worker.add().execution_id
    total = 2000
    feed = Feed(worker)

    async def write() -> None:
        for number in range(total):
            worker.log(mine, str(number))
            if number % 7 == 0:
                await asyncio.sleep(0)
        worker.finish_cancelled(mine)

    async def read() -> list[int]:
        return ids("".join([part.decode() async for part in stream(feed, worker.hub, 0, mine)]))

    results = await asyncio.gather(*(read() for _ in range(5)), write())
    for seen in results[:5]:
        assert seen == list(range(1, total + 2))


@pytest.fixture
def published(worker: FakeWorker) -> list[dict[str, object]]:
    """One event of each kind that the fake makes, as a client parses it."""
    mine = worker.add()
    worker.step(mine.execution_id, mine.step_results[0])
    worker.log(mine.execution_id, "line")
    progress = {"execution_id": mine.execution_id, "step_id": "step1", "done": 1.0}
    worker.commit("progress", mine.execution_id, {**progress, "total": None, "message": ""})
    worker.finish_cancelled(mine.execution_id, killed=record_of().killed)
    return [{"id": row.id, "event": row.kind, "data": row.data} for row in worker.rows]


async def test_every_event_fits_the_published_schema(
    client: httpx2.AsyncClient, published: list[dict[str, object]]
) -> None:
    schema = (await client.get("/api/schema/events.json")).json()
    assert schema == event_schema()
    validator = jsonschema.Draft202012Validator(schema)
    assert [event["event"] for event in published] == ["step", "log", "progress", "execution"]
    for event in published:
        validator.validate(event)
    for wrong in ({**published[0], "event": "frame"}, {**published[0], "data": {}}):
        assert not validator.is_valid(wrong)
