"""Artefacts as the other rooms know them: taken in once they are verified, found again, read, and let go.

A row in the database says who has what until when; its bytes are an object that is named by their SHA-256, and goes
with its last row. An object is written before its row and deleted after it, under a lock of its own: between the two
there can be an object too many, which the sweeper finds, and never a row without one.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar
from weakref import WeakValueDictionary

from coordinator.accounts.asking import By, done_by
from coordinator.accounts.errors import Ended, NotFound
from coordinator.artefact import Artefact
from coordinator.artefacts import names, rows
from coordinator.artefacts.errors import NoRoom, TooMany
from coordinator.artefacts.facts import Facts
from coordinator.artefacts.names import Origin
from coordinator.artefacts.objects import Objects, ObjectsError
from coordinator.artefacts.rows import Room, Row
from coordinator.artefacts.staging import Sent, Staging, too_large
from coordinator.clock import DAY_MS, now_ms
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.store import Store
from wire.errors import ErrorCode, SupernetError
from wire.media import LIMIT_BYTES, MAX_IMAGE_BYTES, MAX_SOUND_BYTES, MAX_VIDEO_BYTES

log = logging.getLogger("supernet.artefacts")

INPUT_BYTES = {"image": MAX_IMAGE_BYTES, "audio": MAX_SOUND_BYTES, "video": MAX_VIDEO_BYTES}  # of what a client sends
READ_BYTES = max(*INPUT_BYTES.values(), LIMIT_BYTES["image"])
RETRY_S = 5.0
ROOM = Room()
AGAIN_MS = 3_600_000  # a file that is kept already is taken for the same if it stays for so long at least

P = ParamSpec("P")
T = TypeVar("T")
Asked = Callable[[Artefact], By]


class Checker(Protocol):
    """Verifies files; see checker.py."""

    async def check(self, file: Path, media_type: str, into: Path, account: str, origin: Origin) -> Facts: ...


@dataclass(frozen=True)
class Verified:
    """A file that is what it says, without metadata, and what was sent for it."""

    path: Path
    sha256: str
    size_bytes: int
    facts: Facts
    sent_sha256: str


@dataclass
class Counted:
    """What /metrics shows of artefacts since the start."""

    stored: int = 0
    stored_bytes: int = 0
    kept: Room = field(default_factory=lambda: Room(0, 0))  # all that there is, as the sweeper last saw it


class Artefacts:
    """All artefacts of this network. `base`: the address of its links, without a slash at the end."""

    def __init__(
        self, store: Store, objects: Objects, staging: Staging, checker: Checker, days: float, room: Room = ROOM
    ) -> None:
        self.base = "http://127.0.0.1:8080"
        self.room = room
        self.counted = Counted()
        self.objects = objects
        self.staging = staging
        self._store = store
        self._checker = checker
        self._days = days
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by object

    # ---- in ------------------------------------------------------------------------------------------------------

    async def check_room(self, account: str) -> None:
        """Raises media_quota_exceeded if the account has no room for anything more. To be asked before something is
        made: what is made and then does not fit is lost."""
        has = await self.run(rows.used, account, now_ms())
        try:
            rows.check_room(has, self.room, 0)
        except NoRoom as error:
            raise _no_room(error) from None

    async def keep(self, account: str, data: bytes, media_type: str) -> Artefact:
        """Keep a file that a client sent in a request of its own; the one that the account has, if it sent it before.

        Raises SupernetError: invalid_media for what is not what it says, request_too_large, media_quota_exceeded.
        """
        if len(data) > (most := INPUT_BYTES[names.kind_of(media_type)]):
            raise too_large(most)
        sent_sha256, at_ms = sha256(data).hexdigest(), now_ms()
        known = await self.run(rows.find_sent, account, sent_sha256, at_ms + AGAIN_MS)
        if known is not None and known.artefact.media_type == media_type:
            return known.artefact
        with self.staging.place() as path:
            await asyncio.to_thread(path.write_bytes, data)
            sent = Sent(path, sent_sha256, len(data))
            async with self.verified(sent, media_type, account, "upload") as verified:
                return await self.add(verified, account, "upload")

    @asynccontextmanager
    async def verified(self, sent: Sent, media_type: str, account: str, origin: Origin) -> AsyncIterator[Verified]:
        """The file without its metadata, for as long as the block runs. Raises invalid_media, overloaded."""
        with self.staging.place() as path:
            facts = await self._checker.check(sent.path, media_type, path, account, origin)
            digest, size = await asyncio.to_thread(_measured, path)
            yield Verified(path, digest, size, facts, sent.sha256)

    async def read_sent(self, account: str, data: bytes, media_type: str) -> tuple[Facts, bytes]:
        """What a file is that came with a request of the account, and the file without its metadata; it is not kept.
        Raises invalid_media, overloaded."""
        with self.staging.place() as path:
            await asyncio.to_thread(path.write_bytes, data)
            async with self.verified(Sent(path, "", len(data)), media_type, account, "upload") as verified:
                return verified.facts, await asyncio.to_thread(verified.path.read_bytes)

    def described(self, file: Verified) -> Artefact:
        """The artefact that the file is to be, with an id of its own; nothing is stored yet."""
        facts, at_ms = file.facts, now_ms()
        return Artefact(
            id=secrets.token_urlsafe(16),
            sha256=file.sha256,
            media_type=facts.media_type,
            size_bytes=file.size_bytes,
            made_ms=at_ms,
            expires_ms=at_ms + int(self._days * DAY_MS),
            width=facts.width,
            height=facts.height,
            frames=facts.frames,
            fps=facts.fps,
            seconds=facts.seconds,
        )

    async def add(
        self, file: Verified, account: str, origin: Origin, job: str | None = None, *, asked: Asked | None = None
    ) -> Artefact:
        """Store a verified file for the account. `job`: the attempt that made it (JOB/ATTEMPT), which makes one.
        `asked`: who sends it. Raises media_quota_exceeded, overloaded."""
        artefact = self.described(file)
        by = asked(artefact) if asked else None
        row = Row(artefact, account, origin, file.sent_sha256, job)
        added = False
        async with self._lock(file.sha256):
            await _reached(self.objects.put(file.sha256, file.path, artefact.media_type))
            try:
                await self.run(done_by, by, now_ms(), rows.add, row, self.room)
                added = True
            except NoRoom as error:
                raise _no_room(error) from None
            finally:
                if not added:
                    await self._release_locked(file.sha256)
        self.counted.stored += 1
        self.counted.stored_bytes += file.size_bytes
        return artefact

    # ---- out -----------------------------------------------------------------------------------------------------

    def link(self, artefact: Artefact) -> str:
        """The link under which anybody reads it until it expires."""
        return names.link(self.base, artefact.id, artefact.media_type)

    async def find(self, artefact_id: str) -> Row:
        """The artefact of whatever account: who has its id may read it. Raises not_found, and expired for one whose
        time is over, or that the operator has withdrawn."""
        row = await self.ask(rows.find, artefact_id)
        if row is None:
            raise _not_found()
        if row.artefact.expires_ms <= now_ms() or not row.artefact.sha256:
            raise SupernetError(ErrorCode.EXPIRED, "This media has expired: its bytes are gone.")
        if row.blocked:
            raise SupernetError(ErrorCode.EXPIRED, "This media was withdrawn by the operator of this network.")
        return row

    async def get(self, account: str, name: str) -> Artefact:
        """The artefact of this account that an id, or a link of ours, names. Raises what `find` raises."""
        artefact_id = names.id_of(name, self.base)
        row = await self.find(artefact_id) if artefact_id else None
        if row is None or row.account != account:
            raise _not_found()
        return row.artefact

    async def read(self, account: str, name: str, most_bytes: int = READ_BYTES) -> bytes:
        """The bytes of what `get` finds. Raises request_too_large if there are more."""
        artefact = await self.get(account, name)
        if artefact.size_bytes > most_bytes:
            raise too_large(most_bytes)
        return await _reached(self.objects.read(artefact.sha256))

    async def place(self, artefact: Artefact) -> Path | str:
        """Where its bytes are read now: a file, or a URL that is good for a while. Raises overloaded."""
        return await _reached(self.objects.place(artefact.sha256, artefact.media_type))

    async def page(self, account: str, after: str | None, limit: int) -> list[Row]:
        """What the account has, newest first."""
        return await self.ask(rows.page, account, after, limit, now_ms())

    # ---- gone ----------------------------------------------------------------------------------------------------

    async def delete(self, account: str, name: str, by: By | None = None) -> None:
        """Delete an artefact of this account, at once. `by`: whose key asks. Raises not_found."""
        artefact_id = names.id_of(name, self.base)
        if artefact_id is None:
            raise _not_found()
        await self.release(await self.run(done_by, by, now_ms(), rows.remove, account, artefact_id))

    async def report(self, artefact_id: str, account: str, reason: str, by: By | None = None) -> None:
        """Note for the operator what an account says of an artefact. Raises not_found, invalid_request."""
        await self.run(done_by, by, now_ms(), rows.report, artefact_id, account, reason, now_ms())

    async def release(self, name: str | None) -> None:
        """Delete an object, if there is one and no artefact has it by now."""
        if name is not None:
            async with self._lock(name):
                await self._release_locked(name)

    async def run(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of work on the database. Raises NoRoom, not_found, invalid_request, or overloaded if the database
        is out of reach: its own words are for the log."""
        return await _worded(self._store.run(work, *args, **kwargs))

    async def ask(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`run` for who only reads, and does not wait for a database that stands still."""
        return await _worded(self._store.ask(work, *args, **kwargs))

    async def _release_locked(self, name: str) -> None:
        """Delete the object unless an artefact has it by now. If that fails it is one too many, for the sweeper."""
        try:
            if await self.run(rows.without_rows, [name]):
                await self.objects.delete(name)
        except (ObjectsError, SupernetError) as error:
            log.error("object %s could not be deleted, and will be later: %s", name, error)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


async def _worded(work: Awaitable[T]) -> T:
    try:
        return await work
    except NoRoom:
        raise
    except Ended as error:
        raise SupernetError(ErrorCode.INVALID_API_KEY, str(error)) from None
    except NotFound as error:
        raise SupernetError(ErrorCode.NOT_FOUND, str(error)) from None
    except TooMany as error:
        raise SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, str(error)) from None
    except StoreError as error:
        raise _out_of_reach(error) from None


async def _reached(work: Awaitable[T]) -> T:
    """The result of work on objects. Raises overloaded."""
    try:
        return await work
    except ObjectsError as error:
        raise _out_of_reach(error) from None


def _measured(file: Path) -> tuple[str, int]:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest(), file.stat().st_size


def _out_of_reach(error: Exception) -> SupernetError:
    log.error("artefacts: %s", error)
    message = "Media cannot be stored or read at the moment: try again in a few seconds."
    return SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)


def _not_found() -> SupernetError:
    return SupernetError(ErrorCode.NOT_FOUND, "There is no such media.")


def _no_room(error: NoRoom) -> SupernetError:
    return SupernetError(ErrorCode.MEDIA_QUOTA, str(error))
