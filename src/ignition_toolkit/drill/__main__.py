"""`python -m ignition_toolkit.drill`: the drill as a program; `itk drill` starts it."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from ignition_toolkit.drill.asking import Probe
from ignition_toolkit.drill.exercise import drill
from ignition_toolkit.drill.job import BUDGET_S
from ignition_toolkit.drill.ladder import ladder
from ignition_toolkit.drill.results import Results, as_junit, as_markdown, as_text
from ignition_toolkit.simulator import SimulatedGateway, make_module, serving_in_thread

CANCELLED = 130
#: Bytes of the module that is sent: too many for the buffers of a socket.
MODULE_BYTES = 1_000_000


def main(arguments: list[str]) -> int:
    """Try the kinds, print what came of them; return 0, 1 for a breach, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        results = _drilled(options.kinds, options.times, options.budget)
    except KeyboardInterrupt:
        sys.stderr.write("cancelled: the drill's processes are ended\n")
        return CANCELLED
    if options.junit is not None:
        part = options.junit.with_name(f"{options.junit.name}.part")
        part.write_bytes(as_junit(results))
        part.replace(options.junit)
    sys.stdout.write(_written(results, options.format))
    return 0 if results.is_good else 1


def _drilled(patterns: list[str], times: int, budget_s: float) -> Results:
    with (
        tempfile.TemporaryDirectory(prefix="itk-drill-") as folder,
        serving_in_thread(SimulatedGateway()) as gateway,
        Probe() as probe,
    ):
        file = make_module(Path(folder) / "line.modl", "com.acme.line", size_bytes=MODULE_BYTES)
        found = []
        for result in drill(patterns, gateway, probe, file, times=times, budget_s=budget_s):
            sys.stderr.write(f"{result.kind}: {result.mark.value}\n")
            found.append(result)
        for result in ladder(patterns, Path(folder), times=times):
            sys.stderr.write(f"{result.kind}: {result.mark.value}\n")
            found.append(result)
    return Results(results=tuple(found))


def _written(results: Results, form: str) -> str:
    if form == "json":
        return results.model_dump_json() + "\n"
    return as_markdown(results) if form == "markdown" else as_text(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ignition_toolkit.drill")
    parser.add_argument("--kinds", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--times", type=int, default=1, metavar="N")
    parser.add_argument("--budget", type=float, default=BUDGET_S, metavar="SECONDS")
    parser.add_argument("--junit", type=Path, metavar="FILE")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
