"""The events of one execution on a server, over lost connections and restarts of the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ignition_toolkit.cli.client import ANSWER_S, ServerClient
from ignition_toolkit.cli.events import Event
from ignition_toolkit.errors import ServerUnreachable, StoreError

#: Seconds between two tries to reach a server that has gone.
RETRY_S = 0.5

#: Seconds without any contact after which a server is given up: a restart takes a few.
PATIENCE_S = 60.0


async def follow_events(
    client: ServerClient, execution_id: str, *, patience_s: float = PATIENCE_S
) -> AsyncGenerator[Event, None]:
    """Yield every event of an execution from its first to its last, each once.

    Args:
        client: the server.
        execution_id: an execution that the server knows.
        patience_s: seconds to keep trying when the server does not answer.

    Raises:
        ServerUnreachable: it did not answer for that long.
        NotFound: the server that answers does not know the execution.

    Cancellation: at once; the connection is closed.
    """
    after = 0
    lost_at: float | None = None
    while True:
        news = False
        try:
            async with client.events(f"/api/executions/{execution_id}/events", after) as events:
                lost_at = None
                async for event in events:
                    after, news = event.id or after, True
                    yield event
                    if event.is_last:
                        return
            # A stream also ends when its server stops: it is over when another brings nothing.
            if not news and await _is_over(client, execution_id):
                return
        except (ServerUnreachable, StoreError):
            lost_at = lost_at or time.monotonic()
            if time.monotonic() - lost_at >= patience_s:
                raise
        await asyncio.sleep(RETRY_S)


async def events_so_far(
    client: ServerClient, execution_id: str, *, quiet_s: float = 0.5
) -> AsyncGenerator[Event, None]:
    """Yield the events that there are; new ones that come within `quiet_s` of another count.

    Raises and cancellation: as `follow_events`, without patience.
    """
    wait_s = ANSWER_S
    async with aclosing(follow_events(client, execution_id, patience_s=0)) as events:
        iterator = aiter(events)
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    event = await anext(iterator)
            except (StopAsyncIteration, TimeoutError):
                return
            wait_s = quiet_s
            yield event


async def _is_over(client: ServerClient, execution_id: str) -> bool:
    execution = await client.get(f"/api/executions/{execution_id}/status")
    return Event(0, "execution", execution).is_last
