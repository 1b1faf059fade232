"""Which of the step kinds that lose a cancel the watchdog tells of, before anybody cancels."""

from __future__ import annotations

import pytest

from ignition_toolkit.protocol import Blocked
from tests.bad_steps.journal import read
from tests.bad_steps.kinds import CAUGHT, CONTROL, modules
from tests.integration.runner.driver import RunnerUnderTest, step

#: What the watchdog sees for certain, also when its own thread has to wait for its turn.
SECONDS = 0.4
TOLD = {kind for kind, caught in CAUGHT.items() if caught.watchdog}


def told_of(runner: RunnerUnderTest, kinds: set[str]) -> dict[str, str | None]:
    """Run one step of each kind to its end; return the place of each that has blocked.

    Nobody cancels, and so each does once what it is there for, some of them behind their end.
    """
    journals = {kind: runner.folder / f"{kind}.journal" for kind in sorted(kinds)}
    steps = [
        step(kind.replace(".", "-"), kind, {"seconds": SECONDS, "journal": str(journal)})
        for kind, journal in journals.items()
    ]
    # The last one waits until what others have left has acted.
    wait = step("wait", CONTROL, {"seconds": 2 * SECONDS})
    runner.run(*steps, wait, modules=modules())
    for kind, journal in journals.items():
        assert [entry.what for entry in read(journal)] == ["begun", "acted"], kind
    return {body.step_id.replace("-", "."): body.place for body in runner.bodies(Blocked)}


def test_the_watchdog_tells_the_place_in_each_kind_that_blocks(runner: RunnerUnderTest) -> None:
    places = told_of(runner, TOLD)
    assert places.keys() == TOLD
    assert all("/bad_steps/" in (place or "") for place in places.values()), places


@pytest.mark.stress
def test_the_watchdog_tells_of_no_other_kind(runner: RunnerUnderTest) -> None:
    assert not told_of(runner, {CONTROL, *CAUGHT} - TOLD)
