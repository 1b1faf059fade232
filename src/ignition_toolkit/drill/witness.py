"""What is seen of a handler's `execute`, and of the cancel that reaches it, from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Literal, cast

from ignition_toolkit.playbook.step_handler import StepHandler

#: What the text of a CancelReason begins with.
REASON = "stopped ("
#: Characters of an error that are kept.
MAX_ERROR = 500


class ToldTask(asyncio.Task[Any]):  # Any: what a task returns plays no part
    """A task that remembers whether the engine has stopped it.

    The engine gives its reason as it cancels. Others cancel a task too that it is to go on
    afterwards: `asyncio.timeout` without a word, anyio's scopes with words of their own.
    """

    was_told = False

    # Any: as in the base class.
    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel, as the base class does."""
        is_taken = super().cancel(msg)
        self.was_told = self.was_told or (is_taken and str(msg).startswith(REASON))
        return is_taken


def make_task(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    **options: Any,
) -> asyncio.Task[Any]:
    """Make a task for an event loop; to be its task factory."""
    # A generator is none that this package makes.
    return ToldTask(cast("Coroutine[Any, Any, Any]", coro), loop=loop, **options)


class Witness:
    """Sees one call of `execute`."""

    def __init__(self) -> None:
        # Any: what the task returns plays no part.
        self._task: asyncio.Task[Any] | None = None
        self._told: bool | None = None
        #: How it came to its end, None when it did not begin or did not end.
        self.end: Literal["cancelled", "returned", "raised"] | None = None
        self.error = ""

    @property
    def was_told(self) -> bool:
        """Whether its task was stopped while it was under way."""
        return self._is_told() if self._told is None else self._told

    def begins(self) -> None:
        """It begins, in the task that calls this."""
        self._task = asyncio.current_task()

    def ends(
        self, how: Literal["cancelled", "returned", "raised"], error: BaseException | None = None
    ) -> None:
        """It ends like this."""
        self._told = self._is_told()
        self.end = how
        if error is not None:
            self.error = f"{type(error).__name__}: {error}"[:MAX_ERROR]

    def _is_told(self) -> bool:
        return isinstance(self._task, ToldTask) and self._task.was_told


def witnessed(handler: type[StepHandler], witness: Witness) -> type[StepHandler]:
    """Return the handler with a witness to its `execute`, which is left as it is."""

    # Any: parameters and outputs, as the handler has them.
    async def execute(self: StepHandler, params: dict[str, Any]) -> dict[str, Any]:
        witness.begins()
        try:
            output = await handler.execute(self, params)
        except asyncio.CancelledError:
            witness.ends("cancelled")
            raise
        except BaseException as error:
            witness.ends("raised", error)
            raise
        witness.ends("returned")
        return output

    # Its `type` is inherited; how it is called in errors stays.
    names: dict[str, Callable[..., Any]] = {"execute": execute}
    return cast("type[StepHandler]", type(handler.__name__, (handler,), names))
