"""The `itk` command inside the test's own process, where what matters is what it says and does."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from ignition_toolkit.cli.app import run_app
from tests.e2e.used_folder import make_used
from tests.subreaper import adopt_orphans


class Called(Protocol):
    """Calls `itk` with arguments, and with settings in the environment."""

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Called]:
    """Give a function that calls `itk` here and returns its exit code and what it has written.

    A process costs a second of computing more. Its data folder is `called/data`, unless the
    settings name another; a run finds it as one that was used before.
    """

    def call(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        data = tmp_path / "called" / "data"
        if arguments[0] == "run":
            make_used(data)
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("ITK_")]:
                patch.delenv(name)
            for name, value in ({"ITK_DATA_DIR": str(data)} | settings).items():
                patch.setenv(name, value)
            capfd.readouterr()
            code = run_app(arguments)
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    yield call
    # A run that found no server made this process a subreaper, and nothing else undoes that.
    adopt_orphans(False)
