"""`Idempotency-Key`: the same request twice is one job and one charge, and both are given the same answer.

As with Stripe: a key belongs to an account; the request that came first decides what it stands for; another request
under it is refused, the same one while the first still runs is told to come back, and later it is given the answer that
the first one was given. What failed cost nothing and is not kept: the same key may try again.

Answers are kept in memory, for a day and within bounds. What was charged the ledger knows for good, by the name of the
job, which is made from account and key: once the answer is gone, the key runs nothing and costs nothing any more.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from wire.errors import ErrorCode, SupernetError

HEADER = "idempotency-key"
MAX_CHARS = 255
KEPT_S = 24 * 3600.0
MOST_KEPT = 10_000
MOST_BYTES = 128 * 1024 * 1024
MOST_BYTES_EACH = 16 * 1024 * 1024
RETRY_S = 1.0


@dataclass(frozen=True)
class Kept:
    """An answer as it was given. `body` None: it was too long to be kept."""

    media_type: str
    body: bytes | None


@dataclass
class Run:
    """What one key of an account stands for. `attempt` counts the runs that came to nothing."""

    account: str
    key: str
    fingerprint: bytes
    attempt: int = 0
    kept: Kept | None = None
    at: float = 0.0  # when it was kept

    def name(self) -> str:
        """Of the job, the same after a restart."""
        return sha256(f"{self.account}\0{self.key}\0{self.attempt}".encode()).hexdigest()[:32]


def key_of(headers: Mapping[str, str]) -> str | None:
    """Raises invalid_request for a key that is too long."""
    key = headers.get(HEADER)
    if key is not None and not 1 <= len(key) <= MAX_CHARS:
        message = f"Invalid 'Idempotency-Key': expected 1 to {MAX_CHARS} characters, got {len(key)}."
        raise SupernetError(ErrorCode.INVALID_REQUEST, message, param="Idempotency-Key")
    return key


def fingerprint(path: str, token_type: str, body: bytes) -> bytes:
    """Of what was asked: two requests with the same one are the same."""
    return sha256(f"{path}\0{token_type}\0".encode() + body).digest()


class Idempotency:
    """All keys whose request runs, and those whose answer is kept, oldest first."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], Run] = {}
        self._kept: OrderedDict[tuple[str, str], Run] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._running) + len(self._kept)

    def begin(self, account: str, key: str, asked: bytes, now: float) -> Run | Kept:
        """What to do: run it and then `end` it, or give the kept answer. Raises invalid_request for another request
        under the key, idempotency_conflict while the first one runs or when its answer is gone."""
        self._forget(now)
        name = account, key
        known = self._running.get(name) or self._kept.get(name)
        if known is None:
            run = self._running[name] = Run(account, key, asked)
            return run
        if known.fingerprint != asked:
            message = "Another request was sent under this Idempotency-Key before: use a new key for a new request."
            raise SupernetError(ErrorCode.INVALID_REQUEST, message, param="Idempotency-Key")
        if known.kept is None:
            raise still_runs()
        if known.kept.body is None:
            raise spent()
        return known.kept

    def end(self, run: Run, kept: Kept | None, now: float) -> None:
        """The request has ended; None: it failed, and the key is free again."""
        name = run.account, run.key
        if self._running.pop(name, None) is None or kept is None:
            return
        if kept.body is not None and len(kept.body) > MOST_BYTES_EACH:
            kept = Kept(kept.media_type, None)
        run.kept, run.at = kept, now
        self._kept[name] = run
        self._bytes += len(kept.body or b"")
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            fits = len(self._kept) <= MOST_KEPT and self._bytes <= MOST_BYTES
            if fits and now - oldest.at < KEPT_S:
                return
            del self._kept[name]
            self._bytes -= len(oldest.kept.body or b"") if oldest.kept else 0


def still_runs() -> SupernetError:
    message = "The first request with this Idempotency-Key still runs: try again in a moment."
    return SupernetError(ErrorCode.IDEMPOTENCY_CONFLICT, message, param="Idempotency-Key", retry_after_s=RETRY_S)


def spent() -> SupernetError:
    """The key's request was answered and paid for, and nobody has the answer any more."""
    message = (
        "The request with this Idempotency-Key ran and was charged before, and its answer is not kept: nothing was "
        "charged now. Use a new key to ask again."
    )
    return SupernetError(ErrorCode.IDEMPOTENCY_CONFLICT, message, param="Idempotency-Key")
