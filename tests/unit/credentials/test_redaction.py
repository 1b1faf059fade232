"""No secret passes a Redactor, in whichever spelling and however the bytes are cut."""

import base64
import html
import itertools
import json
import random
import re
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ignition_toolkit.credentials import REDACTED, Redactor, Secret

NASTY = "pä ss/w'o\"r\\d+%&<\n€\U0001f600"

# Without the star: a secret with stars in it could be made up of our own mark.
ALPHABET = st.sampled_from("abcABC01 /+%\\\"'&<\n\té€\U0001f600")
SECRETS = st.lists(st.text(ALPHABET, min_size=4, max_size=12), min_size=1, max_size=4)


def redacted(secret: str, text: str) -> str:
    return Redactor([secret]).text(text)


def test_a_secret_becomes_stars_and_the_rest_stays() -> None:
    assert redacted("hunter2", "a hunter2, b") == f"a {REDACTED}, b"


def test_secret_objects_are_taken_too() -> None:
    assert Redactor([Secret("hunter2")]).text("hunter2") == REDACTED


@pytest.mark.parametrize("secret", ["hunter2", "p@ss word", NASTY, "ünï-cödé"])
@pytest.mark.parametrize(
    "spell",
    [
        str,
        quote,
        lambda s: quote(s, safe=""),
        lambda s: re.sub("%..", lambda found: found[0].lower(), quote(s, safe="")),
        quote_plus,
        lambda s: json.dumps(s)[1:-1],
        lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
        lambda s: json.dumps(s, ensure_ascii=False).replace("/", "\\/")[1:-1],
        lambda s: repr(s)[1:-1],
        lambda s: ascii(s)[1:-1],
        lambda s: repr(s.encode())[2:-1],
        html.escape,
        lambda s: json.dumps(json.dumps(s)[1:-1])[1:-1],
        lambda s: repr(json.dumps({"body": s}))[11:-3],
        lambda s: repr({"body": repr(s)[1:-1]})[10:-2],
        lambda s: html.escape(json.dumps(s)[1:-1]),
        lambda s: quote(quote(s, safe=""), safe=""),
    ],
)
def test_it_is_found_in_every_spelling(secret: str, spell: Callable[[str], str]) -> None:
    assert redacted(secret, f"<<{spell(secret)}>>") == f"<<{REDACTED}>>"


@pytest.mark.parametrize("secret", ["hunter2", NASTY, "abcd"])
@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_it_is_found_in_base64_at_each_offset(
    secret: str, before: str, encode: Callable[[bytes], bytes]
) -> None:
    text = encode((before + secret + "!end").encode()).decode()
    out = redacted(secret, f"Basic {text}")
    assert REDACTED in out
    left = out.removeprefix("Basic ").partition(REDACTED)
    assert len(left[0]) <= len(before) * 4 // 3 + 2
    assert len(left[2]) <= len("!end") * 4 // 3 + 4


def test_base64_of_the_secret_alone_leaves_no_letter_of_it() -> None:
    text = base64.b64encode(b"hunter2").decode()
    assert redacted("hunter2", f"token={text};") == f"token={REDACTED};"
    assert redacted("hunter2", f"token={quote(text, safe='')};") == f"token={REDACTED};"


def test_each_line_of_a_secret_is_found_where_the_lines_come_one_by_one() -> None:
    redactor = Redactor(["-----BEGIN KEY-----\nMIIEpQIBAAKCAQEA\r\nab\n"])
    assert redactor.text("out: MIIEpQIBAAKCAQEA") == f"out: {REDACTED}"
    assert redactor.text("ab") == "ab"
    assert Redactor(["hunter2222\n"]).text("hunter2222") == REDACTED


def test_a_stream_with_a_private_key_as_secret_takes_no_time_to_speak_of() -> None:
    key = base64.encodebytes(random.Random(1).randbytes(1200)).decode()
    stream = Redactor([f"-----BEGIN KEY-----\n{key}-----END KEY-----\n"]).stream()
    piece = b"12:00:00 info something happened in /opt/some/path?x=1&y=2\n" * 70
    begun = time.process_time()
    for _ in range(50):
        stream.feed(piece)
    assert time.process_time() - begun < 3.0


def test_short_values_are_left_alone() -> None:
    redactor = Redactor(["abc", ""])
    assert not redactor
    assert redactor.text("abc") == "abc"


def test_the_longest_secret_wins() -> None:
    assert Redactor(["hunter", "hunter2000"]).text("hunter2000 hunter!") == (
        f"{REDACTED} {REDACTED}!"
    )


def test_overlapping_secrets_become_one_mark() -> None:
    assert Redactor(["abcd", "cdef"]).text("-abcdef-") == f"-{REDACTED}-"
    assert Redactor(["aaaa"]).text("aaaaaaaaaa!") == f"{REDACTED}!"


def test_without_secrets_the_same_text_comes_back() -> None:
    text = "nothing here"
    assert Redactor([]).text(text) is text
    assert Redactor(["hunter2"]).text(text) is text


def test_values_are_redacted_in_keys_and_at_every_depth() -> None:
    value = {"hunter2": [1, None, True, {"a": ("x hunter2", 2.5)}], "b": Secret("ab")}
    assert Redactor(["hunter2"]).value(value) == {
        REDACTED: [1, None, True, {"a": [f"x {REDACTED}", 2.5]}],
        "b": REDACTED,
    }


def test_keys_that_become_equal_are_kept_apart() -> None:
    out = Redactor(["hunter2", "secret1"]).value({"hunter2": 1, "secret1": 2})
    assert out == {REDACTED: 1, f"{REDACTED} (2)": 2}


def test_a_number_that_spells_a_secret_is_hidden() -> None:
    redactor = Redactor(["12345"])
    assert redactor.value([123456, 12.345, 1234]) == [REDACTED, 12.345, 1234]


def test_a_secret_object_is_hidden_even_when_no_secret_is_known() -> None:
    assert Redactor([]).value({"a": Secret("hunter2")}) == {"a": REDACTED}


def test_a_lone_surrogate_passes() -> None:
    assert redacted("hunter2", "\ud800 hunter2") == f"\ud800 {REDACTED}"


def test_a_stream_holds_back_only_what_may_be_a_secret() -> None:
    stream = Redactor(["hunter2"]).stream()
    assert stream.feed(b"hello h") == b"hello "
    assert stream.feed(b"i hunt") == b"hi "
    assert stream.feed(b"er2 and ") == b"*** and "
    assert stream.feed(b"hunter") == b""
    assert stream.flush() == b"hunter"
    assert stream.flush() == b""


def test_a_stream_without_secrets_holds_back_nothing() -> None:
    stream = Redactor([]).stream()
    assert stream.feed(b"abc") == b"abc"
    assert stream.flush() == b""


def test_a_stream_of_one_repeated_letter_stays_bounded() -> None:
    stream = Redactor(["aaaaaaaa"]).stream()
    out = b"".join(stream.feed(b"a" * 100) for _ in range(100))
    assert out + stream.flush() == b"***"
    assert len(stream._held) <= 8


def test_a_stream_passes_bytes_that_are_no_text() -> None:
    stream = Redactor(["hunter2"]).stream()
    assert stream.feed(b"\xff\xfehunter2\x80") + stream.flush() == b"\xff\xfe***\x80"


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    borders = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(borders)]


@given(SECRETS, st.data())
def test_any_cut_of_a_stream_gives_what_the_whole_text_gives(
    secrets: list[str], data: st.DataObject
) -> None:
    piece = st.sampled_from(secrets) | st.text(ALPHABET, max_size=6)
    text = "".join(data.draw(st.lists(piece, max_size=8)))
    redactor = Redactor(secrets)
    stream = redactor.stream()
    pieces = cut(text.encode(), data.draw(st.lists(st.integers(0, 500), max_size=12)))
    out = b"".join(map(stream.feed, pieces)) + stream.flush()
    assert out.decode() == redactor.text(text)
    assert not [s for s in secrets if s in out.decode()]


@given(st.text(ALPHABET, min_size=4, max_size=12), st.text(ALPHABET, max_size=5))
@example("a%b\\", "")
def test_no_spelling_of_any_secret_can_be_read_back(secret: str, around: str) -> None:
    text = around + secret + around
    redactor = Redactor([secret])
    for spell in (json.dumps, repr, ascii):
        assert spell(secret)[1:-1] not in redactor.text(spell(text))
    assert quote(secret) not in redactor.text(quote(text))
    encoded = base64.b64encode(secret.encode()).decode()
    assert encoded not in redactor.text(f"{around}:{encoded}:{around}")


def test_ten_megabytes_of_log_with_three_secrets_take_under_five_seconds() -> None:
    stream = Redactor(["hunter2000", "p@ssword!", "eyJhbGciOiJIUzI1NiJ9.e30.abc"]).stream()
    block = b"2026-01-01 INFO step wait: polling http://gateway:8088/status\n" * 1000
    start = time.monotonic()
    for _ in range(10 * 1024 * 1024 // len(block)):
        stream.feed(block)
    assert time.monotonic() - start < 5
