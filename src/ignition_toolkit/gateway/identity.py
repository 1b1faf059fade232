"""Who asks: an API token, a person with a password, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ignition_toolkit.credentials.secret import Secret


@dataclass(frozen=True)
class Identity:
    """Who asks a gateway; nobody without arguments.

    Args:
        token: API token as `name:key`; whoever has one needs no log-in.
        username, password: of a person who logs in.
    """

    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None

    # Any: texts and Secrets, here and below.
    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Return the identity that `api_token`, or `username` and `password`, make; else nobody."""
        if (token := fields.get("api_token")) is not None:
            return cls(token=token)
        username, password = fields.get("username"), fields.get("password")
        if username and password is not None:
            return cls(username=username, password=password)
        return cls()

    def fields(self) -> dict[str, Any]:
        """Return what `of` takes."""
        given = {"api_token": self.token, "username": self.username, "password": self.password}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What of it nobody may see."""
        return tuple(one for one in (self.token, self.password) if one is not None)


#: Somebody without a key, whom nobody knows.
NOBODY = Identity()
