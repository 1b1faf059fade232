"""A janitor whom the kernel refuses some processes, as it does those of another user.

Argument: a file with their pids, read anew for each signal.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from ignition_toolkit.janitor import loop, proc
from ignition_toolkit.janitor.__main__ import main
from ignition_toolkit.janitor.proc import Identity, Sent

send = proc.send


def refuse(identity: Identity, number: signal.Signals) -> Sent:
    refused = Path(sys.argv[1]).read_text("ascii").split()
    return Sent.REFUSED if str(identity.pid) in refused else send(identity, number)


if __name__ == "__main__":
    proc.send = refuse
    loop.STUCK_S = 0.5
    main()
