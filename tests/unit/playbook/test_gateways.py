"""Which gateway a playbook's parameters mean, and the one spelling of an address."""

from __future__ import annotations

import pytest

from ignition_toolkit.errors import NotFound
from ignition_toolkit.playbook.gateways import (
    GatewayEntry,
    Gateways,
    named_gateway,
    normalised_gateway,
)

PLANT = GatewayEntry(name="plant", urls=("https://plant:8043", "http://10.0.0.5:8088"))
DEFAULT = GatewayEntry(urls=("http://default:8088",))
KNOWN = Gateways(entries=(PLANT, GatewayEntry(name="lab", urls=("http://lab:8088",))))


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8088",
        "http://localhost:8088/",
        "HTTP://LocalHost:8088",
        "http://127.0.0.1:8088",
        "http://[::1]:8088/",
        "localhost:8088",
        "//localhost:8088",
        "localhost:8088/page//with?two=//slashes",
        " http://localhost:8088 ",
        "http://localhost:8088/some/page?x=1",
    ],
)
def test_spellings_of_one_gateway_are_one(url: str) -> None:
    assert normalised_gateway(url) == "http://localhost:8088"


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("http://a:8088", "http://b:8088"),
        ("http://a:8088", "http://a:8089"),
        ("http://a:8088", "https://a:8088"),
    ],
)
def test_different_gateways_stay_different(url: str, other: str) -> None:
    assert normalised_gateway(url) != normalised_gateway(other)


@pytest.mark.parametrize("text", ["", "http://", "http://a:notaport", "http://[::1", "%%"])
def test_a_text_that_is_no_address_stands_for_itself(text: str) -> None:
    assert normalised_gateway(text) == normalised_gateway(text.upper())


def test_a_login_in_an_address_is_not_part_of_the_name() -> None:
    assert normalised_gateway("http://admin:hunter22@plant:8088") == "http://plant:8088"


def test_a_default_port_is_the_same_as_none() -> None:
    assert normalised_gateway("https://plant/") == normalised_gateway("https://plant:443")


@pytest.mark.parametrize(
    "address", ["https://PLANT:8043/", "10.0.0.5:8088", "http://10.0.0.5:8088"]
)
def test_an_entry_is_found_by_each_of_its_addresses(address: str) -> None:
    assert KNOWN.of({"gateway_url": address}) == PLANT


TLS_SECOND = GatewayEntry(name="mixed", urls=("http://mixed:8088", "https://mixed:8043"))


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("mixed", "http://mixed:8088"),
        ("http://mixed:8088", "http://mixed:8088"),
        ("HTTPS://Mixed:8043/", "https://mixed:8043"),
    ],
)
def test_an_entry_that_is_named_with_tls_is_never_asked_without(named: str, url: str) -> None:
    found = Gateways(entries=(TLS_SECOND,)).of({"gateway": named})
    assert found is not None
    assert (found.title, found.url) == ("mixed", url)
    assert set(found.urls) == set(TLS_SECOND.urls)


def test_an_entry_whose_first_address_has_tls_is_asked_there_whatever_is_named() -> None:
    found = KNOWN.of({"gateway_url": "http://10.0.0.5:8088"})
    assert found is not None
    assert found.url == "https://plant:8043"


def test_an_entry_is_found_by_its_name_before_any_address() -> None:
    assert KNOWN.of({"gateway": " plant ", "gateway_url": "http://lab:8088"}) == PLANT


def test_an_address_of_no_entry_stands_for_itself() -> None:
    found = KNOWN.of({"gateway_url": "other:8088"})
    assert found == GatewayEntry(urls=("http://other:8088",))
    assert found.title == "http://other:8088"


def test_the_parameter_for_a_name_takes_an_address_too() -> None:
    assert KNOWN.of({"gateway": "http://10.0.0.5:8088/"}) == PLANT


def test_a_host_alone_is_an_address_where_an_address_is_asked_for() -> None:
    assert named_gateway({"gateway_url": "plant"}) == "http://plant"


def test_an_unknown_name_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"no gateway is registered as 'plnt'.*plant"):
        KNOWN.of({"gateway": "plnt"})


def test_a_playbook_that_names_none_works_on_that_of_the_playbook_around_it() -> None:
    assert KNOWN.of({"gateway_url": " "}, {}, {"gateway": "plant"}, {"gateway": "lab"}) == PLANT


@pytest.mark.parametrize("default", [DEFAULT, None])
def test_where_nobody_names_one_it_is_the_default(default: GatewayEntry | None) -> None:
    assert Gateways(default=default).of({"gateway": 7}, {}) == default
