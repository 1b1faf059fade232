"""What steps write to their runner's own stdout and stderr: redacted, cut into lines, bounded."""

from __future__ import annotations

from collections.abc import Callable

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.losses import Losses
from ignition_toolkit.playbook.events import Logged, LogLevel, StreamName
from ignition_toolkit.playbook.text_lines import Lines

#: Bytes that one step may write; more is counted and dropped.
MAX_STEP_BYTES = 10 * 1024 * 1024
#: Log events that one piece of output may become; a piece with more lines has several in each.
#: Blank lines alone would else keep the supervision loop busy for seconds.
MAX_EVENTS_AT_ONCE = 250

#: Bytes that are kept for the step that begins: its first output may overtake the news of it, as
#: they come through two pipes.
EARLY_BYTES = 256 * 1024

_LEVELS: dict[StreamName, LogLevel] = {"stdout": "info", "stderr": "warning"}


class OutputCapture:
    """Turns captured bytes into log lines of the step that runs.

    Args:
        redactor: knows the execution's secrets.
        on_line: gets each line.
        losses: what is dropped is counted there too.
    """

    def __init__(
        self, redactor: Redactor, on_line: Callable[[Logged], None], losses: Losses
    ) -> None:
        self._on_line = on_line
        self._losses = losses
        self._step_id: str | None = None
        self._room = MAX_STEP_BYTES
        self._dropped = 0
        self._early: list[tuple[str, bytes]] = []
        self._early_bytes = 0
        self._streams = [_Stream("stdout", redactor), _Stream("stderr", redactor)]

    def set_step(self, step_id: str | None) -> None:
        """Attribute what comes from now on to a step, with room of its own.

        What came while there was no step is the new one's too.
        """
        if step_id == self._step_id:
            return
        if self._step_id is not None:
            self._end_step()
        self._step_id, self._room = step_id, MAX_STEP_BYTES
        if step_id is not None:
            self._take_early()

    def feed(self, stream: str, data: bytes) -> None:
        """Take in what came on `stdout` or `stderr`."""
        if self._step_id is None and self._early_bytes + len(data) <= EARLY_BYTES:
            self._early.append((stream, data))
            self._early_bytes += len(data)
            return
        self._take_early()
        self._take(stream, data)

    def _take_early(self) -> None:
        early, self._early, self._early_bytes = self._early, [], 0
        for stream, data in early:
            self._take(stream, data)

    def _take(self, stream: str, data: bytes) -> None:
        taken = data[: self._room]
        self._room -= len(taken)
        self._dropped += len(data) - len(taken)
        captured = self._streams[stream == "stderr"]
        captured.feed(taken)
        self._write(captured)

    def flush(self) -> None:
        """Write out what is held back, and say how much was dropped: no more output comes."""
        self._take_early()
        for captured in self._streams:
            captured.flush()
        self._end_step()

    def _end_step(self) -> None:
        # What may begin a secret is held back all the same: the output of the next step may have
        # overtaken the news of it, and half of a secret would be shown.
        for captured in self._streams:
            captured.end_line()
            self._write(captured)
        if self._dropped:
            text = f"{self._dropped} bytes of output were dropped: a step may write 10 MiB"
            self._losses.output_bytes += self._dropped
            self._dropped = 0
            self._on_line(Logged(step_id=self._step_id, level="warning", message=text))

    def _write(self, captured: _Stream) -> None:
        lines = captured.take_lines()
        together = -(-len(lines) // MAX_EVENTS_AT_ONCE)
        for first in range(0, len(lines), together or 1):
            self._on_line(
                Logged(
                    step_id=self._step_id,
                    level=_LEVELS[captured.name],
                    message="\n".join(lines[first : first + together]),
                    stream=captured.name,
                )
            )


class _Stream:
    """One stream: redacted before it is cut, so that no line end hides a part of a secret."""

    def __init__(self, name: StreamName, redactor: Redactor) -> None:
        self.name = name
        self._redacted = redactor.stream()
        self._found: list[str] = []
        self._lines = Lines(self._found.append)

    def feed(self, data: bytes) -> None:
        self._lines.feed(self._redacted.feed(data))

    def flush(self) -> None:
        self._lines.feed(self._redacted.flush())

    def end_line(self) -> None:
        self._lines.feed(b"", final=True)

    def take_lines(self) -> list[str]:
        lines = self._found[:]
        self._found.clear()
        return lines
