"""However a handler loses its cancel, the promise holds: *cancelled*, and nothing afterwards."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ignition_toolkit.playbook.models import ExecutionStatus
from tests.bad_steps.journal import read
from tests.bad_steps.kinds import CAUGHT
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.rig import SOON_S, Rig, playbook, step
from tests.polling import poll_until_async

#: Seconds after which each kind would act, if nobody stopped it.
SECONDS = 4.0
#: It does not wait for anything: there is no middle to cancel it in.
AT_ONCE = "bad.takes_coroutine_for_yes"


async def cancelled_in_the_middle(rig: Rig, kind: str, journal: Path) -> float:
    """Cancel a step of a kind while it is under way; return when it was said to be over."""
    text = playbook(step("bad", kind, seconds=SECONDS, journal=str(journal)))
    execution_id = await rig.start(text)
    await poll_until_async(lambda: bool(read(journal)), SOON_S)
    await rig.cancel(execution_id)
    view = await rig.final(execution_id)
    assert view.status is ExecutionStatus.CANCELLED, (kind, view)
    assert view.cancellation is not None
    assert not view.cancellation.leftovers, (kind, view.cancellation)
    return time.monotonic()


@pytest.mark.stress
@pytest.mark.timeout(600)
async def test_nothing_that_a_bad_step_has_left_acts_after_cancelled(
    open_rig: OpenRig, tmp_path: Path
) -> None:
    rig = open_rig(slots=4, warm=2)
    kinds = [kind for kind in CAUGHT if kind != AT_ONCE]
    over_at = {kind: await cancelled_in_the_middle(rig, kind, tmp_path / kind) for kind in kinds}
    # The last ones of them would act only now.
    await asyncio.sleep(SECONDS + 1)
    late = [
        (kind, entry)
        for kind, over in over_at.items()
        for entry in read(tmp_path / kind)
        if entry.what == "acted" and entry.t > over
    ]
    assert not late
