"""The address that the server listens on."""

import socket

import pytest

from coordinator.config import Config
from coordinator.server import listen


def test_two_colons_are_every_address_of_both_kinds() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    with listen(Config(host="::", port=0)) as listener:
        port = listener.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, port), timeout=20):
                pass
