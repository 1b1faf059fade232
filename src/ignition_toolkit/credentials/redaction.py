"""Redactor: takes secrets out of texts, JSON values and byte streams.

A secret is found as it is, percent-encoded, with the escapes of JSON, of `repr` and of HTML, and
inside base64 at each of its three offsets; escapes are found also when they were escaped once
more. What it was turned into by other means (compressed, encrypted, reversed, cut in pieces by a
line break that it does not have itself) is not found.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from ignition_toolkit.credentials.secret import MIN_SECRET_LENGTH, REDACTED, Secret

_MARK = REDACTED.encode()

#: One place of a form: the ways to write it, of which one must stand there.
_Unit = tuple[bytes, ...]
#: A secret in one family of spellings.
_Form = tuple[_Unit, ...]


class Redactor:
    """Replaces secrets by `***`; texts that overlap become one `***`.

    Args:
        secrets: the values. Those under four characters are left out: redacting them would
            destroy every text, and they are refused where secrets come in. Of one with several
            lines each is found by itself too, as it is.

    It does not change after it is made and may be shared by threads.
    """

    def __init__(self, secrets: Iterable[str | Secret]) -> None:
        values = {s.reveal() if isinstance(s, Secret) else s for s in secrets}
        kept = sorted((v for v in values if len(v) >= MIN_SECRET_LENGTH), key=_longest_first)
        spelled = [form for value in kept for form in _forms(value)]
        # A log has lines: what stands in one of them alone is found too.
        lines = [form for value in kept for form in _lines(value)]
        forms = list(dict.fromkeys([*spelled, *lines]))
        #: Forms by the octet that they may begin with, each with its greatest length.
        self._starts: dict[int, list[tuple[int, _Form]]] = {}
        for form in forms:
            for octet in {way[0] for way in form[0]}:
                self._starts.setdefault(octet, []).append((_longest(form), form))
        self._reach = max(map(_longest, forms), default=0)
        self._pattern = re.compile(b"|".join(map(_regex, forms))) if kept else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """Return the text without secrets; the same object when there is nothing to redact."""
        if self._pattern is None:
            return text
        octets = text.encode("utf-8", "surrogatepass")
        if self._pattern.search(octets) is None:
            return text
        return self._replace(octets, 0, len(octets))[0].decode("utf-8", "surrogatepass")

    def value(self, value: object) -> object:
        """Return a JSON value without secrets, in keys and at every depth.

        A `Secret` becomes `***`, also one that is too short to be redacted from texts. A number
        whose digits hold a secret becomes `***`. Keys that become equal get a number appended.
        """
        if isinstance(value, Secret):
            return REDACTED
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and self:
            return value if self.text(str(value)) == str(value) else REDACTED
        return value

    def stream(self) -> RedactorStream:
        """Return a redactor of one byte stream that comes in pieces."""
        return RedactorStream(self)

    def _mapping(self, value: dict[object, object]) -> dict[object, object]:
        out: dict[object, object] = {}
        for key, item in value.items():
            clean = name = self.text(key) if isinstance(key, str) else key
            number = 2
            while name in out:
                name, number = f"{clean} ({number})", number + 1
            out[name] = self.value(item)
        return out

    def _replace(self, octets: bytes, covered: int, end: int) -> tuple[bytes, int]:
        """Redact `octets[:end]`, where a secret may begin, of which `covered` are written already.

        Returns what to write, and how far the octets are covered by it: `end` or more.
        """
        assert self._pattern is not None
        out = bytearray()
        found = self._pattern.search(octets)
        while found is not None and found.start() < end:
            if found.start() >= covered:
                out += octets[covered : found.start()] + _MARK
            covered = max(covered, found.end())
            # From the next octet on, so that a secret that overlaps this one is found too.
            found = self._pattern.search(octets, found.start() + 1)
        if covered < end:
            out += octets[covered:end]
            covered = end
        return bytes(out), covered

    def _open_at(self, octets: bytes) -> int:
        """Return where the first secret begins that more octets could complete, else the end."""
        for start in range(max(0, len(octets) - self._reach + 1), len(octets)):
            left = len(octets) - start
            for longest, form in self._starts.get(octets[start], ()):
                if left < longest and _may_begin(form, octets[start:]):
                    return start
        return len(octets)


class RedactorStream:
    """Redacts one byte stream; a secret cut by the border of two pieces is found.

    What comes out in all equals the redaction of what went in, joined. It holds back only what
    may be the beginning of a secret: never more than the longest spelling of the longest one.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._covered = 0

    def feed(self, data: bytes) -> bytes:
        """Take the next piece, and return what is certain by now."""
        if not self._redactor:
            return data
        octets = self._held + data
        return self._write(octets, self._redactor._open_at(octets))

    def flush(self) -> bytes:
        """Return what was held back: the stream has ended."""
        if not self._held:
            return b""
        return self._write(self._held, len(self._held))

    def _write(self, octets: bytes, end: int) -> bytes:
        out, covered = self._redactor._replace(octets, self._covered, end)
        self._held, self._covered = octets[end:], covered - end
        return out


def _longest_first(value: str) -> tuple[int, str]:
    return -len(value), value


def _forms(value: str) -> Iterator[_Form]:
    yield tuple(_spellings(character) for character in value)
    octets = value.encode("utf-8", "surrogatepass")
    padded = base64.b64encode(octets)
    for text in (padded, padded.rstrip(b"="), *_inner_base64(octets)):
        if len(text) >= MIN_SECRET_LENGTH:
            yield tuple(_base64_spellings(text[i : i + 1]) for i in range(len(text)))


def _lines(value: str) -> Iterator[_Form]:
    """The lines of a secret that has line ends, as they are."""
    for line in value.splitlines():
        if MIN_SECRET_LENGTH <= len(line) < len(value):
            octets = line.encode("utf-8", "surrogatepass")
            yield tuple((octets[i : i + 1],) for i in range(len(octets)))


def _longest(form: _Form) -> int:
    return sum(len(max(unit, key=len)) for unit in form)


def _inner_base64(octets: bytes) -> Iterator[bytes]:
    """The letters of the base64 that only the secret decides, at each offset in a longer text."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + octets)
        first = -(-offset * 8 // 6)
        yield encoded[first : (offset + len(octets)) * 8 // 6]


def _base64_spellings(letter: bytes) -> _Unit:
    other = {b"+": (b"+", b"-", b"%2B", b"%2b"), b"/": (b"/", b"_", b"%2F", b"%2f", b"\\/")}
    return other.get(letter, (letter, b"%3D", b"%3d") if letter == b"=" else (letter,))


def _spellings(character: str) -> _Unit:
    """Every way in which one character of a secret may be written, longest first."""
    plain = character.encode("utf-8", "surrogatepass")
    if character.isascii() and (character.isalnum() or character == "_"):
        return (plain,)
    once = {plain, *(w.encode() for w in _escapes(character, plain) if w)}
    # Once more: the body of a request as JSON, in the `repr` of an error, is an everyday thing.
    ways = once | {again for way in once for again in _escaped_again(way)}
    return tuple(sorted(ways, key=lambda w: (-len(w), w)))


def _escaped_again(way: bytes) -> Iterator[bytes]:
    doubled = way.replace(b"\\", b"\\\\")
    yield doubled
    yield doubled.replace(b'"', b'\\"')
    yield doubled.replace(b"'", b"\\'")
    yield quote(way, safe="").encode()
    yield html.escape(way.decode("latin-1")).encode("latin-1")


def _escapes(character: str, plain: bytes) -> Iterator[str]:
    for octets in ("".join(f"%{o:02X}" for o in plain), quote(plain, safe=""), quote_plus(plain)):
        yield octets
        yield octets.lower()
    for ascii_only in (True, False):
        inner = json.dumps(character, ensure_ascii=ascii_only)[1:-1]
        if inner.isascii():
            yield inner
            yield inner.upper().replace("\\U", "\\u") if inner.startswith("\\u") else inner
    yield f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
    yield f"\\u{ord(character):04X}" if ord(character) < 0x10000 else f"\\U{ord(character):08X}"
    yield ascii(character)[1:-1]
    yield repr(plain)[2:-1]
    if character in "'\"/":
        yield "\\" + character
    yield html.escape(character) if character in "&<>\"'" else ""
    yield "&#39;" if character == "'" else ""


def _regex(form: _Form) -> bytes:
    return b"".join(_unit_regex(unit) for unit in form)


def _unit_regex(unit: _Unit) -> bytes:
    if len(unit) == 1:
        return re.escape(unit[0])
    return b"(?:" + b"|".join(map(re.escape, unit)) + b")"


def _may_begin(form: _Form, tail: bytes) -> bool:
    """Whether `tail` is shorter than a spelling of the form and begins one."""
    places = {0}
    for unit in form:
        reached: set[int] = set()
        for place in places:
            rest = tail[place:]
            for way in unit:
                if len(way) > len(rest) and way.startswith(rest):
                    return True
                if rest.startswith(way):
                    reached.add(place + len(way))
        if not reached:
            return False
        places = reached
    return False
