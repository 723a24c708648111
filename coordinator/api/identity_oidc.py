"""/identity/provider/...: signing up and in with an account that somebody has elsewhere (OpenID Connect).

The provider sends the browser back to a page of ours, whose script brings the answer here: so what counts is a request
of our own page again, with the cookies of this browser, and cookies stay SameSite=Strict.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.asking import By, done_by
from coordinator.api.account_access import translated
from coordinator.api.coming_in import PROVIDER, TEXT_CHARS, ComingIn
from coordinator.api.identity import CHALLENGE_BYTES
from coordinator.api.session_gate import cookie, drop_cookies, provider_cookie, session_cookie
from coordinator.clock import now_ms
from coordinator.identity.joining import Answered, Newcomer, link_another, sign_in_by_link, sign_up
from coordinator.identity.links import LinkRow, Who, link_of
from coordinator.identity.oidc import Answer, Provider, attempt
from coordinator.identity.tokens import encode
from coordinator.openai.fields import Fields
from wire.errors import ErrorCode, SupernetError, invalid

SIGN_IN, SIGN_UP, LINK = "signin", "signup", "link"
BACK_PATH = "/account/provider"
CODE_CHARS = 4096
PATH_CHARS = 128
_PAGE = re.compile(r"/|(/[A-Za-z0-9][A-Za-z0-9._-]*)+")  # one of ours: no host, no query, no way up


@dataclass(frozen=True)
class OidcApi(ComingIn):
    """The endpoints below /identity/provider, and what the account page links with."""

    async def start(self, request: Request) -> Response:
        """Where the browser goes to sign up or in."""
        fields = await self._fields(request)
        provider, back = self._named(fields), page_of(fields)
        purpose = fields.choice("purpose", (SIGN_IN, SIGN_UP)) or SIGN_IN
        text = fields.text("invite", high=TEXT_CHARS)
        fields.finish()
        kept = await self._newcomer(await self._invite(request, text)) if purpose == SIGN_UP else {}
        return await self.sent(provider, {**kept, "purpose": purpose, "back": back})

    async def sent(self, provider: Provider, kept: dict[str, Any]) -> Response:
        """The answer that sends the browser to the provider, with what is kept of why."""
        seed = secrets.token_bytes(CHALLENGE_BYTES)
        made = attempt(self.identity.tokens, encode(seed))
        url = await provider.authorization_url(self._back_to(provider), made)
        work = self._work(kept, seed) if kept["purpose"] == SIGN_UP else None
        told = {"object": "identity.provider", "url": url, "work": work}
        return self._asked(PROVIDER, seed, told, {**kept, "provider": provider.settings.id})

    async def finish(self, request: Request) -> Response:
        """Take what the provider has sent the browser back with. The answer alone shows the key of a new account."""
        fields = await self._fields(request)
        provider, nonce = self._named(fields), fields.text("nonce", high=TEXT_CHARS)
        state, code = fields.text("state", high=TEXT_CHARS), fields.text("code", high=CODE_CHARS)
        issuer, error = fields.text("iss", high=CODE_CHARS), fields.text("error", high=TEXT_CHARS)
        fields.finish()
        kept, seed = self._answer(request, PROVIDER)
        if kept["provider"] != provider.settings.id:
            message = f"This browser was on the way to another provider than {provider.settings.name}: begin again."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        if kept["purpose"] == SIGN_UP and not error:
            self._check_work(kept, seed, nonce)
        session = await self._session(request, kept) if kept["purpose"] == LINK else ""
        made = attempt(self.identity.tokens, encode(seed))
        answer = Answer(state or "", code or "", issuer, error or "")
        who = Who(provider.settings.issuer, await provider.subject(self._back_to(provider), made, answer))
        token, answered = self._answered(seed, kept)
        link: LinkRow | None = await translated(self.identity.store.ask(link_of, who))
        back = {"back": kept["back"]}
        if kept["purpose"] == LINK:
            return await self._linked(kept["account"], session, who, link, answered, back)
        if link is not None and not (kept["purpose"] == SIGN_UP and kept["exists"]):
            await translated(self.identity.accounts.change(sign_in_by_link, link, answered, now_ms()))
            return await self._entered(request, token, {"key": None, **back})
        if kept["purpose"] == SIGN_IN:
            name = provider.settings.name
            message = (
                f"No account here is linked with this one at {name}: make an account with {name}, or sign in as you "
                "did before and link it on the account page."
            )
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        return await self._joined(request, kept, who, token, answered, back)

    async def _joined(
        self, request: Request, kept: dict[str, Any], who: Who, token: str, answered: Answered, back: dict[str, Any]
    ) -> Response:
        """A new account, or one more way into that of the invite."""
        identity, place = self.identity, None if kept["invite"] else self._place(request)
        new = Newcomer(kept["account"], kept["name"], who, kept["invite"], place, kept["exists"])
        work = identity.accounts.change(sign_up, identity.tokens.pepper, new, answered, identity.starter_nano, now_ms())
        key = await translated(work)
        return await self._entered(request, token, {"key": key, **back}, 201)

    async def _linked(
        self, account: str, session: str, who: Who, link: LinkRow | None, answered: Answered, back: dict[str, Any]
    ) -> Response:
        if link is not None:
            where = "your account" if link.account == account else "another account here"
            raise SupernetError(ErrorCode.INVALID_REQUEST, f"This one is linked with {where} already.")
        by, at_ms = By(session, account), now_ms()  # it may have ended while the provider was asked
        work = self.identity.store.run(done_by, by, at_ms, link_another, account, who, session, answered, at_ms)
        await translated(work)
        response = JSONResponse({"object": "identity.linked", **back}, 201)
        drop_cookies(response, self.identity, (provider_cookie(self.identity),))
        return response

    async def _session(self, request: Request, kept: dict[str, Any]) -> str:
        """The id of the session that wanted the link, which must be this browser's still. Raises permission_denied."""
        token = cookie(request.headers.get("cookie", ""), session_cookie(self.identity))
        found = await translated(self.identity.session(token)) if token else None
        if found is None or found[1].key != kept["session"]:
            message = "You are not signed in any more as you were when this began: sign in, and begin again."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        self._check_csrf(request, token)
        return found[1].key

    def _named(self, fields: Fields) -> Provider:
        return self.provider(fields.text("provider", high=TEXT_CHARS))

    def provider(self, name: str | None) -> Provider:
        """Raises invalid_request."""
        found = self.identity.providers.get(name or "")
        if found is None:
            raise invalid("provider", "Invalid 'provider': nobody comes in here with such a one.")
        return found

    def _back_to(self, provider: Provider) -> str:
        """The address that the provider knows this network by: one for each, so that none sends back for another."""
        return f"{self.identity.origin}{BACK_PATH}/{provider.settings.id}"


def page_of(fields: Fields) -> str:
    """The page of ours on which somebody goes on afterwards. Raises invalid_request for an address of anybody else."""
    text = fields.text("back", high=PATH_CHARS) or "/account"
    if not _PAGE.fullmatch(text):
        raise invalid("back", "Invalid 'back': expected the path of one of these pages, such as /account.")
    return text
