"""`itk serve`: one worker behind HTTP, from the bound socket to the last stopped process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

import uvicorn

from ignition_toolkit.api.app import create_app
from ignition_toolkit.api.hosts import HostRules
from ignition_toolkit.api.listening import listen, url_of
from ignition_toolkit.errors import StoreError
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.stop_signals import StopSignals
from ignition_toolkit.execution.worker import Worker
from ignition_toolkit.playbook.models import ExecutionStatus

#: Seconds that requests have to end once the worker is closed; a client that does not read its
#: stream is cut off then.
DRAIN_S = 2.0

#: The Ctrl-C that ends the process at once; its janitor then ends what is left.
LEAVE_AT = 3

#: Statuses of executions that a second Ctrl-C kills.
KILLED = (ExecutionStatus.CANCELLING, ExecutionStatus.RUNNING, ExecutionStatus.PAUSED)

EXAMPLE = "tests/test_cancellation.yaml"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 5000,
    say: Callable[[str], None] = _say,
) -> int:
    """Serve until SIGINT, SIGTERM or SIGHUP; then cancel what runs, and return 0.

    A second SIGINT kills what is being cancelled without any grace, a third ends the process.
    While it stops it still answers and cancels, but starts nothing.

    Args:
        settings: of the worker.
        host: a name or an address of this machine.
        port: 0 for any that is free.
        say: called with what a person should read: the address, and what to try.

    Raises:
        AddressInUse: another program listens there; nothing was started.
        DataFolderBusy: another process owns the data folder.
        OperatorError: the address, the folder or ITK_ALLOWED_HOSTS cannot be used.
        StoreError: the database cannot be opened, or did not take everything at the end.
    """
    rules = HostRules.from_environment()
    _log_to_stderr()
    signals = StopSignals(leave_at=LEAVE_AT)
    with contextlib.closing(listen(host, port)) as listener, signals:
        worker = Worker.open(settings, kind="server")
        try:
            worker.lock.set_url(url_of(listener))
            server = _Server(worker, rules, signals, lambda: say(_welcome(listener, settings)))
            asyncio.run(server.serve_until_stopped(listener))
        finally:
            worker.close()
    return 0


class _Server(uvicorn.Server):
    """The web server, stopped by our signals only, and after the worker."""

    def __init__(
        self,
        worker: Worker,
        rules: HostRules,
        signals: StopSignals,
        announce: Callable[[], None],
    ) -> None:
        app = create_app(worker, hosts=rules, is_stopping=lambda: signals.wishes > 0)
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            # Who asks goes into records: nobody may name another address for himself.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=int(DRAIN_S),
        )
        super().__init__(config)
        self._worker = worker
        self._signals = signals
        self._announce = announce
        self._failure: StoreError | None = None

    async def serve_until_stopped(self, listener: socket.socket) -> None:
        """Serve until a signal came and the worker is closed."""
        async with asyncio.TaskGroup() as group:
            stop = group.create_task(self._stop_when_asked())
            await self.serve(sockets=[listener])
            stop.cancel()
        if self._failure is not None:
            raise self._failure

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to StopSignals."""
        yield

    async def _stop_when_asked(self) -> None:
        await self._signals.reached(1)
        async with asyncio.TaskGroup() as group:
            insisted = group.create_task(self._kill_when_insisted())
            try:
                # Its ladder begins now; requests and streams go on until it is at the end.
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(None, self._worker.close)
            except StoreError as error:
                self._failure = error
            finally:
                self.should_exit = True
                insisted.cancel()

    async def _kill_when_insisted(self) -> None:
        await self._signals.reached(2)
        self.force_exit = True
        # A store or a supervision loop that is closed already has nothing left to kill.
        with contextlib.suppress(StoreError, RuntimeError):
            for status in KILLED:
                page = await self._worker.executions(status=status, limit=500, offset=0)
                for item in page.items:
                    self._worker.kill_now(item.execution_id)


def _welcome(listener: socket.socket, settings: Settings) -> str:
    url = url_of(listener)
    return "\n".join(
        [
            f"itk {version('ignition-toolkit')} serves {url}   (data folder {settings.data_dir})",
            "",
            f"  Open     {url}/",
            f"  Start    curl -X POST {url}/api/executions -H 'Content-Type: application/json' \\",
            f'                -d \'{{"playbook_path": "{EXAMPLE}"}}\'',
            f"  Cancel   curl -X POST {url}/api/executions/EXECUTION_ID/cancel",
            f"  Or       itk run {EXAMPLE}     and Ctrl-C",
            "",
            "Ctrl-C here stops the server and cancels what runs.",
        ]
    )


def _log_to_stderr() -> None:
    """Have our lines from INFO up on standard error, and everybody else's from WARNING up."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("ignition_toolkit").setLevel(logging.INFO)
