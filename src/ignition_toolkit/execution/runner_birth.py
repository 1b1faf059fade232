"""Waits for a started runner to come up."""

from __future__ import annotations

import asyncio

from ignition_toolkit.errors import ProtocolError, RunnerLost
from ignition_toolkit.execution.runner_process import Deaf, RunnerProcess
from ignition_toolkit.execution.waiting import happens
from ignition_toolkit.protocol import PROTOCOL_VERSION, Envelope, Ready

#: Seconds in which a runner has to say that it is ready.
READY_S = 30.0
#: Seconds that one whose event stream has ended has to end itself, and to say why on stderr.
LAST_WORDS_S = 1.0
#: Bytes of what a starting runner writes to stderr that are kept for the message.
_STDERR_BYTES = 16 * 1024


async def wait_ready(runner: RunnerProcess) -> None:
    """Wait for a runner's first message. Raises RunnerLost with what it wrote to stderr."""
    birth = _Birth()
    runner.listen(birth)
    if not await happens(birth.over, READY_S):
        raise RunnerLost(f"a runner did not come up within {READY_S:g} s")
    if birth.ready is None or not runner.usable:
        raise RunnerLost(f"a runner ended while it was starting: {birth.last_words}")
    if birth.ready.version != PROTOCOL_VERSION:
        raise RunnerLost(
            f"a runner speaks version {birth.ready.version} of the protocol, expected "
            f"{PROTOCOL_VERSION}: the installation was changed under the server, restart it"
        )


class _Birth(Deaf):
    """Waits for a runner's first message."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.ready: Ready | None = None
        self._stderr = bytearray()

    def on_message(self, envelope: Envelope) -> None:
        if isinstance(envelope.body, Ready):
            self.ready = envelope.body
        self.over.set()

    def on_output(self, stream: str, data: bytes) -> None:
        self._stderr += data[: _STDERR_BYTES - len(self._stderr)]

    def on_broken(self, error: ProtocolError) -> None:
        # Its end follows in a moment, with what it has to say on stderr.
        asyncio.get_running_loop().call_later(LAST_WORDS_S, self.over.set)

    def on_ended(self) -> None:
        self.over.set()

    @property
    def last_words(self) -> str:
        """The last line that it wrote to stderr."""
        lines = self._stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing to stderr"
