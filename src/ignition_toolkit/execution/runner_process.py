"""One runner process as its supervisor sees it: spoken to, heard, and seen to end."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from ignition_toolkit.errors import ProtocolError
from ignition_toolkit.execution.pipe_reader import PipeReader
from ignition_toolkit.execution.pipe_writer import PipeWriter
from ignition_toolkit.execution.runner_spawn import Spawned
from ignition_toolkit.playbook.models import Frozen
from ignition_toolkit.protocol import MAX_LINE_BYTES, Envelope, encode

logger = logging.getLogger(__name__)

#: Bytes of a step's own output that are taken in one turn.
OUTPUT_TURN_BYTES = 1 << 14


class RunnerListener(Protocol):
    """Who follows a runner. Called on the supervision loop; nothing here may block."""

    def on_message(self, envelope: Envelope) -> None:
        """Take note of a message, in the order of their numbers."""

    def on_output(self, stream: str, data: bytes) -> None:
        """Take note of what a step wrote to the runner's `stdout` or `stderr`."""

    def on_broken(self, error: ProtocolError) -> None:
        """The event stream ended or is damaged; said once, and nothing is heard after it."""

    def on_ended(self) -> None:
        """The process has ended; said once, after everything that it had written."""


class Deaf:
    """Listens to a runner that nobody has taken, and does nothing."""

    def on_message(self, envelope: Envelope) -> None:
        """Do nothing."""

    def on_output(self, stream: str, data: bytes) -> None:
        """Do nothing."""

    def on_broken(self, error: ProtocolError) -> None:
        """Do nothing."""

    def on_ended(self) -> None:
        """Do nothing."""


class RunnerProcess:
    """A running runner. To be used from the supervision loop only.

    The end of its event stream is not its death: `ended` is, which comes from the process itself.

    Args:
        token: value of its marker.
        folder: its own folder.
        spawned: the process and its pipes, which are this object's from now on.
    """

    def __init__(self, token: str, folder: Path, spawned: Spawned) -> None:
        self.token = token
        self.folder = folder
        self.pid = spawned.child.pid
        self.start = spawned.start
        self.ended = asyncio.Event()
        #: Negative for a signal; None while the process lives.
        self.exit_code: int | None = None
        #: Why nothing is heard any more; None while the event stream is sound.
        self.broken: ProtocolError | None = None
        self._listener: RunnerListener = Deaf()
        self._process = spawned.child.process
        self._rest = bytearray()
        self._seq = 0
        self._loop = asyncio.get_running_loop()
        self._pidfd = spawned.child.pidfd
        self._loop.add_reader(self._pidfd, self._on_end)
        self._commands = PipeWriter(spawned.stdin_fd)
        self._events = PipeReader(spawned.events_fd, self._on_events, self._on_stream_end)
        self._outputs = [
            self._read_output("stdout", spawned.stdout_fd),
            self._read_output("stderr", spawned.stderr_fd),
        ]

    def _read_output(self, stream: str, fd: int) -> PipeReader:
        def hand_on(data: bytes) -> None:
            self._listener.on_output(stream, data)

        return PipeReader(fd, hand_on, turn_bytes=OUTPUT_TURN_BYTES)

    @property
    def usable(self) -> bool:
        """Whether the process lives and its event stream is sound."""
        return self.broken is None and not self.ended.is_set()

    def listen(self, listener: RunnerListener) -> None:
        """Hear the runner from now on; it is told at once what has ended before."""
        self._listener = listener
        if self.broken is not None:
            listener.on_broken(self.broken)
        if self.ended.is_set():
            listener.on_ended()

    def send(self, command: Frozen) -> None:
        """Send a command. Never blocks; nothing happens when the process is gone."""
        self._commands.write(encode(command))

    def _on_events(self, data: bytes) -> None:
        self._rest += data
        if b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                if self.broken is None:
                    self._on_line(line)
        if len(self._rest) > MAX_LINE_BYTES:
            self._break(f"a line of more than {MAX_LINE_BYTES} bytes")

    def _on_line(self, line: bytearray) -> None:
        # What a line holds is not told: it may be a secret, and cut where it is not known again.
        if len(line) > MAX_LINE_BYTES:
            self._break(f"a line of {len(line)} bytes, expected at most {MAX_LINE_BYTES}")
            return
        try:
            envelope = Envelope.model_validate_json(line)
        except ValidationError as error:
            why = f"{error.error_count()} error(s)"
            self._break(f"a line of {len(line)} bytes that is no message: {why}")
            return
        if envelope.pid != self.pid:
            # A copy made by fork that kept a descriptor: not the runner, so not heard.
            return
        if envelope.seq != self._seq + 1:
            self._break(f"message {envelope.seq} after message {self._seq}")
            return
        self._seq = envelope.seq
        self._hand_on(envelope)

    def _hand_on(self, envelope: Envelope) -> None:
        try:
            self._listener.on_message(envelope)
        except Exception as error:  # border: what a runner says may make no sense to who hears it
            kind = envelope.body.kind
            logger.exception("a runner's message made no sense", extra={"action": "bad_message"})
            self._break(f"message {envelope.seq} ({kind}) made no sense: {type(error).__name__}")

    def _break(self, what: str) -> None:
        self._set_broken(f"the runner's event stream is damaged: {what}")

    def _on_stream_end(self) -> None:
        self._set_broken(
            "the runner's event stream ended while it lived: a step closed its descriptors"
        )

    def _set_broken(self, text: str) -> None:
        if self.broken is None and not self.ended.is_set():
            self.broken = ProtocolError(text)
            self._rest.clear()
            self._events.close()
            self._listener.on_broken(self.broken)

    def drain_output(self) -> None:
        """Hand on now what steps have written so far.

        What a step wrote was in the pipe before it said that it has ended.
        """
        for output in self._outputs:
            output.drain()

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._events.drain()
        self.drain_output()
        self.exit_code = self._process.poll()
        self.ended.set()
        self._listener.on_ended()

    def close(self) -> None:
        """Close the pipes; from now on nobody is told anything. For a process that has ended."""
        self._listener = Deaf()
        self._commands.close()
        self._events.close()
        for output in self._outputs:
            output.close()
