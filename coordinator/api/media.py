"""/v1/media: the files of an account, those it sent and those made for it: sent, listed, deleted, reported."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from coordinator.accounts.asking import By
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.rows import AccountRow
from coordinator.admission.large_bodies import LargeBodies
from coordinator.api.account_access import AccountAccess
from coordinator.api.body import read_body
from coordinator.api.query import whole_number
from coordinator.artefact import Artefact
from coordinator.artefacts.artefacts import INPUT_BYTES, Artefacts
from coordinator.artefacts.names import EXTENSIONS, ID, kind_of, media_type_of
from coordinator.artefacts.staging import too_large
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from coordinator.openai.media.form import is_form
from wire.errors import ErrorCode, SupernetError, invalid

FORM_S = 900.0  # for a form, whose file may have 100 MiB: a line of 1 Mbit/s
FORM_BYTES = 64 * 1024  # beside its file
MOST_LISTED = 100
REASON_CHARS = 2000


@dataclass(frozen=True)
class MediaApi:
    """The endpoints below /v1/media."""

    access: AccountAccess
    artefacts: Artefacts
    large_bodies: LargeBodies = field(default_factory=LargeBodies)

    async def create(self, request: Request) -> Response:
        """Take a file: the body itself with its Content-Type, or the part `file` of a form. Raises invalid_request,
        invalid_media, request_too_large, media_quota_exceeded, overloaded."""
        principal, account = await self.access.authenticate(request)
        await self.artefacts.check_room(account.id)
        async with AsyncExitStack() as opened:
            await self.large_bodies.enter(account.id, opened)
            media_type, chunks = await self._sent(request, opened)
            path = opened.enter_context(self.artefacts.staging.place())
            sent = await self.artefacts.staging.receive(chunks, path, INPUT_BYTES[kind_of(media_type)])
            verified = await opened.enter_async_context(self.artefacts.verified(sent, media_type, account.id, "upload"))
            asked = partial(self._creates, principal, account)
            artefact = await self.artefacts.add(verified, account.id, "upload", asked=asked)
        return JSONResponse(self._shown(artefact, "upload"), 201)

    async def list(self, request: Request) -> Response:
        """What the account has, newest first; behind the one that `after` names, `limit` at most."""
        _, account = await self.access.authenticate(request, "limit", "after")
        limit = whole_number(request, "limit", 20, 1, MOST_LISTED)
        after = request.query_params.get("after")
        if after is not None and not ID.fullmatch(after):
            raise SupernetError(ErrorCode.NOT_FOUND, "This account has no such media to go on after.")
        rows = await self.artefacts.page(account.id, after, limit + 1)
        data = [self._shown(row.artefact, row.origin) for row in rows[:limit]]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return JSONResponse({"object": "list", "data": data, **ends, "has_more": len(rows) > limit})

    async def show(self, request: Request) -> Response:
        """One of them. Raises not_found, also for another account's, and expired."""
        _, account = await self.access.authenticate(request)
        artefact_id = _named(request)
        artefact = await self.artefacts.get(account.id, artefact_id)
        row = await self.artefacts.find(artefact_id)
        return JSONResponse(self._shown(artefact, row.origin))

    async def delete(self, request: Request) -> Response:
        """Delete one at once. Raises not_found."""
        principal, account = await self.access.authenticate(request)
        artefact_id = _named(request)
        by = self.access.by(principal, account, "media delete", artefact_id)
        await self.artefacts.delete(account.id, artefact_id, by)
        return JSONResponse({"object": "media.deleted", "id": artefact_id, "deleted": True})

    async def report(self, request: Request) -> Response:
        """Tell the operator of a file that should not be: any account may whose key knows its id. Raises not_found."""
        principal, account = await self.access.authenticate(request)
        fields = Fields(load(await read_body(request)))
        reason = fields.text("reason", low=1, high=REASON_CHARS)
        fields.finish()
        if reason is None:
            raise invalid("reason", "Missing 'reason': say in a sentence what is wrong with it.")
        if "\0" in reason:  # PostgreSQL keeps no such text
            raise invalid("reason", "Invalid 'reason': it holds a character of the code 0.")
        artefact_id = _named(request)
        by = self.access.by(principal, account, "media report", artefact_id)
        await self.artefacts.report(artefact_id, account.id, reason, by)
        return JSONResponse({"object": "media.report", "id": artefact_id}, 201)

    def _creates(self, principal: Principal, account: AccountRow, artefact: Artefact) -> By:
        return self.access.by(principal, account, "media create", artefact.id)

    async def _sent(self, request: Request, opened: AsyncExitStack) -> tuple[str, AsyncIterator[bytes]]:
        """The media type of the file, and its bytes as they come. Raises invalid_request, request_too_large."""
        content_type = request.headers.get("content-type", "")
        if not is_form(content_type):
            return _known(content_type), request.stream()
        bounded = Request(request.scope, _Bounded(request).receive)
        try:
            async with asyncio.timeout(FORM_S):
                form = await opened.enter_async_context(bounded.form(max_files=1, max_fields=8))
        except TimeoutError:
            raise invalid(None, f"The form did not arrive within {FORM_S:.0f} s.") from None
        except HTTPException as error:
            raise invalid(None, f"The form cannot be read: {error.detail.rstrip('.')}.") from None
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise invalid("file", "The form needs a part 'file' with a filename.")
        return _known(file.content_type or ""), _pieces(file)

    def _shown(self, artefact: Artefact, origin: str) -> dict[str, Any]:
        return {
            "object": "media",
            "id": artefact.id,
            "url": self.artefacts.link(artefact),
            "media_type": artefact.media_type,
            "bytes": artefact.size_bytes,
            "width": artefact.width,
            "height": artefact.height,
            "frames": artefact.frames,
            "fps": round(artefact.fps, 3),
            "seconds": round(artefact.seconds, 3),
            "sha256": artefact.sha256,
            "origin": origin,
            "created": artefact.made_ms // 1000,
            "expires": artefact.expires_ms // 1000,
        }


class _Bounded:
    """The body of a form, up to the largest file and what is beside it."""

    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        self._left = max(INPUT_BYTES.values()) + FORM_BYTES

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise too_large(max(INPUT_BYTES.values()))
        return message


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(256 * 1024):
        yield piece


def _known(content_type: str) -> str:
    media_type = media_type_of(content_type)
    if media_type is None:
        raise invalid(None, f"The file's Content-Type is none of those that are kept: {', '.join(EXTENSIONS)}.")
    return media_type


def _named(request: Request) -> str:
    artefact_id: str = request.path_params["media_id"]
    if not ID.fullmatch(artefact_id):
        raise SupernetError(ErrorCode.NOT_FOUND, "There is no such media.")
    return artefact_id
