"""What is kept of long texts: whole words, as a part of a secret is found by nobody."""

import pytest

from ignition_toolkit.browser.foreign import MAX_MESSAGE, beginning, plain, shown_address


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a word", "a word"),
        ("a word of hunter2-plant", "a word of ... (shortened)"),
        ("hunter2-plant-and-more", "... (shortened)"),
    ],
)
def test_no_part_of_a_word_is_kept(text: str, kept: str) -> None:
    assert beginning(text, 17) == kept


def test_the_newest_words_are_kept_whole_too() -> None:
    text = "Timeout\n" + "hunter2-plant" + " x" * (MAX_MESSAGE // 2 - 3)
    assert plain(text, newest=True).count("plant") == 0
    assert plain(text, newest=True).startswith("Timeout\n... (shortened)\n x x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h:8088/app", "http://h:8088/app"),
        ("https://ann:pw@h/app?code=s3cret#id_token=s3cret", "https://h/app?..."),
        ("https://h/app#access_token=s3cret", "https://h/app"),
        ("about:blank", "about:blank"),
        ("http://[h", "(an address that cannot be read)"),
    ],
)
def test_an_address_is_shown_without_a_person_a_query_and_a_fragment(url: str, shown: str) -> None:
    assert shown_address(url) == shown


def test_what_playwright_says_holds_no_query() -> None:
    said = 'Page.goto: net::ERR at http://h/a?token=s3cret\n  - at "HTTPS://h/b#s3cret", x'
    assert plain(said) == 'Page.goto: net::ERR at http://h/a?...\n  - at "https://h/b", x'
