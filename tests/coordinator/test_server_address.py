"""The address that the server listens on."""

import socket

import pytest

from coordinator.config import Config
from coordinator.server import listen, origin_of


def test_two_colons_are_every_address_of_both_kinds() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    with listen(Config(host="::", port=0)) as listener:
        port = listener.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, port), timeout=20):
                pass


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://Net.example:443/", "https://net.example"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://net.example:8443", "https://net.example:8443"),
        ("https://net.example:80", "https://net.example:80"),
    ],
)
def test_an_origin_has_no_port_where_browsers_write_none(public_url: str, origin: str) -> None:
    with listen(Config(port=0)) as listener:
        assert origin_of(public_url, listener) == origin
