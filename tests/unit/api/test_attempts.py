"""Wrong tokens are counted by address, for a while, in bounded memory."""

import logging

import pytest

from ignition_toolkit.api import attempts as module
from ignition_toolkit.api.attempts import BURST, REFILL_S, Attempts


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def exhaust(attempts: Attempts, address: str) -> None:
    """Use up what an address has."""
    for _ in range(BURST):
        assert attempts.wrong(address) is None


def test_one_too_many_is_told_when_to_come_again(attempts: Attempts, clock: Clock) -> None:
    exhaust(attempts, "10.0.0.9")
    assert attempts.wrong("10.0.0.9") == REFILL_S
    clock.now += 2.0
    assert attempts.wrong("10.0.0.9") == pytest.approx(REFILL_S - 2.0)
    clock.now += REFILL_S - 1.9
    assert attempts.wrong("10.0.0.9") is None
    assert attempts.wrong("10.0.0.9") == pytest.approx(REFILL_S, abs=0.2)


def test_going_on_does_not_make_the_wait_longer(attempts: Attempts, clock: Clock) -> None:
    exhaust(attempts, "10.0.0.9")
    for _ in range(1000):
        assert attempts.wrong("10.0.0.9") == REFILL_S
    clock.now += REFILL_S * BURST
    exhaust(attempts, "10.0.0.9")


def test_other_addresses_have_their_own(attempts: Attempts) -> None:
    exhaust(attempts, "10.0.0.9")
    exhaust(attempts, "10.0.0.8")
    exhaust(attempts, "unknown")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("fe80::1%eth0", "fe80::2%eth0"),
    ],
)
def test_who_has_many_addresses_counts_as_one(attempts: Attempts, one: str, other: str) -> None:
    exhaust(attempts, one)
    assert attempts.wrong(other) is not None


def test_however_many_addresses_there_are_few_are_remembered(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ADDRESSES", 20)
    exhaust(attempts, "10.0.0.9")
    for number in range(100):
        attempts.wrong(f"10.1.0.{number}")
        # Who goes on is not forgotten for those who come once.
        assert attempts.wrong("10.0.0.9") is not None
        assert len(attempts._counts) <= 20


def test_the_log_has_one_line_however_often_somebody_tries(
    attempts: Attempts, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(100):
        attempts.wrong("10.0.0.9")
        clock.now += 0.1
    (record,) = caplog.records
    assert "10.0.0.9" in record.getMessage()
    clock.now += REFILL_S * BURST
    for _ in range(20):
        attempts.wrong("10.0.0.9")
    assert len(caplog.records) == 2
