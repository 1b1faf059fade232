"""Modules of step kinds as strangers may write them: made here by name, imported by tests."""

import sys
import types
from typing import Any

from pydantic import BaseModel

from ignition_toolkit.playbook.step_handler import StepHandler


class Fine(StepHandler):
    type = "acme.fine"
    summary = "Works"

    class Params(BaseModel):
        line: str
        timeout: float = 30.0

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        return {}


class Other(StepHandler):
    type = "acme.other"

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        return {}


class Base(StepHandler):
    """No kind: it has no type of its own."""


class Derived(Fine):
    """No kind either: its type is that of its base."""


def install(name: str, **names: object) -> str:
    """Make a module of this name that holds copies of the classes given, as if declared there."""
    module = types.ModuleType(name)
    for key, value in names.items():
        setattr(module, key, _declared_in(name, value) if isinstance(value, type) else value)
    sys.modules[name] = module
    return name


def _declared_in(module: str, kind: type) -> type:
    own = {k: v for k, v in vars(kind).items() if k not in ("__dict__", "__weakref__")}
    return type(kind)(kind.__name__, kind.__bases__, {**own, "__module__": module})
