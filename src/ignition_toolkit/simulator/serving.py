"""The simulator as a program: from its options to the signal that ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ignition_toolkit.simulator.access import HEADER
from ignition_toolkit.simulator.control_port import KEY_HEADER
from ignition_toolkit.simulator.gateway import DEFAULT_TOKEN, SimulatedGateway

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

DEFAULT_PORT = 8088
DEFAULT_TLS_PORT = 8043


@dataclass(frozen=True)
class Options:
    """What can be said when the program is started; see `SimulatedGateway`."""

    port: int = DEFAULT_PORT
    token: str = DEFAULT_TOKEN
    state_file: Path | None = None
    tls: bool = False
    tls_port: int = DEFAULT_TLS_PORT


def serve(options: Options, say: Callable[[str], None]) -> None:
    """Simulate a gateway until SIGINT, SIGTERM or SIGHUP.

    Args:
        options: as given.
        say: called with the addresses, once they answer.

    Raises:
        ValueError: the token has not the form `name:key`.
        StateFileUnusable, CannotListen: nothing was started; the first also when the state could
            not be saved at the end.
    """
    gateway = SimulatedGateway(
        port=options.port,
        token=options.token,
        state_file=options.state_file,
        tls=options.tls,
        tls_port=options.tls_port,
    )
    asyncio.run(_serve(gateway, say))


async def _serve(gateway: SimulatedGateway, say: Callable[[str], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            # Started with nohup.
            continue
        loop.add_signal_handler(number, stopped.set)
    async with gateway:
        say(_welcome(gateway))
        await stopped.wait()


def _welcome(gateway: SimulatedGateway) -> str:
    name = gateway.token.partition(":")[0]
    # A key that somebody has chosen may be a real one.
    shown = gateway.token if gateway.token == DEFAULT_TOKEN else f"{name}:..."
    lines = [
        f"simulated gateway  {gateway.base_url}",
        f"  key              {HEADER}: {shown}",
        f"  control port     {gateway.control_url}",
        f"  its key          {KEY_HEADER}: {gateway.control_key}",
        "",
        "Ctrl-C stops it.",
    ]
    if gateway.tls_url is not None:
        lines.insert(1, f"  over TLS         {gateway.tls_url}")
    return "\n".join(lines)
