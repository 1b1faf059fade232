"""References: `{{ parameter.x }}`, `{{ variable.x }}`, `{{ step.id.key }}`, `{{ credential.x.y }}`.

Only these four words open a reference; anything else in braces stays text. There are no
expressions. A reference that is the whole text keeps the type of its value; inside a longer text
it becomes text: true and false as `True` and `False`, which is what the scripts of existing
playbooks were written for, nothing as an empty text, mappings and lists as JSON. What a reference
gives is never looked at for references again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ignition_toolkit.credentials import Secret, holds_secret
from ignition_toolkit.errors import ReferenceUnresolved, ToolkitError
from ignition_toolkit.playbook.wording import listed, nearest, shown

#: The words that open a reference.
WORDS = ("parameter", "variable", "step", "credential")

#: What a credential has, and what may follow the name of one.
CREDENTIAL_FIELDS = ("username", "password", "api_token")

#: A name that a reference can spell: letters, digits, `_` and `-`.
NAME = re.compile(r"[\w-]{1,100}")

_OPEN = re.compile(r"\{\{\s*(" + "|".join(WORDS) + r")\b(?=\s*[.}])")
_REST = re.compile(r"\s*((?:\.[\w-]+)+)\s*\}\}")

_FORMS = {
    "parameter": "{{ parameter.NAME }}",
    "variable": "{{ variable.NAME }}",
    "step": "{{ step.ID.KEY }}",
    "credential": "{{ credential.NAME.password }}",
}


@dataclass(frozen=True)
class Reference:
    """One reference in a text: `word` is one of `WORDS`, `path` what follows it."""

    word: str
    path: tuple[str, ...]
    #: As written, braces included.
    text: str


@dataclass(frozen=True)
class Malformed:
    """A reference opens here but is not one; `message` says what was expected."""

    message: str


class ReferenceScope(Protocol):
    """Where references find their values."""

    # Any: JSON values and Secrets, in all of these.
    @property
    def parameters(self) -> Mapping[str, Any]:
        """The playbook's parameters."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """Its variables so far."""

    @property
    def outputs(self) -> Mapping[str, Mapping[str, Any]]:
        """The outputs of the steps that have ended, by step id."""

    @property
    def credentials(self) -> Callable[[str], Mapping[str, Any]]:
        """Gives a stored credential by name; raises a ToolkitError or KeyError for none."""


def references(value: object) -> list[Reference]:
    """Return the references in a JSON value, at every depth; malformed ones are left out."""
    return [r for text in _texts(value) for r in scan(text) if isinstance(r, Reference)]


def has_reference(value: object) -> bool:
    """Whether a JSON value holds a reference at any depth."""
    return any(_OPEN.search(text) for text in _texts(value))


def scan(text: str) -> list[Reference | Malformed]:
    """Return each place of the text where a reference opens, in order."""
    return [found for _start, _end, found in _scan(text)]


def resolve(value: object, scope: ReferenceScope) -> Any:  # Any: a JSON value or Secrets
    """Return the value with every reference in it replaced; keys of mappings are left alone.

    A Secret that is the whole text stays a Secret; a text that holds one becomes a Secret
    altogether. Mappings and lists that come out are copies.

    Raises: ReferenceUnresolved when a value is missing, and says what there is instead.
    """
    if isinstance(value, str):
        return _resolve_text(value, scope)
    if isinstance(value, Mapping):
        return {key: resolve(item, scope) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, scope) for item in value]
    return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _scan(text: str) -> Iterator[tuple[int, int, Reference | Malformed]]:
    position = 0
    while (opened := _OPEN.search(text, position)) is not None:
        word, start = opened[1], opened.start()
        rest = _REST.match(text, opened.end())
        position = rest.end() if rest else opened.end()
        path = tuple(rest[1][1:].split(".")) if rest else ()
        if len(path) < (2 if word == "step" else 1):
            yield start, position, _malformed(word, text[start : start + 80])
        else:
            yield start, position, Reference(word, path, text[start:position])


def _malformed(word: str, text: str) -> Malformed:
    end = text.find("}}")
    written = text[: end + 2] if end >= 0 else text[:40]
    return Malformed(f"expected {_FORMS[word]} without expressions, found {shown(written)}")


def _resolve_text(text: str, scope: ReferenceScope) -> object:
    found = list(_scan(text))
    if not found:
        return text
    values: list[object] = []
    for _start, _end, reference in found:
        if isinstance(reference, Malformed):
            raise ReferenceUnresolved(reference.message)
        values.append(_look_up(reference, scope))
    if len(found) == 1 and found[0][:2] == (0, len(text)):
        return _copy(values[0])
    return _joined(text, [(start, end) for start, end, _ in found], values)


def _joined(text: str, spans: list[tuple[int, int]], values: list[object]) -> str | Secret:
    pieces: list[str] = []
    secret = False
    position = 0
    for (start, end), value in zip(spans, values, strict=True):
        secret = secret or holds_secret(value)
        pieces += [text[position:start], _as_text(value)]
        position = end
    joined = "".join(pieces) + text[position:]
    return Secret(joined) if secret else joined


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(_copy(value), ensure_ascii=False, default=_revealed)
    return str(value)


def _revealed(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


def _copy(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item) for item in value]
    return value


def _look_up(reference: Reference, scope: ReferenceScope) -> object:
    head, *rest = reference.path
    if reference.word == "step":
        return _look_up_output(reference, scope)
    if reference.word == "credential":
        value: object = _credential(reference, head, scope)
    else:
        of = scope.parameters if reference.word == "parameter" else scope.variables
        value = _member(reference, of, head, f"the {reference.word}s are")
        if isinstance(value, str) and _names_credential(reference):
            value = _credential(reference, value, scope)
    return _dig(reference, value, rest, f"{reference.word}.{head}")


def _names_credential(reference: Reference) -> bool:
    """Whether the form is `{{ parameter.x.password }}`: then a text x names a credential."""
    field = reference.path[1:2]
    return reference.word == "parameter" and field != () and field[0] in CREDENTIAL_FIELDS


def _look_up_output(reference: Reference, scope: ReferenceScope) -> object:
    step, *rest = reference.path
    if step not in scope.outputs:
        raise _unresolved(
            reference, f"step {step!r} has not ended; steps with outputs: {listed(scope.outputs)}"
        )
    return _dig(reference, scope.outputs[step], rest, f"step.{step}")


def _credential(reference: Reference, name: str, scope: ReferenceScope) -> Mapping[str, object]:
    try:
        return scope.credentials(name)
    except KeyError as error:
        raise _unresolved(reference, f"there is no credential {shown(name)}") from error
    except ReferenceUnresolved:
        raise
    except ToolkitError as error:
        raise _unresolved(reference, error.message) from error


def _dig(reference: Reference, value: object, path: list[str], where: str) -> object:
    for part in path:
        if isinstance(value, Mapping):
            value = _member(reference, value, part, f"{where} has")
        elif isinstance(value, list | tuple):
            value = _item(reference, value, part, where)
        else:
            raise _unresolved(reference, f"{where} has no parts, so no {part!r}")
        where = f"{where}.{part}"
    return value


def _member(reference: Reference, of: Mapping[str, object], name: str, there: str) -> object:
    if name not in of:
        close = nearest(name, map(str, of))
        raise _unresolved(reference, f"{there} {listed(map(str, of))}{close}")
    return of[name]


def _item(
    reference: Reference, items: list[object] | tuple[object, ...], part: str, where: str
) -> object:
    if part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(items):
        return items[int(part)]
    raise _unresolved(
        reference, f"{where} is a list of {len(items)}, whose items are named 0, 1, ..."
    )


def _unresolved(reference: Reference, why: str) -> ReferenceUnresolved:
    return ReferenceUnresolved(f"{shown(reference.text)[1:-1]} has no value: {why}")
