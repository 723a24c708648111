"""What all ways in share: the request of one of our pages, the question that stays sealed with the browser until it is
answered, the invite, and the session at the end."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.rows import get_account, new_account_id
from coordinator.api.account_access import translated
from coordinator.api.body import read_body
from coordinator.api.client_place import client_place
from coordinator.api.session_gate import (
    CHALLENGE_S,
    CSRF_HEADER,
    PROVIDER_S,
    challenge_cookie,
    check_page,
    cookie,
    drop_cookies,
    keep_challenge,
    keep_session,
    provider_cookie,
    session_cookie,
)
from coordinator.clock import now_ms
from coordinator.identity.identity import ASKS, CODES, Identity
from coordinator.identity.joining import Answered
from coordinator.identity.rows import InviteRow, live_invite
from coordinator.identity.sessions import sign_out
from coordinator.identity.signup import WORK_BITS, worked
from coordinator.identity.tokens import decode, encode, plain_code
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from wire.errors import ErrorCode, SupernetError, invalid

TEXT_CHARS = 256
PROVIDER = "provider"  # the kind of question that a provider answers
CLOSED = "Nobody can sign up here: ask the operator for a key."
NEEDS_INVITE = "Signing up needs an invite here."


@dataclass(frozen=True)
class ComingIn:
    """The endpoints of each way in are in a subclass."""

    identity: Identity

    async def _fields(self, request: Request) -> Fields:
        """The body of a request that one of our pages makes, not too often."""
        check_page(self.identity, dict(request.headers), needed=True)
        self.identity.count("ask", self._place(request), ASKS)
        return Fields(load(await read_body(request)))

    def _place(self, request: Request) -> str:
        return client_place(self.identity, request)

    # ---- who may sign up ---------------------------------------------------------------------------------------------

    async def _invite(self, request: Request, text: str | None) -> InviteRow | None:
        """The invite that the newcomer brings; None: signing up is open. Raises permission_denied."""
        if text:
            self.identity.count("code", self._place(request), CODES)
            hashed = self.identity.tokens.hash("invite", plain_code(text))
            row: InviteRow = await translated(self.identity.store.ask(live_invite, hashed, now_ms()))
            if row.account is None and self.identity.signup == "off":
                raise SupernetError(ErrorCode.PERMISSION_DENIED, CLOSED)
            return row
        if self.identity.signup == "open":
            return None
        needed = self.identity.signup == "invite"
        message = NEEDS_INVITE if needed else CLOSED
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)

    async def _newcomer(self, invite: InviteRow | None) -> dict[str, Any]:
        """What is kept of who signs up until they have shown how they come in: a new account, or that of the invite."""
        account, name = new_account_id(), ""
        exists = invite is not None and invite.account is not None
        if invite is not None and invite.account is not None:
            account = invite.account
            name = (await translated(self.identity.store.ask(get_account, account))).name
        name = name or f"member-{account[-8:]}"
        return {"account": account, "name": name, "invite": invite.id if invite else None, "exists": exists}

    def _work(self, kept: dict[str, Any], challenge: bytes) -> dict[str, Any] | None:
        """What the newcomer's browser computes first; None: there is an invite."""
        return None if kept["invite"] else {"seed": encode(challenge), "bits": WORK_BITS}

    def _check_work(self, kept: dict[str, Any], challenge: bytes, nonce: str | None) -> None:
        """Raises permission_denied if signing up has been closed meanwhile, invalid_request for work that is none."""
        if kept["invite"] is None:
            if self.identity.signup != "open":
                raise SupernetError(ErrorCode.PERMISSION_DENIED, NEEDS_INVITE)
            if not worked(encode(challenge), nonce or ""):
                raise invalid("nonce", "Invalid 'nonce': it solves nothing. Load the page anew.")

    # ---- the question, the answer, the session -----------------------------------------------------------------------

    def _asked(self, kind: str, challenge: bytes, told: dict[str, Any], kept: dict[str, Any]) -> Response:
        """Ask, and leave with the browser what its answer will be held against: sealed, for a few minutes."""
        name, seconds = self._question(kind)
        content = {**kept, "challenge": encode(challenge)}
        response = JSONResponse(told, headers={"cache-control": "no-store"})
        sealed = self.identity.tokens.seal(kind, content, now_ms() + seconds * 1000)
        keep_challenge(response, self.identity, name, sealed, seconds)
        return response

    def _answer(self, request: Request, kind: str) -> tuple[dict[str, Any], bytes]:
        """What was kept of the question that this browser answers, and its challenge."""
        sealed = cookie(request.headers.get("cookie", ""), self._question(kind)[0])
        kept = self.identity.tokens.open(kind, sealed, now_ms())
        if kept is None:
            message = "This took too long, or was asked in another browser: begin again."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        return kept, decode(kept["challenge"])

    def _question(self, kind: str) -> tuple[str, int]:
        """The cookie of a kind of question, and how many seconds there are for the answer."""
        if kind == PROVIDER:
            return provider_cookie(self.identity), PROVIDER_S
        return challenge_cookie(self.identity), CHALLENGE_S

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
        drop_cookies(response, self.identity, (challenge_cookie(self.identity), provider_cookie(self.identity)))
        return response

    def _check_csrf(self, request: Request, token: str) -> None:
        """`token`: of the session whose cookie came. Raises permission_denied."""
        if request.headers.get(CSRF_HEADER) != self.identity.tokens.csrf(token):
            message = f"The header '{CSRF_HEADER}' is not that of this session: load the page anew."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)

    async def _end(self, token: str) -> None:
        found = await translated(self.identity.session(token)) if token else None
        if found is not None:
            await translated(self.identity.accounts.change(sign_out, found[1].account, found[1].key, now_ms()))
