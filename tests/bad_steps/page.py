"""Writes docs/who-catches-what.md: `python -m tests.bad_steps.page`.

tests/unit/lint/test_bad_steps.py holds that the page is what this makes.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from tests.bad_steps.kinds import CAUGHT, Caught, handlers

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "who-catches-what.md"
RULES = DOCS / "rules.md"

_HEAD = """\
# Who catches what

<!-- Written by `python -m tests.bad_steps.page` from tests/bad_steps. -->

A cancel ends every step, also one whose handler is written badly: then by a kill. Who tells its
author before that? For each way of losing a cancel there is a handler in `tests/bad_steps` that
does it, and these look at it:

- the **linter**, `itk lint`, which reads code and runs nothing. The codes are those of
  [rules.md](rules.md).
- the **watchdog** in the runner, which tells the place in the log of a run, also of one that
  nobody cancels, when a handler blocks the event loop for 100 ms or more.
- the **contract**, `ignition_toolkit.testing.check_step_contract`, which cancels a kind at every
  turn of the event loop, in a test of its author.

Tests hold each entry true, and that the promise is kept: cancelled while it waits, none of
them acts after its execution is *cancelled*. None sees all: the linter does not know how
long a computation takes or what a table of functions holds, the watchdog sees only who holds
the event loop, and to the contract a wait that a cancel ends is a good one, however it is written.

| kind | what is wrong | linter | watchdog | contract |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the text of the page."""
    rows = [row(kind, caught) for kind, caught in CAUGHT.items()]
    return _HEAD + "\n".join(rows) + "\n"


def row(kind: str, caught: Caught) -> str:
    """Return the line of one kind."""
    codes = ", ".join(f"[{code}](rules.md#{anchor(code)})" for code in caught.lint)
    cells = (f"`{kind}`", wrong(kind), codes or "-", "yes" if caught.watchdog else "-")
    return f"| {' | '.join(cells)} | {caught.contract or '-'} |"


def anchor(code: str) -> str:
    """Return the anchor of a code's section, as it is made of its heading."""
    found = re.search(rf"^## ({code} .*)$", RULES.read_text("utf-8"), re.MULTILINE)
    assert found, f"{RULES.name} has no section for {code}"
    return re.sub(r"[^\w -]", "", found[1].lower()).replace(" ", "-")


def wrong(kind: str) -> str:
    """Return what the docstring of a kind says is wrong with it."""
    text = " ".join(inspect.cleandoc(handlers()[kind].__doc__ or "").split())
    found = re.search(r"Wrong: (.*?)\.? ?(?:Fix:|$)", text)
    assert found, f"{kind} does not say what is wrong with it"
    return found[1]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
