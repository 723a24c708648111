"""/identity: signing up, in and out in a browser. Nothing here takes a key; what it opens is a session in a cookie."""

import secrets
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.accounts import new_account_id
from coordinator.accounts.rows import get_account
from coordinator.api.account_access import translated
from coordinator.api.body import read_body
from coordinator.api.client_place import client_place
from coordinator.api.session_gate import (
    CHALLENGE_S,
    CSRF_HEADER,
    challenge_cookie,
    check_page,
    cookie,
    drop_cookies,
    keep_challenge,
    keep_session,
    session_cookie,
)
from coordinator.clock import now_ms
from coordinator.identity.identity import ASKS, CODES, Identity
from coordinator.identity.joining import Answered, Newcomer, recover, sign_in, sign_up
from coordinator.identity.passkeys import Passkey, authenticated, authentication, id_of, registered, registration
from coordinator.identity.rows import InviteRow, live_invite, passkey, passkeys_of
from coordinator.identity.sessions import sign_out
from coordinator.identity.signup import WORK_BITS, worked
from coordinator.identity.tokens import decode, encode, plain_code
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from wire.errors import ErrorCode, SupernetError, invalid

CHALLENGE_BYTES = 32
TEXT_CHARS = 256
CLOSED = "Nobody can sign up here: ask the operator for a key."
NEEDS_INVITE = "Signing up needs an invite here."


@dataclass(frozen=True)
class IdentityApi:
    """The endpoints below /identity."""

    identity: Identity

    async def show(self, request: Request) -> Response:
        """Who is signed in here, and how others may come in. With the token that the session's requests bring."""
        identity = self.identity
        token = cookie(request.headers.get("cookie", ""), session_cookie(identity))
        found = await translated(identity.session(token)) if token else None
        session = None
        if found is not None:
            account = await translated(identity.store.run(get_account, found[1].account))
            session = {"account": account.id, "name": account.name, "csrf_token": identity.tokens.csrf(token)}
        told = {"object": "identity", "signup": identity.signup, "origin": identity.origin, "session": session}
        return JSONResponse(told, headers={"cache-control": "no-store"})

    # ---- signing up --------------------------------------------------------------------------------------------------

    async def ask_to_sign_up(self, request: Request) -> Response:
        """What the browser asks its authenticator for a new account, or for the account that the invite is for."""
        fields = await self._fields(request)
        invite = await self._invite(request, fields.text("invite", high=TEXT_CHARS))
        fields.finish()
        account, name, known = new_account_id(), "", list[str]()
        if invite is not None and invite.account is not None:
            account = invite.account
            name = (await translated(self.identity.store.run(get_account, account))).name
            known = [row.id for row in await translated(self.identity.store.run(passkeys_of, account))]
        name = name or f"member-{account[-8:]}"
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = registration(self.identity.origin, challenge, account, name, known)
        work = None if invite else {"seed": encode(challenge), "bits": WORK_BITS}
        exists = invite is not None and invite.account is not None
        kept = {"account": account, "name": name, "invite": invite.id if invite else None, "exists": exists}
        return self._asked("signup", challenge, {"options": options, "work": work}, kept)

    async def sign_up(self, request: Request) -> Response:
        """Make the account. The answer is the only place where its key is shown."""
        fields = await self._fields(request)
        credential, nonce = taken_object(fields, "credential"), fields.text("nonce", high=TEXT_CHARS)
        fields.finish()
        kept, challenge = self._answer(request, "signup")
        if kept["invite"] is None:
            if self.identity.signup != "open":
                raise SupernetError(ErrorCode.PERMISSION_DENIED, NEEDS_INVITE)
            if not worked(encode(challenge), nonce or ""):
                raise invalid("nonce", "Invalid 'nonce': it solves nothing. Load the page anew.")
        made = registered(self.identity.origin, challenge, credential)
        place = None if kept["invite"] else self._place(request)
        new = Newcomer(kept["account"], kept["name"], made, kept["invite"], place, kept["exists"])
        token, answered = self._answered(challenge, kept)
        identity = self.identity
        work = identity.accounts.change(sign_up, identity.tokens.pepper, new, answered, identity.starter_nano, now_ms())
        key = await translated(work)
        return await self._entered(request, token, {"key": key}, 201)

    async def _invite(self, request: Request, text: str | None) -> InviteRow | None:
        """The invite that the newcomer brings; None: signing up is open. Raises permission_denied."""
        if text:
            self.identity.count("code", self._place(request), CODES)
            hashed = self.identity.tokens.hash("invite", plain_code(text))
            row: InviteRow = await translated(self.identity.store.run(live_invite, hashed, now_ms()))
            if row.account is None and self.identity.signup == "off":
                raise SupernetError(ErrorCode.PERMISSION_DENIED, CLOSED)
            return row
        if self.identity.signup == "open":
            return None
        needed = self.identity.signup == "invite"
        message = NEEDS_INVITE if needed else CLOSED
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)

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
        row = await translated(self.identity.store.run(passkey, name)) if name is not None else None
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
        if token and request.headers.get(CSRF_HEADER) != self.identity.tokens.csrf(token):
            message = f"The header '{CSRF_HEADER}' is not that of this session: load the page anew."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        await self._end(token)
        response = JSONResponse({"object": "identity.signed_out"})
        drop_cookies(response, self.identity, (session_cookie(self.identity), challenge_cookie(self.identity)))
        return response

    # ---- what they share ---------------------------------------------------------------------------------------------

    async def _fields(self, request: Request) -> Fields:
        """The body of a request that one of our pages makes, not too often."""
        check_page(self.identity, dict(request.headers), needed=True)
        self.identity.count("ask", self._place(request), ASKS)
        return Fields(load(await read_body(request)))

    def _place(self, request: Request) -> str:
        return client_place(self.identity, request)

    def _asked(self, kind: str, challenge: bytes, told: dict[str, Any], kept: dict[str, Any]) -> Response:
        """Ask, and leave with the browser what its answer will be held against: sealed, for a few minutes."""
        content = {**kept, "challenge": encode(challenge)}
        response = JSONResponse(told)
        sealed = self.identity.tokens.seal(kind, content, now_ms() + CHALLENGE_S * 1000)
        keep_challenge(response, self.identity, sealed)
        return response

    def _answer(self, request: Request, kind: str) -> tuple[dict[str, Any], bytes]:
        """What was kept of the question that this browser answers, and its challenge."""
        sealed = cookie(request.headers.get("cookie", ""), challenge_cookie(self.identity))
        kept = self.identity.tokens.open(kind, sealed, now_ms())
        if kept is None:
            message = "This took too long, or was asked in another browser: begin again."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        return kept, decode(kept["challenge"])

    def _answered(self, challenge: bytes, kept: dict[str, Any]) -> tuple[str, Answered]:
        token, session = self.identity.new_session()
        spent = self.identity.tokens.hash("challenge", encode(challenge))
        return token, Answered(spent, kept["expires_ms"], session)

    async def _entered(self, request: Request, token: str, told: dict[str, Any], status: int = 200) -> Response:
        """The answer to who has come in: a session of its own, and none that was there before."""
        await self._end(cookie(request.headers.get("cookie", ""), session_cookie(self.identity)))
        body = {"object": "identity.signed_in", "csrf_token": self.identity.tokens.csrf(token), **told}
        response = JSONResponse(body, status)
        keep_session(response, self.identity, token)
        drop_cookies(response, self.identity, (challenge_cookie(self.identity),))
        return response

    async def _end(self, token: str) -> None:
        found = await translated(self.identity.session(token)) if token else None
        if found is not None:
            await translated(self.identity.accounts.change(sign_out, found[1].account, found[1].key, now_ms()))


def taken_object(fields: Fields, name: str) -> dict[str, Any]:
    """A JSON object as it is. Raises invalid_request."""
    value = fields.take(name)
    if not isinstance(value, dict):
        raise invalid(name, f"Invalid '{name}': expected what the browser's authenticator gave, as JSON.")
    return value
