"""What is kept of long texts: whole words, as a part of a secret is found by nobody."""

import pytest

from ignition_toolkit.browser.foreign import MAX_MESSAGE, beginning, plain


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
