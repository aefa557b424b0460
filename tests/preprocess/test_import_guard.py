"""Which addresses a download reaches."""

import ipaddress
import socket
import time
from collections.abc import Sequence

import httpcore
import pytest

from pianola_preprocess.importing.errors import AddressRefused, TooSlow
from pianola_preprocess.importing.guard import Address, Guard, Resolve, is_public, resolve

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # a cloud's metadata
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",  # a cloud's machine keeper
    "169.254.169.254",  # most clouds' metadata
    "172.16.0.1",
    "192.0.0.192",  # a cloud's metadata
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",  # NAT64 of 169.254.169.254
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:808:808::",
    "fc00::1",
    "fd00:ec2::254",  # a cloud's metadata
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "128.59.64.54", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700:4700::1111"]


def answers(*addresses: str) -> Resolve:
    """A resolver that knows one answer."""

    def told(_host: str, _port: int) -> Sequence[Address]:
        return [ipaddress.ip_address(address) for address in addresses]

    return told


def guard(resolver: Resolve, private: bool = False, seconds: float = 60) -> Guard:
    return Guard(private, time.monotonic() + seconds, resolver)


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises(AddressRefused, match="PIANOLA_IMPORT_PRIVATE=true"):
        guard(answers(address)).connect_tcp("example.org", 80, timeout=5)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_not_refused(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.1", "2130706433", "0x7f000001", "0"])
def test_no_way_to_write_this_machine_leads_to_it(host: str) -> None:
    with pytest.raises(AddressRefused):
        guard(resolve).connect_tcp(host, 80, timeout=5)


@pytest.mark.parametrize("addresses", [("93.184.216.34", "127.0.0.1"), ("127.0.0.1", "93.184.216.34")])
def test_a_name_with_one_private_address_is_refused_whatever_the_others_are(addresses: tuple[str, str]) -> None:
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        guard(answers(*addresses)).connect_tcp("example.org", 80, timeout=5)


def test_the_connection_is_made_to_the_address_that_was_checked() -> None:
    asked = 0

    def rebinding(_host: str, _port: int) -> Sequence[Address]:
        nonlocal asked
        asked += 1
        return [ipaddress.ip_address("127.0.0.1")] if asked == 1 else [ipaddress.ip_address("169.254.169.254")]

    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = guard(rebinding, private=True).connect_tcp("rebinding.example", server.getsockname()[1], timeout=5)
        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        stream.close()
    assert asked == 1


def test_the_next_address_is_tried_where_the_first_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        stream = guard(answers("127.0.0.9", "127.0.0.1"), private=True).connect_tcp("two.example", port, timeout=5)
        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        stream.close()


def test_a_name_that_does_not_resolve_may_do_so_later() -> None:
    with pytest.raises(httpcore.ConnectError, match="cannot be resolved"):
        guard(resolve).connect_tcp("no-such-name.invalid", 80, timeout=5)


def test_a_trickle_of_bytes_ends_with_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = guard(answers("127.0.0.1"), private=True, seconds=0.3).connect_tcp("x", server.getsockname()[1])
        with pytest.raises((TooSlow, httpcore.ReadTimeout)):
            stream.read(100, timeout=30)
        with pytest.raises(TooSlow):
            stream.read(100, timeout=30)
        stream.close()
