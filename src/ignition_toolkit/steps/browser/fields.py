"""The parameters that several kinds of this family have, with their words."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from ignition_toolkit.credentials import Secret
from ignition_toolkit.steps.utility import as_text

#: Milliseconds that an element has to come, and that a verification is tried for.
ELEMENT_MS = 30_000.0
VERIFY_MS = 5_000.0

Selector = Annotated[
    str, Field(min_length=1, description="CSS, `text=...` or XPath, as Playwright reads it")
]
#: Milliseconds.
Timeout = Annotated[
    float, Field(ge=0, description="milliseconds, never longer than the step has; 0: as it has")
]
#: Also a number or a truth value that a playbook gives where a text is meant.
Text = Annotated[str, BeforeValidator(as_text)]


def _as_text_or_secret(value: object) -> object:
    return value if isinstance(value, Secret) else as_text(value)


#: What is typed; a secret stays one until it is, and a text does not become one.
Typed = Annotated[
    str | Secret, Field(union_mode="left_to_right"), BeforeValidator(_as_text_or_secret)
]
