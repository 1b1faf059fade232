"""A data folder as a worker has left it: with a database and the catalog of the step kinds.

Most tests begin with a copy of one, as most starts of a server do. Making both anew takes longer
than all the rest of a start.
"""

import atexit
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from ignition_toolkit.storage import Store, database_url

#: What is copied; the owner's file and the runners' folders are made by every worker anew.
FILES = ("itk.db", "catalog.json")


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="itk-used-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Store.open(database_url(folder / "itk.db")).close()
    described = subprocess.run(
        [sys.executable, "-m", "ignition_toolkit.runner", "--describe"],
        check=True,
        capture_output=True,
    )
    (folder / "catalog.json").write_bytes(described.stdout)
    return folder


def make_used(data_dir: Path) -> None:
    """Make a data folder that has been used before; one that is there already stays as it is."""
    if not data_dir.exists():
        data_dir.mkdir(mode=0o700, parents=True)
        fill_used(data_dir)


def fill_used(data_dir: Path) -> None:
    """Put what a worker leaves into an empty folder."""
    for name in FILES:
        shutil.copy(_template() / name, data_dir / name)
