"""The step kind that runs a Python script, in an interpreter of its own.

A script that does not stop costs its own process and not the runner with its browser.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import HandlerBroken, StepFailed
from ignition_toolkit.playbook.models import Process
from ignition_toolkit.playbook.step_handler import Effect, StepContext, StepHandler
from ignition_toolkit.playbook.text_lines import Lines
from ignition_toolkit.steps.script_process import ScriptProcess

#: Bytes of output that one script may write; more is counted and dropped.
MAX_OUTPUT_BYTES = 10 * 1024 * 1024
#: Characters of output that are kept as `_output`, and of one `KEY=value`.
MAX_KEPT_OUTPUT = 512 * 1024

#: Characters of one report; the script's side refuses larger ones.
_MAX_REPORT = 2 * 1024 * 1024

_ASSIGNMENT = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$")


class Python(StepHandler):
    """Runs a script."""

    type = "utility.python"
    summary = "Run a Python script in an interpreter of its own, with the rights of the server"
    effect = Effect.WRITES
    leaves = "what the script had changed by then; its processes are ended"

    class Params(BaseModel):
        """Parameters of utility.python."""

        model_config = ConfigDict(extra="forbid")

        script: str | Secret = Field(
            description="the Python text", examples=["import time\n\ntime.sleep(60)"]
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Run the script; outputs are its `KEY=value` lines, and `_output`, all that it printed.

        Raises StepFailed with the error and its line, or the exit status.
        Cancellation: SIGINT to the script's process group; what has not ended after 0.2 s is
        killed, and the record says where it stood.
        """
        script = params["script"]
        result = ScriptResult(self.context)
        process = ScriptProcess(
            script.reveal() if isinstance(script, Secret) else script,
            _revealed(self.context.variables()),
            result.on_stdout,
            result.on_stderr,
            result.on_report,
        )
        try:
            await process.wait()
        except asyncio.CancelledError:
            script_process = Process(pid=process.pid, name="script")
            await process.stop(lambda place: self.context.killed(script_process, place))
            raise
        finally:
            status = process.close()
        return result.outputs(status)


class ScriptResult:
    """What a script prints and reports: to the log line by line, kept, and bounded."""

    def __init__(self, context: StepContext) -> None:
        self._context = context
        self._room = MAX_OUTPUT_BYTES
        self._dropped = 0
        self._kept: list[str] = []
        self._kept_room = MAX_KEPT_OUTPUT
        self._values: dict[str, str] = {}
        self._error: str | None = None
        self._stdout = Lines(self._print, MAX_KEPT_OUTPUT)
        self._stderr = Lines(lambda line: context.log(line, "warning", "stderr"))
        self._reports = Lines(self._report, _MAX_REPORT)

    def on_stdout(self, data: bytes) -> None:
        """Take in output."""
        self._stdout.feed(self._bounded(data))

    def on_stderr(self, data: bytes) -> None:
        """Take in what was written to stderr."""
        self._stderr.feed(self._bounded(data))

    def on_report(self, data: bytes) -> None:
        """Take in what came over the private descriptor."""
        self._reports.feed(data)

    def outputs(self, status: int | None) -> dict[str, Any]:
        """Return the outputs of a script that ended with `status`; raises StepFailed."""
        for lines in (self._stdout, self._stderr, self._reports):
            lines.feed(b"", final=True)
        if self._dropped:
            note = f"{self._dropped} bytes of output were dropped: a step may write 10 MiB"
            self._context.log(note, "warning")
        if self._error is not None:
            raise StepFailed(self._error)
        if status is not None and status < 0:
            raise StepFailed(f"the script was ended by {_signal_name(-status)}")
        if status:
            raise StepFailed(f"the script ended with exit code {status}")
        return {**self._values, "_output": "\n".join(self._kept)}

    def _bounded(self, data: bytes) -> bytes:
        taken = data[: self._room]
        self._room -= len(taken)
        self._dropped += len(data) - len(taken)
        return taken

    def _print(self, line: str) -> None:
        if found := _ASSIGNMENT.match(line):
            self._values[found[1]] = found[2]
        if self._kept_room > 0:
            self._kept.append(line[: self._kept_room])
            self._kept_room -= len(line) + 1
        self._context.log(line, "info", "stdout")

    def _report(self, line: str) -> None:
        try:
            report = json.loads(line)
            if "variable" in report:
                self._context.set_variable(str(report["variable"]), report["value"])
            elif "error" in report:
                where = f" (line {report['line']} of the script)" if report["line"] else ""
                self._error = f"{report['error']}{where}"
        except HandlerBroken as error:
            self._error = error.message
        except (ValueError, TypeError, KeyError):
            # The descriptor is the script's too: what it writes there itself is not ours.
            self._context.log("the script wrote to a descriptor that is not its own", "warning")


def _signal_name(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        # A real-time signal has no name.
        return f"signal {number}"


# Any: JSON values of the playbook's choosing.
def _revealed(value: Any) -> Any:
    """Return a value with its secrets in the clear, for the script that is to use them."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revealed(item) for item in value]
    return value
