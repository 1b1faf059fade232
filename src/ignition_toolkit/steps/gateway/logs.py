"""The gateway's own log."""

from __future__ import annotations

import json
import time
from typing import Any, Literal

from pydantic import Field

from ignition_toolkit.gateway.transfers import write_file
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import FILE, GatewayStep, Strict

Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]


class GetLogs(GatewayStep):
    """Downloads lines of the gateway's log."""

    type = "gateway.get_logs"
    summary = "Download lines of the gateway's log, filtered, as a file of JSON lines"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of gateway.get_logs."""

        file: str = Field("gateway_log.jsonl", min_length=1, description=FILE)
        min_level: Level = Field("INFO", description="the least level")
        logger: str | None = Field(None, description="the logger's exact name")
        search: str | None = Field(None, description="text that a line holds")
        since_minutes: float | None = Field(None, gt=0, description="how far back, in minutes")
        limit: int = Field(10_000, ge=1, le=100_000, description="lines at most, the newest")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Download; outputs `file`, its whole path, `count`, and `errors`, how many are ERROR.

        Raises StepFailed when the file cannot be written, GatewayError. Cancellation: at once;
        nothing new is under the file's name.
        """
        gateway = await self.gateway()
        events = await gateway.upkeep.logs(_query(params))
        events.sort(key=_timestamp)
        file = self.artifact(params["file"])
        await write_file(file, "".join(f"{json.dumps(event)}\n" for event in events))
        errors = sum(event.get("level") == "ERROR" for event in events)
        return {"file": str(file), "count": len(events), "errors": errors}


# Any: the parameters of the step, and a JSON object.
def _query(params: dict[str, Any]) -> dict[str, str | int | None]:
    minutes = params["since_minutes"]
    since_ms = None if minutes is None else int((time.time() - 60 * minutes) * 1000)
    return {
        "minLevel": params["min_level"],
        "logger": params["logger"],
        "search": params["search"],
        "startTime": since_ms,
        "limit": params["limit"],
        "sortBy": "desc(timestamp)",
    }


def _timestamp(event: dict[str, Any]) -> float:
    value = event.get("timestamp")
    return float(value) if isinstance(value, int | float) else 0.0
