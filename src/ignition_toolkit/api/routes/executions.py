"""`/api/executions`: start, run again, look, cancel, pause, resume, skip, release."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ignition_toolkit.api.parts import Parts, PartsOf, RequesterOf, WorkerOf
from ignition_toolkit.api.problems import documented
from ignition_toolkit.api.routes.playbooks import library_path
from ignition_toolkit.execution.requests import RerunRequest, StartRequest, Wanted
from ignition_toolkit.execution.views import (
    ArtifactsAnswer,
    CancelAnswer,
    ExecutionPage,
    ExecutionView,
    LiveViewState,
    ReleaseAnswer,
)
from ignition_toolkit.playbook.models import ExecutionStatus

router = APIRouter(prefix="/api/executions", tags=["executions"])

DEFAULT_PAGE_ROWS = 50
MAX_PAGE_ROWS = 500
MAX_OFFSET = 1_000_000_000

#: A key as text in quotes, as the draft standard has it, or bare, as many clients send it.
KEY_FORM = r'^(?:"[ !#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$'

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=KEY_FORM,
        description="the same for every repetition of one start: 1 to 255 visible characters of "
        'ASCII but " and \\, in quotes or bare; it counts for 24 h',
    ),
]


class StartBody(BaseModel):
    """What to start: a playbook of the library, or the text of one that is not in it."""

    model_config = ConfigDict(extra="forbid")

    playbook_path: str | None = Field(None, description="path inside the library")
    playbook_text: str | None = Field(
        None, description="YAML of a playbook outside the library; nested ones come from it"
    )
    # Any: JSON values of the types that the playbook declares.
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_a_playbook(self) -> StartBody:
        if self.playbook_path is None and self.playbook_text is None:
            raise ValueError("expected playbook_path or playbook_text, found neither")
        return self


class RerunBody(BaseModel):
    """How to run an execution again."""

    model_config = ConfigDict(extra="forbid")

    from_step: str | None = Field(
        default=None,
        description="id of the step of the top level to begin at; null for the first one",
    )
    text: Literal["snapshot", "newest"] = Field(
        default="snapshot", description="the text that was run before, or what the library has now"
    )


class Cancelled(BaseModel):
    """Which executions were asked to end."""

    execution_ids: list[str]


@router.post("", status_code=202, responses=documented(400, 404, 413, 415, 422, 503))
async def start(
    body: StartBody,
    parts: PartsOf,
    requester: RequesterOf,
    response: Response,
    key: IdempotencyKey = None,
) -> ExecutionView:
    """Accept an execution; it starts as soon as there is room for it.

    A repetition with the same Idempotency-Key returns the first one.
    """
    refuse_when_stopping(parts)
    if body.playbook_path is not None and body.playbook_text is None:
        library_path(body.playbook_path)
    view = await parts.worker.start(
        StartRequest(
            playbook_path=body.playbook_path,
            playbook_text=body.playbook_text,
            parameters=body.parameters,
            requested_by=requester.name,
            source=requester.source,
            idempotency_key=key.strip('"') if key is not None else None,
        )
    )
    response.headers["location"] = f"/api/executions/{view.execution_id}"
    return view


def refuse_when_stopping(parts: Parts) -> None:
    """Raise HTTPException when the server is about to end: nothing is started then."""
    if parts.is_stopping():
        raise HTTPException(503, "The server is stopping and starts nothing more.")


@router.post(
    "/{execution_id}/rerun",
    status_code=202,
    responses=documented(400, 404, 409, 413, 415, 422, 503),
)
async def rerun(
    execution_id: str,
    parts: PartsOf,
    requester: RequesterOf,
    response: Response,
    body: RerunBody | None = None,
) -> ExecutionView:
    """Run an execution again that is over, as a new one with the same parameters."""
    refuse_when_stopping(parts)
    asked = body or RerunBody()
    view = await parts.worker.rerun(
        execution_id,
        RerunRequest(
            from_step=asked.from_step,
            newest=asked.text == "newest",
            requested_by=requester.name,
            source=requester.source,
        ),
    )
    response.headers["location"] = f"/api/executions/{view.execution_id}"
    return view


@router.get("", responses=documented(422, 503))
async def executions(
    worker: WorkerOf,
    status: ExecutionStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE_ROWS)] = DEFAULT_PAGE_ROWS,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> ExecutionPage:
    """List executions, newest first."""
    return await worker.executions(Wanted(status=status), limit=limit, offset=offset)


@router.post("/cancel", status_code=202, responses=documented(503))
async def cancel_all(worker: WorkerOf, requester: RequesterOf) -> Cancelled:
    """Cancel every execution that is not over."""
    ids = await worker.cancel_all(source=requester.cancel_source, requested_by=requester.name)
    return Cancelled(execution_ids=ids)


@router.get("/{execution_id}", responses=documented(404, 503))
@router.get("/{execution_id}/status", responses=documented(404, 503))
async def execution(execution_id: str, worker: WorkerOf) -> ExecutionView:
    """Return one execution with its steps and its cancellation record."""
    return await worker.execution(execution_id)


@router.get("/{execution_id}/view", responses=documented(404, 503))
async def view(execution_id: str, worker: WorkerOf) -> LiveViewState:
    """Say whether there is a picture of the execution's page.

    Pictures are taken as long as this is asked, and for 5 s after the last time.
    """
    return await worker.watch(execution_id)


@router.get(
    "/{execution_id}/frame",
    responses={**documented(404, 503), 200: {"content": {"image/jpeg": {}}}},
    response_class=Response,
)
async def frame(execution_id: str, worker: WorkerOf) -> Response:
    """Return the newest picture of the execution's page, a JPEG."""
    return Response(await worker.picture(execution_id), media_type="image/jpeg")


@router.post("/{execution_id}/cancel", status_code=202, responses=documented(404, 409))
async def cancel(execution_id: str, worker: WorkerOf, requester: RequesterOf) -> CancelAnswer:
    """Cancel one execution; the answer does not wait for its end. No body is needed."""
    return await worker.cancel(
        execution_id, source=requester.cancel_source, requested_by=requester.name
    )


@router.post("/{execution_id}/pause", status_code=202, responses=documented(404, 409))
async def pause(execution_id: str, worker: WorkerOf, requester: RequesterOf) -> CancelAnswer:
    """Pause after the current step."""
    return await worker.pause(execution_id, source=requester.source, requested_by=requester.name)


@router.post("/{execution_id}/resume", status_code=202, responses=documented(404, 409))
async def resume(execution_id: str, worker: WorkerOf, requester: RequesterOf) -> CancelAnswer:
    """Go on after a pause."""
    return await worker.resume(execution_id, source=requester.source, requested_by=requester.name)


@router.post("/{execution_id}/skip", status_code=202, responses=documented(404, 409))
async def skip(execution_id: str, worker: WorkerOf, requester: RequesterOf) -> CancelAnswer:
    """Skip the current step, or the next one while paused."""
    return await worker.skip(execution_id, source=requester.source, requested_by=requester.name)


@router.post("/{execution_id}/release", status_code=202, responses=documented(404, 409))
async def release(execution_id: str, worker: WorkerOf, requester: RequesterOf) -> ReleaseAnswer:
    """Free what an execution blocks that could not be stopped. No body is needed."""
    return await worker.release(execution_id, source=requester.source, requested_by=requester.name)


@router.post(
    "/{execution_id}/release-artifacts", status_code=202, responses=documented(404, 409, 503)
)
async def release_artifacts(
    execution_id: str, worker: WorkerOf, requester: RequesterOf
) -> ArtifactsAnswer:
    """Give out withheld artifacts as they are, though they may hold secrets. No body is needed."""
    return await worker.release_artifacts(
        execution_id, source=requester.source, requested_by=requester.name
    )
