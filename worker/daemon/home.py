"""The worker's home: the one coordinator that its owner configured, and how a socket to it is opened.

Whoever operates that coordinator also says where its name leads, and may let it lead into the owner's network. So a
home that has welcomed the worker on the internet is dialled nowhere else from then on: each address that its name has
is looked at, and those that pass are what is dialled, without asking for the name again. A home in the owner's own
network may be anywhere.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from program.internet import public

Address = tuple[int, tuple[str, int] | tuple[str, int, int, int]]  # a family, and what connect() takes
Resolve = Callable[[str, int], Awaitable[list[Address]]]
Connect = Callable[[Address], Awaitable[socket.socket]]


class LedInside(OSError):
    """The name of a coordinator on the internet has led into a network behind it."""


async def resolve(host: str, port: int) -> list[Address]:
    """Return what the system knows of the name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]  # type: ignore[misc]  # of a build without IPv6


async def connect(address: Address) -> socket.socket:
    """Return a socket that is connected to this address. Raises OSError."""
    family, place = address
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, place)
    except BaseException:
        opened.close()
        raise
    return opened


class Home:
    """Where the worker belongs, and the key that is shown there and nowhere else. One for the life of the process."""

    def __init__(self, url: str, key: str, resolve: Resolve = resolve, connect: Connect = connect) -> None:
        self.url, self.key = url, key
        self._resolve, self._connect = resolve, connect
        self._at = ""  # the IP address that was dialled last
        self._public = False  # it has welcomed us on the internet

    async def dial(self, host: str, port: int) -> socket.socket:
        """Return a socket to the first of the host's addresses that answers. Raises OSError: LedInside where none may
        be dialled."""
        found = await self._resolve(host, port)
        allowed = [address for address in found if not self._public or public(address[1][0])]
        why: OSError = LedInside(
            f"{host} was on the internet and leads into a private network now; if that is right, restart the worker"
        )
        for number, address in enumerate(allowed):
            try:
                opened = await self._connect(address)
            except OSError as error:
                why = error if number == 0 else why
                continue
            self._at = address[1][0]
            return opened
        raise why

    def welcomed(self) -> None:
        """The coordinator has welcomed us where we dialled last."""
        self._public = self._public or (self._at != "" and public(self._at))
