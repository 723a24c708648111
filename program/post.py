"""One POST to an address that a person named, who may be anybody: nothing is reached but what `may` allows.

The name is looked up once, and the addresses that pass are what is dialled: a name that leads elsewhere a moment later
leads nowhere. No proxy, no redirect; of the answer only its status is read. Everything together has TIMEOUT_S.

It is written on asyncio's streams as other clients dial a name of their own accord, and none has one bound for all of a
request: http.client waits so long for each piece, of which a hostile server sends one after the other.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

TIMEOUT_S = 10.0
MOST_URL = 1024  # characters
MOST_HEAD = 16 * 1024  # bytes of an answer that are looked at
MOST_HEADS = 4  # interim answers before the one that counts
MOST_ADDRESSES = 4  # of one name that are tried
PORTS = {"https": 443, "http": 80}
_SEEN = re.compile(r"[!-~]+")  # what may stand in the first line of a request
_HOST = re.compile(r"[a-z0-9.:-]{1,253}")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
NAMES_AT_ONCE = 32  # that are looked up: it may take longer than anybody waits, and nothing stops it

Lookup = Callable[[str, int], Awaitable[list[str]]]


class NotDelivered(Exception):
    """It did not arrive, or nobody said so. The text names no address. `again`: another try may help."""

    def __init__(self, why: str, again: bool = True) -> None:
        super().__init__(why)
        self.again = again


@dataclass(frozen=True)
class Target:
    """Where a URL leads: `path` is all behind the host."""

    scheme: str
    host: str
    port: int
    path: str
    netloc: str


def read_target(url: str) -> Target:
    """The parts of a URL that can be posted to. Raises ValueError in words for who typed it, which do not quote it: it
    may have a secret in it."""
    if len(url) > MOST_URL or not _SEEN.fullmatch(url):
        raise ValueError(f"an address has at most {MOST_URL} characters, of ASCII and without blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("this is no address such as https://ntfy.example/topic") from None
    if parts.scheme not in PORTS or not parts.hostname or not _HOST.fullmatch(parts.hostname) or port == 0:
        raise ValueError("this is no address such as https://ntfy.example/topic")
    if "@" in parts.netloc or "\\" in url:
        raise ValueError("an address has no user name and no password before its host")
    if parts.fragment:
        raise ValueError("an address has no # in it: no server is sent what stands behind that")
    return Target(parts.scheme, parts.hostname, port or PORTS[parts.scheme], _path(parts), parts.netloc)


def own_target(url: str) -> str:
    """The URL, if its owner may be told there from a machine of theirs: https, or http to the machine itself. Raises
    ValueError."""
    target = read_target(url)
    if target.scheme == "http" and not loopback(target.host):
        raise ValueError("it has to begin with https://: the address is a secret, and anybody on the way could read it")
    return url


def loopback(host: str) -> bool:
    """Whether the host is this machine, by its name alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def looking_up(at_once: int, name: str) -> Lookup:
    """What the system knows of names, on threads of its own: a server of names that never answers holds up who asks
    for the others that are looked up with this, and nobody else. The lookup raises OSError."""
    threads = ThreadPoolExecutor(at_once, name)

    async def lookup(host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    return lookup


addresses_of = looking_up(NAMES_AT_ONCE, "names")


def anywhere(address: str) -> bool:
    """For an address that the owner of this machine has named."""
    return True


async def post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    *,
    may: Callable[[str], bool] = anywhere,
    lookup: Lookup = addresses_of,
    tls: ssl.SSLContext | None = None,
    timeout_s: float = TIMEOUT_S,
) -> int:
    """Post it, and return the status of the answer, whatever it is. Raises NotDelivered when there is none.

    `may`: whether an IP address may be dialled.
    """
    try:
        async with asyncio.timeout(timeout_s):
            allowed = [address for address in await lookup(target.host, target.port) if may(address)]
            if not allowed:
                raise _nowhere()
            return await _post(target, headers, body, allowed[:MOST_ADDRESSES], tls)
    except TimeoutError:
        raise NotDelivered(f"there was no answer within {timeout_s:.0f} s") from None
    except ssl.SSLCertVerificationError:
        raise NotDelivered("its certificate is not one that this machine trusts") from None
    except ssl.SSLError:
        raise NotDelivered("no TLS could be agreed on") from None
    except (socket.gaierror, UnicodeError):
        raise _nowhere() from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise NotDelivered("it could not be reached, or did not answer with HTTP") from None


def _nowhere() -> NotDelivered:
    """The same words for a name that there is not and for one that leads inside: who asks learns nothing of names
    there."""
    return NotDelivered("its name leads to no address that messages may be sent to")


async def _post(
    target: Target, headers: Mapping[str, str], body: bytes, allowed: list[str], tls: ssl.SSLContext | None
) -> int:
    reader, writer = await _connected(target, allowed, tls)
    try:
        lines = [f"POST {target.path} HTTP/1.1", f"host: {target.netloc}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode("ascii") + body)
        await writer.drain()
        for _ in range(MOST_HEADS):
            head = await reader.readuntil(b"\n")
            found = _STATUS.fullmatch(head)
            if found is None:
                break
            if (status := int(found[1])) >= 200:
                return status
            while (await reader.readuntil(b"\n")).strip():
                pass  # the rest of an interim answer
        raise NotDelivered("it did not answer with HTTP")
    finally:
        writer.transport.abort()  # whatever else it has to say


async def _connected(
    target: Target, allowed: list[str], tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A line to the first of the addresses that answers. Raises OSError."""
    secure = tls or _trusted() if target.scheme == "https" else None
    name = target.host if secure else None
    why: OSError | None = None
    for address in allowed:
        try:
            return await asyncio.open_connection(
                address, target.port, limit=MOST_HEAD, ssl=secure, server_hostname=name
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            why = why or error
    assert why is not None
    raise why


@cache
def _trusted() -> ssl.SSLContext:
    """Authorities that this machine trusts, with SSL_CERT_FILE as OpenSSL reads it."""
    return ssl.create_default_context()
