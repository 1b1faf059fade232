"""Requests to outside systems that a runner has announced, and whose outcome is not known yet."""

from __future__ import annotations

from ignition_toolkit.playbook.events import RequestAnnounced, RequestAnswered

#: Requests that are kept; a step that opens more is told by the newest.
MAX_OPEN = 100


class Requests:
    """The open requests of one runner, oldest first."""

    def __init__(self) -> None:
        self._open: dict[int, RequestAnnounced] = {}

    @property
    def open(self) -> tuple[str, ...]:
        """The requests in words."""
        return tuple(request.request for request in self._open.values())

    def on_event(self, event: RequestAnnounced | RequestAnswered) -> None:
        """Take note of a request, or of its answer."""
        if isinstance(event, RequestAnswered):
            self._open.pop(event.number, None)
            return
        self._open[event.number] = event
        if len(self._open) > MAX_OPEN:
            del self._open[next(iter(self._open))]

    def forget(self, step_id: str) -> None:
        """Forget what a step, or one below it, has left open: it is over, and was told of."""
        below = f"{step_id}/"
        self._open = {
            number: request
            for number, request in self._open.items()
            if request.step_id != step_id and not request.step_id.startswith(below)
        }
