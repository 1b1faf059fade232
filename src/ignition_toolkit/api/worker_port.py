"""What the API needs of a worker. `execution.worker.Worker` has it, and so has the tests' fake."""

from __future__ import annotations

from collections.abc import Sequence
from io import RawIOBase
from typing import Any, Protocol

from ignition_toolkit.execution.archive import Pair
from ignition_toolkit.execution.hub import EventHub
from ignition_toolkit.execution.metrics import Readings
from ignition_toolkit.execution.requests import (
    EVERY,
    CredentialRequest,
    GatewayRequest,
    PruneRequest,
    Requester,
    RerunRequest,
    Source,
    StartRequest,
    Wanted,
)
from ignition_toolkit.execution.views import (
    ArtifactList,
    ArtifactsAnswer,
    AuditPage,
    CancelAnswer,
    CredentialList,
    CredentialView,
    ExecutionPage,
    ExecutionSummary,
    ExecutionView,
    GatewayList,
    Health,
    LiveViewState,
    PruneReport,
    ReleaseAnswer,
    Upkeep,
)
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import CancelSource
from ignition_toolkit.storage import EventRow, LogFilter, LostLines


class ArchivePort(Protocol):
    """What pages show beyond the states of executions; see `execution.archive.Archive`."""

    async def newest_lines(
        self, execution_id: str, wanted: LogFilter, *, limit: int, before: int | None = None
    ) -> Sequence[EventRow]:
        """Return the newest log events of an execution that are wanted, oldest of them first."""
        ...

    async def next_lines(
        self, execution_id: str, wanted: LogFilter, *, limit: int, after: int
    ) -> Sequence[EventRow]:
        """Return the first log events of an execution that are wanted and beyond a number."""
        ...

    async def lost_lines(self, execution_id: str) -> LostLines:
        """Return how many lines are missing from an execution's log."""
        ...

    async def neighbours(self, execution_id: str) -> Pair:
        """Return the runs of the same playbook just before and just after an execution."""
        ...

    async def latest_runs(self) -> dict[str, ExecutionSummary]:
        """Return the newest execution of each playbook, by the playbook's path."""
        ...

    async def recent_cancels(self, *, limit: int) -> Sequence[ExecutionSummary]:
        """Return the newest executions that are over and were cancelled, newest first."""
        ...

    async def artifacts(self, execution_id: str) -> ArtifactList:
        """Return the files that an execution has left, or why they are withheld."""
        ...

    async def open_artifact(self, execution_id: str, name: str) -> RawIOBase:
        """Open such a file, to read it in a thread: NotFound, WrongState when it is withheld."""
        ...

    async def upkeep(self) -> Upkeep:
        """Say what is kept, and for how long."""
        ...


class WorkerPort(Protocol):
    """Starts, stops and reads executions. Its coroutines may be awaited from any event loop.

    They raise classes of `errors.py`: `NotFound` where there is no such thing, `WrongState` where
    the execution's status forbids it, `StoreError` where the database does not answer. A caller
    that is cancelled stops waiting; what it asked for goes on.
    """

    @property
    def archive(self) -> ArchivePort:
        """What is stored beyond the states of executions."""
        ...

    @property
    def hub(self) -> EventHub:
        """Rings when events were committed."""
        ...

    async def start(self, request: StartRequest) -> ExecutionView:
        """Check and accept an execution: PlaybookInvalid, ParametersInvalid, NotFound.

        A repetition by idempotency key returns the first one; KeyReused for another request.
        """
        ...

    async def rerun(self, execution_id: str, request: RerunRequest) -> ExecutionView:
        """Accept an execution that runs one again which is over: RerunRefused, and as `start`."""
        ...

    async def cancel(
        self, execution_id: str, *, source: CancelSource, requested_by: str | None
    ) -> CancelAnswer:
        """Ask for the end of an execution; answers as soon as it is known to be asked for."""
        ...

    async def cancel_all(self, *, source: CancelSource, requested_by: str | None) -> list[str]:
        """Cancel every execution that is not over; return their ids."""
        ...

    async def pause(
        self, execution_id: str, *, source: Source, requested_by: str | None
    ) -> CancelAnswer:
        """Pause after the current step."""
        ...

    async def resume(
        self, execution_id: str, *, source: Source, requested_by: str | None
    ) -> CancelAnswer:
        """Go on after a pause."""
        ...

    async def skip(
        self, execution_id: str, *, source: Source, requested_by: str | None
    ) -> CancelAnswer:
        """Skip the current step, or the next one while paused."""
        ...

    async def release(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> ReleaseAnswer:
        """Free what an execution blocks that could not be stopped."""
        ...

    async def release_artifacts(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> ArtifactsAnswer:
        """Have withheld artifacts given out as they are."""
        ...

    async def execution(self, execution_id: str) -> ExecutionView:
        """Return one execution with its steps."""
        ...

    async def watch(self, execution_id: str) -> LiveViewState:
        """Say what there is to see of an execution's page; pictures are taken while it is asked."""
        ...

    async def picture(self, execution_id: str) -> bytes:
        """Return the newest picture of an execution's page, a JPEG: NotFound."""
        ...

    async def attempts(self, execution_id: str) -> Sequence[ExecutionSummary]:
        """Return an execution and all that are linked with it by reruns, oldest first."""
        ...

    async def executions(
        self, wanted: Wanted = EVERY, *, limit: int, offset: int = 0
    ) -> ExecutionPage:
        """Return a page of executions, newest first."""
        ...

    async def events(
        self, *, after: int, execution_id: str | None, limit: int = 500
    ) -> Sequence[EventRow]:
        """Return the next events with a greater number, in order."""
        ...

    async def last_event_id(self) -> int:
        """Return the number of the newest event, 0 where there is none."""
        ...

    # Any: JSON objects that describe playbooks.
    async def playbooks(self) -> list[dict[str, Any]]:
        """Describe the library."""
        ...

    async def playbook(self, path: str) -> dict[str, Any]:
        """Describe one playbook of the library."""
        ...

    async def catalog(self) -> Catalog:
        """Return the step kinds."""
        ...

    async def audit(self, *, limit: int, before: int | None, execution_id: str | None) -> AuditPage:
        """Return notes of who did what, newest first, from those before a number on."""
        ...

    async def prune(self, request: PruneRequest) -> PruneReport:
        """Remove old executions, for some seconds; OperatorError when all is to be kept."""
        ...

    async def credentials(self) -> CredentialList:
        """Return what credentials are stored; no secret: VaultError."""
        ...

    async def put_credential(self, request: CredentialRequest) -> CredentialView:
        """Store a credential: ParametersInvalid, NameTaken, VaultError."""
        ...

    async def remove_credential(self, name: str, by: Requester) -> None:
        """Remove a credential: NotFound, OperatorError while a gateway names it, VaultError."""
        ...

    async def gateways(self) -> GatewayList:
        """Return the registered gateways."""
        ...

    async def put_gateway(self, request: GatewayRequest) -> GatewayEntry:
        """Register a gateway: ParametersInvalid, NamesUnknown, NameTaken."""
        ...

    async def remove_gateway(self, name: str, by: Requester) -> None:
        """Remove a registered gateway: NotFound."""
        ...

    def metrics(self) -> Readings:
        """Return the figures of this moment."""
        ...

    async def health(self) -> Health:
        """Say how the worker is."""
        ...

    def kill_now(self, execution_id: str) -> None:
        """End an execution without any grace."""
        ...
