"""YAML as PyYAML reads it, with places, within limits, and never an exception."""

import math
import time

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ignition_toolkit.playbook import yaml_parser
from ignition_toolkit.playbook.yaml_nodes import (
    MAX_BYTES,
    MAX_DEPTH,
    Map,
    Place,
    Scalar,
    Sequence,
    doubts,
    plain,
)
from ignition_toolkit.playbook.yaml_parser import parse


@pytest.fixture(params=["in C", "in Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers: the one in C is used where it is installed."""
    if request.param == "in Python":
        monkeypatch.setattr(yaml_parser, "_LOADER", yaml.SafeLoader)
    return str(request.param)


def value_of(text: str) -> object:
    tree = parse(text)
    assert tree.root is not None
    assert not tree.problems
    return plain(tree.root)


def problems_of(source: str | bytes) -> list[str]:
    return [f"{p.place.line}:{p.place.column}: {p.message}" for p in parse(source).problems]


@pytest.mark.parametrize(
    "word",
    [
        *("no", "Yes", "ON", "off", "true", "FALSE", "~", "null", "NULL", "y", "n"),
        *("010", "0x1F", "0b101", "22:30", "-1:30", "1_000", "+5", "08", "0o17", "0", "-0"),
        *("1.5", "1e3", "1.0e+3", ".5", "190:20:30.15", "1.", ".", "1.2.3", "8.3.1", "text"),
    ],
)
def test_a_plain_word_means_what_the_safe_loader_says(word: str, parser: str) -> None:
    expected = yaml.safe_load(f"a: {word}")
    found = value_of(f"a: {word}")
    assert found == expected
    assert isinstance(found, dict)
    assert type(found["a"]) is type(expected["a"])


@pytest.mark.parametrize("word", ["2026-01-02", "2026-01-02T03:04:05Z"])
def test_a_date_stays_the_text_that_was_written(word: str) -> None:
    assert value_of(f"a: {word}") == {"a": word}


def test_quotes_make_text() -> None:
    assert value_of("""[ "no", '22:30', "010", !!str no ]""") == ["no", "22:30", "010", "no"]


def test_plain_tags_are_taken() -> None:
    text = "[!!int 5, !!float 5, !!bool yes, !!null ~, !!seq [], !!map {}, !!int '5', ! 5]"
    assert value_of(text) == [5, 5.0, True, None, [], {}, 5, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!!int abc", "1:1: expected a number after !!int, found 'abc'"),
        ("!!bool 5", "1:1: expected true or false after !!bool, found '5'"),
        ("a: !!python/object:os.system {}", "1:4: the tag 'tag:yaml.org,2002:python/object"),
        ("a: !!binary aGk=", "1:4: the tag 'tag:yaml.org,2002:binary' is not allowed"),
        ("a: !Custom [1]", "1:4: the tag '!Custom' is not allowed"),
        ("a: !!set {x}", "1:4: the tag 'tag:yaml.org,2002:set' is not allowed"),
    ],
)
def test_other_tags_are_refused(text: str, message: str, parser: str) -> None:
    (found,) = problems_of(text)
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("word", "doubt"),
    [
        ("no", "no is false here and the text 'no' in YAML 1.2: write false, or \"no\" in quotes"),
        (
            "22:30",
            (
                "22:30 is the number 1350 here and the text '22:30' in YAML 1.2:"
                ' write 1350, or "22:30" in quotes'
            ),
        ),
        (
            "010",
            "010 is the number 8 here and the number 10 in YAML 1.2: write 8, or 10",
        ),
        ("1e3", "1e3 is the text '1e3' here and the number 1000.0 in YAML 1.2"),
        ("0o17", "0o17 is the text '0o17' here and the number 15 in YAML 1.2"),
        ("08", "08 is the text '08' here and the number 8 in YAML 1.2"),
        ("1_000", "1_000 is the number 1000 here and the text '1_000' in YAML 1.2"),
    ],
)
def test_a_word_that_yaml_1_2_reads_differently_is_doubtful(word: str, doubt: str) -> None:
    tree = parse(f"a:\n  - {word}\n")
    assert tree.root is not None
    (found,) = doubts(tree.root)
    assert found.place == Place(2, 5)
    assert found.message.startswith(doubt)


@pytest.mark.parametrize("word", ["5", "1.5", "true", "~", "text", "0x1F", "2026-01-02", "'no'"])
def test_a_word_that_both_read_alike_is_not(word: str) -> None:
    tree = parse(f"a: {word}")
    assert tree.root is not None
    assert list(doubts(tree.root)) == []


def test_every_node_knows_its_place(parser: str) -> None:
    tree = parse("# first\nname: é x\nsteps:\n  - {id: a, n: [1, 2]}\n  - |\n    text\n")
    root = tree.root
    assert isinstance(root, Map)
    assert root.place == Place(2, 1)
    assert root.entries["steps"].place == Place(3, 1)
    steps = root.entries["steps"].node
    assert isinstance(steps, Sequence)
    first = steps.items[0]
    assert isinstance(first, Map)
    assert first.entries["n"].place == Place(4, 13)
    numbers = first.entries["n"].node
    assert isinstance(numbers, Sequence)
    assert [item.place for item in numbers.items] == [Place(4, 17), Place(4, 20)]
    assert steps.items[1].place == Place(5, 5)


def test_a_column_counts_characters_and_not_bytes(parser: str) -> None:
    tree = parse("{é€\U0001f600: a, b: c}")
    assert isinstance(tree.root, Map)
    assert tree.root.entries["b"].place == Place(1, 10)


def test_keys_that_are_no_text_are_taken_as_written_and_doubtful() -> None:
    tree = parse("on: 1\n8080: 2\n1.50: 3\n")
    assert tree.root is not None
    assert plain(tree.root) == {"on": 1, "8080": 2, "1.50": 3}
    assert next(p.message for p in doubts(tree.root)) == (
        "the key on is taken as the text 'on': put it in quotes"
    )


def test_duplicate_keys_are_all_named_with_the_first_line(parser: str) -> None:
    assert problems_of("a: 1\nb: {c: 1, c: 2}\na: 2\n'a': 3\n") == [
        "2:11: the key 'c' stands twice; first in line 2",
        "3:1: the key 'a' stands twice; first in line 1",
        "4:1: the key 'a' stands twice; first in line 1",
    ]


def test_merge_keys_work_as_in_the_safe_loader(parser: str) -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 9}\nd: {<<: *a}\n"
    assert value_of(text) == yaml.safe_load(text)


def test_a_quoted_merge_key_is_a_key() -> None:
    assert value_of('{"<<": {a: 1}}') == {"<<": {"a": 1}}


def test_only_mappings_are_merged() -> None:
    assert problems_of("<<: 5") == ["1:5: expected a mapping to merge after <<, found none"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "1:1: expected a playbook, found an empty file"),
        (" \n\n", "1:1: expected a playbook, found an empty file"),
        ("# only\n", "1:1: expected a playbook, found a file with comments only"),
        ("a: 1\n---\nb: 2\n", "2:1: expected one document, found a second one after ---"),
        (b"a: \xff\n", "1:4: expected UTF-8, found the byte 0xFF: save it as UTF-8"),
        (b"a: 1\nb: \xc3\xa9 \xe9\n", "2:6: expected UTF-8, found the byte 0xE9: save it as UTF-8"),
        ("a: 1".encode("utf-16"), "1:1: expected UTF-8, found UTF-16: save the file as UTF-8"),
        ("a: b\x00", "1:5: the character U+0000 may not stand in YAML: remove it"),
        ("a:\n - \ud800", "2:4: the character U+D800 may not stand in YAML: remove it"),
        ("a:\n\tb: 1\n", "2:1: found a tab where YAML allows only spaces: indent with spaces"),
        ("a: {{ parameter.x }}", "1:5: a key must be text, found a mapping: put a {{ reference"),
        ("? [1]\n: 2\n", "1:3: a key must be text, found a list"),
        ("{~: 2}", "1:2: a key must be text, found nothing"),
        ("a: *b\n", "1:4: the alias *b has no anchor &b above it"),
        ("a: &a [*a]\n", "1:8: the alias *a stands inside its own anchor"),
        ("a: .inf\n", "1:4: expected a finite number, found .inf"),
        ("a: 0b_\n", "1:4: '0b_' is no number that can be read"),
        (
            f"a: {'9' * 5000}\n",
            "1:4: '" + "9" * 120 + "..." + "9" * 60 + "' is no number that can be read",
        ),
        (
            f"a: 0x{'f' * 500}\n",
            "1:4: '0x" + "f" * 118 + "..." + "f" * 60 + "' is no number that can be read",
        ),
        (
            f"a: {'9' * 400}:30.5\n",
            "1:4: '" + "9" * 120 + "..." + "9" * 55 + ":30.5' is no number that can be read",
        ),
        ("a: b: c\n", "1:5: this is not YAML: "),
        ("a: 'x\n", "2:1: this is not YAML: while scanning a quoted scalar (line 1): "),
        ("a: [1\nb: 2\n", "2:2: this is not YAML: "),
        ("a: 1\n b: 2\n", "2:3: this is not YAML: "),
        ('a: "\\UFFFFFFFF"', "1:"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(source: str | bytes, message: str) -> None:
    found = problems_of(source)
    assert len(found) == 1, found
    assert found[0].startswith(message)
    assert "\n" not in found[0]


def test_a_byte_order_mark_is_ignored() -> None:
    tree = parse(b"\xef\xbb\xbfa: 1")
    assert tree.root is not None
    assert tree.root.place == Place(1, 1)
    assert value_of("\ufeffa: 1") == {"a": 1}


def bomb(width: int, levels: int) -> str:
    lines = [f"a0: &a0 [{','.join('x' * width)}]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(9, 12), "expected at most 200000 values, found more"),
        ("a: &a x\nb: [" + "*a, " * 1001 + "]", "expected at most 1000 aliases, found more"),
        ("[" * 500_000, f"expected at most {MAX_DEPTH} levels of nesting, found more"),
        ("- " * 500_000, f"expected at most {MAX_DEPTH} levels of nesting, found more"),
        ("{a: " * 250_000, f"expected at most {MAX_DEPTH} levels of nesting, found more"),
        (
            "a0: &a0 []\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 60)),
            f"expected at most {MAX_DEPTH} levels of nesting, found more",
        ),
        ("a" * (MAX_BYTES + 1), "expected at most 1 MiB (1048576 bytes), found more"),
        ("é" * (MAX_BYTES // 2 + 1), "expected at most 1 MiB (1048576 bytes), found more"),
    ],
)
def test_a_bomb_is_a_clear_line_in_milliseconds(text: str, message: str) -> None:
    start = time.process_time()
    (found,) = problems_of(text)
    assert message in found
    assert time.process_time() - start < 0.5


def test_a_merge_bomb_is_stopped() -> None:
    text = "a: &a {" + ", ".join(f"k{i}: 1" for i in range(5000)) + "}\n"
    text += "".join(f"b{i}: {{<<: [{', '.join(['*a'] * 20)}]}}\n" for i in range(40))
    (found,) = problems_of(text)
    assert "expected at most 200000 values" in found


def test_nesting_up_to_the_limit_is_read() -> None:
    assert value_of("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_what_two_aliases_share_is_copied() -> None:
    found = value_of("a: &a [1]\nb: *a\n")
    assert isinstance(found, dict)
    assert found["a"] is not found["b"]


TOKENS = st.sampled_from(
    [
        *("a", "b: ", "- ", "\n", "  ", "[", "]", "{", "}", ", ", ": ", "&x ", "*x", "<<: ", "|"),
        *(">-", "'", '"', "#", "!!int ", "%", "@", "\t", "---\n", "...", "? ", "~", "1:2", "\\"),
    ]
)


@given(st.text() | st.binary() | st.lists(TOKENS, max_size=30).map("".join))
@example("%YAML 9.9\n---\na")
@example("!<tag:yaml.org,2002:int> x")
@example("- &x\n- *x")
@example("&x a: *x")
def test_no_text_and_no_bytes_raise(source: str | bytes) -> None:
    tree = parse(source)
    assert tree.problems or tree.root is not None
    assert all("\n" not in p.message and p.place >= Place(1, 1) for p in tree.problems)


@given(st.lists(TOKENS, max_size=20).map("".join))
def test_what_is_read_is_what_the_safe_loader_reads(text: str) -> None:
    tree = parse(text)
    assume(tree.root is not None and not tree.problems)
    assert tree.root is not None
    assume(not list(doubts(tree.root)))
    try:
        expected = yaml.safe_load(text)
    except yaml.YAMLError:
        # The parser in C takes a few texts that the one in Python refuses; never the reverse
        # with another meaning.
        return
    assert plain(tree.root) == expected


@given(st.from_regex(r"[-+]?[0-9_.:exobn]{1,8}", fullmatch=True))
def test_every_number_is_what_the_safe_loader_reads(word: str) -> None:
    try:
        expected = yaml.safe_load(f"a: {word}")
    except (yaml.YAMLError, ValueError):
        return
    tree = parse(f"a: {word}")
    value = expected["a"] if isinstance(expected, dict) else None
    assume(isinstance(value, int | float) and math.isfinite(value))
    assert isinstance(tree.root, Map)
    node = tree.root.entries["a"].node
    assert isinstance(node, Scalar)
    assert node.value == value
