"""The runners' own folders, removed with what a killed runner has left unfinished elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

from ignition_toolkit.playbook.unfinished import remove_unfinished

#: Name of a runner's folder for temporary files, in its own folder.
TEMPORARY = "tmp"


def remove_runner_folder(folder: Path) -> None:
    """Remove the folder of one runner, which has ended. What cannot be removed stays."""
    remove_unfinished(folder / TEMPORARY)
    shutil.rmtree(folder, ignore_errors=True)


def remove_worker_folder(folder: Path) -> None:
    """Remove the folder of the folders of a worker's runners, which have ended."""
    for temporary in folder.glob(f"*/{TEMPORARY}"):
        remove_unfinished(temporary)
    shutil.rmtree(folder, ignore_errors=True)
