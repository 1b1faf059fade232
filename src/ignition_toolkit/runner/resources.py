"""The objects that the steps of one execution share, such as a browser: made once, closed once."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.playbook.cancellation import abandon
from ignition_toolkit.playbook.models import HandedOver

logger = logging.getLogger(__name__)

R = TypeVar("R")

# Any: a factory makes an object of the type that it stands for.
Factory = Callable[[], Awaitable[Any]]


def type_name(resource: type[Any]) -> str:
    """Return the name under which a factory for a type is registered: `module.Class`."""
    return f"{resource.__module__}.{resource.__qualname__}"


class Resources:
    """Makes each object on first use, and closes all of them at the end.

    Args:
        factories: by `type_name`, so that a warm runner imports no outside system's library. A
            type that has none is called without arguments.
    """

    def __init__(self, factories: Mapping[str, Factory] | None = None) -> None:
        self._factories = dict(factories or {})
        self._locks: dict[type[Any], asyncio.Lock] = {}
        self._made: dict[type[Any], Any] = {}

    async def use(self, resource: type[R]) -> R:
        """Return the execution's one object of this type.

        Raises what its factory raises; the next use tries again. Cancellation: is the factory's;
        what was half made is discarded.
        """
        async with self._locks.setdefault(resource, asyncio.Lock()):
            if resource not in self._made:
                self._made[resource] = await self._make(resource)
            return cast("R", self._made[resource])

    async def _make(self, resource: type[R]) -> Any:
        factory = self._factories.get(type_name(resource))
        if factory is not None:
            return await factory()
        try:
            inspect.signature(resource).bind()
        except TypeError as error:
            text = f"{type_name(resource)} cannot be made without arguments: {error}"
            raise HandlerBroken(text) from error
        except ValueError:
            # A type that does not tell its signature; the call will.
            pass
        return resource()

    def long_lived_processes(self) -> set[int]:
        """Return the children that the objects say to need for as long as they live."""
        return set(self._told("long_lived_processes"))

    # Any: what a task returns plays no part.
    def long_lived_tasks(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that the objects say to need for as long as they live."""
        return set(self._told("long_lived_tasks"))

    def handed_over(self) -> tuple[HandedOver, ...]:
        """Return the processes that are a person's from now on, as the execution has completed.

        They are what the objects' own `handed_over()` returns, of those that have one.
        """
        return tuple(one for one in self._told("handed_over") if isinstance(one, HandedOver))

    # Any: what objects of strangers' types say of themselves.
    def _told(self, question: str) -> Iterator[Any]:
        return (one for made in self._made.values() for one in _said(made, question))

    async def close(self, seconds: float) -> None:
        """Close all objects by their `aclose` or `close`, beside each other.

        Args:
            seconds: for all of them together; what has not ended then is abandoned.

        What a clean-up raises is logged. Cancellation: abandons what has not ended.
        """
        tasks = {task for made in reversed(self._made.values()) if (task := _begin_close(made))}
        self._made.clear()
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=seconds)
        finally:
            for task in tasks:
                if not task.done():
                    logger.warning("closing %s took too long", task.get_name())
                    abandon(task)


# Any: what an object of a stranger's type says of itself.
def _said(made: object, question: str) -> Iterable[Any]:
    ask = getattr(made, question, None)
    if not callable(ask):
        return ()
    try:
        return tuple(ask())
    except Exception:  # border: a stranger's object; what it does not tell is ended
        logger.exception("%s does not tell %s", type_name(type(made)), question)
        return ()


def _begin_close(made: object) -> asyncio.Task[None] | None:
    close = getattr(made, "aclose", None) or getattr(made, "close", None)
    if close is None:
        return None
    return asyncio.create_task(_close(made, close), name=type_name(type(made)))


async def _close(made: object, close: Callable[[], Any]) -> None:
    try:
        value = close()
        if inspect.isawaitable(value):
            await value
    except Exception:  # border: a resource's own clean-up; the sweep ends what is left
        logger.exception("closing %s failed", type_name(type(made)))
