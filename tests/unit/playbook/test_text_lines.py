"""Byte streams become lines of text, whatever comes and however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.playbook.text_lines import MAX_LINE, Lines


def lines_of(*pieces: bytes, most: int = MAX_LINE) -> list[str]:
    found: list[str] = []
    lines = Lines(found.append, most)
    for piece in pieces:
        lines.feed(piece)
    lines.feed(b"", final=True)
    return found


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((), []),
        ((b"a\nb\n",), ["a", "b"]),
        ((b"a\nb",), ["a", "b"]),
        ((b"a\r\n", b"\n", b"b\r"), ["a", "", "b"]),
        ((b"a", b"b", b"\n"), ["ab"]),
        (("é€😀\n".encode()[:3], "é€😀\n".encode()[3:]), ["é€😀"]),
        ((b"\xff\xfe\n", b"\xe2\x82"), ["\ufffd\ufffd", "\ufffd"]),
        ((b"a\0b\n",), ["a\0b"]),
    ],
)
def test_lines_are_cut_at_their_ends(pieces: tuple[bytes, ...], expected: list[str]) -> None:
    assert lines_of(*pieces) == expected


def test_a_line_without_an_end_is_told_when_it_is_long_enough() -> None:
    found: list[str] = []
    lines = Lines(found.append, most=4)
    lines.feed(b"abcdefghij")
    assert found == ["abcd", "efgh"]
    lines.feed(b"k\nl\n")
    assert found == ["abcd", "efgh", "ijk", "l"]


@pytest.mark.parametrize("length", [3, 4, 5, 8, 9])
def test_no_line_is_longer_than_the_bound_and_none_is_empty_for_it(length: int) -> None:
    found = lines_of(b"x" * length + b"\n", b"y\n", most=4)
    assert max(map(len, found)) <= 4
    assert "".join(found) == "x" * length + "y"
    assert "" not in found


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r")), st.lists(st.integers(1, 9)))
def test_how_a_text_is_cut_into_pieces_plays_no_part(text: str, sizes: list[int]) -> None:
    data, pieces = text.encode(), []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    whole = text.split("\n")
    assert lines_of(*pieces, data) == (whole if whole[-1] else whole[:-1])
