"""What the command line may do inside an event loop that a server may not."""

import httpcore2  # noqa: F401 - else httpx2 reads it from the disk inside a loop
import pytest
from blockbuster import BlockBuster


@pytest.fixture(autouse=True)
def writing_after_a_poll(no_blocking_calls: BlockBuster) -> None:
    """Allow the one write to a descriptor that a poll has called writable."""
    no_blocking_calls.functions["os.write"].can_block_in("cli/output.py", "_write_some")
