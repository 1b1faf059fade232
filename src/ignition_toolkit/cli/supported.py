"""Where this release runs."""

from __future__ import annotations

import sys

from ignition_toolkit.errors import PlatformUnsupported


def check_platform() -> None:
    """Raise PlatformUnsupported unless this is Linux."""
    if sys.platform != "linux":
        raise PlatformUnsupported(
            "this release runs playbooks on Linux only, as it needs Linux to prove that a "
            "cancelled step is gone; run the server there, and use its pages from here"
        )
