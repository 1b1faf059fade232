"""The socket: had before anything is started, or refused with what to do."""

import socket
from contextlib import closing

import pytest

from ignition_toolkit.api.listening import listen, url_of
from ignition_toolkit.errors import AddressInUse, OperatorError


def test_a_free_port_is_ours_from_then_on() -> None:
    with closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        assert url_of(first) == f"http://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            # Taken by the system until the server answers.
            pass
        with pytest.raises(AddressInUse, match=str(port)) as found:
            listen("127.0.0.1", port)
        assert found.value.fields == {"host": "127.0.0.1", "port": port}
        assert "--port" in found.value.message


def test_a_port_whose_last_server_has_just_ended_can_be_had() -> None:
    with closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        accepted, _ = first.accept()
        # The side that closes first keeps the connection waiting for a minute.
        accepted.close()
        client.close()
    with closing(listen("127.0.0.1", port)) as second:
        assert second.getsockname()[1] == port


def test_localhost_is_the_address_that_everybody_finds() -> None:
    with closing(listen("localhost", 0)) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_the_other_loopback_address_is_written_in_brackets(host: str) -> None:
    with closing(listen(host, 0)) as listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("no.such.host.invalid", 5000),
        ("192.0.2.1", 5000),
        ("127.0.0.1", 70_000),
        ("127.0.0.1", -1),
        ("", 5000),
        ("a" * 300, 5000),
    ],
)
def test_what_is_no_address_of_this_machine_is_refused(host: str, port: int) -> None:
    with pytest.raises(OperatorError, match="expected an address of this machine"):
        listen(host, port)


def test_a_port_of_the_system_says_which_ports_are_free_to_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Guarded(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Guarded)
    with pytest.raises(OperatorError, match="above 1023"):
        listen("127.0.0.1", 80)
