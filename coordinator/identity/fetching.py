"""One question to a provider, over HTTP: bounded in time, in size and in how many there are at once; no redirect is
followed, and what is no JSON object is no answer."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx2

from coordinator.identity.providers import loopback

WHOLE_S = 8.0  # from the first byte sent to the last one read
MOST_BYTES = 256 * 1024  # documents of providers have some 10 KiB
AT_ONCE = 32  # questions to one provider


class Unanswered(Exception):
    """The provider gave no answer that can be used; the text is for the operator."""


@dataclass
class Fetcher:
    """Asks one provider."""

    whole_s: float = WHOLE_S
    _running: int = field(default=0, init=False)

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """The status, and the JSON object that came with it. Raises Unanswered."""
        if self._running >= AT_ONCE:
            raise Unanswered(f"{AT_ONCE} questions wait for an answer already")
        self._running += 1
        try:
            async with asyncio.timeout(self.whole_s):
                return await _asked(method, url, {**(headers or {}), "accept-encoding": "identity"}, body.encode())
        except TimeoutError:
            raise Unanswered(f"{url}: no whole answer within {self.whole_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Unanswered(f"{url}: {error or type(error).__name__}") from None
        finally:
            self._running -= 1


async def _asked(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    read = bytearray()
    async with (
        httpx2.AsyncClient(verify=_trust(), timeout=None, trust_env=not loopback(url)) as client,
        client.stream(method, url, headers=headers, content=body) as response,
    ):
        async for piece in response.aiter_raw():
            read += piece
            if len(read) > MOST_BYTES:
                raise Unanswered(f"{url}: its answer has more than {MOST_BYTES} bytes")
    try:
        answer = json.loads(read)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Unanswered(f"{url}: status {response.status_code}, and no JSON object")
    return response.status_code, answer


@cache
def _trust() -> ssl.SSLContext:
    """The authorities that the library trusts; read once, as that takes a while."""
    return httpx2.create_ssl_context()
