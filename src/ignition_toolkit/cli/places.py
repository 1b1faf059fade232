"""Where an execution runs that this command follows: the worker of this process, or a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

from ignition_toolkit.cli.client import ServerClient
from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.cli.stream import follow_events
from ignition_toolkit.errors import OperatorError, StoreError, WrongState
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.json_values import clean_text
from ignition_toolkit.playbook.models import CancelSource

if TYPE_CHECKING:
    # Not imported at run time: it needs the database's libraries, and a server has its own.
    from ignition_toolkit.api.worker_port import WorkerPort

#: Seconds between two looks at a database that cannot be read at the moment.
RETRY_S = 0.5

Source = CancelSource.CLI


class Place(Protocol):
    """What following needs of the place. Cancellation: at once, what was asked for goes on."""

    @property
    def look_s(self) -> float:
        """Seconds between two looks at the execution while no event says that it is over."""
        ...

    async def start(self, request: StartRequest) -> ExecutionView:
        """Start an execution. Raises the classes of `errors.py`."""
        ...

    async def execution(self, execution_id: str) -> ExecutionView:
        """Return the execution as it now is."""
        ...

    def events(self, execution_id: str) -> AsyncGenerator[list[Event], None]:
        """Yield its events from the first to the last, in batches."""
        ...

    async def cancel(self, execution_id: str) -> None:
        """Ask for its end; nothing happens when it is over."""
        ...

    def kill_now(self, execution_id: str) -> bool:
        """End it without any grace; returns False where that cannot be asked for."""
        ...


class WorkerPlace:
    """The worker of this process."""

    look_s = 0.5

    def __init__(self, worker: WorkerPort) -> None:
        self._worker = worker

    async def start(self, request: StartRequest) -> ExecutionView:
        """Start an execution here."""
        return await self._worker.start(request)

    async def execution(self, execution_id: str) -> ExecutionView:
        """Return the execution as the worker knows it, stored or not."""
        return await self._worker.execution(execution_id)

    async def events(self, execution_id: str) -> AsyncGenerator[list[Event], None]:
        """Yield what was committed since the last batch; sleeps in between."""
        after = 0
        # Subscribed before the first read: what is committed in between rings.
        with closing(self._worker.hub.subscribe(execution_id)) as subscription:
            while True:
                try:
                    rows = await self._worker.events(after=after, execution_id=execution_id)
                except StoreError:
                    await asyncio.sleep(RETRY_S)
                    continue
                if not rows:
                    await subscription.wait(RETRY_S)
                    continue
                after = rows[-1].id
                yield [Event(row.id, row.kind, row.data) for row in rows]

    async def cancel(self, execution_id: str) -> None:
        """Begin the ladder."""
        try:
            await self._worker.cancel(execution_id, source=Source, requested_by=login_name())
        except WrongState:
            return

    def kill_now(self, execution_id: str) -> bool:
        """Have the janitor end the tree now."""
        self._worker.kill_now(execution_id)
        return True


class ServerPlace:
    """A server, which goes on when this command does not."""

    look_s = 5.0

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    async def start(self, request: StartRequest) -> ExecutionView:
        """Start an execution there. Raises OperatorError for a value that JSON cannot carry."""
        body: dict[str, Any] = {"parameters": _sendable(request.parameters)}  # Any: as there
        if request.playbook_path is not None:
            # A file's name may be no text; its content is what is run.
            body["playbook_path"] = clean_text(request.playbook_path)
        if request.playbook_text is not None:
            body["playbook_text"] = request.playbook_text
        answer = await self._client.post("/api/executions", body)
        return ExecutionView.model_validate(answer)

    async def execution(self, execution_id: str) -> ExecutionView:
        """Ask for the execution."""
        answer = await self._client.get(f"/api/executions/{execution_id}")
        return ExecutionView.model_validate(answer)

    async def events(self, execution_id: str) -> AsyncGenerator[list[Event], None]:
        """Yield what the server streams; a lost connection is taken up again."""
        async for event in follow_events(self._client, execution_id):
            yield [event]

    async def cancel(self, execution_id: str) -> None:
        """Have the server cancel it."""
        try:
            await self._client.post(f"/api/executions/{execution_id}/cancel")
        except WrongState:
            return

    def kill_now(self, _execution_id: str) -> bool:
        """Say no: a server has no address for it, its ladder takes half a second."""
        return False


# Any: JSON values, as in StartRequest.
def _sendable(parameters: dict[str, Any]) -> dict[str, Any]:
    for name, value in parameters.items():
        if isinstance(value, str) and clean_text(value) != value:
            raise OperatorError(
                f"-p {name}: the value is no text in UTF-8, and a server takes no other; "
                "give the path of a file that holds it"
            )
    return parameters
