"""Requests that crashed engines, remembered for a while: asked again, they are refused before another engine dies.

Kept by account, so that nobody can have another's request refused, and by what was asked, not by the job: a client
that retries, or asks for several choices, asks the same.
"""

from hashlib import sha256

from coordinator.scheduler.state import JobSpec

BLOCK_S = 600.0
MOST = 4096  # two engines died for each: more than that in ten minutes, and the oldest are forgotten

Fingerprint = tuple[str, str]  # account, sha256


class PoisonList:
    def __init__(self) -> None:
        self._until: dict[Fingerprint, float] = {}  # in the order in which they end

    def block(self, spec: JobSpec, now: float) -> None:
        """Refuse this request of this account for ten minutes."""
        self._forget(now)
        key = fingerprint(spec)
        self._until.pop(key, None)
        self._until[key] = now + BLOCK_S
        if len(self._until) > MOST:
            del self._until[next(iter(self._until))]

    def blocked_s(self, spec: JobSpec, now: float) -> float | None:
        """Seconds that the request is still refused; None if it may be tried."""
        self._forget(now)
        if not any(account == spec.account for account, _ in self._until):
            return None  # nearly always: no request is hashed in vain
        until = self._until.get(fingerprint(spec))
        return None if until is None else until - now

    def _forget(self, now: float) -> None:
        while self._until and (oldest := next(iter(self._until.items())))[1] <= now:
            del self._until[oldest[0]]


def fingerprint(spec: JobSpec) -> Fingerprint:
    """Model and request, every default resolved: two bodies that mean the same have one fingerprint. Not the seed."""
    digest = sha256(f"{spec.model}\n{spec.request.model_dump_json()}".encode())
    return spec.account, digest.hexdigest()
