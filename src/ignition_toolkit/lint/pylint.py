"""The linter as a plug-in of pylint: `load-plugins = ["ignition_toolkit.lint.pylint"]`.

pylint reads the modules; at its end the engine looks at all of them together, as findings follow
calls from one module into another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from astroid import nodes
from pylint.checkers import BaseChecker

from ignition_toolkit.lint.engine import lint_project
from ignition_toolkit.lint.findings import Finding
from ignition_toolkit.lint.project import Project, Source
from ignition_toolkit.lint.rules import RULES
from ignition_toolkit.lint.suppressions import MALFORMED, UNUSED

if TYPE_CHECKING:
    from pylint.lint import PyLinter
    from pylint.typing import MessageDefinitionTuple

_SLEEP = "ITK101"
_OF_SUPPRESSIONS = {
    MALFORMED: "a suppression without a code or a reason",
    UNUSED: "a suppression of nothing",
}


def _message_id(code: str) -> str:
    """ITK101 is W9801 to pylint, which gives each checker a hundred numbers."""
    return f"W98{code[-2:]}"


def _messages() -> dict[str, MessageDefinitionTuple]:
    names = {code: rule.name for code, rule in RULES.items()} | _OF_SUPPRESSIONS
    return {
        _message_id(code): ("%s", code.lower(), f"{code}: {name}. See docs/rules.md.")
        for code, name in names.items()
    }


class CancelChecker(BaseChecker):
    """Collects what pylint reads, and reports at the end."""

    name = "ignition-toolkit"
    msgs = _messages()
    options = (
        (
            "disallow-asyncio-sleep-in-handlers",
            {
                "default": True,
                "type": "yn",
                "metavar": "<y or n>",
                "help": "Tell of asyncio.sleep in the code of step handlers (ITK101).",
            },
        ),
    )

    def open(self) -> None:
        """Begin anew."""
        self._project = Project()
        self._modules: dict[str, nodes.Module] = {}

    def visit_module(self, node: nodes.Module) -> None:
        """Keep a module for the end."""
        with node.stream() as stream:  # type: ignore[no-untyped-call]  # astroid has no types here
            text = stream.read().decode(node.file_encoding or "utf-8", "replace")
        path = node.file or node.name
        self._modules[path] = node
        self._project.add(Source(path, text, node), [node.name])

    def close(self) -> None:
        """Look at all modules together."""
        codes = set(RULES)
        if not self.linter.config.disallow_asyncio_sleep_in_handlers:
            codes.discard(_SLEEP)
        for finding in lint_project(self._project, codes):
            self._tell(finding)

    def _tell(self, finding: Finding) -> None:
        self.add_message(
            finding.code.lower(),
            node=self._modules[finding.path],
            line=finding.line,
            col_offset=finding.column - 1,
            args=(finding.message,),
        )


def register(linter: PyLinter) -> None:
    """Called by pylint when it loads the plug-in."""
    linter.register_checker(CancelChecker(linter))
