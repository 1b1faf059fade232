"""Who loses a cancel is caught by the contract, as the table of tests/bad_steps says."""

from __future__ import annotations

import pytest

from ignition_toolkit.drill.asking import Probe
from ignition_toolkit.testing import StepContractBroken, check_step_contract
from tests.bad_steps.kinds import CAUGHT, CONTROL, handlers

#: Seconds that each takes by itself: more than the half second in which all has to be over.
SECONDS = 0.8
#: One of each way in the gate, and all that neither the linter nor the watchdog finds.
IN_THE_GATE = [
    CONTROL,
    "bad.sleeps_directly",
    "bad.time_sleep",
    "bad.makes_it_failure",
    "bad.starts_thread",
    "bad.leaves_child",
    *(kind for kind, caught in CAUGHT.items() if not caught.lint and not caught.watchdog),
]


def said_of(kind: str, probe: Probe) -> str:
    """Return what the contract says of a kind, empty where it finds nothing."""
    try:
        check_step_contract(handlers()[kind], {"seconds": SECONDS}, probe=probe)
    except StepContractBroken as broken:
        return str(broken)
    return ""


def assert_told(kind: str, probe: Probe) -> None:
    expected = CAUGHT[kind].contract if kind in CAUGHT else ""
    found = said_of(kind, probe)
    assert expected in found
    assert expected or not found


@pytest.mark.parametrize("kind", IN_THE_GATE)
def test_a_bad_kind_breaks_the_contract_as_the_table_says(kind: str, step_probe: Probe) -> None:
    assert_told(kind, step_probe)


@pytest.mark.stress
@pytest.mark.parametrize("kind", sorted(CAUGHT.keys() - set(IN_THE_GATE)))
def test_every_bad_kind_breaks_the_contract_as_the_table_says(kind: str, step_probe: Probe) -> None:
    assert_told(kind, step_probe)
