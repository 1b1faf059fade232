"""A worker for Designer steps, and what its launchers and the stand-in tell of themselves."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.worker import Worker

PASSWORD = "pass-Wort_1@Anlage"
LONG = "x" * 200


def open_worker(folder: Path) -> Worker:
    """Open a worker whose data folder is in this one."""
    settings = Settings(data_dir=folder / "data", max_running=2, warm_runners=1)
    return Worker.open(settings, kind="server")


def forked(launcher: Path) -> int | None:
    """Return the pid that a launcher tells in its folder; None while it has told none."""
    with contextlib.suppress(FileNotFoundError):
        return int((launcher.parent / "pid").read_text())
    return None


def sleeping(folder: Path) -> Path:
    """Make a launcher that opens no window, tells its pid and sleeps."""
    file = folder / "sleeping.sh"
    tell = f"echo $$ > {folder}/pid.part\nmv {folder}/pid.part {folder}/pid\n"
    file.write_text(f"#!/bin/sh\n{tell}exec sleep 600\n")
    file.chmod(0o755)
    return file
