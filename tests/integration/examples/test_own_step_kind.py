"""docs/how-to/own-step-kind.md works as it is written, and shows what is said."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import Called
from tests.integration.examples.followed_page import RECORD, follow
from tests.polling import poll_until

REPO = Path(__file__).parents[3]
PAGE = (REPO / "docs" / "how-to" / "own-step-kind.md").read_text("utf-8")
#: Seconds for a command; generous, as the machine may be busy.
SOON_S = 120.0

LINTER = "../press-steps/src/press_steps/steps.py:26:9: ITK108 "
WATCHDOG = "Let the press settle ("
#: What the page shows, as these begin; the cancels are tried in the long test only.
WRONG = ("press.settle ", LINTER, WATCHDOG, "press.settle: broken")
RIGHT = ("itk: 0 findings", "press.settle: kept")
SHOWN = (*WRONG, *RIGHT)
SHOWN_IN_FULL = (*WRONG, RECORD, *RIGHT, RECORD)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give what the page's reader needs of a checkout, and go there."""
    made = tmp_path / "plant" / "ignition-toolkit"
    made.mkdir(parents=True)
    (made / "examples").symlink_to(REPO / "examples")
    monkeypatch.chdir(made)
    return made


def begins(texts: list[str], expected: tuple[str, ...]) -> bool:
    """Say whether these texts begin so, one by one."""
    return len(texts) == len(expected) and all(map(str.startswith, texts, expected))


@dataclass
class Here:
    """`itk` in this process, and a package that is installed by hand."""

    called: Called
    monkeypatch: pytest.MonkeyPatch
    site: Path

    def __call__(self, command: str) -> str:
        match shlex.split(command):
            case [".venv/bin/itk", "drill", *arguments]:
                return self.drilled(arguments)
            case [".venv/bin/itk", *arguments]:
                done = self.called(*arguments)
                return done.stdout + done.stderr
            case [".venv/bin/pip", *_, package]:
                self.install(Path(package).resolve())
                return ""
        subprocess.run(["bash", "-ec", command], check=True, timeout=SOON_S)
        return ""

    def drilled(self, arguments: list[str]) -> str:
        """Return what the drill says; it takes the place of the process that calls for it."""
        done = subprocess.run(
            [sys.executable, "-m", "ignition_toolkit.drill", *arguments],
            capture_output=True,
            text=True,
            timeout=SOON_S,
            check=False,
        )
        return done.stderr + done.stdout

    def install(self, package: Path) -> None:
        """Have this process, and what it starts, find a package's step kinds."""
        info = self.site / "press_steps-0.1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: press-steps\nVersion: 0.1.0\n")
        entries = "[ignition_toolkit.steps]\npress = press_steps.steps\n"
        assert 'press = "press_steps.steps"' in (package / "pyproject.toml").read_text("utf-8")
        (info / "entry_points.txt").write_text(entries)
        for folder in (self.site, package / "src"):
            self.monkeypatch.syspath_prepend(str(folder))
            self.monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")

    def cancelled(self) -> str | None:
        return None


def test_linter_watchdog_and_contract_say_what_the_page_shows(
    checkout: Path, called: Called, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compared = follow(PAGE, checkout, Here(called, monkeypatch, tmp_path / "site"))
    assert begins(compared, SHOWN), compared


@dataclass
class Installed:
    """Real processes in an environment of their own, into which pip installs."""

    checkout: Path

    def __call__(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=SOON_S,
            check=False,
        )
        judges = "itk lint" in command or "itk drill" in command
        assert done.returncode == 0 or judges, done.stderr
        if "itk drill" in command:
            return done.stderr + done.stdout
        return done.stdout + done.stderr

    def environment(self) -> dict[str, str]:
        """Return the environment of the reader, with a data folder of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ITK_")}
        return kept | {"ITK_DATA_DIR": str(self.checkout / "data")}

    def make_environment(self) -> None:
        """Make `.venv`, which has what this process has, and may be installed into."""
        venv.create(self.checkout / ".venv", symlinks=True)
        bin_ = self.checkout / ".venv" / "bin"
        [packages] = self.checkout.glob(".venv/lib/python3*/site-packages")
        (packages / "shared.pth").write_text("\n".join(path for path in sys.path if path) + "\n")
        for name, module in (("itk", "ignition_toolkit.cli"), ("pip", "pip._internal.cli.main")):
            text = f"#!{bin_ / 'python'}\nimport sys\nfrom {module} import main\nsys.exit(main())\n"
            (bin_ / name).write_text(text)
            (bin_ / name).chmod(0o755)

    def cancelled(self) -> str | None:
        said = self.checkout / "said"
        with said.open("wb") as out:
            run = subprocess.Popen(
                [".venv/bin/itk", "run", "../press-steps/playbooks/settle.yaml"],
                env=self.environment(),
                stdout=out,
                stderr=out,
            )
        try:
            poll_until(lambda: " running " in said.read_text("utf-8"), SOON_S)
            run.send_signal(signal.SIGINT)
            assert run.wait(SOON_S) == 130
        finally:
            run.kill()
            run.wait()
        _, found, record = said.read_text("utf-8").partition(RECORD)
        return found + record


@pytest.mark.stress
@pytest.mark.timeout(600)
def test_a_newcomer_who_follows_the_page_sees_what_it_shows(checkout: Path) -> None:
    installed = Installed(checkout)
    installed.make_environment()
    compared = follow(PAGE, checkout, installed)
    assert begins(compared, SHOWN_IN_FULL), compared
