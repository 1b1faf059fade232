"""`/api/steps` and `/api/schema/...`: the step kinds, and JSON Schemas for other people's tools."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ignition_toolkit.api.event_schema import event_schema
from ignition_toolkit.api.parts import WorkerOf
from ignition_toolkit.api.problems import documented
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.schema import playbook_schema

router = APIRouter(prefix="/api", tags=["schemas"])


@router.get("/steps", responses=documented(503))
async def steps(worker: WorkerOf) -> Catalog:
    """Return the installed step kinds, each with the schema of its parameters."""
    return await worker.catalog()


# Any: a JSON Schema.
@router.get("/schema/playbook.json", responses=documented(503))
async def schema_of_playbooks(worker: WorkerOf) -> dict[str, Any]:
    """Return the JSON Schema of a playbook, for editors."""
    return playbook_schema(await worker.catalog())


# Any: a JSON Schema.
@router.get("/schema/events.json")
async def schema_of_events() -> dict[str, Any]:
    """Return the JSON Schema of the live events."""
    return event_schema()
