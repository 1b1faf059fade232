"""The shapes of the live events as a JSON Schema: generators ignore what OpenAPI says of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ignition_toolkit.execution.views import ExecutionSummary, LogEvent, ProgressEvent, StepEvent

#: The model of each kind's `data` line.
MODELS: dict[str, type[BaseModel]] = {
    "execution": ExecutionSummary,
    "step": StepEvent,
    "log": LogEvent,
    "progress": ProgressEvent,
}


# Any: a JSON Schema.
@cache
def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of one event `{id, event, data}`, `data` being the parsed line."""
    references, shared = models_json_schema(
        [(model, "serialization") for model in MODELS.values()],
        ref_template="#/$defs/{model}",
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Live event",
        "description": "One server-sent event of /api/events: its id, event and data lines.",
        "$defs": shared.get("$defs", {}),
        "oneOf": [
            _event(kind, references[model, "serialization"]) for kind, model in MODELS.items()
        ],
    }


# Any: JSON Schemas.
def _event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": kind,
        "type": "object",
        "required": ["id", "event", "data"],
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "event": {"const": kind},
            "data": data,
        },
    }
