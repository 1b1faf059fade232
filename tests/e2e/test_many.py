"""Many executions cancelled at once: no step acts after half a second."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import cycle, islice
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import NewWitness
from tests.e2e.observer import Witness, monotonic_of
from tests.e2e.server import Server
from tests.e2e.ways import BUSY, STUCK, Stuck

Cancel = Callable[[Server, list[str]], None]
Record = Callable[[str, object], None]

PROMISE_S = 0.5
#: In the gate, where other tests run beside them, and in `make stress`.
MANY, MOST = 50, 100

#: Handlers that wait. Many that spin on two cores would show how long a start takes, not a cancel,
#: and a script lives for a minute only, which so many starts may take on a busy machine.
WAITING = [stuck for stuck in STUCK if stuck.form == "handler" and stuck.way not in BUSY]


def cancel_each(server: Server, ids: list[str]) -> None:
    """Cancel each by a request of its own, all sent at once."""
    answers = asyncio.run(post_to_each(server, ids))
    assert {answer.status_code for answer in answers} == {202}


async def post_to_each(server: Server, ids: list[str]) -> list[httpx2.Response]:
    """Send all requests at once, each over a connection of its own."""
    limits = httpx2.Limits(max_connections=MOST)
    async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client:
        posts = (client.post(f"/api/executions/{execution_id}/cancel") for execution_id in ids)
        return await asyncio.gather(*posts)


def cancel_all(server: Server, ids: list[str]) -> None:
    """Cancel all by one request."""
    answer = server.client.http.post("/api/executions/cancel")
    assert answer.status_code == 202
    assert set(answer.json()["execution_ids"]) == set(ids)


def started(server: Server, new: NewWitness, number: int) -> Iterator[tuple[str, Stuck, Witness]]:
    """Start so many, and yield each."""
    for stuck in islice(cycle(WAITING), number):
        witness = new()
        yield server.client.start(stuck.path, beat=str(witness.path)), stuck, witness


def requested(execution: dict[str, Any]) -> float:
    """Return the monotonic second at which a server took note of a cancel."""
    stamp = execution["cancellation"]["requested_at"]
    return monotonic_of(datetime.fromisoformat(stamp).timestamp())


# Most of the time goes into starting them, which is not what is measured.
@pytest.mark.timeout(300)
def test_of_fifty_cancelled_at_once_none_acts_after_half_a_second(
    server: Server, witness: NewWitness, record_property: Record
) -> None:
    run_many(server, witness, MANY, cancel_all, record_property)


@pytest.mark.stress
@pytest.mark.parametrize("cancel", [cancel_each, cancel_all])
def test_of_a_hundred_cancelled_at_once_none_acts_five_times(
    server: Server, witness: NewWitness, cancel: Cancel, record_property: Record
) -> None:
    for _ in range(5):
        run_many(server, witness, MOST, cancel, record_property)


def run_many(
    server: Server, witness: NewWitness, number: int, cancel: Cancel, record: Record
) -> None:
    """Start so many, cancel them, and fail when one acts later than promised."""
    runs = list(started(server, witness, number))
    for _, stuck, one in runs:
        stuck.wait_acting(one, deadline_s=120.0)
    asked = time.monotonic()
    cancel(server, [execution_id for execution_id, _, _ in runs])
    executions = [server.client.wait(execution_id, {"cancelled"}) for execution_id, _, _ in runs]
    acted: dict[str, float] = {}
    for execution, (_, stuck, one) in zip(executions, runs, strict=True):
        # So many requests wait for each other in the sockets, which is no matter of the stop.
        since = asked if cancel is cancel_all else requested(execution)
        acted[stuck.id] = max(one.last() - since, acted.get(stuck.id, 0.0))
    record("last_act_s", round(max(acted.values()), 3))
    late = {name: after for name, after in acted.items() if after > PROMISE_S}
    assert not late, f"acted so many seconds after the request: {late}"
    for _, _, one in runs:
        one.assert_gone()
    assert all(execution["cancellation"]["leftovers"] == [] for execution in executions)
