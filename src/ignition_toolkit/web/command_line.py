"""The `itk run` command that does what a form would: to be copied, and without a secret in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ignition_toolkit.web.formats import readable
from ignition_toolkit.web.forms import given_parameters, is_secret


@dataclass(frozen=True)
class CommandLine:
    """A command for a shell, and the environment variables that it reads secrets from."""

    text: str
    secrets: tuple[str, ...] = ()


# Any: parameters as `Worker.playbook` describes them.
def command_line(
    path: str, declared: Iterable[Mapping[str, Any]], fields: Mapping[str, str] | None
) -> CommandLine:
    """Return the command for what was entered.

    Args:
        path: of the playbook.
        declared: its parameters.
        fields: the form; None for the defaults. A value that is the default is left out.
    """
    words = ["itk", "run", path]
    secrets = []
    declared = list(declared)
    given = given_parameters(fields, declared) if fields is not None else {}
    for parameter in declared:
        name = str(parameter["name"])
        text = given.get(name)
        if text is None and parameter["required"]:
            text = name.upper()
        if text is None or text == _default(parameter):
            continue
        if is_secret(parameter, text):
            variable = re.sub("[^A-Z0-9]", "_", name.upper())
            secrets.append(variable)
            text = f"@env:{variable}"
        elif text.startswith("@"):
            text = f"@{text}"
        words += ["-p", f"{name}={text}"]
    return CommandLine(shlex.join(words), tuple(secrets))


def _default(parameter: Mapping[str, Any]) -> str | None:  # Any: see above
    default = parameter.get("default")
    return None if default is None else readable(default)
