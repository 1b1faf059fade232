"""Something that takes a file as slowly as a test wants, and never answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

#: Bytes that are read in one go.
PIECE_BYTES = 64 * 1024


class SlowGateway:
    """Takes the bytes of one request, so many as it was told to; `address` is where it listens."""

    def __init__(self, listener: socket.socket) -> None:
        self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener
        self._may = threading.Semaphore(0)
        self._freely = threading.Event()
        self._allowed = self._received = 0
        #: Set when the other side has hung up.
        self.hung_up = threading.Event()

    def take(self, size: int) -> None:
        """Let so many bytes more be read, and none after them, once those before were read."""
        if self._received >= self._allowed:
            self._allowed += size
            self._may.release(size // PIECE_BYTES)

    def read_on(self) -> None:
        """Read to the end of the connection."""
        self._freely.set()
        self._may.release()

    def serve(self) -> None:
        """Read one connection to its end. Ends when the listener is shut down."""
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                while self._may_read() and (
                    piece := connection.recv(PIECE_BYTES, socket.MSG_WAITALL)
                ):
                    self._received += len(piece)
        self.hung_up.set()

    def _may_read(self) -> bool:
        return self._freely.is_set() or self._may.acquire()


@contextlib.contextmanager
def slow_gateway() -> Iterator[SlowGateway]:
    """Give one; its thread is gone at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = SlowGateway(listener)
        thread = threading.Thread(target=gateway.serve)
        thread.start()
        try:
            yield gateway
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            gateway.read_on()
            thread.join(30)
    assert not thread.is_alive()
