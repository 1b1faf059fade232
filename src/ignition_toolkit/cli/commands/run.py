"""`itk run`: start a playbook, follow it to its end, and cancel it on Ctrl-C.

Where a server is named or owns the data folder, the run is the server's. Else this process owns
the folder for as long as it takes, and is the worker itself; such a run cannot be left.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ignition_toolkit.cli.access import token_for
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
from ignition_toolkit.cli.junit_file import JunitFile
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.cli.output import say, stderr, stdout
from ignition_toolkit.cli.places import Place, ServerPlace, WorkerPlace
from ignition_toolkit.cli.screens import screen_for
from ignition_toolkit.cli.server_url import chosen_url
from ignition_toolkit.cli.worker_log import WorkerLog, say_at_once, worker_log
from ignition_toolkit.errors import NotFound, OperatorError, ServerUnreachable
from ignition_toolkit.execution.owner import FolderLock, Owner
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.settings import (
    API_TOKEN_VARIABLE,
    GATEWAY_VARIABLE,
    Settings,
)
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
        junit: the file of `--junit`.
        detach: whether to leave when a server has taken it.
    """

    playbook: str
    parameters: Sequence[str]
    as_json: bool
    server: str | None
    data_dir: Path | None
    playbooks: Sequence[Path]
    junit: str | None = None
    detach: bool = False


@dataclass(frozen=True)
class Ended:
    """How `itk run` ends: its exit code, and the execution when it is over."""

    code: Exit
    final: ExecutionView | None = None


def run(options: RunOptions) -> int:
    """Run a playbook and return the exit code that its final status gives.

    Raises:
        ToolkitError: it could not be started, or its server was lost.
    """
    given = parse_given(options.parameters)
    if options.detach and options.junit is not None:
        raise OperatorError(
            "--detach does not wait for the end, of which --junit tells: give one of the two; "
            "`itk show ID --junit` prints it later"
        )
    report = JunitFile.prepare(options.junit) if options.junit is not None else None
    with StopSignals() as interrupts, worker_log() as log:
        ended = _Run(options, given, interrupts, log).anywhere()
        if report is not None:
            _write(report, ended.final)
    return ended.code


def _write(report: JunitFile, final: ExecutionView | None) -> None:
    """Write the JUnit file; what hinders it is said, and the exit code is still the run's."""
    if final is None:
        say(f"itk: {report.path} was not written: the run is not over")
        return
    try:
        report.write(final)
    except OSError as error:
        say(
            f"itk: the JUnit file {report.path} cannot be written: {error.strerror or error}; "
            f"`itk show {final.execution_id} --junit` prints it where a server has the data folder"
        )


@dataclass(frozen=True)
class _Run:
    options: RunOptions
    given: dict[str, str]
    interrupts: StopSignals
    log: WorkerLog

    def anywhere(self) -> Ended:
        if url := chosen_url(self.options.server):
            return self._on_server(url)
        settings = Settings.from_environment(self.options.data_dir, self.options.playbooks)
        if owner := serving_owner(settings):
            return self._handed_over(owner)
        if self.options.detach:
            raise _nobody_to_leave_it_to(settings)
        # Before any waiting: a slip of the keyboard should be told at once.
        chosen = choose(self.options.playbook, Library(settings.library_folders))
        claimed = claim(settings, self.interrupts)
        if claimed is None:
            return _nothing_started()
        if isinstance(claimed, Owner):
            return self._handed_over(claimed)
        with closing(claimed) as worker:
            return asyncio.run(self._here(WorkerPlace(worker), self._request(chosen)))

    async def _here(self, place: WorkerPlace, request: StartRequest) -> Ended:
        if self.interrupts.wishes:
            return _nothing_started()
        return await self._follow(place, await place.start(request))

    def _handed_over(self, owner: Owner) -> Ended:
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

    def _on_server(self, url: str) -> Ended:
        if self.interrupts.wishes:
            return _nothing_started()
        _say_what_does_not_count()
        client = ServerClient(url, token_for(url, self.options.data_dir))
        return asyncio.run(self._there(client, choose_for_server(self.options.playbook)))

    async def _there(self, connection: ServerClient, chosen: ChosenPlaybook) -> Ended:
        async with connection as client:
            place = ServerPlace(client)
            begun = await self._start_there(place, chosen)
            # Who has pressed Ctrl-C meanwhile wants it cancelled, not left alone.
            if self.options.detach and not self.interrupts.wishes:
                return self._leave(begun)
            return await self._follow(place, begun)

    def _leave(self, begun: ExecutionView) -> Ended:
        as_json = json.dumps(begun.model_dump(mode="json"))
        stdout().write(f"{as_json if self.options.as_json else begun.execution_id}\n")
        return Ended(Exit.COMPLETED)

    async def _start_there(self, place: ServerPlace, chosen: ChosenPlaybook) -> ExecutionView:
        try:
            return await place.start(self._request(chosen))
        except NotFound:
            if chosen.text is not None:
                raise
            loop = asyncio.get_running_loop()
            instead = await loop.run_in_executor(None, file_instead, self.options.playbook)
            if instead is None:
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

    async def _follow(self, place: Place, begun: ExecutionView) -> Ended:
        out = stdout()
        screen = screen_for(out, as_json=self.options.as_json)
        follower = Follower(place, screen, out, stderr(), self.interrupts, self.log)
        try:
            final = await follower.follow(begun)
        except Abandoned as left:
            return _left(begun, delivered=left.delivered)
        return Ended(EXITS[final.status], final)


def _say_what_does_not_count() -> None:
    """Say which variables a server does not see: it may work on another gateway than is meant."""
    ours = [name for name in (GATEWAY_VARIABLE, API_TOKEN_VARIABLE) if os.environ.get(name)]
    if ours:
        say_at_once(
            f"{' and '.join(ours)} of this terminal {'does' if len(ours) == 1 else 'do'} not count "
            "there: the server has its own; name the gateway with -p gateway=NAME or -p "
            "gateway_url=ADDRESS"
        )


def _nothing_started() -> Ended:
    say_at_once("nothing was started")
    return Ended(Exit.CANCELLED)


def _nobody_to_leave_it_to(settings: Settings) -> OperatorError:
    owner = FolderLock.owner(settings.data_dir)
    found = f"{owner.title} owns it" if owner else "none owns it"
    return OperatorError(
        "--detach needs a server that goes on with the run when this command has left; expected "
        f"one that owns the data folder {settings.data_dir}, found that {found}: start `itk "
        "serve`, or name a server with --server or ITK_SERVER"
    )


def _left(view: ExecutionView, *, delivered: bool) -> Ended:
    if delivered:
        say_at_once(f"the server goes on cancelling {view.execution_id}; `itk show` has the record")
        return Ended(Exit.CANCELLED)
    say_at_once(
        f"the server was not reached: {view.execution_id} was NOT cancelled and may run on; "
        f"`itk cancel {view.execution_id}` cancels it when the server answers"
    )
    return Ended(Exit.NOT_REACHABLE)
