"""What an execution keeps for itself while it runs: its gateways, and the one desktop."""

from __future__ import annotations

from collections.abc import Iterable

from ignition_toolkit.execution.needs import steps_of
from ignition_toolkit.execution.views import Claim
from ignition_toolkit.playbook.gateways import GatewayEntry, normalised_gateway
from ignition_toolkit.playbook.models import Concurrency, Program

#: Step kinds with this beginning drive the one desktop.
DESKTOP_KINDS = "designer."
DESKTOP = Claim("desktop", "the desktop")


def claims_of(program: Program, gateways: Iterable[GatewayEntry]) -> frozenset[Claim]:
    """Return what a program claims, that of its nested playbooks included.

    `concurrency: shared` in the main playbook waives the gateways. A registered gateway is claimed
    by its name, whatever address it was named by.

    Args:
        program: the playbook, and those that it can run.
        gateways: those that they work on, see `needs_of`.
    """
    claims: set[Claim] = set()
    if any(step.type.startswith(DESKTOP_KINDS) for step in steps_of(program)):
        claims.add(DESKTOP)
    if program.main.concurrency is Concurrency.EXCLUSIVE:
        claims |= {Claim("gateway", entry.title) for entry in gateways}
    return frozenset(claims)


def aliases_of(gateways: Iterable[GatewayEntry]) -> dict[Claim, frozenset[Claim]]:
    """Return the addresses by which gateways may be claimed too, by their claims.

    Entries are changed, removed and registered while executions run: what one of them claimed by a
    name, another may claim by an address meanwhile.
    """
    return {
        Claim("gateway", entry.title): frozenset(
            Claim("gateway", normalised_gateway(url)) for url in entry.urls
        )
        for entry in gateways
    }
