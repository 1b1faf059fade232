"""What steps write to their runner's own streams: whole lines, no secret, bounded, cheap."""

from __future__ import annotations

import pytest

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.losses import Losses
from ignition_toolkit.execution.output_capture import (
    EARLY_BYTES,
    MAX_EVENTS_AT_ONCE,
    MAX_STEP_BYTES,
    OutputCapture,
)
from ignition_toolkit.playbook.events import Logged

SECRET = "hunter22"


@pytest.fixture
def lines() -> list[Logged]:
    return []


@pytest.fixture
def losses() -> Losses:
    return Losses()


@pytest.fixture
def capture(lines: list[Logged], losses: Losses) -> OutputCapture:
    made = OutputCapture(Redactor([SECRET]), lines.append, losses)
    made.set_step("a")
    return made


def texts(lines: list[Logged]) -> list[str]:
    return [line.message for line in lines]


def test_lines_carry_their_step_their_stream_and_its_level(
    capture: OutputCapture, lines: list[Logged]
) -> None:
    capture.feed("stdout", b"one\ntwo\n")
    capture.feed("stderr", b"bad\n")
    found = [(line.step_id, line.stream, line.level, line.message) for line in lines]
    assert found == [
        ("a", "stdout", "info", "one"),
        ("a", "stdout", "info", "two"),
        ("a", "stderr", "warning", "bad"),
    ]


def test_a_line_that_comes_in_pieces_is_one_line(
    capture: OutputCapture, lines: list[Logged]
) -> None:
    for piece in (b"sm\xc3", b"\xb8rr", b"ebr\xc3\xb8d\n"):
        capture.feed("stdout", piece)
    assert texts(lines) == ["smørrebrød"]


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_secret_that_is_cut_by_the_border_of_two_pieces_is_redacted(
    capture: OutputCapture, lines: list[Logged], cut: int
) -> None:
    text = f"pw={SECRET}!\n".encode()
    capture.feed("stdout", text[: 3 + cut])
    capture.feed("stdout", text[3 + cut :])
    capture.flush()
    assert texts(lines) == ["pw=***!"]


def test_what_has_no_line_end_is_written_at_the_end_of_the_step(
    capture: OutputCapture, lines: list[Logged]
) -> None:
    capture.feed("stdout", b"prompt> ")
    capture.set_step("b")
    capture.feed("stdout", b"answer")
    capture.flush()
    assert [(line.step_id, line.message) for line in lines] == [("a", "prompt> "), ("b", "answer")]


def test_output_that_overtakes_the_news_of_its_step_is_that_steps(lines: list[Logged]) -> None:
    capture = OutputCapture(Redactor([SECRET]), lines.append, Losses())
    capture.feed("stdout", b"one\ntw")
    assert lines == []
    capture.set_step("a")
    capture.feed("stdout", b"o\n")
    capture.set_step(None)
    capture.feed("stdout", b"three")
    capture.set_step("b")
    capture.flush()
    assert [(line.step_id, line.message) for line in lines] == [
        ("a", "one"),
        ("a", "two"),
        ("b", "three"),
    ]


def test_output_without_any_step_is_nobodys_and_bounded(lines: list[Logged]) -> None:
    capture = OutputCapture(Redactor([SECRET]), lines.append, Losses())
    line = b"x" * 1023 + b"\n"
    for _ in range(EARLY_BYTES // len(line)):
        capture.feed("stderr", line)
    assert lines == []
    capture.feed("stderr", b"one more\n")
    assert texts(lines)[-1] == "one more"
    assert {line.step_id for line in lines} == {None}
    capture.feed("stderr", b"the last")
    capture.flush()
    assert texts(lines)[-1] == "the last"


def test_more_than_a_step_may_write_is_dropped_and_counted(
    capture: OutputCapture, lines: list[Logged], losses: Losses
) -> None:
    line = b"x" * 1023 + b"\n"
    for _ in range(MAX_STEP_BYTES // len(line) + 3):
        capture.feed("stdout", line)
    capture.flush()
    assert losses == Losses(output_bytes=3072)
    assert len([one for one in lines if one.stream]) == MAX_STEP_BYTES // len(line)
    assert texts(lines)[-1] == "3072 bytes of output were dropped: a step may write 10 MiB"


def test_each_step_has_room_of_its_own(capture: OutputCapture, lines: list[Logged]) -> None:
    capture.feed("stdout", b"x" * (MAX_STEP_BYTES + 5))
    capture.set_step("b")
    lines.clear()
    capture.feed("stdout", b"heard\n")
    assert texts(lines) == ["heard"]


def test_a_flood_of_blank_lines_becomes_few_events_and_loses_none(
    capture: OutputCapture, lines: list[Logged]
) -> None:
    capture.feed("stdout", b"\n" * 16384)
    assert len(lines) <= MAX_EVENTS_AT_ONCE
    assert sum(line.message.count("\n") + 1 for line in lines) == 16384


def test_as_many_lines_as_events_are_kept_apart(
    capture: OutputCapture, lines: list[Logged]
) -> None:
    capture.feed("stdout", b"".join(b"%d\n" % n for n in range(MAX_EVENTS_AT_ONCE)))
    assert texts(lines) == [str(n) for n in range(MAX_EVENTS_AT_ONCE)]


def test_a_secret_whose_first_half_overtook_the_news_of_its_step_is_not_shown(
    capture: OutputCapture, lines: list[Logged]
) -> None:
    capture.feed("stdout", b"of a\nhunt")
    capture.set_step(None)
    capture.set_step("b")
    capture.feed("stdout", b"er22\nof b\n")
    capture.flush()
    assert [(line.step_id, line.message) for line in lines] == [
        ("a", "of a"),
        ("b", "***"),
        ("b", "of b"),
    ]


def test_what_only_looked_like_a_secret_is_written_at_the_end(
    capture: OutputCapture, lines: list[Logged]
) -> None:
    capture.feed("stdout", b"to hunt")
    capture.set_step("b")
    capture.flush()
    assert texts(lines) == ["to ", "hunt"]
