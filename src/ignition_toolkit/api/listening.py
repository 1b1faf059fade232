"""The socket that a server listens on: had before anything is started, or not at all."""

from __future__ import annotations

import errno
import ipaddress
import socket

from ignition_toolkit.errors import AddressInUse, OperatorError

BACKLOG = 128
SEND_BUFFER_BYTES = 128 * 1024

MAX_PORT = 65535


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; who connects waits until the server answers.

    Args:
        host: a name or an address of this machine.
        port: 1 to 65535, or 0 for any that is free.

    Raises:
        AddressInUse: another program listens there.
        OperatorError: it is no address of this machine, or the port may not be used.
    """
    family, address = _resolved(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a server that has just ended must not keep its port for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Inherited by every connection: without it the system keeps megabytes for each client that
        # does not read its stream.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        # Only listening makes the port ours: two sockets may be bound to one.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(error, host, port) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address at which the server is reached from this machine."""
    return f"http://{_authority(listener)}"


def is_local(listener: socket.socket) -> bool:
    """Whether only programs of this machine can reach the server."""
    return _address(listener).is_loopback


def own_names(listener: socket.socket) -> list[str]:
    """Return the `Host` of a server that listens at one address; of one at all there is none.

    An address cannot be made to mean this machine by somebody else's name server.
    """
    return [] if _address(listener).is_unspecified else [_authority(listener)]


def _address(listener: socket.socket) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(listener.getsockname()[0])


def _authority(listener: socket.socket) -> str:
    address, port = _address(listener), listener.getsockname()[1]
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


def _resolved(host: str, port: int) -> tuple[int, tuple[str, int]]:
    if not 0 <= port <= MAX_PORT:
        # The system would take its last sixteen bits.
        raise _not_an_address(host, port)
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _not_an_address(host, port) from error
    # `localhost` has two addresses; the older one is the one that everybody finds.
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, (str(address[0]), int(address[1]))


def _refused(error: OSError, host: str, port: int) -> OperatorError:
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(
            f"another program already listens at {host}:{port}; if it is an `itk serve`, use "
            "that one, else end it or choose another port with --port",
            host=host,
            port=port,
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return OperatorError(
            f"port {port} may not be used by this user; choose one above 1023 with --port"
        )
    return _not_an_address(host, port)


def _not_an_address(host: str, port: int) -> OperatorError:
    return OperatorError(
        f"it is not possible to listen at {host!r}, port {port}: expected an address of this "
        "machine, as 127.0.0.1, and a port from 1 to 65535"
    )
