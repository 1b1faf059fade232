"""A chart of cancel latencies as SVG, drawn here: no script, no style but that of our sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

#: Milliseconds that a cancel may take.
PROMISE_MS = 500.0

_WIDTH, _HEIGHT = 800, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 14, 26
_GAP = 0.25


@dataclass(frozen=True)
class Bar:
    """One cancel: what to call it, and its milliseconds; None where they were not measured."""

    title: str
    value_ms: float | None


def latency_chart(bars: Sequence[Bar]) -> Markup:
    """Return bars from the oldest on the left to the newest, with a line at the promise.

    Bars beyond twice the promise are cut at the top; their titles tell their figures.
    """
    scale = _Scale(len(bars), max([PROMISE_MS * 1.2, *(bar.value_ms or 0 for bar in bars)]))
    parts = [_frame(scale), *(_bar(scale, *numbered) for numbered in enumerate(bars)), _line(scale)]
    label = f"Latency of the last {len(bars)} cancels in milliseconds, the promise at 500"
    head = Markup('<svg class="latencies" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return head.format(_WIDTH, _HEIGHT, label) + Markup("").join(parts) + Markup("</svg>")


class _Scale:
    def __init__(self, count: int, highest_ms: float) -> None:
        self.top_ms = min(highest_ms, 2 * PROMISE_MS)
        # Few bars do not get as wide as the chart.
        self.step = (_WIDTH - _LEFT - _RIGHT) / max(count, 25)
        self._first = _WIDTH - _RIGHT - count * self.step

    def x(self, number: int) -> float:
        return self._first + number * self.step

    def y(self, value_ms: float) -> float:
        share = min(value_ms, self.top_ms) / self.top_ms
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _frame(scale: _Scale) -> Markup:
    marks = [0.0, 100.0, 200.0, 300.0, 400.0, PROMISE_MS]
    text = Markup("")
    for mark in marks:
        y = scale.y(mark)
        line = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
        text += line.format(_LEFT, _WIDTH - _RIGHT, y, y)
        label = Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>')
        text += label.format(_LEFT - 8, y + 4, f"{mark:.0f} ms" if mark else "0")
    ends = Markup('<text x="{}" y="{}">older</text><text x="{}" y="{}" text-anchor="end">{}</text>')
    return text + ends.format(_LEFT, _HEIGHT - 6, _WIDTH - _RIGHT, _HEIGHT - 6, "newer")


def _bar(scale: _Scale, number: int, bar: Bar) -> Markup:
    value = bar.value_ms
    top = scale.y(value if value is not None else scale.top_ms)
    state = "unknown" if value is None else "late" if value > PROMISE_MS else "kept"
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
        "<title>{}</title></rect>"
    ).format(
        state,
        scale.x(number) + scale.step * _GAP / 2,
        top,
        scale.step * (1 - _GAP),
        max(1.0, scale.y(0) - top),
        escape(bar.title),
    )


def _line(scale: _Scale) -> Markup:
    y = scale.y(PROMISE_MS)
    line = Markup('<line class="promise" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
    # On the right too: a narrow screen shows the newest bars and not the scale.
    label = Markup('<text x="{}" y="{:.1f}" text-anchor="end">promised: {:.0f} ms</text>')
    return line.format(_LEFT, _WIDTH - _RIGHT, y, y) + label.format(
        _WIDTH - _RIGHT, y - 5, PROMISE_MS
    )
