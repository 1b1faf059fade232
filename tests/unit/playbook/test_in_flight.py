"""Requests that a step announces: open until their outcome is known, and for ever if it is not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ignition_toolkit.playbook.events import RequestAnnounced, RequestAnswered
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.playbook.step_handler import StepContext
from tests.unit.playbook.engine_host_fake import Bench, kind, program, step

LINE = "POST http://gw/restart"


async def _ask(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    with context.in_flight(LINE):
        if params.get("fail"):
            raise ConnectionError("reset by peer")
        await asyncio.sleep(params.get("seconds", 0))
    return {}


ASK = kind("test.ask", _ask)


@pytest.mark.parametrize("fail", [False, True])
async def test_a_request_is_open_until_it_is_answered_or_fails(fail: bool) -> None:
    bench = Bench(program(step("a", "test.ask", {"fail": fail})), ASK)
    await bench.run()
    (announced,) = bench.host.of(RequestAnnounced)
    assert (announced.step_id, announced.request) == ("a", LINE)
    (answered,) = bench.host.of(RequestAnswered)
    assert (answered.step_id, answered.number) == ("a", announced.number)


async def test_a_request_that_a_cancel_meets_stays_open() -> None:
    bench = Bench(program(step("a", "test.ask", {"seconds": 60})), ASK)
    running = asyncio.ensure_future(bench.run())
    while not bench.host.of(RequestAnnounced):
        await asyncio.sleep(0)
    bench.cancel()
    assert (await running).status is ExecutionStatus.CANCELLED
    assert bench.host.of(RequestAnswered) == []


async def test_each_request_has_a_number_of_its_own() -> None:
    bench = Bench(program(step("a", "test.ask"), step("b", "test.ask")), ASK)
    await bench.run()
    first, second = bench.host.of(RequestAnnounced)
    assert first.number != second.number
