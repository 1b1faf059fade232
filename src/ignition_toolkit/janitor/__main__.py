"""Entry of the janitor process: `python -m ignition_toolkit.janitor`, in a session of its own."""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress

from ignition_toolkit.janitor.children import ChildLists, ScannedLists, choose_lists
from ignition_toolkit.janitor.loop import Janitor
from ignition_toolkit.janitor.wire import Hello, Inbox, Outbox, WireError, parse

#: Does without the kernel's child lists even where there are some; for tests and diagnosis.
SCAN_OPTION = "--scan"

#: Where it is allowed, the janitor goes before those that it ends, who may be spinning.
PRIORITY = -10

#: The janitor ends with its worker and by nothing else that can be ignored.
IGNORED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def main() -> None:
    """Serve one worker over stdin and stdout until it is gone and everything of it has ended."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    go_first()
    lists: ChildLists = ScannedLists() if SCAN_OPTION in sys.argv[1:] else choose_lists()
    inbox, outbox = Inbox(0), Outbox(1)
    outbox.say("ready", pid=os.getpid(), child_lists=lists.is_kernels)
    if hello := await_hello(inbox, outbox):
        Janitor(hello, lists, inbox, outbox).run()


def go_first() -> None:
    """Be given the processor before others, where this process may ask for that."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    # Where every session has a share of its own (sched_autogroup), that counts only within it.
    with suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as share:
        share.write(str(PRIORITY))


def await_hello(inbox: Inbox, outbox: Outbox) -> Hello | None:
    """Return the first message once it is a hello, None when the pipe ends before."""
    while not inbox.is_closed:
        while inbox.lines:
            line = inbox.lines.popleft()
            try:
                message = parse(line)
            except WireError as error:
                outbox.say("error", message=str(error), line=repr(line[:200]))
                continue
            if isinstance(message, Hello):
                return message
            outbox.say("error", message=f"expected hello first, found {line[:200]!r}")
        select.select([inbox.handle], [], [])
        inbox.fill()
    return None


if __name__ == "__main__":
    main()
