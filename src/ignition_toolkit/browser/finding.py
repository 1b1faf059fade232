"""Finds the browser that steps drive, and says what is missing. Imports no library, starts nothing.

In this order: the setting ITK_BROWSER, the browser that Playwright has downloaded, the channels
chrome and msedge where their installers put them, and what the path offers.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ignition_toolkit.errors import BrowserMissing

#: Setting: path of a browser's executable.
BROWSER_VARIABLE = "ITK_BROWSER"
#: The releases of Playwright that a cancel was measured with: from, and before.
PLAYWRIGHT_FROM = (1, 65, 2)
PLAYWRIGHT_BEFORE = (1, 66)

CHANNELS = ("/opt/google/chrome/chrome", "/opt/microsoft/msedge/msedge")
ON_PATH = ("chromium", "chromium-browser", "google-chrome")

_PACKAGE = 'pip install "ignition-toolkit[browser]"'


@dataclass(frozen=True)
class FoundBrowser:
    """What Playwright is told to start; no path stands for the browser of its own."""

    executable: Path | None
    #: Where it was found, for people.
    source: str


def find_browser() -> FoundBrowser:
    """Return the browser to start.

    Raises BrowserMissing when Playwright or a browser is missing, or of the wrong release: one
    line that names the command to run. Takes a few milliseconds.
    """
    _check_playwright()
    if given := os.environ.get(BROWSER_VARIABLE):
        return _given(given)
    if _has_playwrights_own():
        return FoundBrowser(None, "Playwright's own")
    for candidate in _candidates():
        if _is_executable(candidate):
            return FoundBrowser(candidate, str(candidate))
    raise BrowserMissing(
        "browser steps need a browser, and this machine has none: run `playwright install chromium`"
        f" (or install chromium or Google Chrome, or set {BROWSER_VARIABLE} to the executable of"
        " one)"
    )


def _given(path: str) -> FoundBrowser:
    if _is_executable(Path(path)):
        return FoundBrowser(Path(path), BROWSER_VARIABLE)
    raise BrowserMissing(
        f"{BROWSER_VARIABLE}: expected the path of a browser's executable, found {path!r}, which is"
        " no executable file: correct it, or unset it to have a browser looked for"
    )


def _candidates() -> Iterator[Path]:
    yield from map(Path, CHANNELS)
    for name in ON_PATH:
        if found := shutil.which(name):
            yield Path(found)


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _check_playwright() -> None:
    try:
        found = version("playwright")
    except PackageNotFoundError:
        raise BrowserMissing(
            f"browser steps need the package playwright, which is not installed: run `{_PACKAGE}`"
        ) from None
    if not PLAYWRIGHT_FROM <= _release(found) < PLAYWRIGHT_BEFORE:
        wanted, before = (".".join(map(str, r)) for r in (PLAYWRIGHT_FROM, PLAYWRIGHT_BEFORE))
        raise BrowserMissing(
            f"browser steps need playwright from {wanted} and before {before}, found {found}:"
            f" others may act after a cancel; run `{_PACKAGE}`"
        )


def _release(text: str) -> tuple[int, ...]:
    """`1.65.2.dev1` -> (1, 65, 2)."""
    numbers = []
    for part in text.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _has_playwrights_own() -> bool:
    folder = _browsers_folder()
    revision = _chromium_revision()
    if folder is None or revision is None:
        return False
    kinds = ("chromium", "chromium_headless_shell")
    return any((folder / f"{kind}-{revision}" / "INSTALLATION_COMPLETE").exists() for kind in kinds)


def _browsers_folder() -> Path | None:
    package = _package_folder()
    match os.environ.get("PLAYWRIGHT_BROWSERS_PATH", ""):
        case "0":
            return package / "driver/package/.local-browsers" if package is not None else None
        case "":
            cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
            return Path(cache) / "ms-playwright"
        case given:
            return Path(given)


def _chromium_revision() -> str | None:
    package = _package_folder()
    if package is None:
        return None
    try:
        listed = json.loads((package / "driver/package/browsers.json").read_text("utf-8"))
        browsers = {browser["name"]: browser["revision"] for browser in listed["browsers"]}
    except (OSError, ValueError, KeyError, TypeError):
        # Another layout of the package: it then says itself what it has.
        return None
    return browsers.get("chromium")


def _package_folder() -> Path | None:
    spec = importlib.util.find_spec("playwright")
    return Path(spec.origin).parent if spec is not None and spec.origin else None
