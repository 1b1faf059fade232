"""Sessions of browsers: known by a value, ended by time, number or wish."""

import pytest

from ignition_toolkit.api import login_sessions as module
from ignition_toolkit.api.login_sessions import LIFE_S, LoginSessions


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def sessions(now: list[float]) -> LoginSessions:
    return LoginSessions(lambda: now[0])


def test_a_session_ends_after_its_time(sessions: LoginSessions, now: list[float]) -> None:
    value = sessions.open()
    now[0] += LIFE_S - 1
    assert sessions.knows(value)
    now[0] += 1
    assert not sessions.knows(value)


def test_a_session_that_was_closed_is_not_known(sessions: LoginSessions) -> None:
    one, other = sessions.open(), sessions.open()
    sessions.close(one)
    sessions.close(one)
    assert not sessions.knows(one)
    assert sessions.knows(other)
    assert one != other


@pytest.mark.parametrize("value", ["", "x", "\udcff"])
def test_what_was_never_given_out_is_not_known(sessions: LoginSessions, value: str) -> None:
    sessions.open()
    assert not sessions.knows(value)


def test_there_are_never_more_than_the_bound(
    sessions: LoginSessions, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SESSIONS", 3)
    values = [sessions.open() for _ in range(5)]
    assert [sessions.knows(value) for value in values] == [False, False, True, True, True]
    now[0] += LIFE_S
    newest = sessions.open()
    assert len(sessions._ends) == 1
    assert sessions.knows(newest)


def test_no_value_of_a_cookie_is_kept(sessions: LoginSessions) -> None:
    value = sessions.open()
    assert value.encode() not in repr(vars(sessions)).encode()
