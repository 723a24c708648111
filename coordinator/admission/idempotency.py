"""`Idempotency-Key`: the same request twice is one job and one charge, and both are given the same answer.

As with Stripe: a key belongs to an account and stands for the first request that came under it. Another request under
the key is refused. The same request is refused with a time to retry while the first one runs, and is given its answer
later. An answer that failed cost nothing and is not kept: the same key may try again.

Answers are kept in memory, for a day and within bounds. The ledger knows for good what was charged, by the name of the
job, which is made from account and key: once the answer is no longer kept, the key runs nothing and costs nothing.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from coordinator.filled import Filled
from wire.errors import ErrorCode, SupernetError

KEPT_S = 24 * 3600.0
MOST_KEPT = 10_000
MOST_BYTES = 128 * 1024 * 1024
MOST_BYTES_EACH = 16 * 1024 * 1024
RETRY_S = 1.0


@dataclass(frozen=True)
class Kept:
    """An answer as it was sent, but for the files in it: they lie where they lie, and are put in again. `body` None: it
    was too long to be kept."""

    media_type: str
    body: Filled | None

    @property
    def size_bytes(self) -> int:
        return len(self.body.body) if self.body else 0


@dataclass
class Run:
    """The request that one key of an account stands for. `attempt` counts its runs that came to nothing."""

    account: str
    key: str
    fingerprint: bytes
    attempt: int = 0
    kept: Kept | None = None
    at: float = 0.0  # when it was kept

    def name(self) -> str:
        """The name of its jobs and of its bill, the same after a restart."""
        return sha256(f"{self.account}\0{self.key}\0{self.attempt}".encode()).hexdigest()[:32]


def fingerprint(path: str, token_type: str, body: bytes) -> bytes:
    """A hash of what decides the answer: two requests with the same fingerprint are the same request."""
    return sha256(f"{path}\0{token_type}\0".encode() + body).digest()


class Idempotency:
    """All keys whose request runs, and those whose answer is kept, oldest first. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], Run] = {}
        self._kept: OrderedDict[tuple[str, str], Run] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._running) + len(self._kept)

    def begin(self, account: str, key: str, content: bytes, now: float) -> Run | Kept:
        """A Run, to be answered and then given to `end`, or the answer that was kept. `content`: the fingerprint.

        Raises invalid_request for another request under the key, idempotency_conflict while the first one runs or when
        its answer is no longer kept.
        """
        self._forget(now)
        name = account, key
        known = self._running.get(name) or self._kept.get(name)
        if known is None:
            run = self._running[name] = Run(account, key, content)
            return run
        if known.fingerprint != content:
            message = "Another request was sent under this Idempotency-Key before: use a new key for a new request."
            raise SupernetError(ErrorCode.INVALID_REQUEST, message, param="Idempotency-Key")
        if known.kept is None:
            raise still_runs()
        if known.kept.body is None:
            raise spent()
        return known.kept

    def end(self, run: Run, kept: Kept | None, now: float) -> None:
        """Keep the answer of a request that has ended. None: it failed, and the key is free again."""
        name = run.account, run.key
        if self._running.pop(name, None) is None or kept is None:
            return
        if kept.size_bytes > MOST_BYTES_EACH:
            kept = Kept(kept.media_type, None)
        run.kept, run.at = kept, now
        self._kept[name] = run
        self._bytes += kept.size_bytes
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            fits = len(self._kept) <= MOST_KEPT and self._bytes <= MOST_BYTES
            if fits and now - oldest.at < KEPT_S:
                return
            del self._kept[name]
            self._bytes -= oldest.kept.size_bytes if oldest.kept else 0


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
