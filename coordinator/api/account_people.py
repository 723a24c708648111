"""/v1/account/...: what only a person does, signed in: passkeys, recovery codes, invites, their data, and the end.

A key of the account is not enough where it would become a way in: who has found one must not stay.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from coordinator.accounts.asking import By
from coordinator.accounts.keys_in_use import Principal
from coordinator.admission.rate_limits import RateLimited
from coordinator.api.account_access import AccountAccess, person, translated
from coordinator.api.body import read_body
from coordinator.api.identity import CHALLENGE_BYTES, taken_object
from coordinator.api.session_gate import CHALLENGE_S
from coordinator.clock import day_start_ms, now_ms
from coordinator.identity.export import Work, pieces
from coordinator.identity.identity import Identity
from coordinator.identity.joining import Answered, add_another, delete_account, passkey_row
from coordinator.identity.passkeys import registered, registration
from coordinator.identity.rows import (
    InviteRow,
    add_invite,
    codes_left,
    list_invites,
    new_invite,
    passkeys_of,
    remove_passkey,
    replace_codes,
    revoke_invite,
)
from coordinator.identity.tokens import decode, encode, plain_code, recovery_code
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from program.allowance import Allowances
from wire.errors import ErrorCode, SupernetError

CODES = 10
CODE_BYTES = 10
INVITE_DAYS = 14
NOTE_CHARS = 128
SEALED_CHARS = 1024
EXPORT_DAYS = 366
EXPORTS = 4  # of an account at once, and as many an hour: each reads all that is stored of it
EXPORT_EVERY_S = 3600.0 / EXPORTS


@dataclass(frozen=True)
class PeopleApi:
    """The endpoints below /v1/account for who is signed in."""

    access: AccountAccess
    identity: Identity
    _exports: Allowances = field(default_factory=lambda: Allowances(EXPORTS, 1 / EXPORT_EVERY_S))
    _piece: asyncio.Lock = field(default_factory=asyncio.Lock)  # of all exports one at a time: others ask in between

    async def passkeys(self, request: Request) -> Response:
        """The passkeys of the account, and how many recovery codes are left."""
        _, account = await person(self.access, request)
        rows = await self.access.read(passkeys_of, account.id)
        left = await self.access.read(codes_left, account.id)
        data = [
            {
                "object": "account.passkey",
                "id": row.id,
                "name": row.name,
                "created": row.created_ms // 1000,
                "used": None if row.used_ms is None else row.used_ms // 1000,
            }
            for row in rows
        ]
        return JSONResponse({"object": "list", "data": data, "recovery_codes": left})

    async def ask_for_passkey(self, request: Request) -> Response:
        """What the browser asks its authenticator for one passkey more, and what it has to bring back with it."""
        who, account = await person(self.access, request)
        known = [row.id for row in await self.access.read(passkeys_of, account.id)]
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = registration(self.identity.origin, challenge, account.id, account.name, known)
        content = {"challenge": encode(challenge), "session": who.key}
        sealed = self.identity.tokens.seal("passkey", content, now_ms() + CHALLENGE_S * 1000)
        return JSONResponse({"options": options, "sealed": sealed})

    async def add_passkey(self, request: Request) -> Response:
        who, account = await person(self.access, request)
        fields = Fields(load(await read_body(request)))
        credential, sealed = taken_object(fields, "credential"), fields.text("sealed", high=SEALED_CHARS) or ""
        name = fields.text("name", low=1, high=NOTE_CHARS, printable=True) or "passkey"
        fields.finish()
        kept = self.identity.tokens.open("passkey", sealed, now_ms())
        if kept is None or kept["session"] != who.key:
            raise SupernetError(ErrorCode.PERMISSION_DENIED, "This took too long, or was asked elsewhere: begin again.")
        made = registered(self.identity.origin, decode(kept["challenge"]), credential)
        spent = self.identity.tokens.hash("challenge", kept["challenge"])
        row = passkey_row(account.id, name, made, now_ms())
        await self.access.do(_by(who), add_another, row, Answered(spent, kept["expires_ms"], ""), now_ms())
        return JSONResponse({"object": "account.passkey", "id": row.id, "name": row.name}, 201)

    async def remove_passkey(self, request: Request) -> Response:
        """Take it away, and end all sessions but this one."""
        who, account = await person(self.access, request)
        name = request.path_params["passkey_id"]
        removed = (account.id, name, who.key, now_ms(), self.identity.issuers)
        await translated(self.access.accounts.done(_by(who), remove_passkey, *removed))
        return JSONResponse({"object": "account.passkey.deleted", "id": name, "deleted": True})

    async def make_codes(self, request: Request) -> Response:
        """New recovery codes in the place of all before; all other sessions end. They are shown in the answer alone."""
        who, account = await person(self.access, request)
        codes = [recovery_code(secrets.token_bytes(CODE_BYTES)) for _ in range(CODES)]
        hashes = [self.identity.tokens.hash("recovery", plain_code(code)) for code in codes]
        work = self.access.accounts.done(_by(who), replace_codes, account.id, hashes, who.key, now_ms())
        await translated(work)
        return JSONResponse({"object": "account.recovery_codes", "codes": codes}, 201)

    async def invites(self, request: Request) -> Response:
        """The invites that the account has made, and how many more it may make."""
        _, account = await person(self.access, request)
        rows = await self.access.read(list_invites, account.id)
        data = [_invite(row) for row in rows]
        return JSONResponse({"object": "list", "data": data, "left": max(0, self.identity.invites - len(rows))})

    async def make_invite(self, request: Request) -> Response:
        """An invite, which is shown here alone."""
        who, account = await person(self.access, request)
        fields = Fields(load(await read_body(request)))
        note = fields.text("note", high=NOTE_CHARS, printable=True) or ""
        fields.finish()
        code, row = new_invite(self.identity.tokens, now_ms(), INVITE_DAYS, note, made_by=account.id)
        await self.access.do(_by(who), add_invite, row, self.identity.invites)
        link = f"{self.identity.origin}/account#invite={code}"
        return JSONResponse({**_invite(row), "code": code, "link": link}, 201)

    async def revoke_invite(self, request: Request) -> Response:
        who, account = await person(self.access, request)
        name = request.path_params["invite_id"]
        await self.access.do(_by(who), revoke_invite, name, now_ms(), account.id)
        return JSONResponse({"object": "account.invite.deleted", "id": name, "deleted": True})

    async def export(self, request: Request) -> Response:
        """All that is stored of the account, as JSON: read beside the thread that books, a piece at a time, as it is
        sent. Raises RateLimited."""
        who, account = await person(self.access, request)
        if not self._exports.take(account.id, 1, time.monotonic()):
            message = f"An account is exported {EXPORTS} times an hour: use the last one, or try again later."
            raise RateLimited(message, EXPORT_EVERY_S, {})
        await self.access.do(_by(who), lambda database: database.transact(lambda _: None))  # who may not gets nothing
        headers = {"content-disposition": f'attachment; filename="{account.id}.json"', "cache-control": "no-store"}
        if request.method == "HEAD":
            return Response(media_type="application/json", headers=headers)
        works = pieces(account, day_start_ms(now_ms(), EXPORT_DAYS - 1))
        begun = await self.access.look(account.id, next(works))  # a database that is away is a 503, as everywhere
        written = self._written(begun, account.id, works)
        return StreamingResponse(written, media_type="application/json", headers=headers)

    async def _written(self, begun: bytes, account: str, works: Iterator[Work]) -> AsyncGenerator[bytes]:
        """If a piece cannot be read the connection ends there, and what came is no JSON."""
        yield begun
        for work in works:
            async with self._piece:
                piece = await self.access.look(account, work)
            if piece:
                yield piece

    async def delete(self, request: Request) -> Response:
        """End the account for good. The rows of the books stay, and say nothing of a person."""
        who, account = await person(self.access, request)
        await translated(self.access.accounts.done(_by(who), delete_account, account.id, now_ms()))
        return JSONResponse({"object": "account.deleted", "id": account.id, "deleted": True})


def _by(who: Principal) -> By:
    return By(who.key, who.account)


def _invite(row: InviteRow) -> dict[str, Any]:
    return {
        "object": "account.invite",
        "id": row.id,
        "note": row.note,
        "state": row.state(now_ms()),
        "created": row.made_ms // 1000,
        "expires": row.expires_ms // 1000,
    }
