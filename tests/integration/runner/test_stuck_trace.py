"""A process can be asked where it stands, again and again, whatever its threads do."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ignition_toolkit.playbook.stuck_trace import stuck_place
from ignition_toolkit.runner.session import STUCK_BYTES, STUCK_FILE
from tests.polling import poll_until

ASKS = 1500

#: As a runner that is stuck in a step, beside a thread that never rests.
STUCK_BESIDE_A_THREAD = """
import sys, threading
from pathlib import Path
from ignition_toolkit.runner.session import prepare_process

def never_rests():
    while True:
        sorted(Path("a/b/c").parts, key=lambda part: part.upper())

def stands_here():
    print("up", flush=True)
    threading.Event().wait(60)

kept = prepare_process(Path(sys.argv[1]))
threading.Thread(target=never_rests, daemon=True).start()
stands_here()
"""


@pytest.fixture
def stuck(tmp_path: Path) -> subprocess.Popen[str]:
    """Give a stuck process that is up."""
    command = [sys.executable, "-c", STUCK_BESIDE_A_THREAD, str(tmp_path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_runner_survives_being_asked_where_it_stands(
    stuck: subprocess.Popen[str], tmp_path: Path
) -> None:
    with stuck:
        assert stuck.stdout and stuck.stdout.readline() == "up\n"
        for _ in range(ASKS):
            assert stuck.poll() is None, f"it ended with {stuck.returncode}"
            stuck.send_signal(signal.SIGUSR2)
            # Asked in other moments of the thread each time; the answer is not waited for.
            time.sleep(0.001)
        poll_until(lambda: written(tmp_path).endswith("in <module>\n"))
        stuck.kill()
    assert len(written(tmp_path)) > STUCK_BYTES
    assert stuck_place((tmp_path / STUCK_FILE).read_text("utf-8")) == "<string>:12 in stands_here"


def written(folder: Path) -> str:
    """Return what it has written, without the space that was kept free for it."""
    return (folder / STUCK_FILE).read_text("utf-8").rstrip("\0")
