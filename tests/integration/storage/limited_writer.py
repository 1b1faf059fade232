"""Run as a process: writes to a file that may not grow, until it may.

Prints what it saw as one line of JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

from ignition_toolkit.storage import AddEvent, SetExecution, Store, database_url
from tests.polling import poll_until
from tests.unit.storage.samples import SOON_S, START, add, execution

EVENTS = 100
FULL_BYTES = 200_000


def allow(size_bytes: int) -> None:
    """Set how large any file of this process may grow."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, most))


def main(path: Path) -> None:
    """Write more than fits, say so, then make space."""
    numbers: list[int] = []
    store = Store.open(
        database_url(path), on_commit=lambda rows: numbers.extend(row.id for row in rows)
    )
    add(store, execution("one"))
    allow(FULL_BYTES)
    began = time.monotonic()
    groups = [
        store.submit([AddEvent("one", "step", {"text": "x" * 20_000}, START)])
        for _ in range(EVENTS)
    ]
    groups.append(store.submit([SetExecution("one", {"status": "failed"}, final=True)]))
    submitted_s = time.monotonic() - began
    poll_until(lambda: store.behind().error, SOON_S)
    behind = store.behind()
    stored_before, seen_before = store.last_event_id(), list(numbers)
    allow(resource.RLIM_INFINITY)
    flushed = store.flush(SOON_S)
    found = store.execution("one")
    store.close()
    print(
        json.dumps(
            {
                "submitted_s": submitted_s,
                "error": behind.error,
                "waiting": behind.waiting,
                "stored_before": stored_before,
                "seen_before": seen_before,
                "flushed": flushed,
                "failed_groups": sum(group.exception(0) is not None for group in groups),
                "numbers": numbers,
                "status": found.status if found else None,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
