"""Signals ask: once to cancel, twice to kill, however many copies of one wish arrive."""

import asyncio
import os
import signal
import time

import pytest

from ignition_toolkit.cli import interrupts as interrupts_module
from ignition_toolkit.cli.interrupts import Interrupts


def send(number: signal.Signals) -> None:
    """Signal this process, and return when Python has called the handler."""
    os.kill(os.getpid(), number)
    signal.sigpending()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_of_the_signals_is_a_wish(number: signal.Signals) -> None:
    with Interrupts() as interrupts:
        send(number)
        assert interrupts.wait(5)
        assert (interrupts.wishes, interrupts.first) == (1, number.name)


def test_nothing_happened_is_told_at_the_deadline() -> None:
    with Interrupts() as interrupts:
        assert not interrupts.wait(0.01)


def test_copies_of_one_wish_count_once() -> None:
    with Interrupts() as interrupts:
        for _ in range(3):
            send(signal.SIGINT)
        assert interrupts.wait(5)
        assert interrupts.wishes == 1


def test_a_second_sigint_is_a_second_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts_module, "ONE_WISH_S", 0.0)
    with Interrupts() as interrupts:
        send(signal.SIGTERM)
        send(signal.SIGINT)
        assert (interrupts.wishes, interrupts.first) == (2, "SIGTERM")


def test_a_closing_terminal_is_one_wish_however_often_it_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interrupts_module, "ONE_WISH_S", 0.0)
    with Interrupts() as interrupts:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            send(number)
        assert interrupts.wishes == 1


async def test_a_loop_that_waits_is_woken() -> None:
    with Interrupts() as interrupts:
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGINT)
        async with asyncio.timeout(5):
            await interrupts.reached(1)


async def test_a_wish_from_before_the_loop_is_not_lost() -> None:
    with Interrupts() as interrupts:
        send(signal.SIGINT)
        async with asyncio.timeout(5):
            await interrupts.reached(1)


async def test_the_first_wish_does_not_count_as_the_second() -> None:
    with Interrupts() as interrupts:
        send(signal.SIGINT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await interrupts.reached(2)


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            send(signal.SIGHUP)
            assert interrupts.wishes == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_handlers_of_before_come_back() -> None:
    before = [signal.getsignal(number) for number in interrupts_module.SIGNALS]
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in interrupts_module.SIGNALS] == before


def test_a_wait_is_over_as_soon_as_a_signal_comes() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    begun = time.monotonic()
    try:
        with Interrupts() as interrupts:
            assert interrupts.wait(30)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - begun < 10
