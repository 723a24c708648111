"""`Idempotency-Key`: the same request twice is one job and one charge, and both are given the same answer.

As with Stripe: a key belongs to an account and stands for the first request that came under it. Another request under
the key is refused. The same request is refused with a time to retry while the first one runs, and is given its answer
later. An answer that failed cost nothing and is not kept: the same key may try again.

What a key stands for is a row in the database, which is written with the hold: of several replicas one runs the
request, and whichever is asked later knows its answer, for a day and within bounds. The replica of a client that comes
back may be dead. Then the one that is asked now takes over hold and key: the answer begins anew, or is the one that
still runs at a third replica, and is paid for once. One in rounds goes on at its mark, behind what was done and paid.
Answer, mark, key and request are sealed there (seals.py).

The ledger knows for good what was charged, by the name of the job, which is made from account and key: once the answer
is no longer kept, the key runs nothing and costs nothing.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256

from coordinator.admission.seals import Seals
from coordinator.artefact import Artefact
from coordinator.clock import DAY_MS, now_ms
from coordinator.filled import Filled
from coordinator.ledger.claim_rows import Found, find
from coordinator.ledger.orders import Answer, Claim, Done, Keep, Mark, Release
from coordinator.ledger.writer import LedgerWriter
from coordinator.store.errors import StoreError
from coordinator.store.store import Store
from wire.errors import ErrorCode, SupernetError

KEPT_MS = DAY_MS
MOST_BYTES_EACH = 4 * 1024 * 1024  # of an answer that is kept; more than that takes too long to deflate
MOST_SEALED = 256 * 1024  # deflated, with the names of its files
MOST_BACKLOG = 1000  # orders that wait for the ledger: beyond, answers take memory that nobody has
ENDING_S = 10.0  # a commit takes milliseconds
RETRY_S = 1.0


@dataclass(frozen=True)
class Kept:
    """An answer as it was sent, but for the files in it: they lie where they lie, and are put in again. `body` None: it
    was too long to be kept."""

    media_type: str
    body: Filled | None


@dataclass
class Run:
    """The request that one key of an account stands for. `attempt` counts its runs that came to nothing.

    `instead_of`: the replica whose client it was, and which is dead; `mark`: how far it had come there. `claimed`: the
    ledger has been asked to have the key stand for it.
    """

    account: str
    key: str
    fingerprint: str
    attempt: int = 0
    instead_of: str | None = None
    mark: bytes | None = None
    claimed: bool = False

    @property
    def id(self) -> tuple[str, str]:
        return self.account, self.key

    def name(self) -> str:
        """The name of its jobs and of its bill, the same after a restart and at every replica."""
        return sha256(f"{self.account}\0{self.key}\0{self.attempt}".encode()).hexdigest()[:32]


def fingerprint(path: str, token_type: str, body: bytes) -> str:
    """A hash of what decides the answer: two requests with the same fingerprint are the same request."""
    return sha256(f"{path}\0{token_type}\0".encode() + body).hexdigest()


class Idempotency:
    """What the keys of all accounts stand for. Those whose request was asked for here and runs are in memory too.

    `is_dead`: what may know, or find out, that a replica is dead before the database does.
    """

    def __init__(
        self,
        store: Store,
        ledger: LedgerWriter,
        pepper: bytes,
        is_dead: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._seals = Seals(pepper)
        self._running: dict[tuple[str, str], Run] = {}
        self._ending: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._is_dead = is_dead

    async def begin(self, account: str, key: str, content: str) -> Run | Kept:
        """A Run, to be answered and then given to `end`, or the answer that was kept. `content`: the fingerprint.

        Raises invalid_request for another request under the key, idempotency_conflict while the first one runs or when
        its answer is no longer kept, Unavailable.
        """
        name = account, key
        if (known := self._running.get(name)) is not None:
            raise still_runs() if known.fingerprint == content else _another()
        run = self._running[name] = Run(account, key, content)
        try:
            if (ending := self._ending.get(name)) is not None:
                await asyncio.wait([ending], timeout=ENDING_S)
            found = await self._store.ask(find, account, self._seals.name(account, key))
            if found is None or (kept := await self._follow(run, found)) is None:
                return run
        except BaseException:
            del self._running[name]
            raise
        del self._running[name]
        return kept

    async def _follow(self, run: Run, found: Found) -> Kept | None:
        """The answer that was kept; None: the request is to be run, and `run` says where it ran before."""
        claimed = found.claimed
        if claimed.fingerprint != self._seals.fingerprint(run.fingerprint):
            raise _another()
        if claimed.kept is not None:
            if claimed.kept.body is None:
                raise spent()
            body = self._seals.open(run.account, run.key, claimed.kept.body)
            return Kept(claimed.kept.media_type, Filled(body, _read_files(claimed.kept.files)))
        if found.own or (found.lives and not (self._is_dead and await self._is_dead(claimed.edge))):
            raise still_runs()
        run.attempt, run.instead_of = claimed.attempt, claimed.edge
        if claimed.mark is not None:
            run.mark = self._seals.open(run.account, run.key, claimed.mark)
        return None

    def claim(self, run: Run) -> Claim:
        """What goes with the hold for a run: from then on the key stands for it."""
        run.claimed = True
        key, content = self._seals.name(run.account, run.key), self._seals.fingerprint(run.fingerprint)
        return Claim(run.account, key, content, run.attempt, now_ms(), run.instead_of)

    async def follow(self, run: Run) -> None:
        """Have a request go on here that stands at its mark. Raises idempotency_conflict if another has it by now."""
        try:
            async with asyncio.timeout(ENDING_S):
                answer = await self._ledger.ask(self.claim(run))
        except (TimeoutError, StoreError):
            raise still_runs() from None
        if answer != Done():
            raise still_runs()

    def mark(self, run: Run, text: bytes) -> None:
        """Note how far a request has come, for whoever takes it over: nobody, if it is too long to be noted."""
        if self._ledger.backlog <= MOST_BACKLOG and len(text) <= MOST_BYTES_EACH:
            body = self._seals.seal(run.account, run.key, text)
            if len(body) <= MOST_SEALED:
                self._ledger.put(Mark(run.account, self._seals.name(run.account, run.key), body))

    def end(self, run: Run, kept: Kept | None) -> None:
        """Keep the answer of a request that has ended. None: it failed, and the key is free again."""
        if self._running.pop(run.id, None) is None or not run.claimed:
            return
        ending = self._ending[run.id] = self._ledger.submit(self._end(run, kept))
        ending.add_done_callback(partial(self._ended, run.id))

    def _end(self, run: Run, kept: Kept | None) -> Keep | Release:
        key = self._seals.name(run.account, run.key)
        if kept is None:
            return Release(run.account, key)
        body, files = None, "[]"
        if kept.body is not None and self._ledger.backlog <= MOST_BACKLOG and len(kept.body.body) <= MOST_BYTES_EACH:
            body, files = self._seals.seal(run.account, run.key, kept.body.body), _write_files(kept.body)
        if body is not None and len(body) + len(files) > MOST_SEALED:
            body, files = None, "[]"
        return Keep(run.account, key, kept.media_type, body, files, now_ms())

    def _ended(self, name: tuple[str, str], ending: asyncio.Future[Answer]) -> None:
        if self._ending.get(name) is ending:
            del self._ending[name]
        if not ending.cancelled():
            ending.exception()  # which the ledger has logged


def _write_files(filled: Filled) -> str:
    return json.dumps([(place, asdict(artefact)) for place, artefact in filled.files])


def _read_files(files: str) -> tuple[tuple[int, Artefact], ...]:
    return tuple((place, Artefact(**values)) for place, values in json.loads(files))


def _another() -> SupernetError:
    message = "Another request was sent under this Idempotency-Key before: use a new key for a new request."
    return SupernetError(ErrorCode.INVALID_REQUEST, message, param="Idempotency-Key")


def still_runs() -> SupernetError:
    message = "The first request with this Idempotency-Key still runs: try again in a moment."
    return SupernetError(ErrorCode.IDEMPOTENCY_CONFLICT, message, param="Idempotency-Key", retry_after_s=RETRY_S)


def spent() -> SupernetError:
    """The error for a key whose request was answered and charged, and whose answer is no longer kept."""
    message = (
        "The request with this Idempotency-Key ran and was charged before, and its answer is not kept: nothing was "
        "charged now. Use a new key to ask again."
    )
    return SupernetError(ErrorCode.IDEMPOTENCY_CONFLICT, message, param="Idempotency-Key")


def lost() -> SupernetError:
    """The error for a round or a call that was charged at a replica which died before it could say what came of it."""
    message = (
        "This part of the answer ran and was charged before, and what came of it went with the coordinator that had "
        "it: nothing was charged now. Use a new Idempotency-Key to ask again."
    )
    return SupernetError(ErrorCode.IDEMPOTENCY_CONFLICT, message, param="Idempotency-Key")
