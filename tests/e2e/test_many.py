"""Fifty executions cancelled at once: no step acts after half a second."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import cycle, islice

import httpx2
import pytest

from tests.e2e.conftest import NewWitness
from tests.e2e.observer import Witness
from tests.e2e.server import Server
from tests.e2e.ways import STUCK, Stuck

Cancel = Callable[[Server, list[str]], Coroutine[object, object, float]]

PROMISE_S = 0.5
MANY = 50

#: Handlers that wait. Fifty that spin on two cores would show how long a start takes, not a cancel,
#: and a script lives for a minute only, which fifty starts may take on a busy machine.
WAITING = [
    stuck
    for stuck in STUCK
    if stuck.form == "handler" and stuck.way not in {"cpu_spin", "gil_held", "fork_chain"}
]


async def cancel_each(server: Server, ids: list[str]) -> float:
    """Cancel each by a request of its own, all at once; return the second before the first."""
    limits = httpx2.Limits(max_connections=MANY)
    async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client:
        # Connections are opened before: what is measured is the server, not fifty handshakes.
        await asyncio.gather(*(client.get("/api/health") for _ in ids))
        asked = time.monotonic()
        posts = (client.post(f"/api/executions/{execution_id}/cancel") for execution_id in ids)
        answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {202}
    return asked


async def cancel_all(server: Server, ids: list[str]) -> float:
    """Cancel all by one request; return the second before it."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=30) as client:
        asked = time.monotonic()
        answer = await client.post("/api/executions/cancel")
    assert answer.status_code == 202
    assert set(answer.json()["execution_ids"]) == set(ids)
    return asked


def started(server: Server, new: NewWitness) -> Iterator[tuple[str, Stuck, Witness]]:
    """Start fifty, and yield each."""
    for stuck in islice(cycle(WAITING), MANY):
        witness = new()
        yield server.client.start(stuck.path, beat=str(witness.path)), stuck, witness


# Most of the time goes into starting fifty, which is not what is measured.
@pytest.mark.timeout(300)
@pytest.mark.parametrize("cancel", [cancel_each, cancel_all])
def test_of_fifty_cancelled_at_once_none_acts_after_half_a_second(
    server: Server, witness: NewWitness, cancel: Cancel
) -> None:
    runs = list(started(server, witness))
    for _, stuck, one in runs:
        stuck.wait_acting(one, deadline_s=120.0)
    asked = asyncio.run(cancel(server, [execution_id for execution_id, _, _ in runs]))
    executions = [server.client.wait(execution_id, {"cancelled"}) for execution_id, _, _ in runs]
    late = {
        stuck.id: one.last() - asked for _, stuck, one in runs if one.last() > asked + PROMISE_S
    }
    assert not late, f"acted so many seconds after the request: {late}"
    for _, _, one in runs:
        one.assert_gone()
    assert all(execution["cancellation"]["leftovers"] == [] for execution in executions)
