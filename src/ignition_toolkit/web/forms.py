"""Forms of the pages: the token that proves a form is ours, and what its fields mean."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

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


# Any: a parameter as `Worker.playbook` describes it.
def shown_value(parameter: Mapping[str, Any], fields: Mapping[str, str] | None) -> str:
    """Return what a parameter's field holds when the page is shown.

    Args:
        parameter: its description.
        fields: what was entered before, when the form is shown again; None at first.
    """
    if fields is None:
        default = parameter.get("default")
        return "" if default is None else readable(default)
    entered = fields.get(PARAMETER_PREFIX + str(parameter["name"]), "")
    # A credential that was typed in is not sent back into a page.
    is_secret = parameter["type"] == "credential" and entered.lstrip().startswith("{")
    return "" if is_secret else entered
