"""Host and Origin: our names and our pages pass, everybody else's do not."""

import pytest

from ignition_toolkit.api.hosts import HostRules
from ignition_toolkit.errors import OperatorError

RULES = HostRules(["itk.example.com", "10.0.0.5:5000"])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:5000",
        "localhost:1",
        "LOCALHOST:5000",
        "[::1]",
        "[::1]:5000",
        "itk.example.com",
        "ITK.example.com:8443",
        "10.0.0.5:5000",
    ],
)
def test_our_names_pass(host: str) -> None:
    assert RULES.allows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost:5000@evil.example",
        "evil.example#localhost",
        "localhost:",
        "localhost:99999999",
        "localhost ",
        "::1",
        "[::2]",
        "127.0.0.2",
        "10.0.0.5",
        "10.0.0.5:5001",
        "sub.itk.example.com",
        "0.0.0.0:5000",
    ],
)
def test_other_names_do_not(host: str) -> None:
    assert not RULES.allows_host(host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:5000", "127.0.0.1:5000"),
        ("http://localhost:5000", "LocalHost:5000"),
        ("http://[::1]:5000", "[::1]:5000"),
        ("http://localhost", "localhost"),
        ("http://localhost:80", "localhost"),
        ("https://itk.example.com", "itk.example.com"),
        ("https://itk.example.com", "127.0.0.1:5000"),
        ("http://10.0.0.5:5000", "127.0.0.1:5000"),
    ],
)
def test_pages_of_this_server_and_of_listed_names_may_change_things(origin: str, host: str) -> None:
    assert RULES.allows_origin(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://127.0.0.1:8088",
        "http://localhost:5000",
        "http://127.0.0.1",
        "https://127.0.0.1",
        "file://",
        "http://127.0.0.1:5000@evil.example",
        "http://127.0.0.1:5000/",
        "http://127.0.0.1:5000.evil.example",
        "chrome-extension://127.0.0.1:5000",
        "http://10.0.0.5:5001",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    assert not RULES.allows_origin(origin, "127.0.0.1:5000")


def test_the_listed_names_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITK_ALLOWED_HOSTS", " a.example , b.example:81,")
    rules = HostRules.from_environment()
    assert rules.allows_host("a.example:5")
    assert rules.allows_host("b.example:81")
    assert not rules.allows_host("b.example")
    monkeypatch.delenv("ITK_ALLOWED_HOSTS")
    assert not HostRules.from_environment().allows_host("a.example")


@pytest.mark.parametrize("entry", ["http://a.example", "*", "a b", "a:port", "a/b"])
def test_a_listed_name_that_is_none_is_refused_by_name(entry: str) -> None:
    with pytest.raises(OperatorError, match="ITK_ALLOWED_HOSTS") as found:
        HostRules([entry])
    assert repr(entry) in found.value.message
