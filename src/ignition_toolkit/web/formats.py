"""Durations, times and words as the pages show them. `words.js` writes durations alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ignition_toolkit.execution.views import ExecutionSummary, StepView
from ignition_toolkit.playbook.models import (
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    ParameterType,
)

OUTCOMES = {
    CancelOutcome.COOPERATIVE: "The step stopped by itself when it was asked to.",
    CancelOutcome.KILLED: "The step did not stop when it was asked to, and was killed.",
    CancelOutcome.TOO_LATE: "Every step had already ended when the cancel arrived.",
    CancelOutcome.WORKER_LOST: "The server died after the cancel was asked for; "
    "what was left was ended when it came back.",
    CancelOutcome.NOT_STOPPED: "Something could not be stopped. It may still be acting.",
}

SOURCES = {
    CancelSource.WEB: "on a web page",
    CancelSource.API: "over the API",
    CancelSource.CLI: "on the command line",
    CancelSource.TIMEOUT: "because its time was over",
    CancelSource.SKIP: "because the step was skipped",
    CancelSource.SHUTDOWN: "because the server was stopped",
    CancelSource.SCHEDULE: "by a schedule",
}


#: The part of their ids that on_cancel steps have before their own.
AFTER_CANCEL = "on_cancel"

#: Characters of one value that a page shows; a step's output may have millions.
SHOWN_LENGTH = 5000

#: A JSON value of at most so many characters is shown on one line.
SHORT_JSON = 60

EFFECTS = {
    "reads": "reads",
    "writes": "writes",
    "interrupts": "interrupts production",
}

#: Types of parameters, as a person calls them.
TYPE_WORDS = {
    ParameterType.STRING: "text",
    ParameterType.INTEGER: "whole number",
    ParameterType.FLOAT: "number",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.DICT: "mapping",
    ParameterType.LIST: "list",
    ParameterType.FILE: "file",
    ParameterType.CREDENTIAL: "credential",
}

#: The library's groups in their order; other domains come behind them.
DOMAINS = {
    "gateway": "Gateway",
    "perspective": "Perspective",
    "designer": "Designer",
    "utility": "Utility",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Statuses in which somebody can still do something.
ACTIVE = frozenset(status for status in ExecutionStatus if not status.final)


def duration(milliseconds: int) -> str:
    """Return a time as a person reads it: `8 ms`, `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`.

    Whole numbers only, halves up: the page's script has to come to the same words.
    """
    milliseconds = max(0, milliseconds)
    if milliseconds < 95:
        return f"{milliseconds} ms"
    if milliseconds < 9950:
        tenths = (milliseconds + 50) // 100
        return f"{tenths // 10}.{tenths % 10} s"
    seconds = (milliseconds + 500) // 1000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def milliseconds(value: float | None) -> str:
    """Return a figure of a cancellation record: `12 ms`, `1,250 ms`, or that there is none."""
    return "not measured" if value is None else f"{value:,.0f} ms"


def source_words(source: str) -> str:
    """Return from where something was asked for; a word that we do not know stays as it is."""
    known = source in set(CancelSource)
    return SOURCES[CancelSource(source)] if known else f"from {source}"


def byte_size(count: int) -> str:
    """Return a number of bytes as a person reads it: `512 bytes`, `1.4 kB`, `20 MB`, `3.1 GB`."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"


def moment(at: datetime) -> str:
    """Return a time of day with its date, in UTC; the page's script turns it into local time."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def elapsed(item: ExecutionSummary | StepView, now: datetime) -> str:
    """Return how long an execution or a step ran or has run; nothing before its start."""
    if item.started_at is None:
        return ""
    return duration(_milliseconds(item.completed_at or now) - _milliseconds(item.started_at))


def _milliseconds(at: datetime) -> int:
    # Cut off as a browser's clock cuts off microseconds: before the difference is taken.
    return (at - _EPOCH) // timedelta(milliseconds=1)


# Any: JSON values.
def readable(value: Any) -> str:
    """Return a JSON value as text, a long one with line breaks; a text stays as it is."""
    if isinstance(value, str):
        return value
    # As a person entered it, and as a page's script writes it.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= SHORT_JSON else json.dumps(value, ensure_ascii=False, indent=2)


# Any: JSON values.
def shortened(value: Any) -> str:
    """Return a JSON value as text of a length that a page can bear; says what is left out."""
    text = readable(value)
    if len(text) <= SHOWN_LENGTH:
        return text
    return f"{text[:SHOWN_LENGTH]}\n({len(text) - SHOWN_LENGTH:,} more characters are not shown)"


def in_tree_order(steps: Iterable[StepView]) -> list[StepView]:
    """Return steps with each nested one below its outer one, otherwise in the order given."""
    children: dict[str | None, list[StepView]] = {}
    steps = list(steps)
    known = {step.step_id for step in steps}
    for step in steps:
        parent = step.parent_step_id if step.parent_step_id in known else None
        children.setdefault(parent, []).append(step)
    return _below(None, children)


def depth(step_id: str) -> int:
    """Return how deep a step is nested, 0 for the top level and for steps run after a cancel."""
    outer = step_id.split("/")[:-1]
    return len(outer) - outer.count(AFTER_CANCEL)


def is_after_cancel(step_id: str) -> bool:
    """Whether a step is one of `on_cancel`, or below one."""
    return AFTER_CANCEL in step_id.split("/")[:-1]


# Any: playbooks as `Worker.playbooks` describes them.
def by_domain(
    playbooks: Iterable[Mapping[str, Any]],
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the library in groups with titles: by domain, then tests, then what does not load."""
    groups: dict[str, list[Mapping[str, Any]]] = {title: [] for title in DOMAINS.values()}
    for item in playbooks:
        groups.setdefault(_group(item), []).append(item)
    for title in (_TESTS, _BROKEN):
        groups[title] = groups.pop(title, [])
    return [(title, items) for title, items in groups.items() if items]


_TESTS = "Tests of the toolkit itself"
_BROKEN = "Do not load"


def _group(item: Mapping[str, Any]) -> str:
    if item["problems"]:
        return _BROKEN
    if str(item["path"]).startswith("tests/"):
        return _TESTS
    domain = item.get("domain") or "other"
    return DOMAINS.get(domain, str(domain).capitalize())


def _below(parent: str | None, children: Mapping[str | None, list[StepView]]) -> list[StepView]:
    found: list[StepView] = []
    for step in children.get(parent, []):
        found += [step, *_below(step.step_id, children)]
    return found
