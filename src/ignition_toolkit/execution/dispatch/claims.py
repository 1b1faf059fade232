"""What an execution keeps for itself while it runs: its gateways, and the one desktop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ignition_toolkit.errors import ReferenceUnresolved
from ignition_toolkit.execution.views import Claim
from ignition_toolkit.playbook.models import Concurrency, Playbook, Program, Step
from ignition_toolkit.playbook.parameters import resolve
from ignition_toolkit.playbook.program import NESTING_KIND, NESTING_PARAMETER

#: The parameter that names a playbook's gateway.
GATEWAY_PARAMETER = "gateway_url"
#: Step kinds with this beginning drive the one desktop.
DESKTOP_KINDS = "designer."
DESKTOP = Claim("desktop", "the desktop")

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


# Any: parameter values, as checked for the main playbook.
def claims_of(program: Program, arguments: Mapping[str, Any]) -> frozenset[Claim]:
    """Return what a program needs, that of its nested playbooks included.

    `concurrency: shared` in the main playbook waives the gateways. A nested playbook's gateway
    that only a step of the run will tell (a variable, a step's output) cannot be known here and
    is not claimed.
    """
    claims: set[Claim] = set()
    if any(step.type.startswith(DESKTOP_KINDS) for step in _all_steps(program)):
        claims.add(DESKTOP)
    if program.main.concurrency is Concurrency.EXCLUSIVE:
        urls = set(_gateways(program, program.main, dict(arguments)))
        claims |= {Claim("gateway", normalised_gateway(url)) for url in urls}
    return frozenset(claims)


def normalised_gateway(url: str) -> str:
    """Return the one spelling of a gateway's address: scheme, host and port, nothing else.

    Case and a trailing slash do not matter, and the loopback addresses are one host. A text that
    is no address stands for itself.
    """
    text = url.strip()
    try:
        parts = urlsplit(text if _SCHEME.match(text) else f"http://{text.removeprefix('//')}")
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return text.lower()
    if not host:
        return text.lower()
    host = "localhost" if host in _LOOPBACK else host
    scheme = parts.scheme.lower()
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port or _DEFAULT_PORTS.get(scheme, 0)}"


def _all_steps(program: Program) -> Iterator[Step]:
    for playbook in (program.main, *program.nested.values()):
        yield from playbook.steps
        yield from playbook.on_cancel


def _gateways(program: Program, playbook: Playbook, arguments: dict[str, Any]) -> Iterator[str]:
    url = arguments.get(GATEWAY_PARAMETER)
    if isinstance(url, str) and url.strip():
        yield url
    for step in (*playbook.steps, *playbook.on_cancel):
        nested = program.nested.get(str(step.parameters.get(NESTING_PARAMETER)))
        if step.type == NESTING_KIND and nested is not None:
            yield from _gateways(program, nested, _nested_arguments(nested, step, arguments))


def _nested_arguments(nested: Playbook, step: Step, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what a nested playbook will be given, as far as it can be told before the run."""
    given = {parameter.name: parameter.default for parameter in nested.parameters}
    for name, value in step.parameters.items():
        try:
            given[name] = resolve(value, _Known(arguments))
        except ReferenceUnresolved:
            given[name] = None
    return given


class _Known:
    """The references that can be resolved before a run: the parameters."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters
        self.variables: Mapping[str, Any] = {}
        self.outputs: Mapping[str, Mapping[str, Any]] = {}

    def credentials(self, name: str) -> Mapping[str, Any]:
        """No credential names a gateway."""
        raise ReferenceUnresolved(f"credential {name!r} is not known before the run")
