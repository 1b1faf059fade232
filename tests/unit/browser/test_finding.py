"""Which browser is found, and what is said where there is none."""

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from ignition_toolkit.browser import finding
from ignition_toolkit.browser.finding import FoundBrowser, find_browser
from ignition_toolkit.errors import BrowserMissing
from ignition_toolkit.playbook.models import Playbook, Program, Step
from ignition_toolkit.runner.machine import what_is_missing


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have a machine without any browser."""
    monkeypatch.setattr(finding, "CHANNELS", (str(tmp_path / "chrome"),))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "own"))
    monkeypatch.delenv("ITK_BROWSER", raising=False)
    return tmp_path


def program(path: Path) -> Path:
    """Make an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_machine_without_a_browser_is_told_the_command_to_run() -> None:
    with pytest.raises(BrowserMissing) as raised:
        find_browser()
    assert "run `playwright install chromium`" in raised.value.message
    assert "\n" not in raised.value.message


def test_the_setting_comes_first_then_playwrights_own_then_channels_then_the_path(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = program(bare_machine / "bin" / "google-chrome")
    assert find_browser() == FoundBrowser(on_path, str(on_path))
    better = program(bare_machine / "bin" / "chromium")
    assert find_browser().executable == better
    channel = program(bare_machine / "chrome")
    assert find_browser().executable == channel
    revision = finding._chromium_revision()
    own = bare_machine / "own" / f"chromium-{revision}"
    own.mkdir(parents=True)
    assert find_browser().executable == channel, "half downloaded"
    (own / "INSTALLATION_COMPLETE").touch()
    assert find_browser() == FoundBrowser(None, "Playwright's own")
    mine = program(bare_machine / "mine")
    monkeypatch.setenv("ITK_BROWSER", str(mine))
    assert find_browser() == FoundBrowser(mine, "ITK_BROWSER")


def test_a_setting_that_names_no_program_is_not_passed_over(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(bare_machine / "bin" / "chromium")
    (bare_machine / "text").touch()
    monkeypatch.setenv("ITK_BROWSER", str(bare_machine / "text"))
    with pytest.raises(BrowserMissing, match="ITK_BROWSER: expected the path of a browser's"):
        find_browser()


@pytest.mark.parametrize("release", ["1.64.1", "1.65.1", "1.66.0", "2.0"])
def test_another_release_of_playwright_is_refused(
    release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "version", lambda _name: release)
    with pytest.raises(BrowserMissing) as raised:
        find_browser()
    assert f"from 1.65.2 and before 1.66, found {release}" in raised.value.message
    assert 'pip install "ignition-toolkit[browser]"' in raised.value.message


def test_a_missing_playwright_is_told_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(finding, "version", missing)
    with pytest.raises(BrowserMissing, match="playwright, which is not installed: run `pip"):
        find_browser()


def test_a_program_is_looked_at_for_browser_steps_wherever_they_are() -> None:
    modules = {
        "browser.click": "ignition_toolkit.steps.browser",
        "utility.log": "ignition_toolkit.steps.utility",
    }

    def playbook(path: str, kind: str) -> Playbook:
        return Playbook(name=path, path=path, steps=(Step(id="a", name="a", type=kind),))

    plain, inner = playbook("plain", "utility.log"), playbook("inner", "browser.click")
    assert what_is_missing(Program(main=plain), modules) is None
    said = what_is_missing(Program(main=plain, nested={"inner": inner}), modules)
    assert said is not None and "playwright install chromium" in said
    afterwards = plain.model_copy(update={"on_cancel": inner.steps})
    assert what_is_missing(Program(main=afterwards), modules) == said
    assert what_is_missing(Program(main=plain, nested={"inner": afterwards}), modules) == said


def test_looking_for_a_browser_imports_no_playwright() -> None:
    before = "playwright.async_api" in sys.modules
    with pytest.raises(BrowserMissing):
        find_browser()
    assert ("playwright.async_api" in sys.modules) is before
