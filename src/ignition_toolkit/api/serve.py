"""`itk serve`: one worker behind HTTP, from the bound socket to the last stopped process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from ignition_toolkit.api.access import Access
from ignition_toolkit.api.app import create_app
from ignition_toolkit.api.hosts import HostRules
from ignition_toolkit.api.listening import is_local, listen, own_names, url_of
from ignition_toolkit.api.welcome import welcome
from ignition_toolkit.errors import StoreError
from ignition_toolkit.execution.access_token import (
    AccessToken,
    token_for_server,
    token_from_environment,
    token_is_demanded,
)
from ignition_toolkit.execution.priority import going_first
from ignition_toolkit.execution.requests import Wanted
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
        OperatorError: the address, the folder, the access token or ITK_ALLOWED_HOSTS cannot be
            used.
        StoreError: the database cannot be opened, or did not take everything at the end.
    """
    _log_to_stderr()
    signals = StopSignals(leave_at=LEAVE_AT)
    with contextlib.closing(listen(host, port)) as listener, signals, going_first():
        rules = HostRules.from_environment(own_names(listener))
        asks = _asks_for_token(listener)
        worker = Worker.open(settings, kind="server")
        try:
            token = token_for_server(settings.data_dir) if asks else None
            # After the token: who finds the address looks for it.
            worker.lock.set_url(url_of(listener))
            text = welcome(listener, settings.data_dir, rules, token)
            app = create_app(
                worker,
                hosts=rules,
                access=_access(listener, token),
                is_stopping=lambda: signals.wishes > 0,
            )
            server = _Server(worker, app, signals, lambda: say(text))
            asyncio.run(server.serve_until_stopped(listener))
        finally:
            worker.close()
    return 0


def _asks_for_token(listener: socket.socket) -> bool:
    """Whether an access token is needed; a wrong one is told before anything is started."""
    asks = token_is_demanded() or not is_local(listener)
    if asks:
        token_from_environment()
    return asks


def _access(listener: socket.socket, token: AccessToken | None) -> Access | None:
    return Access(token.value, port=listener.getsockname()[1]) if token else None


class _Server(uvicorn.Server):
    """The web server, stopped by our signals only, and after the worker."""

    def __init__(
        self,
        worker: Worker,
        app: FastAPI,
        signals: StopSignals,
        announce: Callable[[], None],
    ) -> None:
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
                page = await self._worker.executions(Wanted(status=status), limit=500)
                for item in page.items:
                    self._worker.kill_now(item.execution_id)


def _log_to_stderr() -> None:
    """Have our lines from INFO up on standard error, and everybody else's from WARNING up."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("ignition_toolkit").setLevel(logging.INFO)
