"""Faults on demand: which requests they meet, and how often."""

from __future__ import annotations

import fnmatch
import itertools
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What happens to a request."""

    #: It is taken and never answered.
    NEVER_ANSWER = "never-answer"
    #: The answer's body comes at `bytes_per_second`.
    DRIP = "drip"
    #: The answer's head comes at `bytes_per_second` and has no end.
    DRIP_HEAD = "drip-head"
    #: The connection is reset, once `after_bytes` of the answer's body were sent.
    RESET = "reset"
    #: Half of the answer's body comes, then nothing; the connection stays.
    HALF_OPEN = "half-open"
    #: Answered with `status`, by default 503, as an error.
    STATUS = "status"
    #: Answered with `status`, by default 503, and the page of a gateway that starts.
    STARTING = "starting"
    #: Answered with a redirect to the TLS port.
    REDIRECT_TLS = "redirect-tls"
    #: Answered as a write whose signature is stale.
    STALE_SIGNATURE = "stale-signature"
    #: Answered with 200 and a body that tells of a failure, or with `body`.
    FAILURE = "failure"
    #: Answered `seconds` later.
    DELAY = "delay"


class Fault(BaseModel):
    """One fault. It meets the next `count` requests that fit, the first fault that fits first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    #: None: any.
    method: str | None = None
    #: Compared with the path without its query; `*` stands for any characters.
    path: str = "*"
    #: None: until it is removed.
    count: int | None = Field(None, ge=1)
    #: never-answer: whether the request's body is read.
    reads: bool = True
    status: int = Field(503, ge=200, le=599)
    #: Real seconds, as are those of `bytes_per_second`: a client waits them.
    seconds: float = Field(1.0, ge=0)
    bytes_per_second: float = Field(1.0, gt=0)
    after_bytes: int = Field(0, ge=0)
    # Any: a JSON value.
    body: Any = None

    def fits(self, method: str, path: str) -> bool:
        """Say whether a request is one that the fault is for."""
        if self.method is not None and self.method.upper() != method:
            return False
        return fnmatch.fnmatchcase(path, self.path)


class Faults:
    """The faults that wait for their requests, in the order in which they were added."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[Fault, int | None]] = {}

    def add(self, fault: Fault) -> int:
        """Have a fault wait for its requests. Returns its number."""
        number = next(self._numbers)
        self._waiting[number] = (fault, fault.count)
        return number

    def remove(self, number: int) -> bool:
        """Take a fault away. Returns whether it was there; requests that it has met stay met."""
        return self._waiting.pop(number, None) is not None

    def clear(self) -> None:
        """Take all faults away."""
        self._waiting.clear()

    def meet(self, method: str, path: str) -> Fault | None:
        """Return the fault for a request, and count it."""
        for number, (fault, left) in self._waiting.items():
            if fault.fits(method, path):
                self._count(number, fault, left)
                return fault
        return None

    def _count(self, number: int, fault: Fault, left: int | None) -> None:
        if left is None:
            return
        if left == 1:
            del self._waiting[number]
        else:
            self._waiting[number] = (fault, left - 1)

    # Any: JSON values.
    def to_json(self) -> list[dict[str, Any]]:
        """Return the faults with their numbers, and in `left` how many requests they will meet."""
        return [
            {"number": number, "left": left, **fault.model_dump(mode="json", exclude_unset=True)}
            for number, (fault, left) in self._waiting.items()
        ]
