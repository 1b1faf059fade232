"""Events are followed over lost connections and restarts: each once, to the last."""

import asyncio
import time

import httpx2
import pytest

from ignition_toolkit.cli import stream as stream_module
from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.stream import events_so_far, follow_events
from ignition_toolkit.errors import NotFound, ServerUnreachable
from tests.unit.cli.fake_server import FakeServer, problem, refused, stream
from tests.unit.cli.samples import EXECUTION_ID, execution, execution_event, log_event

EVENTS = f"GET /api/executions/{EXECUTION_ID}/events"
STATUS = f"GET /api/executions/{EXECUTION_ID}/status"


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(stream_module, "RETRY_S", 0.0)


async def followed(server: FakeServer, patience_s: float = 5.0) -> list[Event]:
    """Follow to the end."""
    async with server.client() as client:
        events = [
            event async for event in follow_events(client, EXECUTION_ID, patience_s=patience_s)
        ]
    await generators_closed()
    return events


async def generators_closed() -> None:
    """Let the loop close the generators that httpx2 drops when a stream is left early."""
    for _ in range(10):
        await asyncio.sleep(0)


def positions(server: FakeServer) -> list[str]:
    """Return after which event each stream was asked for."""
    return [r.headers["last-event-id"] for r in server.requests if r.url.path.endswith("events")]


async def test_a_stream_is_followed_to_the_event_that_is_the_last() -> None:
    server = FakeServer()
    server.on(EVENTS, stream(log_event(4, "a"), execution_event(7, "completed")))
    assert [event.id for event in await followed(server)] == [4, 7]
    assert positions(server) == ["0"]


async def test_a_broken_stream_goes_on_where_it_broke() -> None:
    server = FakeServer()
    server.on(
        EVENTS,
        stream(log_event(4, "a"), log_event(5, "b"), breaks=True),
        refused,
        stream(breaks=True),
        stream(log_event(6, "c"), execution_event(7, "interrupted")),
    )
    assert [event.id for event in await followed(server)] == [4, 5, 6, 7]
    assert positions(server) == ["0", "5", "5", "5"]


async def test_a_stream_that_ends_with_its_server_is_taken_up_again() -> None:
    server = FakeServer()
    server.on(EVENTS, stream(log_event(4, "a")), stream(execution_event(5, "cancelled")))
    assert [event.id for event in await followed(server)] == [4, 5]


async def test_an_execution_that_is_over_ends_when_nothing_follows() -> None:
    server = FakeServer()
    server.on(EVENTS, lambda: httpx2.Response(204))
    server.on(STATUS, execution("completed").model_dump(mode="json"))
    assert await followed(server) == []


async def test_a_stream_without_news_is_not_the_end_while_the_execution_runs() -> None:
    server = FakeServer()
    server.on(EVENTS, stream(), stream(execution_event(5, "failed")))
    server.on(STATUS, execution("running").model_dump(mode="json"))
    assert [event.id for event in await followed(server)] == [5]


async def test_a_server_that_stays_away_is_given_up_after_the_patience() -> None:
    server = FakeServer()
    server.on(EVENTS, refused)
    begun = time.monotonic()
    with pytest.raises(ServerUnreachable):
        await followed(server, patience_s=0.05)
    assert 0.05 <= time.monotonic() - begun < 5


async def test_a_server_that_does_not_know_the_execution_is_not_asked_again() -> None:
    server = FakeServer()
    server.on(EVENTS, problem(404, "not-found", "no such execution"))
    with pytest.raises(NotFound, match="no such execution"):
        await followed(server)
    assert len(server.requests) == 1


async def test_what_is_so_far_ends_when_it_is_quiet() -> None:
    server = FakeServer()
    server.on(EVENTS, stream(log_event(4, "a"), log_event(5, "b")), stream())
    server.on(STATUS, execution("running").model_dump(mode="json"))
    async with server.client() as client:
        events = [e async for e in events_so_far(client, EXECUTION_ID, quiet_s=0.05)]
    assert [event.id for event in events] == [4, 5]


async def test_what_is_so_far_is_all_when_the_execution_is_over() -> None:
    server = FakeServer()
    server.on(EVENTS, stream(log_event(4, "a"), execution_event(5, "completed")))
    async with server.client() as client:
        events = [e async for e in events_so_far(client, EXECUTION_ID, quiet_s=60)]
    await generators_closed()
    assert [event.id for event in events] == [4, 5]


def test_only_the_final_status_of_the_execution_is_the_last_event() -> None:
    assert execution_event(1, "cancelled").is_last
    assert not execution_event(1, "cancelling").is_last
    assert not Event(1, "step", {"status": "completed"}).is_last
    assert not Event(1, "execution", {"status": "of a later release"}).is_last
    assert not Event(1, "execution", {}).is_last
