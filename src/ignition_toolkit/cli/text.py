"""How values read in a line of text: times, durations, tables, what strangers have written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

#: What an execution or a step is drawn in.
STATUS_COLOURS = {
    "pending": "dim",
    "running": "cyan",
    "paused": "yellow",
    "cancelling": "yellow",
    "cancelled": "yellow",
    "completed": "green",
    "failed": "red",
    "interrupted": "magenta",
    "skipped": "dim",
    "not run": "dim",
}


def printable(text: str) -> str:
    """Return text that stays on its line and cannot steer a terminal.

    Control characters and those that turn the reading direction are shown as escapes.
    """
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    # Cc: control; Cf: direction and other invisible marks; Zl, Zp: line and paragraph ends.
    if character == "\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    return character.encode("unicode_escape").decode("ascii")


def local_time(moment: datetime) -> str:
    """Return the time of day where the reader is, to the second."""
    return moment.astimezone().strftime("%H:%M:%S")


def local_date_time(moment: datetime) -> str:
    """Return date and time of day where the reader is, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `3 ms`, `2.1 s`, `4 min 5 s`, `2 h 3 min`."""
    if seconds < 0.1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    # What would be rounded up to 60.0 is a minute.
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def milliseconds(value: float) -> str:
    """Return milliseconds with a unit, to a tenth below ten."""
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def byte_size(count: int) -> str:
    """Return bytes with a unit: `0 bytes`, `999 bytes`, `1.0 KiB`, `12.3 MiB`, `4.0 GiB`."""
    size, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1000:
            break
        size, unit = size / 1024, larger
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def number(value: float) -> str:
    """Return a number without a needless `.0`."""
    return f"{value:g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return lines with aligned columns; no line is wrapped, however wide the terminal is."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "".join(f"{line}\n" for line in aligned)


def plural(count: int, word: str) -> str:
    """Return `1 step`, `2 steps`, `3 processes`."""
    if count == 1:
        return f"1 {word}"
    return f"{count} {word}{'es' if word.endswith('s') else 's'}"
