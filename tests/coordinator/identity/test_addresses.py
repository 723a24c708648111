"""Whose address counts."""

import pytest

from coordinator.identity.addresses import client_address, place_of, read_networks

PROXIES = read_networks("127.0.0.1, 10.0.0.0/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "6.6.6.6", "203.0.113.5"),  # it is no proxy of ours: what it writes is nothing
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),  # the first part is the client's own word
        ("127.0.0.1", "198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("", "", ""),
    ],
)
def test_the_nearest_address_that_is_no_proxy_counts(peer: str, forwarded: str, address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


def test_a_range_is_what_one_customer_has() -> None:
    assert place_of("203.0.113.5") == place_of("203.0.113.250") == "203.0.113.0/24"
    assert place_of("203.0.114.5") != place_of("203.0.113.5")
    assert place_of("2001:db8:0:12::1") == place_of("2001:db8:0:ff::2") == "2001:db8::/56"
    assert place_of("") == ""


def test_what_is_no_network_is_told() -> None:
    with pytest.raises(ValueError, match="no list of addresses"):
        read_networks("proxy.example")
