"""At which hosts a password may be typed."""

import pytest

from ignition_toolkit.browser.perspective import is_at


@pytest.mark.parametrize(
    ("url", "places", "may"),
    [
        ("http://gw:8088/idp", ["http://gw:8088"], True),
        ("https://gw:8043/idp", ["http://gw:8088"], True),
        ("http://gw:8088/idp", ["https://gw:8043"], False),
        ("https://GW/idp", ["https://gw"], True),
        ("https://gw.evil.example/idp", ["https://gw"], False),
        ("https://gw@evil.example/idp", ["https://gw"], False),
        ("https://evil.example/gw", ["https://gw", "https://login.example"], False),
        ("https://login.example/x", ["https://gw", "https://login.example"], True),
        ("data:text/html,x", ["http://gw"], False),
        ("file:///etc/x", ["file:///"], False),
        ("https://gw", [], False),
    ],
)
def test_a_password_is_typed_only_at_a_named_host(url: str, places: list[str], may: bool) -> None:
    assert is_at(url, places) is may
