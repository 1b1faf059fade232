"""Waiting with a deadline."""

from __future__ import annotations

import asyncio


async def happens(event: asyncio.Event, within: float) -> bool:
    """Return whether an event is set within so many seconds. Cancellation: raises at once."""
    try:
        async with asyncio.timeout(within):
            await event.wait()
    except TimeoutError:
        # A loop that had no processor for so long finds the event and the deadline together.
        return event.is_set()
    return True
