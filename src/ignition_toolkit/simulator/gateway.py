"""`SimulatedGateway`: the gateway on sockets of this machine, with its control port."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ignition_toolkit.simulator import saving
from ignition_toolkit.simulator.app import GatewayApp
from ignition_toolkit.simulator.clock import Clock
from ignition_toolkit.simulator.connections import Connections
from ignition_toolkit.simulator.control_port import control_app
from ignition_toolkit.simulator.controls import Controls
from ignition_toolkit.simulator.lifecycle import Phase
from ignition_toolkit.simulator.listener import HOST, CannotListen, Listener
from ignition_toolkit.simulator.settings import Settings
from ignition_toolkit.simulator.streams import in_thread
from ignition_toolkit.simulator.world import World

if TYPE_CHECKING:
    from ignition_toolkit.simulator.certificates import Identity

logger = logging.getLogger(__name__)

DEFAULT_TOKEN = "itk:simulator"  # noqa: S105 - of a simulator on loopback

#: Seconds between a change and the writing of the state file, so that many are one write.
SAVE_AFTER_S = 0.1


#: Seconds until a port is tried again that somebody else has taken.
LISTEN_AGAIN_S = 0.5


class SimulatedGateway(Controls):
    """An Ignition gateway's HTTP interface on 127.0.0.1, as far as it is known from outside.

    Use it as an asynchronous context manager, in any task of any thread; it answers while it is
    open. The controls may be called from every thread.

    Args:
        settings: None for the defaults.
        port: 0 for any that is free.
        token: the first API key, as `name:key`.
        state_file: read if it exists, written at the start, after each change and at the end.
        tls: also listen on `tls_port`, with a certificate that is made at the start.
        tls_port: 0 for any that is free.
        clock_factor: seconds of the gateway's time per real second.

    Raises:
        ValueError: the token has not the form `name:key`.
        StateFileUnusable: from `__aenter__`.
        CannotListen: from `__aenter__`.

    Cancellation: of the task that holds it open ends it as leaving the block does; connections
    are broken, and nothing is left behind.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        port: int = 0,
        token: str = DEFAULT_TOKEN,
        state_file: Path | None = None,
        tls: bool = False,
        tls_port: int = 0,
        clock_factor: float = 1.0,
    ) -> None:
        name, colon, key = token.partition(":")
        if not (name and colon and key):
            raise ValueError("expected a token of the form NAME:KEY")
        clock = Clock(clock_factor)
        world = World(settings or Settings(), clock=clock)
        super().__init__(world)
        world.keys.add(name, key)
        world.on_change = self._on_change
        #: What a client sends in X-Ignition-API-Token.
        self.token = token
        #: What a client of the control port sends in X-Simulator-Key.
        self.control_key = secrets.token_urlsafe(24)
        #: The app itself, for tests without sockets.
        self.app = GatewayApp(world)
        self._state_file = state_file
        noted = (world.connections, world.journal)
        self._plain = Listener(self.app, port, *noted)
        self._tls = Listener(self.app, tls_port, *noted) if tls else None
        app = control_app(world, self, self.control_key)
        self._control = Listener(app, 0, Connections())
        self._tasks: list[asyncio.Task[None]] = []
        self._dirty = asyncio.Event()

    @property
    def base_url(self) -> str:
        """The gateway's address over plain HTTP."""
        return f"http://{HOST}:{self._plain.port}"

    @property
    def tls_url(self) -> str | None:
        """The gateway's address over TLS, by the name in its certificate."""
        return f"https://localhost:{self._tls.port}" if self._tls else None

    @property
    def certificate(self) -> str | None:
        """The gateway's certificate as PEM, while it is open and has one."""
        return self._world.certificate

    @property
    def control_url(self) -> str:
        """The control port's address."""
        return f"http://{HOST}:{self._control.port}"

    async def __aenter__(self) -> Self:
        """Read the state file, begin to answer, and prove that the state can be saved."""
        if self._state_file is not None:
            path = self._state_file
            if (state := await in_thread(lambda: saving.load(path))) is not None:
                self._world.restore(state)
        if self._tls is not None:
            names = self._world.settings.certificate_names
            identity = await in_thread(lambda: _make_identity(names))
            self._tls.tls, self._world.certificate = identity.context, identity.certificate
        self._loop = asyncio.get_running_loop()
        try:
            for listener in self._listeners():
                await listener.listen()
            await self._save()
        except BaseException:
            await self._close()
            raise
        if self._tls is not None:
            self._world.tls_url = f"https://localhost:{self._tls.port}"
        self._tasks = [
            asyncio.create_task(self._follow_phases(), name="simulator phases"),
            asyncio.create_task(self._save_changes(), name="simulator state"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Break all connections, save the state, and leave nothing behind."""
        await self._close()
        await self._save()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners():
            await listener.close()
        self._loop = None

    def _listeners(self) -> list[Listener]:
        return [one for one in (self._plain, self._tls, self._control) if one is not None]

    def _on_change(self) -> None:
        self._dirty.set()

    async def _follow_phases(self) -> None:
        """Listen while the gateway has a process, and only then."""
        world = self._world
        gateway = [one for one in (self._plain, self._tls) if one is not None]
        while True:
            down = world.lifecycle.phase is Phase.DOWN
            try:
                for listener in gateway:
                    if down and listener.listens:
                        listener.pause()
                        world.connections.reset_all()
                    elif not down and not listener.listens:
                        await listener.listen()
            except CannotListen as error:
                # Another program has taken the port meanwhile, perhaps for a moment.
                logger.error("%s", error, extra={"action": "simulator-listen"})
                await asyncio.sleep(LISTEN_AGAIN_S)
                continue
            # A change during one of the waits above must not be slept over.
            if down == (world.lifecycle.phase is Phase.DOWN):
                await world.clock.changed_or(world.lifecycle.next_change_at)

    async def _save(self) -> None:
        """Write the state file, where there is one. Raises StateFileUnusable."""
        if self._state_file is None:
            return
        text, path = self._world.state.model_dump_json(), self._state_file
        await in_thread(lambda: saving.save(path, text))

    async def _save_changes(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(SAVE_AFTER_S)
            self._dirty.clear()
            try:
                await self._save()
            except saving.StateFileUnusable as error:
                # The gateway goes on; the write at its end tells the caller.
                logger.error("%s", error, extra={"action": "simulator-save"})


def _make_identity(names: list[str]) -> Identity:
    # Imported here: most simulators do without TLS, and its library takes a while to load.
    from ignition_toolkit.simulator.certificates import make_identity

    return make_identity(names)
