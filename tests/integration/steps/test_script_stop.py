"""How a script that is stopped ends, and what is told of it."""

import asyncio
import signal
import time
from pathlib import Path

from ignition_toolkit.steps.script_process import SCRIPT_GRACE_S, ScriptProcess

DEAF = """
import time
while True:
    try:
        print("up", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        continue
"""


async def test_where_a_script_stood_is_told_while_it_still_lives() -> None:
    up = asyncio.Event()
    process = ScriptProcess(DEAF, {}, lambda _: up.set(), lambda _: None, lambda _: None)
    told: list[tuple[str | None, bool]] = []

    def on_kill(place: str | None) -> None:
        told.append((place, "State:\tZ" not in Path(f"/proc/{process.pid}/status").read_text()))

    try:
        async with asyncio.timeout(20):
            await up.wait()
            await process.stop(on_kill)
    finally:
        status = process.close()
    assert told == [("<script>:6 in <module>", True)]
    assert status == -9


async def test_a_script_that_ends_politely_is_not_told_of_as_killed() -> None:
    up = asyncio.Event()
    script = "import time\nprint('up', flush=True)\ntime.sleep(60)"
    process = ScriptProcess(script, {}, lambda _: up.set(), lambda _: None, lambda _: None)
    told: list[str | None] = []
    try:
        async with asyncio.timeout(20):
            await up.wait()
            began = time.monotonic()
            await process.stop(told.append)
            took = time.monotonic() - began
    finally:
        status = process.close()
    # Only where the machine is too busy for a polite end is it killed, and then it is told.
    if told:
        assert took >= SCRIPT_GRACE_S
    else:
        assert status not in (None, -signal.SIGKILL)
