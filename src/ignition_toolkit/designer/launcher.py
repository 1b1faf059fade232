"""The Designer Launcher: where it is, what it is told, and starting it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import quote, urlsplit

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.protocol import HAND_OVER_MARK

#: Where the launcher is usually unpacked. Source: gateway-api section 5; nobody ships it elsewhere.
PLACES = (
    "~/.local/share/designerlauncher/designerlauncher.sh",
    "/opt/designerlauncher/designerlauncher",
)


def find_launcher(named: str | None) -> Path:
    """Return the launcher's file. Raises StepFailed when it is not there or cannot be run.

    Args:
        named: its path, `~` for the home folder; None looks in the usual places.
    """
    tried = [Path(place).expanduser() for place in ([named] if named else PLACES)]
    for path in tried:
        if path.is_file() and os.access(path, os.X_OK):
            return path.absolute()
    what = "launcher_file: " if named else ""
    raise StepFailed(
        f"{what}expected the Designer Launcher, a file that can be run, at"
        f" {' or '.join(map(str, tried))}, and found none; download it from the gateway's home"
        " page, or name its file in launcher_file"
    )


def designer_link(gateway_url: str, project: str) -> str:
    """Return the link that opens a project in the Designer; launchers of 8.3 take it."""
    parts = urlsplit(gateway_url)
    insecure = "?insecure=true" if parts.scheme == "http" else ""
    return f"designer://{parts.netloc}/{quote(project, safe='')}{insecure}"


def start_launcher(
    launcher: Path, arguments: list[str], mark: str, *, outlives: bool
) -> subprocess.Popen[bytes]:
    """Start the launcher in a session of its own, in its own folder. Raises StepFailed.

    Args:
        arguments: nothing secret: every user of the machine can read them.
        mark: put into its environment, and so into that of all that it starts.
        outlives: whether it may run on after the execution: it then writes to nobody, and has no
            temporary folder that is removed under it.
    """
    environment = {**os.environ, HAND_OVER_MARK: mark}
    if outlives:
        environment.pop("TMPDIR", None)
    output = subprocess.DEVNULL if outlives else None
    try:
        # itk: ignore[ITK110] it is to outlive the step; the manager ends it with the execution
        return subprocess.Popen(
            [str(launcher), *arguments],
            cwd=launcher.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise StepFailed(
            f"the Designer Launcher {launcher} could not be started: {error.strerror}"
        ) from error
