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
from typing import TYPE_CHECKING

from ignition_toolkit.cli.chosen_playbook import (
    ChosenPlaybook,
    choose,
    choose_for_server,
    file_instead,
)
from ignition_toolkit.cli.client import ServerClient
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.follow import Abandoned, Follower
from ignition_toolkit.cli.given import parse_given
from ignition_toolkit.cli.interrupts import Interrupts
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.cli.output import passing_line, say, stderr, stdout
from ignition_toolkit.cli.places import Place, ServerPlace, WorkerPlace
from ignition_toolkit.cli.screens import screen_for
from ignition_toolkit.cli.server_url import chosen_url
from ignition_toolkit.errors import DataFolderBusy, NotFound, ServerUnreachable
from ignition_toolkit.execution.owner import FolderLock, Owner
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.models import ExecutionStatus

if TYPE_CHECKING:
    from ignition_toolkit.execution.worker import Worker

#: Seconds between two looks at a data folder that another run owns.
LOOK_S = 0.25

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
    with Interrupts() as interrupts:
        if url := chosen_url(options.server):
            return _run_on_server(url, options, given, interrupts)
        settings = Settings.from_environment(options.data_dir, options.playbooks)
        owner = FolderLock.owner(settings.data_dir)
        if owner is None or not _answers(owner):
            # Before any waiting: a slip of the keyboard should be told at once.
            chosen = choose(options.playbook, Library(settings.library_folders))
            claim = _claim(settings, interrupts)
            if claim is None:
                return _nothing_started()
            if not isinstance(claim, Owner):
                with closing(claim) as worker:
                    return asyncio.run(_run_here(worker, chosen, options, given, interrupts))
            owner = claim
        return _hand_over(owner, options, given, interrupts)


def _answers(owner: Owner) -> bool:
    return owner.kind == "server" and owner.url is not None


def _claim(settings: Settings, interrupts: Interrupts) -> Worker | Owner | None:
    """Return a worker of our own, or the server that owns the folder.

    Waits for as long as another run owns it. None when Ctrl-C came before either.
    """
    told: Owner | None = None
    while not interrupts.wishes:
        owner = FolderLock.owner(settings.data_dir)
        if owner is None:
            try:
                return _opened(settings, interrupts)
            except DataFolderBusy:
                # Somebody was quicker; the next look says who.
                continue
        if _answers(owner):
            return owner
        if owner != told:
            say(f"itk: waiting for {owner.title}, which uses the data folder {settings.data_dir}")
            told = owner
        interrupts.wait(LOOK_S)
    return None


def _opened(settings: Settings, interrupts: Interrupts) -> Worker | None:
    # Imported here: a run that is handed to a server needs none of it.
    from ignition_toolkit.execution.worker import Worker

    with passing_line(stderr(), "starting a worker; nothing runs yet, Ctrl-C leaves"):
        worker = Worker.open(settings, kind="run")
    if interrupts.wishes:
        worker.close()
        return None
    return worker


async def _run_here(
    worker: Worker,
    chosen: ChosenPlaybook,
    options: RunOptions,
    given: dict[str, str],
    interrupts: Interrupts,
) -> int:
    place = WorkerPlace(worker)
    if interrupts.wishes:
        return _nothing_started()
    begun = await place.start(_request(chosen, given))
    return await _follow(place, begun, options, interrupts)


def _hand_over(
    owner: Owner, options: RunOptions, given: dict[str, str], interrupts: Interrupts
) -> int:
    url = owner.url or ""
    say(f"itk: the data folder belongs to the server at {url}, which runs it")
    try:
        return _run_on_server(url, options, given, interrupts)
    except ServerUnreachable as error:
        raise ServerUnreachable(
            f"the data folder belongs to {owner.title}, and that server does not answer; "
            "look at what it prints, end it if it is stuck, and try again",
            url=url,
        ) from error


def _run_on_server(
    url: str, options: RunOptions, given: dict[str, str], interrupts: Interrupts
) -> int:
    async def run_there() -> int:
        async with ServerClient(url) as client:
            place = ServerPlace(client)
            begun = await _start_there(place, options.playbook, given)
            return await _follow(place, begun, options, interrupts)

    return _nothing_started() if interrupts.wishes else asyncio.run(run_there())


async def _start_there(place: ServerPlace, named: str, given: dict[str, str]) -> ExecutionView:
    chosen = choose_for_server(named)
    try:
        return await place.start(_request(chosen, given))
    except NotFound:
        instead = file_instead(named)
        if instead is None or chosen.text is not None:
            raise
        return await place.start(_request(instead, given))


def _request(chosen: ChosenPlaybook, given: dict[str, str]) -> StartRequest:
    return StartRequest(
        playbook_path=chosen.path,
        playbook_text=chosen.text,
        parameters=dict(given),
        requested_by=login_name(),
        source="cli",
    )


async def _follow(
    place: Place, begun: ExecutionView, options: RunOptions, interrupts: Interrupts
) -> int:
    out = stdout()
    screen = screen_for(out, as_json=options.as_json)
    try:
        final = await Follower(place, screen, out, stderr(), interrupts).follow(begun)
    except Abandoned as left:
        return _left(begun, delivered=left.delivered)
    return EXITS[final.status]


def _nothing_started() -> int:
    say("itk: nothing was started")
    return Exit.CANCELLED


def _left(view: ExecutionView, *, delivered: bool) -> int:
    if delivered:
        say(f"itk: the server goes on cancelling {view.execution_id}; `itk show` has the record")
        return Exit.CANCELLED
    say(
        f"itk: the server was not reached: {view.execution_id} was NOT cancelled and may run on; "
        f"`itk cancel {view.execution_id}` cancels it when the server answers"
    )
    return Exit.NOT_REACHABLE
