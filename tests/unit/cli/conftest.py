"""A data folder and its owner; what the command line may do inside a loop that a server may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpcore2  # noqa: F401 - else httpx2 reads it from the disk inside a loop
import pytest
from blockbuster import BlockBuster

from ignition_toolkit.cli import asking
from ignition_toolkit.execution.owner import FolderLock
from tests.unit.cli.fake_server import FakeServer

#: What would choose another server, library or key than a test means.
VARIABLES = (
    "ITK_SERVER",
    "ITK_PLAYBOOKS",
    "ITK_KEEP_DAYS",
    "ITK_DATABASE_URL",
    "ITK_VAULT_KEY_FILE",
    "IGNITION_API_TOKEN",
)


@pytest.fixture(autouse=True)
def writing_after_a_poll(no_blocking_calls: BlockBuster) -> None:
    """Allow the one write to a descriptor that a poll has called writable."""
    no_blocking_calls.functions["os.write"].can_block_in("cli/output.py", "_write_some")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that does not exist yet."""
    folder = tmp_path / "data"
    monkeypatch.setenv("ITK_DATA_DIR", str(folder))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def server(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A server that owns the folder."""
    fake = FakeServer()
    monkeypatch.setattr(asking, "ServerClient", lambda *_: fake.client())
    lock = FolderLock.take(data, "server", "http://127.0.0.1:5000")
    yield fake
    lock.release()
