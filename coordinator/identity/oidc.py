"""An OpenID Connect provider: where it sends people who come in with it, and who has come back from there.

Authorization code with PKCE, state and nonce. What it says of itself is asked when it is needed and kept for a while,
in this process; nothing of a person is.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from joserfc.jwk import KeySet

from coordinator.identity.fetching import Fetcher, Unanswered
from coordinator.identity.id_token import Forged, UnknownKey, read_keys, subject
from coordinator.identity.providers import ProviderSettings, safe
from coordinator.identity.tokens import Tokens
from program.printable import printable
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.identity")

WELL_KNOWN = "/.well-known/openid-configuration"
SCOPE = "openid"  # who it is, and nothing about them: no name, no address
KEPT_S = 3600.0  # what a provider says of itself
AGAIN_S = 60.0  # its keys are read again at the earliest, for one that is not among them
FAILED_S = 5.0  # after a failure nobody asks it for so long
RETRY_S = 30.0
WORD_CHARS = 64
FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}

T = TypeVar("T")


@dataclass(frozen=True)
class Attempt:
    """The secrets of one way to the provider and back. They are made of a seed, which the browser keeps, and the
    pepper: whoever reads the browser's cookie has none of them, and each replica has all."""

    state: str
    nonce: str
    verifier: str = field(repr=False)


def attempt(tokens: Tokens, seed: str) -> Attempt:
    return Attempt(*(tokens.hash(f"oidc {what}", seed) for what in ("state", "nonce", "verifier")))


@dataclass(frozen=True)
class Answer:
    """What the browser brought back from the provider, all of it a stranger's word."""

    state: str
    code: str = field(default="", repr=False)
    issuer: str | None = None
    error: str = ""


@dataclass
class _Kept(Generic[T]):
    """A document of the provider's. `at`, `failed_at`: when it was read, and when that was tried in vain."""

    load: Callable[[], Awaitable[T]]
    value: T | None = None
    at: float = float("-inf")
    failed_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, now: Callable[[], float], most_s: float = KEPT_S) -> T:
        """One that was read within `most_s`. Raises Unanswered."""
        async with self.lock:
            if self.value is not None and now() - self.at < most_s:
                return self.value
            if now() - self.failed_at < FAILED_S:
                raise Unanswered("it gave no answer a moment ago")
            try:
                self.value, self.at = await self.load(), now()
            except Unanswered:
                self.failed_at = now()
                raise
            return self.value


class Provider:
    """One of the operator's providers. `now`: seconds that never go back."""

    def __init__(
        self,
        settings: ProviderSettings,
        fetcher: Fetcher | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._fetcher = fetcher or Fetcher()
        self._now = now
        self._metadata = _Kept(self._read_metadata)
        self._keys = _Kept(self._read_keys)

    async def authorization_url(self, redirect_uri: str, made: Attempt) -> str:
        """Where the browser goes. Raises overloaded if the provider does not answer."""
        metadata = await self._answered(self._metadata.get(self._now))
        client = OAuth2Client(None, self.settings.client_id, scope=SCOPE, code_challenge_method="S256")
        url, _ = client.create_authorization_url(
            metadata["authorization_endpoint"],
            made.state,
            made.verifier,
            redirect_uri=redirect_uri,
            nonce=made.nonce,
        )
        return str(url)

    async def subject(self, redirect_uri: str, made: Attempt, answer: Answer) -> str:
        """Who has come back, by the name that the issuer has for them. Raises permission_denied for an answer that is
        not to be believed, overloaded if the provider does not answer."""
        if not hmac.compare_digest(answer.state.encode(), made.state.encode()):
            self._refuse("it was asked in another browser, or long ago")
        metadata = await self._answered(self._metadata.get(self._now))
        named = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.issuer != self.settings.issuer and (named or answer.issuer is not None):
            self._refuse("it is another provider's")  # RFC 9207
        if answer.error:
            self._said_no(answer.error)
        if not answer.code:
            self._refuse("it has no code")
        told = await self._answered(self._exchange(metadata, redirect_uri, made, answer.code))
        try:
            return await self._answered(self._verified(metadata, told, made.nonce))
        except Forged as error:
            log.warning("%s: its token is not accepted: %s", self.settings.id, printable(str(error))[:200])
            self._refuse("its token is not for this network, or not of now")

    # ---- what is asked of the provider -------------------------------------------------------------------------------

    async def _read_metadata(self) -> dict[str, Any]:
        issuer = self.settings.issuer
        status, told = await self._fetcher.ask("GET", issuer.rstrip("/") + WELL_KNOWN)
        if status != 200 or told.get("issuer") != issuer:
            raise Unanswered(f"status {status}, and a document that is not {issuer}'s own")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(told.get(name), str) or not safe(told[name], issuer):
                raise Unanswered(f"its {name} is no address with https")
        return told

    async def _read_keys(self) -> KeySet:
        metadata = await self._metadata.get(self._now)
        status, told = await self._fetcher.ask("GET", metadata["jwks_uri"])
        try:
            return read_keys(told)
        except Forged as error:
            raise Unanswered(f"status {status}: {error}") from None

    async def _exchange(self, metadata: dict[str, Any], redirect_uri: str, made: Attempt, code: str) -> dict[str, Any]:
        """The tokens for a code. Raises permission_denied, Unanswered."""
        one = self.settings
        body = prepare_token_request(
            "authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=made.verifier
        )
        methods = metadata.get("token_endpoint_auth_methods_supported")
        posted = isinstance(methods, list) and "client_secret_post" in methods  # needs no agreement on how to quote
        method = "none" if not one.client_secret else "client_secret_post" if posted else "client_secret_basic"
        auth = ClientAuth(one.client_id, one.client_secret, method)
        url, headers, body = auth.prepare("POST", metadata["token_endpoint"], dict(FORM), body)
        status, told = await self._fetcher.ask("POST", url, headers, body)
        if told.get("error") == "invalid_grant":
            self._refuse("it was used already, is too old, or another one's")
        if status != 200 or not all(isinstance(told.get(name), str) for name in ("id_token", "access_token")):
            raise Unanswered(f"status {status}, and no tokens: {printable(str(told.get('error')))[:WORD_CHARS]}")
        return told

    async def _verified(self, metadata: dict[str, Any], told: dict[str, Any], nonce: str) -> str:
        """Raises Forged, Unanswered."""
        one, algorithms = self.settings, metadata.get("id_token_signing_alg_values_supported")
        for most_s in (KEPT_S, AGAIN_S):
            keys = await self._keys.get(self._now, most_s)
            try:
                return subject(
                    told["id_token"], told["access_token"], keys, one.issuer, one.client_id, nonce, algorithms
                )
            except UnknownKey:
                continue
        raise Forged("its key is not among the provider's")

    # ---- in words ----------------------------------------------------------------------------------------------------

    async def _answered(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except Unanswered as error:
            log.error("the provider %s: %s", self.settings.id, printable(str(error))[:300])
            message = f"{self.settings.name} does not answer as it should: try again in a minute, or another way."
            raise SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S) from None

    def _said_no(self, error: str) -> NoReturn:
        """The provider sent the person back with an error, of which the code alone is told."""
        name = self.settings.name
        if error == "access_denied":
            raise SupernetError(ErrorCode.PERMISSION_DENIED, f"You did not let {name} tell who you are.")
        told = "".join(letter for letter in error if letter.isascii() and (letter.isalnum() or letter in "_-"))
        raise SupernetError(
            ErrorCode.PERMISSION_DENIED, f"{name} did not let you in: {told[:WORD_CHARS] or 'no reason'}."
        )

    def _refuse(self, why: str) -> NoReturn:
        message = f"The answer from {self.settings.name} is not accepted: {why}. Begin again."
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
