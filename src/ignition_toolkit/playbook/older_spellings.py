"""Spellings of the earlier toolbox: loaded with a warning that names the one of today.

The tables are the whole knowledge; `modernise` applies them to one step. A spelling counts only
for the kinds it is listed for. Browser timeouts are milliseconds in every spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ignition_toolkit.playbook.wording import shown
from ignition_toolkit.playbook.yaml_nodes import Entry, Place, Problem, Scalar


@dataclass
class Draft:
    """One step before its kind's schema is looked at."""

    kind: str
    #: Place of the kind's name.
    place: Place
    parameters: dict[str, Entry]
    #: The step's own keys.
    options: dict[str, Entry]
    #: Parameters that are taken although the kind's schema may not name them.
    tolerated: set[str] = field(default_factory=set)
    warnings: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def warn(self, place: Place, message: str) -> None:
        """Note an older spelling."""
        self.warnings.append(Problem(place, message))


@dataclass(frozen=True)
class Rename:
    """The parameter `old` of a kind is called `new` today."""

    kind: str
    old: str
    new: str
    #: The value of today for an older one; None when the spelling does not apply to it.
    value: Callable[[Scalar], str | None] | None = None


@dataclass(frozen=True)
class OtherKind:
    """A step of `kind` with the parameter `old` is a step of `new` today, without `dropped`."""

    kind: str
    old: str
    new: str
    dropped: tuple[str, ...]


#: States of a page that a navigation can wait for.
LOAD_STATES = ("load", "domcontentloaded", "networkidle")

#: Below this many milliseconds a browser timeout was almost certainly meant as seconds.
DOUBTFUL_TIMEOUT_MS = 1000


def _load_state(node: Scalar) -> str | None:
    return node.text if node.text in LOAD_STATES else None


def _stem(node: Scalar) -> str | None:
    """`shots/login.png` -> `login`; references in it stay."""
    name = node.text.rsplit("/", 1)[-1]
    return re.sub(r"\.(?:png|jpe?g)$", "", name, flags=re.IGNORECASE) or name


KIND_NAMES: Mapping[str, str] = {"designer.wait": "designer.wait_for_window"}

RENAMES: Collection[Rename] = (
    Rename("utility.python", "code", "script"),
    Rename("browser.navigate", "wait_for", "wait_until", _load_state),
    Rename("browser.verify", "condition", "state"),
    Rename("browser.screenshot", "path", "name", _stem),
)

OTHER_KINDS: Collection[OtherKind] = (
    OtherKind("browser.verify", "state", "browser.verify_state", ("exists",)),
)

#: Parameters that are a step's own keys today.
STEP_KEYS: Collection[tuple[str, str]] = (("browser.click", "retry_count"),)

#: Taken as they are, with what the warning says.
TOLERATED: Mapping[tuple[str, str], str] = {
    ("browser.navigate", "wait_for"): "is a selector to wait for after the navigation:"
    " a browser.wait step after this one says it plainly",
    **{
        (kind, "timeout"): "is taken as milliseconds, as in the other browser steps"
        for kind in (
            "browser.screenshot",
            "browser.verify",
            "browser.verify_text",
            "browser.verify_attribute",
            "browser.verify_state",
        )
    },
}


def modernise(draft: Draft, kinds: Mapping[str, Collection[str]]) -> None:
    """Replace the older spellings of one step, and note a warning for each.

    Args:
        kinds: the installed kinds, each with the names of its parameters.
    """
    _rename_kind(draft, kinds)
    for rename in RENAMES:
        if rename.kind == draft.kind and rename.old in draft.parameters:
            _rename(draft, rename)
    for other in OTHER_KINDS:
        if other.kind == draft.kind and other.old in draft.parameters:
            _change_kind(draft, other, kinds)
    for kind, name in STEP_KEYS:
        if kind == draft.kind and name in draft.parameters:
            _move_to_step(draft, name)
    _tolerate(draft, kinds.get(draft.kind, ()))
    _doubt_timeout(draft)


def _rename_kind(draft: Draft, kinds: Collection[str]) -> None:
    new = KIND_NAMES.get(draft.kind)
    if new is not None and draft.kind not in kinds:
        draft.warn(draft.place, f"{draft.kind} is the older spelling of {new}: write {new}")
        draft.kind = new


def _rename(draft: Draft, rename: Rename) -> None:
    entry = draft.parameters[rename.old]
    node, new = entry.node, rename.new
    if rename.value is not None:
        value = rename.value(node) if isinstance(node, Scalar) else None
        if value is None:
            return
        node, new = Scalar(node.place, value, value), f"{rename.new}: {shown(value)[1:-1]}"
    if rename.new in draft.parameters:
        message = f"{rename.old} is the older spelling of {rename.new}, and both are given"
        draft.problems.append(Problem(entry.place, f"{message}: remove {rename.old}"))
        del draft.parameters[rename.old]
        return
    draft.warn(
        entry.place,
        f"{rename.old} of {rename.kind} is the older spelling of {rename.new}: write {new}",
    )
    draft.parameters = {
        rename.new if name == rename.old else name: Entry(e.place, node) if e is entry else e
        for name, e in draft.parameters.items()
    }


def _change_kind(draft: Draft, other: OtherKind, kinds: Collection[str]) -> None:
    entry = draft.parameters[other.old]
    draft.warn(
        entry.place,
        f"{other.old} of {other.kind} is an older spelling: write a step of type {other.new}",
    )
    if other.new not in kinds:
        draft.tolerated.add(other.old)
        return
    draft.kind = other.new
    for name in other.dropped:
        draft.parameters.pop(name, None)


def _move_to_step(draft: Draft, name: str) -> None:
    entry = draft.parameters.pop(name)
    draft.warn(
        entry.place, f"{name} among the parameters is an older spelling: write it beside them"
    )
    draft.options.setdefault(name, entry)


def _tolerate(draft: Draft, known: Collection[str]) -> None:
    for name, entry in draft.parameters.items():
        why = TOLERATED.get((draft.kind, name))
        if why is None or (name in known and name == "timeout"):
            continue
        draft.tolerated.add(name)
        draft.warn(entry.place, f"{name} of {draft.kind} is an older spelling and {why}")


def _doubt_timeout(draft: Draft) -> None:
    entry = draft.parameters.get("timeout")
    if not draft.kind.startswith("browser.") or entry is None:
        return
    value = entry.node.value if isinstance(entry.node, Scalar) else None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and float(value or 0) < DOUBTFUL_TIMEOUT_MS:
        draft.warn(
            entry.node.place,
            f"timeout {value} is taken as milliseconds, as written;"
            f" if seconds were meant write {float(value or 0) * 1000:.0f}",
        )
