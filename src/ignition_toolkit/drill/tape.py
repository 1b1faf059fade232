"""What a step tells while it is tried: kept, and looked through afterwards."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard

from ignition_toolkit.playbook.events import (
    Logged,
    Progressed,
    RequestAnnounced,
    Settled,
    StepChanged,
    VariableSet,
)
from ignition_toolkit.playbook.models import StepStatus
from ignition_toolkit.protocol import Blocked, Body
from ignition_toolkit.runner.channel import EventWriter

#: Characters of a message that are shown.
SHOWN = 200


class Tape(EventWriter):
    """Takes the place of a runner's writer: keeps what it is sent, and sends nothing.

    Args:
        step_id: the step that is tried.
    """

    def __init__(self, step_id: str) -> None:
        super().__init__(-1)
        self._step_id = step_id
        self.bodies: list[Body] = []
        #: Monotonic second at which the step was said to be over.
        self.over_at: float | None = None
        #: Called when the step begins; what steps before it have told is dropped then.
        self.on_begun: Callable[[], None] = lambda: None
        #: Called when a timeout or a skip has been acted on.
        self.on_settled: Callable[[], None] = lambda: None

    def send(self, body: Body) -> None:
        """Keep a message; never blocks. A forked copy keeps none."""
        if os.getpid() != self._pid:
            return
        if self._is_first(body):
            self.bodies.clear()
            self.on_begun()
        self.bodies.append(body)
        if isinstance(body, Settled):
            self.on_settled()
        elif self.over_at is None and self._is_final(body):
            self.over_at = time.monotonic()

    def tell(self, body: Body) -> None:
        """Keep a message: it is heard at once."""
        self.send(body)

    def _is_first(self, body: Body) -> bool:
        """Whether this says that the step begins, for the first time."""
        if not isinstance(body, StepChanged) or body.status is not StepStatus.RUNNING:
            return False
        return body.step_id == self._step_id and not self.has_begun(self._step_id)

    def _is_final(self, body: Body) -> bool:
        return isinstance(body, StepChanged) and body.step_id == self._step_id and body.status.final

    @property
    def finals(self) -> list[StepChanged]:
        """What said that the step is over; more than one is a fault."""
        return [one for one in self.bodies if isinstance(one, StepChanged) and self._is_final(one)]

    def outcome(self) -> StepChanged | None:
        """Return what said first that the step is over, or that one before it has failed."""
        failures = (one for one in self.bodies if _is_failure(one))
        return next(iter(self.finals), None) or next(failures, None)

    def has_begun(self, step_id: str) -> bool:
        """Whether a step has begun."""
        return any(
            isinstance(one, StepChanged)
            and one.step_id == step_id
            and one.status is StepStatus.RUNNING
            for one in self.bodies
        )

    def blocked(self) -> tuple[str, ...]:
        """Return a line for each report of a blocked event loop."""
        return tuple(
            f"{one.seconds:.2f} s at {one.place or 'a place that cannot be told'}"
            for one in self.bodies
            if isinstance(one, Blocked)
        )

    def unclean(self) -> tuple[str, ...]:
        """Return what was left when a timeout or a skip had been acted on."""
        return tuple(
            line for one in self.bodies if isinstance(one, Settled) for line in one.unclean
        )

    def afterwards(self) -> tuple[str, ...]:
        """Return a line for all that the step told after it was said to be over."""
        places = [index for index, one in enumerate(self.bodies) if self._is_final(one)]
        later = self.bodies[places[0] + 1 :] if places else []
        return tuple(line for one in later if (line := self._told(one)))

    def _told(self, body: Body) -> str:
        match body:
            case Logged(step_id=self._step_id):
                return f"log: {body.message[:SHOWN]}"
            case Progressed(step_id=self._step_id) | RequestAnnounced(step_id=self._step_id):
                return body.kind
            case VariableSet():
                return f"variable {body.name}"
            case StepChanged(step_id=self._step_id):
                return f"status {body.status.value}"
        return ""

    def leaks(self, secrets: Iterable[str], printed: str) -> tuple[str, ...]:
        """Return where any of the secrets can be read.

        Args:
            secrets: texts that may not be told; each at least four characters.
            printed: what the process wrote to its standard streams.
        """
        wanted = tuple(secrets)
        places = [("what it printed", printed), *_texts(self.bodies)]
        found = [place for place, text in places if any(one in text for one in wanted)]
        return tuple(dict.fromkeys(found))


def _is_failure(body: Body) -> TypeGuard[StepChanged]:
    return isinstance(body, StepChanged) and body.status is StepStatus.FAILED


def _texts(bodies: Iterable[Body]) -> Iterator[tuple[str, str]]:
    for body in bodies:
        match body:
            case Logged() | Progressed():
                yield ("its log", body.message)
            case RequestAnnounced():
                yield ("an announced request", body.request)
            case StepChanged():
                yield ("its error", body.error or "")
                yield ("its outputs", _plain(body.output))
            case VariableSet():
                yield ("a variable", _plain(body.value))


# Any: JSON values of the handler's choosing.
def _plain(value: Any) -> str:
    """Return a value as text, without what is marked as a secret in it."""
    return json.dumps(_without_secrets(value), ensure_ascii=False, default=str)


# Any: JSON values of the handler's choosing.
def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$secret"}:
            return None
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
