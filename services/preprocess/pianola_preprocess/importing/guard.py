"""Connections to the public internet only: a name is resolved once, every address it has is checked, and the connection
is made to a checked one. A name that resolves otherwise the next moment leads nowhere else.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import httpcore

from pianola_preprocess.importing.errors import AddressRefused, TooSlow

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[Address]]

_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
# Addresses that hold an IPv4 address: what they lead to is decided by that one.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Not in every Python's list of private networks: protocol assignments (RFC 6890; a cloud keeps its metadata there) and
# documentation (RFC 9637). The last one is public by its number, but leads a cloud's machine to its keeper.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(network) for network in ("192.0.0.0/24", "2001::/23", "3fff::/20", "168.63.129.16/32")
)


def resolve(host: str, port: int) -> list[Address]:
    """Every address of `host`, in the system's order of preference. Raises httpcore.ConnectError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host!r} cannot be resolved: {error}") from error
    return [ipaddress.ip_address(entry[4][0]) for entry in found]


def is_public(address: Address) -> bool:
    """Whether anyone on the internet can reach `address`: not this machine, its network, or what lies behind it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST or address.sixtofour is not None:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC)


class Guard(httpcore.NetworkBackend):
    """A network in which only public addresses are there, or all where `private` is, and only until `deadline`.

    `deadline` is one of time.monotonic(), in seconds.
    """

    def __init__(self, private: bool, deadline: float, resolve: Resolve = resolve) -> None:
        self._private = private
        self._deadline = deadline
        self._resolve = resolve
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of `host` that answers. Raises AddressRefused, ConnectError."""
        addresses = list(dict.fromkeys(self._resolve(host, port)))
        refused = [] if self._private else [address for address in addresses if not is_public(address)]
        if refused:
            raise AddressRefused(
                f"{host} leads to {refused[0]}, which is not an address of the public internet: give a public one, or "
                "set PIANOLA_IMPORT_PRIVATE=true on the worker if it may read from its own network"
            )
        failure = httpcore.ConnectError(f"the name {host!r} has no address")
        for address in addresses:
            try:
                left = _left(self._deadline, timeout)
                stream = self._network.connect_tcp(str(address), port, left, local_address, socket_options)
                return _Timed(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = httpcore.ConnectError(f"{host} does not answer at {address}: {error}")
        raise failure


class _Timed(httpcore.NetworkStream):
    """A connection that ends at a deadline, however slowly bytes trickle in."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline, timeout))
        return _Timed(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None) -> float:
    """Seconds for the next step. Raises TooSlow where none are left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TooSlow("the file did not arrive in the time an import has: fetch it yourself and upload it")
    return left if timeout is None else min(left, timeout)
