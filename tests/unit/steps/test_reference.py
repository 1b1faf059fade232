"""The reference pages of the step kinds are what their classes say, and none is missing."""

from tests.step_pages import FOLDER, pages


def test_every_step_kind_has_its_page_as_its_class_says() -> None:
    made = pages()
    there = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
    wrong = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    assert wrong == [], "write them anew with `python -m tests.step_pages`"


def test_every_parameter_says_what_it_is_for() -> None:
    """Also those of kinds to come: a row without a word fails here."""
    rows = [
        (name, row)
        for name, text in pages().items()
        for row in text.split("\n")
        if row.startswith("| `") and row.endswith("|  |")
    ]
    assert rows == []
