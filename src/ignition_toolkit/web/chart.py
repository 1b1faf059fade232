"""A chart of cancel latencies as SVG, drawn here: no script, no style but that of our sheet.

It is as wide as its place: what is across is in per cent, what is down is in pixels, and so its
numbers are as legible on a telephone as on a wall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

#: Milliseconds that a cancel may take.
PROMISE_MS = 500.0

#: Pixels; the sheet gives both drawings this height, and the scale this width.
_HEIGHT, _SCALE_WIDTH = 220, 64
_TOP, _BOTTOM = 24, 26
#: Share of a bar's place that is left free.
_GAP = 0.25
#: Few bars do not get as wide as the chart.
_LEAST_PLACES = 25


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
    label = f"Latency of the last {len(bars)} cancels in milliseconds, the promise at 500"
    parts = [_lines(scale), *(_bar(scale, *numbered) for numbered in enumerate(bars))]
    parts += [_promise(scale), _ends()]
    head = Markup('<svg class="latencies" role="img" aria-label="{}">').format(label)
    return _numbers(scale) + head + Markup("").join(parts) + Markup("</svg>")


class _Scale:
    marks_ms = (0.0, 100.0, 200.0, 300.0, 400.0, PROMISE_MS)

    def __init__(self, count: int, highest_ms: float) -> None:
        self.top_ms = min(highest_ms, 2 * PROMISE_MS)
        self.step = 100 / max(count, _LEAST_PLACES)
        self._first = 100 - count * self.step

    def x(self, number: int) -> float:
        """Return where the place of a bar begins, in per cent."""
        return self._first + number * self.step

    def y(self, value_ms: float) -> float:
        """Return how far down a value is, in pixels."""
        share = min(value_ms, self.top_ms) / self.top_ms
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _numbers(scale: _Scale) -> Markup:
    label = Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>')
    texts = [
        label.format(_SCALE_WIDTH - 8, scale.y(mark) + 5, f"{mark:.0f} ms" if mark else "0")
        for mark in scale.marks_ms
    ]
    head = Markup('<svg class="latency-scale" aria-hidden="true">')
    return head + Markup("").join(texts) + Markup("</svg>")


def _lines(scale: _Scale) -> Markup:
    line = Markup('<line class="grid" x1="0" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>')
    return Markup("").join(line.format(scale.y(mark)) for mark in scale.marks_ms)


def _bar(scale: _Scale, number: int, bar: Bar) -> Markup:
    value = bar.value_ms
    top = scale.y(value if value is not None else scale.top_ms)
    state = "unknown" if value is None else "late" if value > PROMISE_MS else "kept"
    return Markup(
        '<rect class="{}" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}">'
        "<title>{}</title></rect>"
    ).format(
        state,
        scale.x(number) + scale.step * _GAP / 2,
        top,
        scale.step * (1 - _GAP),
        max(1.0, scale.y(0) - top),
        escape(bar.title),
    )


def _promise(scale: _Scale) -> Markup:
    y = scale.y(PROMISE_MS)
    line = Markup('<line class="promise" x1="0" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>').format(y)
    # Below the bars: beside the line, those that are late would lie under it.
    label = Markup('<text x="50%" y="{}" text-anchor="middle">dashed: {:.0f} ms, promised</text>')
    return line + label.format(_HEIGHT - 6, PROMISE_MS)


def _ends() -> Markup:
    ends = Markup('<text x="0" y="{0}">older</text><text x="100%" y="{0}" text-anchor="end">{1}')
    return ends.format(_HEIGHT - 6, "newer") + Markup("</text>")
