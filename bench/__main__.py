"""`python -m bench [PART]... [--times N] [--write]`: take the figures of README.md."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import advice, browser, cancel, designer, linting, live_view, pages, start
from bench.figures import load, machine, write_section

README = Path(__file__).with_name("README.md")
PARTS: dict[str, Callable[[Path, int], str]] = {
    "cancel": cancel.each,
    "many": lambda folder, times: cancel.many(folder, (1, 10, 50, 100), max(1, times // 4)),
    "start": start.all_of_it,
    "pages": pages.all_of_it,
    "lint": linting.all_of_it,
    "advice": advice.all_of_it,
    "browser": browser.all_of_it,
    "live-view": live_view.all_of_it,
    "designer": designer.all_of_it,
}


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; else all")
    parser.add_argument("--times", type=int, default=20, help="how often each")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    arguments = parser.parse_args()
    print(f"{machine()}; load {load():.1f}", flush=True)
    for name in arguments.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="itk-bench-") as folder:
            text = f"{machine()}.\n\n" + PARTS[name](Path(folder), arguments.times)
        print(f"\n## {name}\n\n{text}\n", flush=True)
        if arguments.write:
            write_section(README, name, text)


if __name__ == "__main__":
    main()
