"""A step that blocks its runner's event loop reads about it in the log, and only such a step."""

from __future__ import annotations

import re

from ignition_toolkit.playbook.models import ExecutionStatus
from tests.integration.execution.conftest import SOURCES
from tests.integration.execution.rig import Rig, playbook, step

LINE = re.compile(
    r"the step blocked the event loop for (?P<seconds>\d+\.\d\d) s at (?P<place>.*?): "
)
SOURCE = SOURCES / "held_kinds.py"
#: Two looks are missed, also when the thread for them has to wait for its processor.
HELD_S = 1.0
SLEPT_S = 0.5


def place_of(text: str) -> str:
    """Return the end of the place of the one line that holds this text."""
    lines = enumerate(SOURCE.read_text("utf-8").splitlines(), 1)
    [number] = [number for number, line in lines if text in line]
    return f"/{SOURCE.name}:{number} in execute"


async def test_who_blocks_the_loop_is_told_where_and_for_how_long_and_nobody_else(
    rig: Rig,
) -> None:
    text = playbook(
        step("awaits", "held.hold", how="await", seconds=0.3),
        step("sleeps", "held.hold", how="sleep", seconds=SLEPT_S),
        step("holds", "held.hold", how="interpreter", seconds=HELD_S),
        step("script", "utility.python", script=f"import time; time.sleep({SLEPT_S})"),
    )
    execution_id = await rig.start(text)
    view = await rig.final(execution_id)
    assert view.status is ExecutionStatus.COMPLETED, view
    await rig.log(execution_id)
    lines = {
        row.data["step_id"]: row.data
        for row in await rig.events(execution_id, "log")
        if "event loop" in row.data["message"]
    }
    assert lines.keys() == {"sleeps", "holds"}
    assert {line["level"] for line in lines.values()} == {"warning"}
    found = {name: LINE.match(line["message"]) for name, line in lines.items()}
    sleeps, holds = found["sleeps"], found["holds"]
    assert sleeps and holds, lines
    assert sleeps["place"].endswith(place_of('time.sleep(params["seconds"])'))
    # Seen only if the watchdog gets its turn between that call and the end of the handler.
    held = place_of("usleep(")
    assert holds["place"].endswith(held) or holds["place"].startswith("a place that cannot be told")
    # Less is told of either where the machine is busy; never more.
    assert 0.1 <= float(sleeps["seconds"]) < SLEPT_S + 1
    assert 0.1 <= float(holds["seconds"]) < HELD_S + 1
    counted = rig.worker.metrics()
    assert counted.handler_blocks == 2
    told = float(sleeps["seconds"]) + float(holds["seconds"])
    assert abs(counted.handler_blocked_s - told) < 0.02
    # One that ends with its runner is told by the record of the cancel.
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    await point.reached()
    _, record = await rig.cancelled(execution_id)
    assert record.stuck_at is not None
    assert not [line for line in await rig.log(execution_id) if "event loop" in line]
    assert rig.worker.metrics().handler_blocks == 2
