"""Follows a page of the documentation as its reader does: files, commands, and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

#: Where the page says that checkout and package are.
PLANT = "/plant"
#: What a cancelled run ends with.
RECORD = "cancel asked for by "

_BLOCK = re.compile(
    r"(?:^`(?P<path>[^`\n]+)`[^`\n]*:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
#: What differs from run to run, and what the comparison has in its place.
_VARIES = (
    (r"\d\d:\d\d:\d\d", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\b\d+(\.\d+)? (m?s)\b", r"N \2"),
    (r"by \S+ \(cli\)", "by SOMEBODY (cli)"),
    (r"\d+ runner", "PID runner"),
)


@dataclass(frozen=True)
class Block:
    """One fenced block: a file of that path, commands (`sh`), or what was said (`text`)."""

    language: str
    text: str
    path: str | None = None


class Executor(Protocol):
    """Does what the page has its reader do."""

    def __call__(self, command: str) -> str:
        """Run one command line in the checkout, and return what it says."""

    def cancelled(self) -> str | None:
        """Return what a run says that is cancelled in the middle; None if it is not tried here."""


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page."""
    for found in _BLOCK.finditer(page):
        yield Block(found["language"], found["text"], found["path"])


def follow(page: str, checkout: Path, execute: Executor) -> list[str]:
    """Do all of a page; fail where something else is said than the page shows.

    Returns: the first line of each text that was compared.
    """
    said, compared = "", []
    for block in blocks(page):
        if block.path is not None:
            (checkout / block.path).write_text(block.text, "utf-8")
        elif block.language == "sh":
            said = "".join(execute(line) for line in block.text.splitlines())
        else:
            heard = execute.cancelled() if block.text.startswith(RECORD) else said
            if heard is not None:
                assert settled(heard, checkout) == settled(block.text, checkout)
                compared.append(block.text.partition("\n")[0])
    return compared


def settled(text: str, checkout: Path) -> str:
    """Return a text without what differs from run to run."""
    text = text.replace(str(checkout.parent), PLANT)
    for pattern, name in _VARIES:
        text = re.sub(pattern, name, text)
    return text
