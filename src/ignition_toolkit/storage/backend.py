"""What the store asks of a database; `sqlite.py` and `postgres.py` answer."""

from __future__ import annotations

from typing import Protocol

import sqlalchemy as sa

#: Seconds that the writer waits for a lock; short, so that being behind is noticed.
WRITER_BUSY_S = 0.25
#: Seconds that a reader, and the migration at the start, wait for a lock.
BUSY_S = 2.0
#: Connections that read at the same time, beyond which a reader waits `BUSY_S` and is refused.
READERS = 16
#: Readers' connections that are kept open.
KEPT_READERS = 4
#: Execution option of the writer's connection, for its next transaction: True has it on the disk at
#: its end, None says that it may be lost with the machine or the server.
SYNCED = "itk_synced"


class Backend(Protocol):
    """One database. Its text form names it in messages and shows no password."""

    def ensure(self) -> None:
        """Make what must be there before the first connection.

        Raises:
            StoreError: it cannot be made.
        """
        ...

    def writing_engine(self, busy_s: float) -> sa.Engine:
        """Return an engine whose transactions hold the one write lock from their begin.

        Args:
            busy_s: seconds to wait for a lock, before it is an error.
        """
        ...

    def reading_engine(self, busy_s: float) -> sa.Engine:
        """Return a pooled engine that cannot write; each transaction is one snapshot."""
        ...

    def is_outside(self, error: Exception) -> bool:
        """Tell a failure of the database or its disk from one that a change itself causes."""
        ...

    def advice(self, error: BaseException) -> str:
        """Return what a person can do about a database error."""
        ...

    def size(self, connection: sa.Connection) -> int:
        """Return how many bytes the database holds, as far as it can tell."""
        ...

    def give_back(self, connection: sa.Connection, pages: int) -> bool:
        """Give at most so many unused pages back to the disk, in the connection's transaction.

        Returns:
            Whether there are more that are worth giving back.
        """
        ...
