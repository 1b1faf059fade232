"""Whatever a runner has started: after `clean` nothing of it acts, and nothing of it is left."""

from collections.abc import Iterator

import pytest

from ignition_toolkit.janitor.__main__ import SCAN_OPTION
from tests.integration.janitor.driver import Worker, assert_silent, working

#: Each way with who beats in it.
LINEAGE = {
    "sleep": ("runner",),
    "child": ("runner", "child"),
    "shell": ("shell",),
    "daemon": ("runner", "daemon"),
    "headless": ("thread",),
    "headless_child": ("runner", "thread"),
    "groups": ("runner", "outer", "inner"),
    "deaf": ("runner", "child"),
    "stopped": ("child",),
    "asked": ("runner", "child"),
}
CHAINS = {"chain": ("chain",), "wiped_chain": ("chain",)}
RUNNER_DIES = {
    "daemon_then_exit": ("daemon",),
    "marked_daemon_then_exit": ("daemon",),
    "strange_daemon_then_exit": ("daemon",),
    "session_then_exit": ("daemon",),
    "wiped_chain_then_exit": ("chain",),
}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("worker")) as worker:
        yield worker


@pytest.fixture(scope="module")
def scanning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("scanning"), SCAN_OPTION) as worker:
        yield worker


def check_end(worker: Worker, way: str, names: tuple[str, ...], within_s: float = 0.5) -> None:
    """End a runner that beats, and look that nothing beats after `clean`."""
    runner = worker.start(way)
    runner.await_beats(*names)
    worker.end(runner)
    answer = worker.await_over(runner)
    assert_silent(runner)
    worker.forget(runner)
    killed = answer["killed"]
    assert [entry["pid"] for entry in killed if entry.get("runner")] == [runner.pid]
    assert len(killed) >= len(names)
    assert answer["t"] - answer["began"] < within_s


@pytest.mark.parametrize(("way", "names"), (LINEAGE | CHAINS).items())
def test_nothing_beats_after_clean(worker: Worker, way: str, names: tuple[str, ...]) -> None:
    check_end(worker, way, names)


@pytest.mark.parametrize(("way", "names"), LINEAGE.items())
def test_nothing_beats_after_clean_without_child_lists(
    scanning: Worker, way: str, names: tuple[str, ...]
) -> None:
    assert scanning.await_answer("ready")["child_lists"] is False
    check_end(scanning, way, names, within_s=2.0)


@pytest.mark.parametrize(("way", "names"), RUNNER_DIES.items())
def test_what_a_dead_runner_left_is_ended(worker: Worker, way: str, names: tuple[str, ...]) -> None:
    runner = worker.start(way)
    runner.process.wait(10)
    runner.await_beats(*names)
    worker.end(runner)
    answer = worker.await_over(runner)
    assert_silent(runner)
    worker.forget(runner)
    assert answer["killed"]
    assert not any("runner" in entry for entry in answer["killed"])
    assert answer["t"] - answer["began"] < 0.5
