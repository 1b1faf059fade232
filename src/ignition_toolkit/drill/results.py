"""What a drill has found, kind by kind, in the forms that people and programs read."""

from __future__ import annotations

import math
import statistics
from enum import StrEnum
from xml.etree import ElementTree

from ignition_toolkit.playbook.models import Frozen

#: Seconds from a cancel in which a step has to be over.
PROMISE_S = 0.5


class Mark(StrEnum):
    """How a kind did."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_TRIED = "not tried"


class Result(Frozen):
    """What came of one kind."""

    kind: str
    mark: Mark
    #: Seconds from the stop to the end, of each try in which the step was under way.
    took_s: tuple[float, ...] = ()
    tries: int = 0
    #: Breaches, or why it was not tried; a line each.
    lines: tuple[str, ...] = ()

    @property
    def median_ms(self) -> float | None:
        """The median, None where nothing was stopped in the middle."""
        return statistics.median(self.took_s) * 1000 if self.took_s else None

    @property
    def p99_ms(self) -> float | None:
        """What 99 of 100 stops did not take longer than: the nearest value from above."""
        ordered = sorted(self.took_s)
        return ordered[math.ceil(0.99 * len(ordered)) - 1] * 1000 if ordered else None

    @property
    def slowest_ms(self) -> float | None:
        """The longest, None where nothing was stopped in the middle."""
        return max(self.took_s) * 1000 if self.took_s else None


class Results(Frozen):
    """What came of all of them."""

    results: tuple[Result, ...]

    def count(self, mark: Mark) -> int:
        """Return how many have this mark."""
        return sum(one.mark is mark for one in self.results)

    @property
    def is_good(self) -> bool:
        """Whether something was tried, and nothing of it broke the contract."""
        return self.count(Mark.KEPT) > 0 and self.count(Mark.BROKEN) == 0

    @property
    def summary(self) -> str:
        """One line for people."""
        counts = ", ".join(f"{self.count(mark)} {mark.value}" for mark in Mark)
        stops = [one.slowest_ms for one in self.results if one.slowest_ms is not None]
        if not stops:
            return f"{counts}; no step was under way when it was stopped"
        return f"{counts}; the slowest stop took {max(stops):.0f} ms of {PROMISE_S * 1000:.0f} ms"


def as_text(results: Results) -> str:
    """Return a table with a line for each kind, its breaches below it, and the summary."""
    width = max((len(one.kind) for one in results.results), default=0)
    lines = [line for one in results.results for line in _text_lines(one, width)]
    return "\n".join([*lines, results.summary]) + "\n"


def _text_lines(one: Result, width: int) -> list[str]:
    times = _times(one)
    head = f"{one.kind:{width}}  {one.mark.value:9}  {times}".rstrip()
    return [head, *(f"    {line}" for line in one.lines)]


def _times(one: Result) -> str:
    if one.median_ms is None or one.slowest_ms is None:
        return ""
    return f"median {one.median_ms:.0f} ms, slowest {one.slowest_ms:.0f} ms"


def as_markdown(results: Results) -> str:
    """Return the table as the documentation has it."""
    rows = [
        f"| `{one.kind}` | {one.mark.value} | {one.tries} | {_figure(one.median_ms)} |"
        f" {_figure(one.p99_ms)} | {_figure(one.slowest_ms)} |"
        for one in results.results
    ]
    head = (
        "| kind | contract | tries | median ms | p99 ms | slowest ms |\n|---|---|---|---|---|---|"
    )
    return "\n".join([head, *rows]) + "\n"


def _figure(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f}"


def as_junit(results: Results) -> bytes:
    """Return the results as JUnit XML: a case for each kind."""
    ones = results.results
    suite = ElementTree.Element(
        "testsuite",
        name="itk drill",
        tests=str(len(ones)),
        failures=str(results.count(Mark.BROKEN)),
        errors="0",
        skipped=str(results.count(Mark.NOT_TRIED)),
        time=f"{sum(sum(one.took_s) for one in ones):.3f}",
    )
    for one in ones:
        _case(suite, one)
    text: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text


def _case(suite: ElementTree.Element, one: Result) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname="drill", name=one.kind, time=f"{sum(one.took_s):.3f}"
    )
    text = _clean("\n".join(one.lines))
    if one.mark is Mark.BROKEN:
        first = _first(text)
        failure = ElementTree.SubElement(case, "failure", type="contract", message=first)
        failure.text = text
    elif one.mark is Mark.NOT_TRIED:
        ElementTree.SubElement(case, "skipped", message=_first(text))


def _first(text: str) -> str:
    return text.partition("\n")[0]


def _clean(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return "".join(sign if _is_allowed(sign) else "?" for sign in text)


def _is_allowed(sign: str) -> bool:
    code = ord(sign)
    return sign in "\t\n" or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF
