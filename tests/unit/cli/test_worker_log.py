"""What a worker logs is said to the person who runs it, once, and steers no terminal."""

import logging

import pytest

from ignition_toolkit.cli.worker_log import worker_log

logger = logging.getLogger("ignition_toolkit.execution.something")


def test_warnings_are_said_and_changes_of_a_status_are_not(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ITK_DEBUG", raising=False)
    with worker_log():
        logger.info("it runs")
        logger.warning("a leftover was ended: %s", "sl\x1b[2Jeep")
    logger.info("afterwards")
    assert capfd.readouterr().err == "itk: warning: a leftover was ended: sl\\x1b[2Jeep\n"


def test_debugging_says_more(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_DEBUG", "1")
    with worker_log():
        logger.info("it runs")
    assert capfd.readouterr().err == "itk: info: it runs\n"


def test_another_way_to_say_it_can_be_given() -> None:
    said: list[str] = []
    with worker_log() as log:
        log.say = said.append
        logger.error("lost")
    assert said == ["error: lost"]
