"""Wrong access tokens, counted by address, in memory that has a bound.

Only wrong tokens come here: the right one is let in whatever came before it. A limit that refused
it too would let any program of this machine, or anybody behind the same proxy, keep everybody
there from a cancel. Guessing is hopeless by the token's length, not by this limit.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)

#: Wrong tokens in a row that one address may send.
BURST = 10

#: Seconds after which one more is taken.
REFILL_S = 5.0

#: Addresses that are remembered; the one that was wrong longest ago is forgotten first.
MAX_ADDRESSES = 1000


@dataclass
class _Count:
    """How full an address's measure is, at which moment, and whether its limit was logged."""

    level: float
    at: float
    told: bool = False


class Attempts:
    """The wrong tokens of late.

    Args:
        clock: gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def wrong(self, address: str) -> float | None:
        """Count one wrong token.

        Returns:
            None; or, where it is one too many, the seconds until one more is taken.
        """
        count = self._count(_neighbourhood(address))
        if count.level + 1 <= BURST:
            count.level += 1
            return None
        if not count.told:
            count.told = True
            logger.warning(
                "more than %d wrong access tokens from %s; what it sends beyond is answered 429",
                BURST,
                address,
                extra={"action": "api.attempts"},
            )
        return (count.level + 1 - BURST) * REFILL_S

    def _count(self, key: str) -> _Count:
        now = self._clock()
        count = self._counts.pop(key, None) or _Count(0.0, now)
        count.level = max(0.0, count.level - (now - count.at) / REFILL_S)
        count.at = now
        if not count.level:
            count.told = False
        self._counts[key] = count
        while len(self._counts) > MAX_ADDRESSES:
            self._counts.popitem(last=False)
        return count


def _neighbourhood(address: str) -> str:
    """Return what counts as one address: of IPv6 the network that one customer is given."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
