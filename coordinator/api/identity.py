"""/identity: signing up, in and out in a browser. Nothing here takes a key; what it opens is a session in a cookie."""

import secrets
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.rows import get_account
from coordinator.api.account_access import translated
from coordinator.api.coming_in import TEXT_CHARS, ComingIn
from coordinator.api.session_gate import challenge_cookie, cookie, drop_cookies, provider_cookie, session_cookie
from coordinator.clock import now_ms
from coordinator.identity.identity import CODES
from coordinator.identity.joining import Newcomer, recover, sign_in, sign_up
from coordinator.identity.passkeys import Passkey, authenticated, authentication, id_of, registered, registration
from coordinator.identity.rows import passkey, passkeys_of
from coordinator.identity.tokens import plain_code
from coordinator.openai.fields import Fields
from wire.errors import ErrorCode, SupernetError, invalid

CHALLENGE_BYTES = 32


@dataclass(frozen=True)
class IdentityApi(ComingIn):
    """The endpoints below /identity, but for those of providers."""

    async def show(self, request: Request) -> Response:
        """Who is signed in here, and how others may come in. With the token that the session's requests bring."""
        identity = self.identity
        token = cookie(request.headers.get("cookie", ""), session_cookie(identity))
        found = await translated(identity.session(token)) if token else None
        session = None
        if found is not None:
            account = await translated(identity.store.ask(get_account, found[1].account))
            session = {"account": account.id, "name": account.name, "csrf_token": identity.tokens.csrf(token)}
        providers = [{"id": one.settings.id, "name": one.settings.name} for one in identity.providers.values()]
        told = {"object": "identity", "signup": identity.signup, "origin": identity.origin, "providers": providers}
        return JSONResponse({**told, "session": session}, headers={"cache-control": "no-store"})

    # ---- signing up --------------------------------------------------------------------------------------------------

    async def ask_to_sign_up(self, request: Request) -> Response:
        """What the browser asks its authenticator for a new account, or for the account that the invite is for."""
        fields = await self._fields(request)
        invite = await self._invite(request, fields.text("invite", high=TEXT_CHARS))
        fields.finish()
        kept = await self._newcomer(invite)
        rows = await translated(self.identity.store.ask(passkeys_of, kept["account"])) if kept["exists"] else []
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        known = [row.id for row in rows]
        options = registration(self.identity.origin, challenge, kept["account"], kept["name"], known)
        return self._asked("signup", challenge, {"options": options, "work": self._work(kept, challenge)}, kept)

    async def sign_up(self, request: Request) -> Response:
        """Make the account. The answer is the only place where its key is shown."""
        fields = await self._fields(request)
        credential, nonce = taken_object(fields, "credential"), fields.text("nonce", high=TEXT_CHARS)
        fields.finish()
        kept, challenge = self._answer(request, "signup")
        self._check_work(kept, challenge, nonce)
        made = registered(self.identity.origin, challenge, credential)
        place = None if kept["invite"] else self._place(request)
        new = Newcomer(kept["account"], kept["name"], made, kept["invite"], place, kept["exists"])
        token, answered = self._answered(challenge, kept)
        identity = self.identity
        work = identity.accounts.change(sign_up, identity.tokens.pepper, new, answered, identity.starter_nano, now_ms())
        key = await translated(work)
        return await self._entered(request, token, {"key": key}, 201)

    # ---- signing in and out ------------------------------------------------------------------------------------------

    async def ask_to_sign_in(self, request: Request) -> Response:
        (await self._fields(request)).finish()
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        return self._asked("signin", challenge, {"options": authentication(self.identity.origin, challenge)}, {})

    async def sign_in(self, request: Request) -> Response:
        """Open a session for who shows a passkey of an account."""
        fields = await self._fields(request)
        credential = taken_object(fields, "credential")
        fields.finish()
        kept, challenge = self._answer(request, "signin")
        name = id_of(credential)
        row = await translated(self.identity.store.ask(passkey, name)) if name is not None else None
        if row is None:
            raise SupernetError(ErrorCode.PERMISSION_DENIED, "No account here has this passkey.")
        known = Passkey(row.id, row.public_key, row.counter)
        counter = authenticated(self.identity.origin, challenge, credential, known)
        token, answered = self._answered(challenge, kept)
        await translated(self.identity.accounts.change(sign_in, row, counter, answered, now_ms()))
        return await self._entered(request, token, {})

    async def recover(self, request: Request) -> Response:
        """Open a session for who has a recovery code, which is used up."""
        fields = await self._fields(request)
        code = fields.text("code", low=1, high=TEXT_CHARS)
        fields.finish()
        self.identity.count("code", self._place(request), CODES)
        hashed = self.identity.tokens.hash("recovery", plain_code(code or ""))
        token, session = self.identity.new_session()
        await translated(self.identity.accounts.change(recover, hashed, session, now_ms()))
        return await self._entered(request, token, {})

    async def sign_out(self, request: Request) -> Response:
        """End the session, wherever its cookie lies."""
        (await self._fields(request)).finish()
        token = cookie(request.headers.get("cookie", ""), session_cookie(self.identity))
        if token:
            self._check_csrf(request, token)
        await self._end(token)
        response = JSONResponse({"object": "identity.signed_out"})
        names = (one(self.identity) for one in (session_cookie, challenge_cookie, provider_cookie))
        drop_cookies(response, self.identity, names)
        return response


def taken_object(fields: Fields, name: str) -> dict[str, Any]:
    """A JSON object as it is. Raises invalid_request."""
    value = fields.take(name)
    if not isinstance(value, dict):
        raise invalid(name, f"Invalid '{name}': expected what the browser's authenticator gave, as JSON.")
    return value
