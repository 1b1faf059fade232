"""Which release this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def version_line() -> str:
    """Return `itk VERSION`."""
    try:
        return f"itk {version('ignition-toolkit')}"
    except PackageNotFoundError:
        return "itk (not installed)"
