"""One desktop for all tests of a file, and a stand-in for the Designer."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.designer.desktop import Screen, window_manager, x_server

STANDIN = Path(__file__).with_name("standin")
#: A small machine that starts quickly.
JAVA = "java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx64m"


@pytest.fixture(scope="module")
def bare_display() -> Iterator[str]:
    """Give a display without a window manager."""
    with x_server() as name:
        yield name


@pytest.fixture(scope="module")
def desktop(bare_display: str) -> Iterator[str]:
    """Give a display with a window manager, which is that of this process meanwhile."""
    with window_manager(bare_display), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", bare_display)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        yield bare_display


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
