"""A runner that does what its first argument says. Standard library only, so that it starts fast.

Its own words come as orders on stdin are answered: a command `{"kind": "check", "request": N}` gets
`checked` with the same number, `describe` gets an empty catalog, `pause` ends the process with exit
code 3, `resume` closes the event stream, `skip` makes it write a line that is no message.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

_seq = 0


# Any: a message is a JSON object.
def say(body: dict[str, Any], **envelope: Any) -> None:
    global _seq  # noqa: PLW0603 - the number of messages is the process's own
    _seq += 1
    line = {"seq": _seq, "pid": os.getpid(), "t": time.monotonic(), "body": body, **envelope}
    os.write(1, json.dumps(line).encode() + b"\n")


def main(way: str) -> None:
    if way == "mute":
        time.sleep(60)
    if way == "dies":
        sys.stderr.write("Traceback ...\nImportError: no such thing\n")
        sys.exit(1)
    if way == "closes":
        os.close(1)
        time.sleep(0.2)
        sys.exit("closed its own mouth")
    say({"kind": "ready", "version": 99 if way == "old" else 1})
    for line in sys.stdin:
        obey(json.loads(line))


def obey(command: dict[str, Any]) -> None:
    match command["kind"]:
        case "describe":
            say({"kind": "described", "catalog": {"key": "k", "kinds": {}, "broken": []}})
        case "check":
            name = command["program"]["main"]["name"]
            if name == "hangs":
                time.sleep(60)
            if name == "dies":
                sys.exit(4)
            if name == "slow":
                time.sleep(0.2)
            problem = {"path": "main.yaml", "location": ["steps", 0], "message": name}
            problems = [] if name == "good" else [problem]
            say({"kind": "checked", "request": command["request"], "problems": problems})
        case "pause":
            os.write(2, b"last words\n")
            sys.exit(3)
        case "resume":
            os.close(1)
        case "skip":
            os.write(1, b"no message\n")
        case "cancel":
            say({"kind": "pause", "paused": True}, pid=1)
            say({"kind": "pause", "paused": False})


if __name__ == "__main__":
    main(sys.argv[1])
