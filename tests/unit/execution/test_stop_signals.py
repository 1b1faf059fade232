"""Signals are wishes: to stop, to stop without grace; and one Ctrl-C is one wish."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest

from ignition_toolkit.execution import stop_signals
from ignition_toolkit.execution.stop_signals import EXIT_INTERRUPTED, StopSignals

DEADLINE_S = 5.0


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    with StopSignals() as signals:
        yield signals


@pytest.fixture
def every_signal_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_signals, "ONE_WISH_S", 0.0)


@pytest.fixture
def exit_codes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the codes of exits that do not happen."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


def send(number: signal.Signals) -> None:
    """Signal this process, and return when Python has called the handler."""
    os.kill(os.getpid(), number)
    signal.sigpending()


@pytest.mark.parametrize("number", stop_signals.SIGNALS)
def test_each_of_the_signals_is_a_wish_with_a_name(
    signals: StopSignals, number: signal.Signals
) -> None:
    send(number)
    assert signals.wait(DEADLINE_S)
    assert (signals.wishes, signals.first) == (1, number.name)


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
    assert signals.wait(0)
    async with asyncio.timeout(DEADLINE_S):
        await signals.reached(1)


def test_nothing_happened_is_told_at_the_deadline(signals: StopSignals) -> None:
    assert not signals.wait(0.01)
    assert (signals.wishes, signals.first) == (0, None)


def test_a_wait_is_over_as_soon_as_a_signal_comes(signals: StopSignals) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    begun = time.monotonic()
    try:
        assert signals.wait(30)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - begun < 10


async def test_a_second_ctrl_c_insists(signals: StopSignals, every_signal_counts: None) -> None:
    send(signal.SIGTERM)
    await signals.reached(1)
    insisted = asyncio.create_task(signals.reached(2))
    await asyncio.sleep(0)
    send(signal.SIGINT)
    async with asyncio.timeout(DEADLINE_S):
        await insisted
    assert (signals.wishes, signals.first) == (2, "SIGTERM")


async def test_the_first_wish_does_not_count_as_the_second(signals: StopSignals) -> None:
    send(signal.SIGINT)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await signals.reached(2)


def test_copies_of_one_wish_count_once(signals: StopSignals) -> None:
    for _ in range(3):
        send(signal.SIGINT)
    assert signals.wishes == 1


def test_a_ctrl_c_that_comes_later_is_another_wish(
    signals: StopSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(signal.SIGINT)
    later = time.monotonic() + stop_signals.ONE_WISH_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    send(signal.SIGINT)
    assert signals.wishes == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("first", stop_signals.SIGNALS)
def test_only_a_ctrl_c_insists(
    signals: StopSignals, every_signal_counts: None, first: signal.Signals, number: signal.Signals
) -> None:
    for each in (first, number, number):
        send(each)
    assert (signals.wishes, signals.first) == (1, first.name)


def test_a_third_ctrl_c_ends_a_process_that_wants_it_so(
    every_signal_counts: None, exit_codes: list[int]
) -> None:
    with StopSignals(leave_at=3):
        send(signal.SIGTERM)
        send(signal.SIGINT)
        assert exit_codes == []
        send(signal.SIGINT)
    assert exit_codes == [EXIT_INTERRUPTED]


def test_a_process_that_does_not_want_it_so_hears_every_wish(
    signals: StopSignals, every_signal_counts: None, exit_codes: list[int]
) -> None:
    for _ in range(5):
        send(signal.SIGINT)
    assert (signals.wishes, exit_codes) == (5, [])


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
