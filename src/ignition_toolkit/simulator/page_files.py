"""The pages' files: read once, and filled in with escaped texts."""

from __future__ import annotations

import html
import re
from pathlib import Path

from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent / "pages"

#: Where a text goes, in a page's file.
_PLACE = re.compile(r"\[\[(\w+)\]\]")


#: Read when the module is loaded: a read on the event loop would hold it up.
_TEXTS = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}


def text_of(name: str) -> str:
    """Return the text of one of the files. Raises KeyError."""
    return _TEXTS[name]


def page(name: str, status: int = 200, **texts: str) -> HTMLResponse:
    """Return a page.

    Args:
        name: of its file, without the ending.
        status: of the answer.
        texts: for the places `[[name]]` of the file, as plain text. Raises KeyError for a place
            without one.
    """
    filled = _PLACE.sub(lambda place: html.escape(texts[place[1]]), text_of(f"{name}.html"))
    return HTMLResponse(filled, status, {"Cache-Control": "no-store"})
