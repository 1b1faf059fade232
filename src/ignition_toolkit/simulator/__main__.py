"""`python -m ignition_toolkit.simulator`: the simulator without the rest of the toolkit."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ignition_toolkit.simulator.gateway import DEFAULT_TOKEN
from ignition_toolkit.simulator.listener import CannotListen
from ignition_toolkit.simulator.saving import StateFileUnusable
from ignition_toolkit.simulator.serving import DEFAULT_PORT, DEFAULT_TLS_PORT, Options, serve


def main() -> int:
    """Simulate a gateway until a signal. Returns 0, or 2 for wrong input."""
    parser = argparse.ArgumentParser(
        prog="python -m ignition_toolkit.simulator", description="Simulate an Ignition gateway."
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes any that is free")
    parser.add_argument("--token", default=DEFAULT_TOKEN, metavar="NAME:KEY")
    parser.add_argument("--state", type=Path, metavar="FILE", help="where its contents are kept")
    parser.add_argument("--tls", action="store_true", help="answer over TLS too")
    parser.add_argument("--tls-port", type=int, default=DEFAULT_TLS_PORT)
    given = parser.parse_args()
    options = Options(given.port, given.token, given.state, given.tls, given.tls_port)
    try:
        serve(options, _say)
    except (ValueError, CannotListen, StateFileUnusable) as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 2
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
