"""The rate limits of keys: requests a minute, tokens a minute, requests at a time.

A key counts against its own limits and against those of the keys that it was made with, up to the first (`Chain`): keys
that a client makes divide what its first one may, and add nothing to it. A key that replaces another goes on with its
buckets.

Token buckets: a minute's worth may come at once, and fills up again evenly. Requests are counted before they are read.
Tokens are those that are billed: the prompt's estimate is taken when a request is admitted, the rest when each answer
has ended, and the bucket may then stand below zero. No request is admitted until it is above zero again, so that over
time no key gets more than its limit, whatever it declares. To reserve `max_tokens` instead, as OpenAI does, would shut
out agents that always ask for the most and use a hundredth of it (opencode: 32,000).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from coordinator.accounts.quota import Quota
from wire.errors import ErrorCode, SupernetError

MINUTE_S = 60.0
BUSY_RETRY_S = 1.0  # told to a key with too many requests at a time; when one of them ends is unknown
SWEEP = 1024  # keys; when there are more, idle ones are forgotten

Chain = tuple[tuple[str, Quota], ...]  # the name of a key's counters and its limits; then those of the key that made it


class RateLimited(SupernetError):
    """rate_limit_exceeded, with OpenAI's headers that say what is left of each limit."""

    def __init__(self, message: str, retry_after_s: float, headers: dict[str, str]) -> None:
        super().__init__(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=retry_after_s)
        self.headers = headers


@dataclass
class _Bucket:
    """A token bucket: its `level` at time `at`; negative after more was used than was in it."""

    level: float
    at: float

    def fill(self, limit: int, now: float) -> float:
        if now > self.at:
            self.level = min(float(limit), self.level + (now - self.at) * limit / MINUTE_S)
            self.at = now
        self.level = min(float(limit), self.level)
        return self.level


@dataclass
class _Key:
    requests: _Bucket
    tokens: _Bucket
    quota: Quota
    running: int = 0

    def idle(self, now: float) -> bool:
        """Whether the key can be forgotten: nothing runs, and both buckets are full."""
        full = self.requests.fill(self.quota.rpm, now) >= self.quota.rpm
        return not self.running and full and self.tokens.fill(self.quota.tpm, now) >= self.quota.tpm


@dataclass
class Rates:
    """The buckets of all keys that were used lately. Times are seconds of one clock."""

    _keys: dict[str, _Key] = field(default_factory=dict)
    _sweep_at: int = SWEEP

    def __len__(self) -> int:
        return len(self._keys)

    def request(self, chain: Chain, now: float) -> None:
        """Count one request, on every key of the chain or on none. Raises RateLimited."""
        for used, quota in self._used(chain, now):
            if quota.rpm and used.requests.fill(quota.rpm, now) < 1:
                wait_s = (1 - used.requests.level) * MINUTE_S / quota.rpm
                raise self._refused(chain, now, f"{quota.rpm} requests a minute", wait_s)
        for used, quota in self._used(chain, now):
            if quota.rpm:
                used.requests.level -= 1

    def start(self, chain: Chain, tokens: int, now: float) -> None:
        """Take one of the places and the prompt's tokens. Raises RateLimited; otherwise `end` must follow."""
        for used, quota in self._used(chain, now):
            if quota.concurrency and used.running >= quota.concurrency:
                raise self._refused(chain, now, f"{quota.concurrency} requests at a time", BUSY_RETRY_S)
            # A prompt longer than a minute's worth is admitted by a full bucket: it would be refused for ever.
            needed = min(tokens, quota.tpm)
            if quota.tpm and used.tokens.fill(quota.tpm, now) < needed:
                wait_s = (needed - used.tokens.level) * MINUTE_S / quota.tpm
                raise self._refused(chain, now, f"{quota.tpm} tokens a minute", wait_s)
        for used, _ in self._used(chain, now):
            used.running += 1
        self.spend(chain, tokens)

    def spend(self, chain: Chain, tokens: int) -> None:
        """Take so many tokens more for a running request; negative: give some back."""
        for name, _ in chain:
            if self._keys[name].quota.tpm:
                self._keys[name].tokens.level -= tokens

    def end(self, chain: Chain) -> None:
        """Give the place back."""
        for name, _ in chain:
            self._keys[name].running -= 1

    def headers(self, chain: Chain, now: float) -> dict[str, str]:
        """OpenAI's headers: the limits, what is left of them, and how long until they are full again. Of each limit,
        that key's of the chain of which the least is left."""
        headers: dict[str, str] = {}
        for name in ("requests", "tokens"):
            found = [
                (bucket.fill(limit, now), limit)
                for used, quota in self._used(chain, now)
                for limit, bucket in [(quota.rpm, used.requests) if name == "requests" else (quota.tpm, used.tokens)]
                if limit
            ]
            if found:
                level, limit = min(found)
                headers[f"x-ratelimit-limit-{name}"] = str(limit)
                headers[f"x-ratelimit-remaining-{name}"] = str(max(0, math.floor(level)))
                headers[f"x-ratelimit-reset-{name}"] = duration((limit - level) * MINUTE_S / limit)
        return headers

    def _used(self, chain: Chain, now: float) -> Iterator[tuple[_Key, Quota]]:
        for name, quota in chain:
            yield self._key(name, quota, now), quota

    def _key(self, key: str, quota: Quota, now: float) -> _Key:
        used = self._keys.get(key)
        if used is None:
            if len(self._keys) >= self._sweep_at:
                self._keys = {name: other for name, other in self._keys.items() if not other.idle(now)}
                self._sweep_at = max(SWEEP, 2 * len(self._keys))
            used = self._keys[key] = _Key(_Bucket(quota.rpm, now), _Bucket(quota.tpm, now), quota)
        used.quota = quota
        return used

    def _refused(self, chain: Chain, now: float, limit: str, wait_s: float) -> RateLimited:
        shared = ", together with the keys of its chain" if len(chain) > 1 else ""
        message = f"Rate limit of this API key{shared} reached: {limit}. Try again in {duration(wait_s)}."
        return RateLimited(message, wait_s, self.headers(chain, now))


def duration(seconds: float) -> str:
    """A duration as OpenAI writes it: 20ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < MINUTE_S:
        return f"{math.ceil(seconds * 1000) / 1000:g}s"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s"
