"""How messages show what was found and the nearest right name: one line, bounded."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

#: Characters of a found value that a message shows.
SHOWN_CHARACTERS = 60
#: Characters of a name that a message shows whole; of a longer one its beginning and its end, as
#: long names often differ there.
NAME_CHARACTERS = 200
_FIRST, _LAST = 120, 60

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def one_line(text: str) -> str:
    """Return the text with line breaks and control characters replaced by spaces."""
    return _UNPRINTABLE.sub(" ", text).strip()


def shown(text: str) -> str:
    """Return a found name in quotes, on one line, whole up to `NAME_CHARACTERS`."""
    line = one_line(text)
    cut = len(line) > NAME_CHARACTERS
    return repr(f"{line[:_FIRST]}...{line[-_LAST:]}" if cut else line)


def described(value: object) -> str:
    """Return what a value is, for the second half of `expected ..., found ...`."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        long = isinstance(value, int) and value.bit_length() > 200
        return "a very long number" if long else f"the number {value}"
    if isinstance(value, str):
        if len(value) > SHOWN_CHARACTERS:
            # Not a part of it: what a cut leaves of a secret is found by no redactor.
            return f"a text of {len(value)} characters"
        return f"the text {shown(value)}" if value else "an empty text"
    kind = "mapping" if isinstance(value, dict) else "list" if isinstance(value, list) else ""
    name = kind or type(value).__name__
    return f"a {name}" if value else f"an empty {name}"


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the choice closest to `word`, or nothing."""
    by_lower = {choice.lower(): str(choice) for choice in choices}
    close = difflib.get_close_matches(word.lower()[:200], list(by_lower), n=1, cutoff=0.6)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def listed(names: Iterable[str], limit: int = 16) -> str:
    """Return names in order, joined by commas, and how many were left out."""
    all_names = list(names)
    more = f" and {len(all_names) - limit} more" if len(all_names) > limit else ""
    return (", ".join(shown(n)[1:-1] for n in all_names[:limit]) + more) or "none"
