"""What a look at somebody's code found, and how it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class Finding:
    """One place where a cancel can be lost. Sorts by place.

    Attributes:
        path: the file as it was given, relative where that was.
        line: from 1.
        column: from 1.
        code: of the rule, such as `ITK101`.
        message: what is there, who reaches it, what it does to a cancel, and the way out.
        handler: the step handler that reaches the place, by its full name; None for code that no
            handler of these files reaches.
        chain: the calls from the handler to the place, each `name (path:line)`; empty without one.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    handler: str | None = None
    chain: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:  # Any: a JSON object
        """Return the object that `itk lint --format json` prints."""
        return {
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "message": self.message,
            "handler": self.handler,
            "chain": list(self.chain),
        }

    def to_text(self) -> str:
        """Return one line, `path:line:column: code message`."""
        return f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}"
