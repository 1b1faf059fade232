"""A worker in a process of its own, which the test kills.

Arguments: the data folder and the number of slots. Reads JSON lines from stdin: `{"start": text,
"parameters": {..}}`, `{"cancel": id}`; answers each with a line on stdout: an id, or `ok`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.worker import Worker
from ignition_toolkit.playbook.models import CancelSource


# Any: a JSON object.
async def obey(worker: Worker, order: dict[str, Any]) -> str:
    if "start" in order:
        request = StartRequest("test.yaml", order["start"], order.get("parameters", {}))
        return (await worker.start(request)).execution_id
    await worker.cancel(order["cancel"], source=CancelSource.API, requested_by="me")
    return "ok"


def main(data_dir: Path, slots: int) -> None:
    worker = Worker.open(
        Settings(data_dir=data_dir, max_running=slots, warm_runners=1), kind="server"
    )
    print("open", flush=True)
    for line in sys.stdin:
        print(asyncio.run(obey(worker, json.loads(line))), flush=True)
    worker.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
