"""One desktop for all tests of a file, and a stand-in for the Designer."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.used_folder import make_used
from tests.integration.designer.desktop import Screen, XServer, window_manager, x_server
from tests.integration.designer.scene import open_worker
from tests.integration.execution.rig import Rig
from tests.leaks import Footprint
from tests.subreaper import adopt_orphans

STANDIN = Path(__file__).with_name("standin")
#: A small machine that starts quickly.
JAVA = (
    "java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx64m"
    " -Dawt.useSystemAAFontSettings=on"
)


@pytest.fixture(scope="module")
def server() -> Iterator[XServer]:
    """Give an X server."""
    with x_server() as server:
        yield server


@pytest.fixture(scope="module")
def desktop(server: XServer) -> Iterator[str]:
    """Give its display, with a window manager; it is that of this process meanwhile."""
    with window_manager(server.name), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", server.name)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        yield server.name


@pytest.fixture
def screen(desktop: str) -> Iterator[Screen]:
    """Give a program on the desktop."""
    with contextlib.closing(Screen(desktop)) as screen:
        yield screen


@pytest.fixture(scope="session")
def standin_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the stand-in."""
    folder = tmp_path_factory.mktemp("standin")
    command = ["javac", "-J-XX:TieredStopAtLevel=1", "-d", str(folder)]
    command.append(str(STANDIN / "Standin.java"))
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder


@pytest.fixture
def launcher(standin_classes: Path, tmp_path: Path) -> Path:
    """Give a launcher that forks the stand-in and ends, as the real one does.

    The stand-in writes into the launcher's folder.
    """
    file = tmp_path / "designerlauncher.sh"
    start = f'{JAVA} -cp {standin_classes} Standin {tmp_path} "$@" &'
    file.write_text(f"#!/bin/sh\n{start}\necho $! > {tmp_path}/pid.part\n"
                    f"mv {tmp_path}/pid.part {tmp_path}/pid\n")  # fmt: skip
    file.chmod(0o755)
    return file


@pytest.fixture(scope="module")
def rig(desktop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give an open worker on the desktop, and look that nothing is left of it.

    Its runners come and go during the tests, which leave the look for what is left to this.
    """
    folder = tmp_path_factory.mktemp("designer")
    make_used(folder / "data")
    before = Footprint.take()
    worker = open_worker(folder)
    try:
        yield Rig(worker, folder)
    finally:
        worker.close()
        # A worker made this process a subreaper, and nothing else undoes that.
        adopt_orphans(False)
    assert before.left_since(with_handles=False) == []
