"""A step kind whose module hangs on import while a test wants it to."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ignition_toolkit.playbook.step_handler import StepHandler

_HOLD = Path(__file__).with_name("hold-import")

if _HOLD.exists():
    _HOLD.with_name("import.in").write_text(str(os.getpid()))
    time.sleep(60)


class Imported(StepHandler):
    type = "held.imported"

    class Params(BaseModel):
        pass

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"pid": os.getpid()}
