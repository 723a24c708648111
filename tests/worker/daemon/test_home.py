"""Where a socket to home may lead, by a resolver and a dialler of the test: nothing is dialled."""

import socket

import pytest

from worker.daemon.home import Address, Home, LedInside, connect, resolve

OUTSIDE, OTHER, INSIDE, METADATA = "93.184.216.34", "93.184.216.35", "10.0.0.5", "169.254.169.254"
MAPPED, TRANSLATED = "::ffff:10.0.0.5", "64:ff9b::10.0.0.5"


class Net:
    """Names, the addresses that answer, and what was dialled."""

    def __init__(self, *first: str) -> None:
        self.named = first
        self.deaf: set[str] = set()
        self.dialled: list[str] = []
        self.asked = 0
        self.home = Home("wss://net.example", "sk", self.resolve, self.connect)

    async def resolve(self, host: str, port: int) -> list[Address]:
        assert (host, port) == ("net.example", 443)
        self.asked += 1
        return [_address(ip, port) for ip in self.named]

    async def connect(self, address: Address) -> socket.socket:
        self.dialled.append(address[1][0])
        if address[1][0] in self.deaf:
            raise ConnectionRefusedError
        return socket.socket()

    async def dial(self) -> None:
        (await self.home.dial("net.example", 443)).close()


def _address(ip: str, port: int) -> Address:
    return (socket.AF_INET6, (ip, port, 0, 0)) if ":" in ip else (socket.AF_INET, (ip, port))


@pytest.mark.parametrize(
    "inside", [INSIDE, METADATA, "127.0.0.1", "::1", "fe80::1%eth0", "0.0.0.0", MAPPED, TRANSLATED]
)
async def test_a_home_on_the_internet_never_leads_into_the_network_behind_it(inside: str) -> None:
    net = Net(OUTSIDE)
    await net.dial()
    net.home.welcomed()
    net.named = (inside,)
    with pytest.raises(LedInside, match="private network"):
        await net.dial()
    assert net.dialled == [OUTSIDE], "its name was asked for again, and nothing was dialled"
    net.named = (inside, OTHER)
    await net.dial()
    assert net.dialled == [OUTSIDE, OTHER]
    net.named, net.deaf = (OTHER, inside), {OTHER}
    with pytest.raises(ConnectionRefusedError):
        await net.dial()
    assert inside not in net.dialled


async def test_the_address_that_was_looked_at_is_the_one_that_is_dialled() -> None:
    """A name that is asked for twice can have two answers."""
    net = Net(OUTSIDE, OTHER)
    net.deaf = {OUTSIDE}
    await net.dial()
    assert net.dialled == [OUTSIDE, OTHER] and net.asked == 1


@pytest.mark.parametrize("at", [INSIDE, "127.0.0.1", "192.168.1.10", "fd12::1", "100.64.0.7"])
async def test_a_home_in_the_owners_own_network_is_dialled_again_and_again(at: str) -> None:
    net = Net(at)
    for _ in range(3):
        await net.dial()
        net.home.welcomed()
    net.named = (OUTSIDE,)
    await net.dial()
    assert net.dialled == [at, at, at, OUTSIDE]


async def test_an_address_that_never_welcomed_us_decides_nothing() -> None:
    net = Net(OUTSIDE)  # a portal's, perhaps
    await net.dial()
    net.named = (INSIDE,)
    await net.dial()
    assert net.dialled == [OUTSIDE, INSIDE]


async def test_the_first_reason_is_told_when_none_answers() -> None:
    net = Net(OUTSIDE, OTHER)
    net.deaf = {OUTSIDE, OTHER}
    with pytest.raises(ConnectionRefusedError):
        await net.dial()


async def test_the_systems_own_resolver_and_a_real_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (address, *_) = await resolve("127.0.0.1", server.getsockname()[1])
        opened = await connect(address)
        assert opened.getpeername() == server.getsockname()
        opened.close()
