"""Every playbook in this repository is valid, and the two forms of the stuck ways are complete."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.loader import load

REPO = Path(__file__).parents[3]
PLAYBOOKS = sorted(
    path.relative_to(REPO)
    for pattern in ("playbooks/**/*.yaml", "examples/*/playbooks/**/*.yaml")
    for path in REPO.glob(pattern)
)
SCRIPTS = REPO / "playbooks" / "tests" / "stuck"
HANDLERS = REPO / "examples" / "stuck-steps" / "playbooks" / "stuck_steps"

#: W1 to W7g of the measurements, and a daemon and a forking chain beside them.
REQUIRED = {
    "async_sleep",
    "time_sleep",
    "cpu_spin",
    "swallows_cancel",
    "child_processes",
    "silent_server",
    "lock_acquire",
    "gil_held",
    "daemon",
    "fork_chain",
}

GUIDES_OWN_TEST = """\
name: "Test Cancellation"
domain: gateway
steps:
  - id: step1
    name: "Long Sleep"
    type: utility.sleep
    parameters:
      seconds: 30  # Should be cancellable within 0.5s
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Give the step kinds that are installed."""
    command = [sys.executable, "-m", "ignition_toolkit.runner", "--describe"]
    described = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return Catalog.from_json(described.stdout)


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_the_playbook_is_valid_and_gives_no_warning(path: Path, catalog: Catalog) -> None:
    loaded = load((REPO / path).read_bytes(), str(path), catalog)
    assert loaded.warnings == []
    unknown = {step.type for step in loaded.playbook.steps} - set(catalog.kinds)
    assert not unknown, "a step kind is not installed"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_every_parameter_of_the_playbook_is_described(path: Path) -> None:
    playbook = yaml.safe_load((REPO / path).read_bytes())
    silent = [p["name"] for p in playbook.get("parameters", []) if not p.get("description")]
    assert not silent


def test_every_way_to_be_stuck_is_there_as_a_script_and_as_a_handler() -> None:
    scripts = {path.stem for path in SCRIPTS.glob("*.yaml")}
    handlers = {path.stem for path in HANDLERS.glob("*.yaml")}
    assert scripts == handlers
    assert scripts >= REQUIRED


def test_the_scripts_need_no_package_of_ours() -> None:
    kinds = {
        step["type"]
        for path in SCRIPTS.glob("*.yaml")
        for step in yaml.safe_load(path.read_bytes())["steps"]
    }
    assert kinds == {"utility.python"}


def test_the_pattern_guides_own_test_is_there_word_for_word() -> None:
    text = (REPO / "playbooks" / "tests" / "test_cancellation.yaml").read_text("utf-8")
    assert text == GUIDES_OWN_TEST
