"""Figures of a measurement, and the tables that they stand in."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path


def summary(values: Sequence[float], digits: int = 0) -> str:
    """Return `median / p99 / maximum`; the p99 is the nearest value from above."""
    if not values:
        return "-"
    ordered = sorted(values)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return " / ".join(f"{x:.{digits}f}" for x in (statistics.median(ordered), p99, ordered[-1]))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def machine() -> str:
    """Say on what was measured."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    system = platform.release().split("-")[0]
    return (
        f"{len(os.sched_getaffinity(0))} cores ({names[0] if names else platform.machine()}), "
        f"Linux {system}, Python {platform.python_version()}"
    )


def load() -> float:
    """Return the machine's load over the last minute."""
    return os.getloadavg()[0]


def write_section(readme: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->` in a file."""
    old = readme.read_text("utf-8")
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = old.partition(opening)
    _, closed, after = rest.partition(closing)
    if not found or not closed:
        raise SystemExit(f"{readme}: expected the lines {opening.strip()} and {closing}")
    part = readme.with_suffix(".part")
    part.write_text(f"{before}{opening}{text.strip()}\n{closing}{after}", "utf-8")
    os.replace(part, readme)
