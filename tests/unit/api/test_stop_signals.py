"""Signals are wishes: to stop, to stop without grace; and one Ctrl-C is one wish."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from ignition_toolkit.api import stop_signals
from ignition_toolkit.api.stop_signals import EXIT_INTERRUPTED, StopSignals

DEADLINE_S = 5.0


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    with StopSignals() as signals:
        yield signals


@pytest.fixture
def every_signal_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_signals, "ONE_WISH_S", 0.0)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", stop_signals.SIGNALS)
async def test_each_of_the_signals_wakes_a_loop_that_sleeps(
    signals: StopSignals, number: signal.Signals
) -> None:
    waiting = asyncio.create_task(signals.reached(1))
    asyncio.get_running_loop().call_later(0.02, send, number)
    async with asyncio.timeout(DEADLINE_S):
        await waiting


async def test_a_signal_before_anybody_waits_is_not_lost(signals: StopSignals) -> None:
    send(signal.SIGTERM)
    async with asyncio.timeout(DEADLINE_S):
        await signals.reached(1)


async def test_a_second_ctrl_c_insists(signals: StopSignals, every_signal_counts: None) -> None:
    send(signal.SIGTERM)
    await signals.reached(1)
    insisted = asyncio.create_task(signals.reached(2))
    await asyncio.sleep(0)
    send(signal.SIGINT)
    async with asyncio.timeout(DEADLINE_S):
        await insisted


def test_one_ctrl_c_that_comes_twice_is_one_wish(signals: StopSignals) -> None:
    send(signal.SIGINT)
    send(signal.SIGINT)
    assert signals.wishes == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_only_a_ctrl_c_insists(
    signals: StopSignals, every_signal_counts: None, number: signal.Signals
) -> None:
    for _ in range(5):
        send(number)
    assert signals.wishes == 1


def test_a_third_ctrl_c_ends_the_process_at_once(
    signals: StopSignals, every_signal_counts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    for _ in range(3):
        send(signal.SIGINT)
    assert codes == [EXIT_INTERRUPTED]


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            send(signal.SIGHUP)
            assert signals.wishes == 0
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_afterwards_the_signals_mean_what_they_meant_before() -> None:
    before = {number: signal.getsignal(number) for number in stop_signals.SIGNALS}
    with StopSignals():
        assert all(signal.getsignal(number) != before[number] for number in before)
    assert {number: signal.getsignal(number) for number in before} == before
