"""What Playwright says of a failure, as one line for the person who reads it."""

from __future__ import annotations

import re

#: What to look at when a page cannot be had, by the beginning of Chromium's code.
_ADVICE = {
    "net::ERR_CERT_": (
        "the browser trusts the authorities that this machine knows, and no CA file of a"
        " gateway's entry: have the machine trust the certificate, or register the gateway as"
        " insecure"
    ),
    "net::ERR_CONNECTION_REFUSED": (
        "nothing listens there: is it running, and is the address right?"
    ),
    "net::ERR_NAME_NOT_RESOLVED": (
        "this machine knows no host of that name: is it spelled right, or must it be given as an"
        " address?"
    ),
    "net::ERR_SSL_PROTOCOL_ERROR": "what listens there speaks no TLS: is it http:// there?",
}

_LOG = "\nCall log:\n"
_ENTRY = re.compile(r"\s*(?:- |\d+ \xd7 )(.*\S)\s*")
_TIMEOUT = re.compile(r"Timeout (\d+(?:\.\d+)?)ms exceeded\.?")
#: Entries that say what Playwright does by itself, and nothing of the page.
_ITS_OWN = re.compile(
    r"attempting .* action|retrying .* action|waiting \d+ms|(?:done )?scrolling.*"
    r'|waiting for element to be .*|(?:fill|type|press)\(".*'
)
#: A line of a script's stack, and one that lies in a file of the page.
_FRAME, _OF_PAGE = re.compile(r"\s+at .*"), re.compile(r"https?://")


def reworded(message: str) -> str:
    """Return a message of Playwright as one line: what failed, what was seen, what to look at.

    Each entry of its call log is told once, without those that say nothing of the page. A call log
    of another shape stays as it is: its lines may be parts of a secret.
    """
    said, found, log = message.strip().partition(_LOG)
    text = _headline(said)
    if to_look_at := [advice for code, advice in _ADVICE.items() if code in said]:
        return "; ".join([text, *to_look_at])
    entries = [_ENTRY.fullmatch(line) for line in log.splitlines()]
    if None in entries:
        return text + found + log
    told = (entry[1] for entry in entries if entry and not _ITS_OWN.fullmatch(entry[1]))
    return ": ".join(filter(None, [text, "; ".join(dict.fromkeys(told))]))


def seconds(duration: float) -> str:
    """Return a number of seconds as people read it: 30 -> `30`, 2.2495 -> `2.2`, 0.05 -> `0.05`."""
    return f"{round(duration, 1 if duration >= 1 else 3):g}"


def _headline(said: str) -> str:
    first, line_end, rest = said.partition("\n")
    first = _TIMEOUT.sub(
        lambda found: f"not done within {seconds(float(found[1]) / 1000)} s", first, count=1
    )
    first = re.sub(r"^(\w+\.\w+: )Error: ", r"\1", first)
    frames = rest.splitlines()
    if not all(map(_FRAME.fullmatch, frames)):
        return first + line_end + rest
    return "; ".join([first, *(line.strip() for line in frames if _OF_PAGE.search(line))])
