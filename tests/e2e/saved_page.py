"""A page as its browser saves it, and the hosts from which it would load or to which it leads.

The text of an address that somebody typed is neither, and so is the name of an XML namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Page

#: Attributes of HTML, HTMX, our scripts and SVG whose values are addresses.
ADDRESSES = (
    "action",
    "background",
    "cite",
    "data",
    "data-worker",
    "formaction",
    "href",
    "hx-delete",
    "hx-get",
    "hx-patch",
    "hx-post",
    "hx-put",
    "manifest",
    "ping",
    "poster",
    "src",
    "xlink:href",
)
_IN_CSS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s*["']([^"']+)""")
_IN_SCRIPT = re.compile(r"""["'`]((?:https?:|wss?:|ftp:)?//[\w.\[:-][^"'`\s]*)""")
_NAMESPACE = re.compile(r"http://www\.w3\.org/(?:[0-9]{4}|XML)/")


@dataclass(frozen=True)
class Part:
    """What a page consists of: itself, and each file that it loads.

    Args:
        address: where it came from.
        kind: its media type.
        text: its content.
    """

    address: str
    kind: str
    text: str

    def hosts(self) -> set[str]:
        """Return the hosts that the part names, with their ports."""
        found = (urljoin(self.address, value.strip()) for value in self._addresses())
        return {host for one in found if (host := urlsplit(one).netloc)}

    def _addresses(self) -> Iterator[str]:
        if self.kind in ("text/html", "image/svg+xml"):
            reader = _Reader()
            reader.feed(self.text)
            yield from reader.addresses
        elif self.kind == "text/css":
            yield from _in_css(self.text)
        elif "javascript" in self.kind:
            yield from (at for at in _IN_SCRIPT.findall(self.text) if not _NAMESPACE.match(at))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self._is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_style = tag == "style"
        for name, value in attrs:
            if name in ADDRESSES:
                self.addresses.append(value or "")
            elif name in ("srcset", "imagesrcset"):
                self.addresses += [
                    one.split()[0] for one in (value or "").split(",") if one.strip()
                ]
            else:
                # Also of those attributes of SVG that paint by an address.
                self.addresses += _in_css(value or "") if name not in ("value", "content") else []
        told = dict(attrs)
        if tag == "meta" and (told.get("http-equiv") or "").lower() == "refresh":
            self.addresses += re.findall(r"(?i)url=\s*['\"]?([^'\"]+)", told.get("content") or "")

    def handle_data(self, data: str) -> None:
        if self._is_style:
            self.addresses += _in_css(data)
        self._is_style = False


def _in_css(text: str) -> list[str]:
    return [first or second for first, second in _IN_CSS.findall(text)]


def saved(page: Page) -> list[Part]:
    """Return what the browser writes when a person saves a page, scripts excepted."""
    session = page.context.new_cdp_session(page)
    snapshot = session.send("Page.captureSnapshot", {"format": "mhtml"})["data"]
    session.detach()
    return [
        Part(
            str(message["Content-Location"]),
            message.get_content_type(),
            bytes(message.get_payload(decode=True)).decode("utf-8", "replace"),
        )
        for message in message_from_string(snapshot).walk()
        if not message.is_multipart()
    ]
