"""Of one step at most one message a second is sent, and no block is lost."""

from __future__ import annotations

import pytest

from ignition_toolkit.protocol import Blocked
from ignition_toolkit.runner.block_reports import TELL_EVERY_S, BlockReports


class Told:
    """What was sent, and a clock that stands still."""

    def __init__(self) -> None:
        self.t = 1000.0
        self.sent: list[Blocked] = []
        self.reports = BlockReports(self.sent.append, lambda: self.t)


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_first_block_is_told_at_once(told: Told) -> None:
    told.reports.add("a", 0.84321, "here")
    expected = Blocked(step_id="a", seconds=0.843, place="here", times=1, total_s=0.843)
    assert told.sent == [expected]


def test_the_next_message_tells_of_those_that_were_only_counted(told: Told) -> None:
    told.reports.add("a", 0.1, "first")
    for seconds, place in ((0.2, "short"), (0.5, "longest"), (0.3, None)):
        told.t += TELL_EVERY_S / 4
        told.reports.add("a", seconds, place)
    assert len(told.sent) == 1
    told.t += TELL_EVERY_S / 4
    told.reports.add("a", 0.4, "newest")
    assert told.sent[1:] == [
        Blocked(step_id="a", seconds=0.5, place="longest", times=4, total_s=1.4)
    ]


def test_the_end_of_the_step_tells_of_them_and_once_only(told: Told) -> None:
    told.reports.add("a", 0.1, "first")
    told.reports.add("a", 0.2, None)
    for _ in range(2):
        told.reports.end("a")
    assert told.sent[1:] == [Blocked(step_id="a", seconds=0.2, times=1, total_s=0.2)]


def test_the_end_of_a_step_without_blocks_tells_nothing(told: Told) -> None:
    told.reports.end("a")
    told.reports.add("a", 0.1, "here")
    told.reports.end("a")
    assert len(told.sent) == 1


def test_one_step_does_not_silence_another(told: Told) -> None:
    told.reports.add("a", 0.1, "here")
    told.reports.add("b", 0.1, "here")
    assert [sent.step_id for sent in told.sent] == ["a", "b"]
