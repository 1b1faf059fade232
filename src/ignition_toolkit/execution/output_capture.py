"""What steps write to their runner's own stdout and stderr: redacted, cut into lines, bounded."""

from __future__ import annotations

from collections.abc import Callable

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.playbook.events import Logged, LogLevel, StreamName
from ignition_toolkit.playbook.text_lines import Lines

#: Bytes that one step may write; more is counted and dropped.
MAX_STEP_BYTES = 10 * 1024 * 1024


class OutputCapture:
    """Turns captured bytes into log lines of the step that runs.

    Args:
        redactor: knows the execution's secrets.
        on_line: gets each line.
    """

    def __init__(self, redactor: Redactor, on_line: Callable[[Logged], None]) -> None:
        self._on_line = on_line
        self._step_id: str | None = None
        self._room = MAX_STEP_BYTES
        self._dropped = 0
        self._streams = {"stdout": redactor.stream(), "stderr": redactor.stream()}
        self._lines = {
            "stdout": Lines(lambda line: self._emit(line, "info", "stdout")),
            "stderr": Lines(lambda line: self._emit(line, "warning", "stderr")),
        }

    def set_step(self, step_id: str | None) -> None:
        """Attribute what comes from now on to a step, with room of its own."""
        if step_id != self._step_id:
            self.flush()
            self._step_id, self._room = step_id, MAX_STEP_BYTES

    def feed(self, stream: str, data: bytes) -> None:
        """Take in what came on `stdout` or `stderr`."""
        taken = data[: self._room]
        self._room -= len(taken)
        self._dropped += len(data) - len(taken)
        self._lines[stream].feed(self._streams[stream].feed(taken))

    def flush(self) -> None:
        """Write out what is held back, and say how much was dropped."""
        for name, lines in self._lines.items():
            lines.feed(self._streams[name].flush(), final=True)
        if self._dropped:
            text = f"{self._dropped} bytes of output were dropped: a step may write 10 MiB"
            self._dropped = 0
            self._on_line(Logged(step_id=self._step_id, level="warning", message=text))

    def _emit(self, line: str, level: LogLevel, stream: StreamName) -> None:
        self._on_line(Logged(step_id=self._step_id, level=level, message=line, stream=stream))
