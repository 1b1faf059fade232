"""Run as a process: writes groups without end, and prints each event's number once it is stored.

Every group moves one step's counter and adds an event with the same count.
"""

import os
import sys
from itertools import count

from ignition_toolkit.storage import EventRow, PutStep, Store
from tests.unit.storage.samples import OPENING, add, event, execution

MOST_WAITING = 500


def tell(rows: list[EventRow]) -> None:
    """Say which events are stored; the pipe blocks when nobody reads."""
    os.write(1, "".join(f"{row.id} {row.data['n']}\n" for row in rows).encode())


def main(url: str, execution_id: str) -> None:
    """Write until killed."""
    store = Store.open(url, on_commit=tell)
    add(store, execution(execution_id))
    for n in count():
        put = PutStep(execution_id, "step", OPENING | {"attempts": n})
        done = store.submit([put, event(execution_id, n)])
        if n % MOST_WAITING == 0:
            done.result()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
