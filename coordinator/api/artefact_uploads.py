"""PUT /v1/worker/artefacts/JOB/ATTEMPT: what an attempt has made, from its worker.

The token of its Start opens it, for as long as somebody waits for the job. What comes is written beside the objects,
verified by a process of its own, held against what was asked for and against the operator's filter, and only then
becomes an artefact of the client's account. A worker that did not hear that it was taken sends it again.
"""

import asyncio
import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.artefact import Artefact
from coordinator.artefacts import facts
from coordinator.artefacts.artefacts import Artefacts, Verified
from coordinator.artefacts.filter import MediaFilter
from coordinator.artefacts.names import media_type_of
from coordinator.artefacts.rows import Row, find_of_job
from coordinator.artefacts.staging import Sent, too_large
from coordinator.hub.attempts import Attempts
from coordinator.openai.chat_response import error_body
from coordinator.scheduler.state import JobSpec
from wire.errors import ErrorCode, SupernetError, invalid
from wire.media import LIMIT_BYTES, Making, MediaRequest, media_kind

UPLOADS = 16  # at a time
MOST_WRONG = 3  # files of an attempt that are not what was asked for: to find that out can take minutes of a processor
REMEMBERED = 4096  # attempts with such files
RETRY_S = 5.0
ATTEMPT = re.compile(r"[1-9][0-9]{0,9}")
TOKEN = re.compile(r"Bearer ([A-Za-z0-9_-]{16,128})", re.IGNORECASE)
DIGEST = re.compile(r"(?:^|,)\s*sha-256=([A-Za-z0-9+/]{43}=)\s*(?:,|$)", re.IGNORECASE)


@dataclass(frozen=True)
class _Upload:
    """One request, as its head has it."""

    job: str
    attempt: int
    token: str
    spec: JobSpec
    make: Making
    sha256: str

    @property
    def name(self) -> str:
        """Of what was made: each attempt has its own."""
        return f"{self.job}/{self.attempt}"

    @property
    def limit_bytes(self) -> int:
        return LIMIT_BYTES[media_kind(self.make)]


@dataclass(frozen=True)
class ArtefactUploads:
    """The endpoint of workers' files."""

    uploads: Attempts
    artefacts: Artefacts
    filter: MediaFilter | None
    _running: set[str] = field(default_factory=set)
    _wrong: dict[str, int] = field(default_factory=dict)  # files of an attempt, the oldest attempt first

    async def put(self, request: Request) -> Response:
        """Take a file: 201 when it is stored, 200 when it was before. Raises permission_denied, expired, invalid_media,
        content_filter, request_too_large, media_quota_exceeded, overloaded, invalid_request."""
        upload = await self._head(request)
        with self._place(upload):
            known = await self.artefacts.ask(find_of_job, upload.name)
            if known is not None:
                return await self._again(upload, known)
            self._check_wrong(upload)
            with self.artefacts.staging.place() as path:
                sent = await self.artefacts.staging.receive(request.stream(), path, upload.limit_bytes)
                try:
                    return await self._take(upload, sent)
                except SupernetError as error:
                    if error.code is ErrorCode.INVALID_MEDIA:
                        self._wrong[upload.name] = self._wrong.pop(upload.name, 0) + 1
                    raise

    async def _head(self, request: Request) -> _Upload:
        """What the path and the headers say. Nothing of the body is read for a stranger."""
        job, attempt = request.path_params["job"], request.path_params["attempt"]
        token = TOKEN.fullmatch(request.headers.get("authorization", ""))
        spec = None
        if token is not None and ATTEMPT.fullmatch(attempt):
            spec = await self.uploads.upload(job, int(attempt), token[1])
        if token is None or spec is None or not isinstance(spec.request, MediaRequest):
            message = "Nobody waits for this upload: its job or attempt has ended, or the token is another's."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        make = spec.request.make
        upload = _Upload(job, int(attempt), token[1], spec, make, _digest(request))
        if media_type_of(request.headers.get("content-type", "")) != facts.media_type(make):
            raise _unusable(f"its Content-Type is not {facts.media_type(make)}")
        length = request.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit():
            raise invalid(None, "An upload needs a Content-Length.")
        if len(length) > 12 or int(length) > upload.limit_bytes:
            raise too_large(upload.limit_bytes)
        return upload

    @contextmanager
    def _place(self, upload: _Upload) -> Iterator[None]:
        """One of the UPLOADS, and the only one of its attempt. Raises overloaded."""
        if upload.name in self._running or len(self._running) >= UPLOADS:
            message = "This upload is running already, or too many are: send it again later."
            raise SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)
        self._running.add(upload.name)
        try:
            yield
        finally:
            self._running.discard(upload.name)

    def _check_wrong(self, upload: _Upload) -> None:
        """Raises permission_denied for an attempt that has sent MOST_WRONG files that were wrong."""
        while len(self._wrong) > REMEMBERED:
            del self._wrong[next(iter(self._wrong))]
        if self._wrong.get(upload.name, 0) >= MOST_WRONG:
            message = f"This attempt has sent {MOST_WRONG} files that were not what was asked for: no more is taken."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)

    async def _again(self, upload: _Upload, known: Row) -> Response:
        """The answer to an attempt that has made its one thing. The hub may not have heard of it."""
        if known.sent_sha256 != upload.sha256:
            raise _late()
        await self.uploads.uploaded(upload.job, upload.attempt, known.artefact)
        return _taken(known.artefact, 200)

    async def _take(self, upload: _Upload, sent: Sent) -> Response:
        if sent.sha256 != upload.sha256:
            raise _unusable("its SHA-256 is not that of the Digest header")
        async with self.artefacts.verified(sent, facts.media_type(upload.make), upload.spec.account, "made") as file:
            if wrong := facts.fault(upload.make, file.facts):
                raise _unusable(wrong)
            reason = None if self.filter is None else await self.filter.objection(upload.make, file.path)
            if reason is not None:
                blocked = SupernetError(ErrorCode.CONTENT_FILTER, reason)
                await self.uploads.uploaded(upload.job, upload.attempt, blocked)
                return JSONResponse(error_body(blocked), 403)  # so a worker hears: not wanted, and nobody's trouble
            return _taken(await self._add(upload, file), 201)

    async def _add(self, upload: _Upload, file: Verified) -> Artefact:
        """Store the file, unless it is of a test, and tell the hub. Raises expired if nobody waits for it by then; what
        was stored is deleted."""
        if await self.uploads.upload(upload.job, upload.attempt, upload.token) is None:
            raise _late()
        account = upload.spec.account
        if not account:
            artefact = self.artefacts.described(file)
        else:
            try:
                artefact = await self.artefacts.add(file, account, "made", upload.name)
            except SupernetError as error:
                if error.code is ErrorCode.MEDIA_QUOTA:  # not the worker's fault: the client hears why
                    await self.uploads.uploaded(upload.job, upload.attempt, error)
                raise
        if await self.uploads.uploaded(upload.job, upload.attempt, artefact):
            return artefact
        if account:
            await asyncio.shield(self.artefacts.delete(account, artefact.id))
        raise _late()


def _digest(request: Request) -> str:
    """The SHA-256 in the Digest header, in hex. Raises invalid_request."""
    found = DIGEST.search(request.headers.get("digest", ""))
    try:
        raw = b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise invalid(None, "An upload needs the header `Digest: sha-256=` and its SHA-256 in base64.")
    return raw.hex()


def _taken(artefact: Artefact, status: int) -> Response:
    return JSONResponse({"object": "artefact", "sha256": artefact.sha256, "bytes": artefact.size_bytes}, status)


def _unusable(wrong: str) -> SupernetError:
    return SupernetError(ErrorCode.INVALID_MEDIA, f"The file is not what was asked for: {wrong}.")


def _late() -> SupernetError:
    return SupernetError(ErrorCode.EXPIRED, "Nobody waits for this upload any more: its job or attempt has ended.")
