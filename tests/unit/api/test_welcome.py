"""What a server says at its start: where it is, who may ask, and never the token itself."""

from contextlib import closing
from pathlib import Path

import pytest

from ignition_toolkit.api.hosts import HostRules
from ignition_toolkit.api.listening import is_local, listen, own_names, url_of
from ignition_toolkit.api.serve import _asks_for_token
from ignition_toolkit.api.welcome import welcome
from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import OperatorError
from ignition_toolkit.execution.access_token import AccessToken

DATA = Path("/data")
TOKEN = AccessToken(Secret("a-token-of-more-than-20"), DATA / "token")


@pytest.fixture(autouse=True)
def no_token_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITK_TOKEN", raising=False)
    monkeypatch.delenv("ITK_REQUIRE_TOKEN", raising=False)


def test_on_this_machine_alone_nothing_is_asked_for_and_curl_is_shown() -> None:
    with closing(listen("127.0.0.1", 0)) as listener:
        text = welcome(listener, DATA, HostRules(), None)
    assert "Token" not in text
    assert "Careful" not in text
    assert "curl -X POST http://127.0.0.1:" in text


def test_where_the_token_is_is_said_and_not_what_it_is() -> None:
    with closing(listen("127.0.0.1", 0)) as listener:
        text = welcome(listener, DATA, HostRules(), TOKEN)
    assert (
        "\n  Token    everybody is asked for the access token; it is in the file /data/token\n"
        in text
    )
    assert TOKEN.value.reveal() not in text
    assert "curl" not in text
    assert "unencrypted" not in text


@pytest.mark.parametrize(("host", "here"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])
def test_a_server_for_other_machines_says_which_names_it_has_and_that_http_is_open(
    host: str, here: str
) -> None:
    with closing(listen(host, 0)) as listener:
        port = listener.getsockname()[1]
        # No address means this machine: the owner's file must have one that can be asked.
        assert url_of(listener) == f"http://{here}:{port}"
        assert own_names(listener) == []
        assert not is_local(listener)
        text = welcome(listener, DATA, HostRules(["itk.example.com"]), TOKEN)
    assert (
        "it answers to 127.0.0.1, [::1], localhost, itk.example.com; list others in ITK_ALLOWED"
        in text
    )
    assert (
        "Careful  plain HTTP: the token travels unencrypted; put a proxy with TLS in front\n"
        in text
    )


def test_the_one_address_that_a_server_listens_at_is_a_name_of_it() -> None:
    with closing(listen("127.8.8.8", 0)) as listener:
        port = listener.getsockname()[1]
        rules = HostRules.from_environment(own_names(listener))
    assert rules.allows_host(f"127.8.8.8:{port}")
    assert not rules.allows_host("127.8.8.8:80")
    assert not rules.allows_origin("http://127.8.8.8:8088", f"127.8.8.8:{port}")


def test_a_token_is_asked_for_where_others_come_in_or_somebody_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(listen("127.0.0.1", 0)) as local, closing(listen("0.0.0.0", 0)) as public:
        assert (_asks_for_token(local), _asks_for_token(public)) == (False, True)
        monkeypatch.setenv("ITK_REQUIRE_TOKEN", "1")
        assert (_asks_for_token(local), _asks_for_token(public)) == (True, True)
        monkeypatch.setenv("ITK_TOKEN", "short")
        with pytest.raises(OperatorError, match="ITK_TOKEN cannot be used"):
            _asks_for_token(local)
