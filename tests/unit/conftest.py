"""Fixtures of the unit tests: the event loop is never blocked, and no task outlives its test."""

import asyncio
import inspect
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a test when the package blocks the event loop; a test's own lines may."""
    with blockbuster_ctx("ignition_toolkit") as blockbuster:
        # 50 us, in which a runner's other threads go on.
        blockbuster.functions["time.sleep"].can_block_in("runner/turns.py", "_breathe")
        yield blockbuster


@pytest.fixture(autouse=True)
def no_task_left(leaves_nothing: None, request: pytest.FixtureRequest) -> None:
    """Have coroutine tests checked for tasks; the others need no event loop for it."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("watched_tasks")


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """Give a folder that a test can read and not write: root's rights are given up for it.

    Not below pytest's own folder, which other pytest processes close to other users.
    """
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        os.seteuid(65534 if user == 0 else user)
        try:
            yield Path(folder)
        finally:
            os.seteuid(user)
            os.chmod(folder, 0o700)


@pytest.fixture
async def watched_tasks() -> AsyncIterator[None]:
    """Fail a test that ends while a task it started still runs."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    ours = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() - before if task is not ours]
    for task in left:
        task.cancel()
    if left:
        pytest.fail("the test left tasks behind: " + "; ".join(map(repr, left)))
