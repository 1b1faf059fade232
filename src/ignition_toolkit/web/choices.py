"""What a form offers for a parameter: the stored credentials, the registered gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ignition_toolkit.playbook.gateways import GATEWAY, GATEWAY_URL, GatewayEntry


@dataclass(frozen=True)
class Choices:
    """What there is to choose from.

    Args:
        credentials: names of the stored ones.
        gateways: the registered ones.
    """

    credentials: Sequence[str] = ()
    gateways: Sequence[GatewayEntry] = ()


NO_CHOICES = Choices()


# Any: a parameter as `Worker.playbook` describes it, here and below.
def is_chosen(parameter: Mapping[str, Any]) -> bool:
    """Whether a parameter names something that is stored."""
    is_text = parameter["type"] == "string"
    return parameter["type"] == "credential" or (
        is_text and parameter["name"] in (GATEWAY, GATEWAY_URL)
    )


def options_for(parameter: Mapping[str, Any], choices: Choices) -> list[str]:
    """Return what is offered for a parameter; another text may be entered all the same."""
    if not is_chosen(parameter):
        return []
    if parameter["type"] == "credential":
        return list(choices.credentials)
    if parameter["name"] == GATEWAY:
        return [entry.name for entry in choices.gateways if entry.name is not None]
    return [url for entry in choices.gateways for url in entry.urls]
