"""Where a request comes from, as its headers arrive."""

from starlette.requests import Request

from coordinator.api.client_place import client_place
from coordinator.identity.addresses import read_networks
from tests.coordinator.conftest import Coordinator


async def test_a_line_that_a_proxy_appends_counts_before_the_clients_own(coordinator: Coordinator) -> None:
    identity = coordinator.running.services.identity
    identity.proxies = read_networks("127.0.0.1")
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.9")]
    request = Request({"type": "http", "client": ("127.0.0.1", 5), "headers": lines})
    assert client_place(identity, request) == identity.place("203.0.113.9", [])
    assert client_place(identity, Request({"type": "http", "headers": []})) == identity.place("", [])
