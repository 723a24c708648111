"""A provider of OpenID Connect in software, on loopback: it lets in whom the test names, and lies as it is told to."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core.util import create_half_hash
from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

Claims = dict[str, Any]


@cache
def new_key(name: str) -> RSAKey:
    """The same for the same name: to make one takes a busy machine a second."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@dataclass
class OidcProvider:
    """`change`: what becomes of the claims of a token; `sign`: how it is signed; `raw`: path -> the bytes that are sent
    in the place of an answer; `delay_s`: before each answer. `asked` counts what was asked, by path."""

    client: str = "supernet"
    keys: list[RSAKey] = field(default_factory=lambda: [new_key("one")])
    change: Callable[[Claims], Claims] = lambda claims: claims
    sign: Callable[["OidcProvider", Claims], str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)  # what its document says otherwise
    raw: dict[str, bytes] = field(default_factory=dict)
    delay_s: float = 0.0
    issuer: str = ""
    asked: dict[str, int] = field(default_factory=dict)
    heard: str = ""  # the last request for tokens, head and body
    codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)  # -> who, and what was asked for them

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def allow(self, url: str, subject: str) -> dict[str, str]:
        """What the browser brings back when this person says yes at the address that it was sent to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}"
        self.codes[code] = (subject, asked)
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def token(self, subject: str, nonce: str, access: str) -> str:
        now = int(time.time())
        claims: Claims = {"iss": self.issuer, "sub": subject, "aud": self.client, "iat": now, "exp": now + 60}
        claims |= {"nonce": nonce, "at_hash": create_half_hash(access, "RS256").decode()}
        claims = self.change(claims)
        return self.sign(self, claims) if self.sign else self.signed(claims)

    def signed(self, claims: Claims, key: RSAKey | None = None) -> str:
        key = key or self.keys[0]
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key, registry=JWSRegistry(algorithms=["RS256"]))

    def exchange(self, body: str) -> tuple[int, dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs(body).items()}
        subject, asked = self.codes.pop(form.get("code", ""), ("", {}))
        right = asked.get("code_challenge") == create_s256_code_challenge(form["code_verifier"])
        if not right or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        access = f"access of {subject}"
        return 200, {
            "access_token": access,
            "token_type": "Bearer",
            "id_token": self.token(subject, asked["nonce"], access),
        }

    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: set["asyncio.Task[None] | None"] = field(default_factory=set)

    async def close(self) -> None:
        """Let whoever waits for an answer have it."""
        self._closed.set()
        await asyncio.gather(*filter(None, self._serving))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            lengths = [line for line in head.splitlines() if line.lower().startswith("content-length:")]
            body = await reader.readexactly(int(lengths[0].partition(":")[2]) if lengths else 0)
            self.heard = head + body.decode() if path == "/token" else self.heard
            self.asked[path] = self.asked.get(path, 0) + 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), self.delay_s)
            if path in self.raw:
                writer.write(self.raw[path])
            else:
                writer.write(answer(*self._answer(path, body.decode())))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has left
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._serving.discard(asyncio.current_task())

    def _answer(self, path: str, body: str) -> tuple[int, dict[str, Any]]:
        if path == "/.well-known/openid-configuration":
            return 200, self.document()
        if path == "/jwks":
            return 200, {"keys": [key.as_dict(private=False) for key in self.keys]}
        return self.exchange(body) if path == "/token" else (404, {})


def answer(status: int, told: dict[str, Any]) -> bytes:
    body = json.dumps(told).encode()
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body


@asynccontextmanager
async def standing(provider: OidcProvider) -> AsyncIterator[OidcProvider]:
    """Serve on a free port of loopback."""
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.close()
        await provider.close()
