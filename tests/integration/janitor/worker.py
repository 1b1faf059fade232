"""A worker that can be killed: `python worker.py FOLDER WAY...` starts a janitor and runners.

Says `{"janitor": pid, "runners": [pid, ..]}` on stdout, then does nothing until it is killed or
30 s have passed. With `fork` as the last word it leaves a forked copy of itself that holds the
janitor's pipe; with `spawning` it has announced a start that it never answers.
"""

import json
import os
import sys
import time
from pathlib import Path

from tests.integration.janitor.driver import Runner, Worker, subreaper

LIFETIME_S = 30.0


def main() -> None:
    """Be the worker."""
    folder, *ways = sys.argv[1:]
    extra = ways.pop() if ways[-1] in {"fork", "spawning"} else ""
    with subreaper():
        worker = Worker(Path(folder))
        runners = [worker.start(way) for way in ways]
        worker.ping()
        if extra == "spawning":
            worker.say("spawning", token="f0.w1.late")
            runners.append(Runner("f0.w1.late", "sleep", Path(folder) / "late"))
        if extra == "fork" and os.fork() == 0:
            time.sleep(LIFETIME_S)
            os._exit(0)
        print(json.dumps({"janitor": worker.janitor.pid, "runners": [r.pid for r in runners]}))
        sys.stdout.flush()
        time.sleep(LIFETIME_S)


if __name__ == "__main__":
    main()
