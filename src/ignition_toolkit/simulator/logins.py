"""A browser's log-in: challenges with a token that is good for one call, then a session.

Source: gateway-api section 1.3, proven on 8.3.3.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request

from ignition_toolkit.simulator.settings import Settings

T = TypeVar("T")

COOKIE = "webui-sid-simulated"

#: Log-ins and sessions that are kept, the oldest go first.
KEPT = 1000


@dataclass
class Login:
    """A log-in under way; its token is the key under which it is found."""

    passed: bool = False
    #: The path to which it leads when it is complete.
    back: str = "/app"


@dataclass(frozen=True)
class Session:
    """A browser that is logged in."""

    user: str
    csrf_token: str = field(default_factory=lambda: secrets.token_hex(16))


class Logins:
    """Log-ins under way, and the sessions that came of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._under_way: dict[str, Login] = {}
        self._codes: set[str] = set()
        self._sessions: dict[str, Session] = {}

    def begin(self, login: Login | None = None) -> str:
        """Begin a log-in, or go on with one. Returns the token for its next call."""
        token = secrets.token_urlsafe(24)
        _bounded(self._under_way)[token] = login or Login()
        return token

    def take(self, token: object) -> Login | None:
        """Return the log-in of a token, which is spent by that; None for one that is not good."""
        return self._under_way.pop(token, None) if isinstance(token, str) else None

    def knows(self, user: object, password: object) -> bool:
        """Say whether these are the name and password that the settings have."""
        settings = self._settings
        return user == settings.user_name and password == settings.user_password

    def make_code(self) -> str:
        """Return a code that `open_session` takes once."""
        code = secrets.token_urlsafe(16)
        self._codes.add(code)
        return code

    def open_session(self, code: str) -> str | None:
        """Return the cookie of a new session for a code, None for one that is not good."""
        if code not in self._codes:
            return None
        self._codes.discard(code)
        cookie = secrets.token_urlsafe(24)
        _bounded(self._sessions)[cookie] = Session(self._settings.user_name)
        return cookie

    def session_of(self, request: Request) -> Session | None:
        """Return the session of a request's cookie."""
        return self._sessions.get(request.cookies.get(COOKIE, ""))

    def end_all(self) -> None:
        """Forget everything, as a restart does."""
        self._under_way.clear()
        self._codes.clear()
        self._sessions.clear()


def _bounded(kept: dict[str, T]) -> dict[str, T]:
    """Make room for one more."""
    while len(kept) >= KEPT:
        del kept[next(iter(kept))]
    return kept
