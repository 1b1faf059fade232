"""A janitor that notes what it is told and says what a test tells it to.

Arguments: a folder with the named pipe `mouth`. What comes on stdin goes to the file `heard` there,
what comes through the pipe goes to stdout; `!exit N` there ends the process, and `!deaf` has it
stay when its stdin ends. Standard library only.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path


def main(folder: Path) -> None:
    mouth = os.open(folder / "mouth", os.O_RDWR)
    heard = os.open(folder / "heard", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(heard, b'{"op":"(born)"}\n')
    os.write(1, b'{"op":"ready","pid":%d}\n' % os.getpid())
    sources = {0, mouth}
    while True:
        for source in select.select(list(sources), [], [])[0]:
            data = os.read(source, 65536)
            if source == mouth:
                obey(data, sources)
            elif data:
                os.write(heard, data)
            elif 0 in sources:
                os._exit(0)


def obey(data: bytes, sources: set[int]) -> None:
    for line in data.splitlines():
        if line.startswith(b"!exit"):
            os._exit(int(line.split()[1]))
        elif line == b"!deaf":
            sources.discard(0)
        else:
            os.write(1, line + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
