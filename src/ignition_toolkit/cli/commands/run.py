"""`itk run`: start a playbook, follow it to its end, and cancel it on Ctrl-C.

Where a server is named or owns the data folder, the run is the server's. Else this process owns
the folder for as long as it takes, and is the worker itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ignition_toolkit.cli.chosen_playbook import (
    ChosenPlaybook,
    choose,
    choose_for_server,
    file_instead,
)
from ignition_toolkit.cli.claim import claim, serving_owner
from ignition_toolkit.cli.client import ServerClient
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.follow import Abandoned, Follower
from ignition_toolkit.cli.given import parse_given
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.cli.output import stderr, stdout
from ignition_toolkit.cli.places import Place, ServerPlace, WorkerPlace
from ignition_toolkit.cli.screens import screen_for
from ignition_toolkit.cli.server_url import chosen_url
from ignition_toolkit.cli.worker_log import WorkerLog, say_at_once, worker_log
from ignition_toolkit.errors import NotFound, ServerUnreachable
from ignition_toolkit.execution.owner import Owner
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.stop_signals import StopSignals
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.models import ExecutionStatus

EXITS = {
    ExecutionStatus.COMPLETED: Exit.COMPLETED,
    ExecutionStatus.CANCELLED: Exit.CANCELLED,
    ExecutionStatus.FAILED: Exit.FAILED,
    ExecutionStatus.INTERRUPTED: Exit.FAILED,
}


@dataclass(frozen=True)
class RunOptions:
    """What `itk run` was asked for.

    Args:
        playbook: as named.
        parameters: the texts of `-p`.
        as_json: whether to print JSON lines.
        server: the text of `--server`.
        data_dir: of `--data-dir`.
        playbooks: of `--playbooks`.
    """

    playbook: str
    parameters: Sequence[str]
    as_json: bool
    server: str | None
    data_dir: Path | None
    playbooks: Sequence[Path]


def run(options: RunOptions) -> int:
    """Run a playbook and return the exit code that its final status gives.

    Raises:
        ToolkitError: it could not be started, or its server was lost.
    """
    given = parse_given(options.parameters)
    with StopSignals() as interrupts, worker_log() as log:
        return _Run(options, given, interrupts, log).anywhere()


@dataclass(frozen=True)
class _Run:
    options: RunOptions
    given: dict[str, str]
    interrupts: StopSignals
    log: WorkerLog

    def anywhere(self) -> int:
        if url := chosen_url(self.options.server):
            return self._on_server(url)
        settings = Settings.from_environment(self.options.data_dir, self.options.playbooks)
        if owner := serving_owner(settings):
            return self._handed_over(owner)
        # Before any waiting: a slip of the keyboard should be told at once.
        chosen = choose(self.options.playbook, Library(settings.library_folders))
        claimed = claim(settings, self.interrupts)
        if claimed is None:
            return _nothing_started()
        if isinstance(claimed, Owner):
            return self._handed_over(claimed)
        with closing(claimed) as worker:
            return asyncio.run(self._here(WorkerPlace(worker), self._request(chosen)))

    async def _here(self, place: WorkerPlace, request: StartRequest) -> int:
        if self.interrupts.wishes:
            return _nothing_started()
        return await self._follow(place, await place.start(request))

    def _handed_over(self, owner: Owner) -> int:
        url = owner.url or ""
        say_at_once(f"the data folder belongs to the server at {url}, which runs it")
        try:
            return self._on_server(url)
        except ServerUnreachable as error:
            raise ServerUnreachable(
                f"the data folder belongs to {owner.title}, and that server does not answer; "
                "look at what it prints, end it if it is stuck, and try again",
                url=url,
            ) from error

    def _on_server(self, url: str) -> int:
        return _nothing_started() if self.interrupts.wishes else asyncio.run(self._there(url))

    async def _there(self, url: str) -> int:
        async with ServerClient(url) as client:
            place = ServerPlace(client)
            return await self._follow(place, await self._start_there(place))

    async def _start_there(self, place: ServerPlace) -> ExecutionView:
        chosen = choose_for_server(self.options.playbook)
        try:
            return await place.start(self._request(chosen))
        except NotFound:
            instead = file_instead(self.options.playbook)
            if instead is None or chosen.text is not None:
                raise
            return await place.start(self._request(instead))

    def _request(self, chosen: ChosenPlaybook) -> StartRequest:
        return StartRequest(
            playbook_path=chosen.path,
            playbook_text=chosen.text,
            parameters=dict(self.given),
            requested_by=login_name(),
            source="cli",
        )

    async def _follow(self, place: Place, begun: ExecutionView) -> int:
        out = stdout()
        screen = screen_for(out, as_json=self.options.as_json)
        follower = Follower(place, screen, out, stderr(), self.interrupts, self.log)
        try:
            final = await follower.follow(begun)
        except Abandoned as left:
            return _left(begun, delivered=left.delivered)
        return EXITS[final.status]


def _nothing_started() -> int:
    say_at_once("nothing was started")
    return Exit.CANCELLED


def _left(view: ExecutionView, *, delivered: bool) -> int:
    if delivered:
        say_at_once(f"the server goes on cancelling {view.execution_id}; `itk show` has the record")
        return Exit.CANCELLED
    say_at_once(
        f"the server was not reached: {view.execution_id} was NOT cancelled and may run on; "
        f"`itk cancel {view.execution_id}` cancels it when the server answers"
    )
    return Exit.NOT_REACHABLE
