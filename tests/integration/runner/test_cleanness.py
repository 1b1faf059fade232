"""A runner is taken for clean only when nothing of a stopped step is left in it."""

import subprocess
import sys
from pathlib import Path

import pytest

BEATS = Path(__file__).parents[3] / "examples" / "stuck-steps" / "src" / "stuck_steps" / "beats.py"
LOOKS = 100

#: Run in a process of its own, which adopts orphans as a runner does: prints how often it was
#: taken for clean although something lived below it, and what was left when nothing did.
LOOK_AGAIN_AND_AGAIN = """
import asyncio, ctypes, os, subprocess, sys, time
from pathlib import Path
from ignition_toolkit.janitor.sweep import end_own_tree
from ignition_toolkit.runner.cleanness import Cleanness, CountingExecutor

beat, looks, *program = sys.argv[1:]

async def main():
    cleanness = Cleanness(CountingExecutor(), set())
    own = {asyncio.current_task()}
    assert cleanness.dirt(own) == [], cleanness.dirt(own)
    subprocess.Popen([sys.executable, "-S", *program, beat], stdout=subprocess.DEVNULL)
    while not Path(beat).exists():
        await asyncio.sleep(0.01)
    print(sum(not cleanness.dirt(own) for _ in range(int(looks))))
    end_own_tree("none", deadline=time.monotonic() + 5)
    print(cleanness.dirt(own))
    os._exit(0)

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
asyncio.run(main())
"""


@pytest.mark.parametrize("mode", ["beat", "chain"])
def test_a_runner_with_a_process_below_it_is_never_taken_for_clean(
    tmp_path: Path, mode: str
) -> None:
    arguments = [str(tmp_path / "beat"), str(LOOKS), str(BEATS), mode]
    process = subprocess.run(
        [sys.executable, "-c", LOOK_AGAIN_AND_AGAIN, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    times_clean, _, dirt_at_the_end = process.stdout.partition("\n")
    assert times_clean == "0", process.stdout + process.stderr
    assert dirt_at_the_end == "[]\n", process.stdout + process.stderr
