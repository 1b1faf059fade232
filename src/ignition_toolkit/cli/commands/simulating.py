"""`itk simulate-gateway`: a gateway to try playbooks against."""

from __future__ import annotations

from ignition_toolkit.cli.output import stdout
from ignition_toolkit.errors import OperatorError
from ignition_toolkit.simulator.listener import CannotListen
from ignition_toolkit.simulator.saving import StateFileUnusable
from ignition_toolkit.simulator.serving import Options, serve


def simulate_gateway(options: Options) -> int:
    """Simulate a gateway until SIGINT, SIGTERM or SIGHUP. Returns the exit code.

    Raises:
        OperatorError: the port, the token or the state file cannot be used.
    """
    if not all(options.token.partition(":")):
        raise OperatorError("--token: expected NAME:KEY, as itk:simulator")
    try:
        serve(options, lambda text: stdout().write(text + "\n"))
    except (CannotListen, StateFileUnusable) as error:
        raise OperatorError(str(error)) from error
    return 0
