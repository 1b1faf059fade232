"""Takes the data folder for a run of its own, or finds the server that has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ignition_toolkit.cli.output import passing_line, stderr
from ignition_toolkit.cli.worker_log import say_at_once
from ignition_toolkit.errors import DataFolderBusy
from ignition_toolkit.execution.owner import FolderLock, Owner
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.stop_signals import StopSignals

if TYPE_CHECKING:
    from ignition_toolkit.execution.worker import Worker

#: Seconds between two looks at a data folder that another run owns.
LOOK_S = 0.25
#: Runners kept ready beside the run's own, for when a step has to be stopped.
STANDBY = 1


def serving_owner(settings: Settings) -> Owner | None:
    """Return the server that owns the data folder, None when no server does."""
    owner = FolderLock.owner(settings.data_dir)
    return owner if owner and owner.kind == "server" and owner.url else None


def claim(settings: Settings, interrupts: StopSignals) -> Worker | Owner | None:
    """Return a worker of our own, or the server that owns the folder.

    Waits for as long as another run owns it, or a server that is not up yet; says so. Returns None
    when Ctrl-C came before either: then nothing is left of a worker.
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
        if owner.kind == "server" and owner.url:
            return owner
        if owner != told:
            say_at_once(f"waiting for {owner.title}, which uses {settings.data_dir}")
            told = owner
        interrupts.wait(LOOK_S)
    return None


def _opened(settings: Settings, interrupts: StopSignals) -> Worker | None:
    # Imported here: a run that is handed to a server needs none of it.
    from ignition_toolkit.execution.worker import Worker

    with passing_line(stderr(), "starting a worker; nothing runs yet, Ctrl-C leaves"):
        worker = Worker.open(replace(settings, warm_runners=STANDBY), kind="run")
    if interrupts.wishes:
        worker.close()
        return None
    return worker
