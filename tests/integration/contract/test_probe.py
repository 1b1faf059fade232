"""The process that tries kinds outlives what they do, and tells it."""

from __future__ import annotations

import os
import signal

import pytest

from ignition_toolkit.drill.asking import Probe
from ignition_toolkit.drill.examples import job_of
from ignition_toolkit.drill.job import Report
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.testing import StepContractBroken, check_step_contract
from tests.integration.contract.odd_kinds import EndsItsProcess, NeedsPlant, TellsLater, Waits


def said_of(handler: type[StepHandler], probe: Probe) -> str:
    """Return what the contract says of a kind that breaks it."""
    with pytest.raises(StepContractBroken) as caught:
        check_step_contract(handler, probe=probe)
    return str(caught.value)


def test_a_step_that_ends_its_process_is_told_and_the_next_one_is_tried(step_probe: Probe) -> None:
    assert "its process ended, with status 3" in said_of(EndsItsProcess, step_probe)
    report = check_step_contract(Waits, probe=step_probe)
    assert report.is_whole
    # Before it begins, at its first turns, where it waits; skipped and timed out there.
    assert report.tries >= 5
    assert len(report.took_s) >= 2


def test_a_step_that_fails_by_itself_was_not_tried(step_probe: Probe) -> None:
    text = said_of(NeedsPlant, step_probe)
    assert text.startswith("odd.needs_plant could not be tried: ")
    assert "no plant answers" in text


def test_what_is_told_after_the_end_is_a_breach(step_probe: Probe) -> None:
    assert "told something after its end: log: and another thing" in said_of(TellsLater, step_probe)


def waits(probe: Probe) -> Report:
    """Have a good kind tried."""
    return probe.report(job_of(Waits))


def test_a_probe_that_is_killed_is_told_and_replaced() -> None:
    with Probe() as probe:
        pid = probe.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        (breach,) = waits(probe).breaches
        assert "has ended" in breach.text
        assert waits(probe).is_kept
        assert probe.pid not in (None, pid)
    assert probe.pid is None
