"""Forms of the pages: the token that proves a form is ours, and what its fields mean."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from ignition_toolkit.credentials.secret import REDACTED
from ignition_toolkit.playbook.arguments import WrongValue, convert
from ignition_toolkit.playbook.models import ParameterType
from ignition_toolkit.web.formats import readable

#: Name of the hidden field.
TOKEN_FIELD = "form_token"

#: What stands before a parameter's name in the names of the fields.
PARAMETER_PREFIX = "parameter."

MAX_FIELDS = 1000


class FormToken:
    """A random value of this process, in each of our forms and known to no other site."""

    def __init__(self) -> None:
        self.value = secrets.token_urlsafe(32)

    def fits(self, given: str) -> bool:
        """Whether `given` is this token; takes the same time for every wrong one."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.value.encode())


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of an urlencoded form; of several of one name, the last.

    Raises:
        ValueError: it is no such form, or has more than MAX_FIELDS fields.
    """
    pairs = parse_qsl(
        body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace"
    )
    return dict(pairs)


# Any: parameters as `Worker.playbook` describes them.
def given_parameters(
    fields: Mapping[str, str], declared: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the texts that a person entered, by parameter; the playbook's types decide later.

    An empty field is no value, so that the default counts; but where a default text was cleared,
    the empty text was meant.
    """
    given: dict[str, str] = {}
    for parameter in declared:
        text = fields.get(PARAMETER_PREFIX + str(parameter["name"]))
        cleared = parameter["type"] == "string" and bool(parameter.get("default"))
        if text or (text is not None and cleared):
            # A browser sends line breaks as two characters.
            given[str(parameter["name"])] = text.replace("\r\n", "\n")
    return given


# Any: stored parameters are JSON values.
def remembered_fields(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a form as an earlier run had them; what held a secret is left out."""
    texts = {name: readable(value) for name, value in parameters.items() if value is not None}
    return {PARAMETER_PREFIX + name: text for name, text in texts.items() if REDACTED not in text}


# Any: parameters as `Worker.playbook` describes them.
def messages_for(fields: Mapping[str, str], declared: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return for each parameter what is wrong with what was entered; empty texts for nothing.

    What is still missing is not told before somebody starts the playbook.
    """
    declared = list(declared)
    given = given_parameters(fields, declared)
    return [_message(parameter, given.get(str(parameter["name"]))) for parameter in declared]


def _message(parameter: Mapping[str, Any], text: str | None) -> str:  # Any: see above
    if text is None:
        return ""
    try:
        convert(ParameterType(parameter["type"]), text)
    except WrongValue as error:
        return str(error)
    return ""


# Any: a parameter as `Worker.playbook` describes it.
def shown_value(parameter: Mapping[str, Any], fields: Mapping[str, str] | None) -> str:
    """Return what a parameter's field holds when the page is shown.

    Args:
        parameter: its description.
        fields: what was entered before, now or in an earlier run; None: nothing.
    """
    name = PARAMETER_PREFIX + str(parameter["name"])
    if fields is None or name not in fields:
        default = parameter.get("default")
        return "" if default is None else readable(default)
    entered = fields[name]
    # A credential that was typed in is not sent back into a page.
    return "" if is_secret(parameter, entered) else entered


# Any: a parameter as `Worker.playbook` describes it.
def is_secret(parameter: Mapping[str, Any], text: str) -> bool:
    """Whether a text is a credential itself, and not the name of one."""
    return parameter["type"] == "credential" and text.lstrip().startswith("{")
