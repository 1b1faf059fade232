"""What pages are made of beside the views: what was entered, what is around, what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ignition_toolkit.execution.views import ArtifactList, AuditNote, ExecutionSummary
from ignition_toolkit.storage import LostLines
from ignition_toolkit.web.filters import LogView

NOTHING_LOST = LostLines()


@dataclass(frozen=True)
class Attempt:
    """What a person entered into a form, and why it was refused.

    Args:
        fields: the form as it came.
        wrong: messages by field or parameter.
        problems: lines about the playbook itself.
        failure: one sentence about anything else.
    """

    fields: Mapping[str, str]
    wrong: Mapping[str, str]
    problems: Sequence[str] = ()
    failure: str = ""


@dataclass(frozen=True)
class Frame:
    """What every page shows around its own part.

    Args:
        ids: executions that are not over.
        total: how many of them there are; more than `ids` where those are many.
        after: number of the last event that the page surely contains.
    """

    ids: Sequence[str] = ()
    total: int = 0
    after: int = 0

    @property
    def more(self) -> int:
        """How many are not among `ids`."""
        return self.total - len(self.ids)


@dataclass(frozen=True)
class About:
    """Where an execution stands among others, and who did what to it.

    Args:
        attempts: it and those that are linked with it by reruns, oldest first.
        previous: the run of the same playbook before it.
        next: the one after it.
        notes: who did what to it, oldest first.
    """

    attempts: Sequence[ExecutionSummary] = ()
    previous: ExecutionSummary | None = None
    next: ExecutionSummary | None = None
    notes: Sequence[AuditNote] = ()


NOTHING_ABOUT = About()
NO_ARTIFACTS = ArtifactList()


@dataclass(frozen=True)
class Surroundings:
    """What an execution's page shows beside the execution itself.

    Args:
        log: a window on its log.
        about: where it stands among others, and who did what to it.
        artifacts: files that it has left.
        lost: what is missing from the log.
        notice: a sentence about what the person has just tried.
    """

    log: LogView
    about: About = NOTHING_ABOUT
    artifacts: ArtifactList = NO_ARTIFACTS
    lost: LostLines = NOTHING_LOST
    notice: str = ""


@dataclass(frozen=True)
class Known:
    """What is known of a playbook's runs.

    Args:
        recent: the newest ones, newest first.
        remembered: the one whose parameters fill the form.
        fields: these parameters as fields of the form.
    """

    recent: Sequence[ExecutionSummary] = ()
    remembered: ExecutionSummary | None = None
    fields: Mapping[str, str] | None = None
