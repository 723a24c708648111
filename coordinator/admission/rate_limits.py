"""What one key may ask for: requests a minute, tokens a minute, requests at a time.

Token buckets: a minute's worth may come at once, and fills up again evenly. Requests are counted before they are read.
Tokens are those that are billed: the prompt's estimate is taken when a request is let in, the rest when each
answer has ended, and the bucket may then stand below zero. Nobody is let in until it is above again, so that over time
no key gets more than its limit, whatever it declares. To hold `max_tokens` back instead, as OpenAI does, would shut
agents out that always ask for the most and use a hundredth of it (opencode: 32,000).
"""

import math
from dataclasses import dataclass, field

from wire.errors import ErrorCode, SupernetError

MINUTE_S = 60.0
BUSY_RETRY_S = 1.0  # when one of too many requests at a time will end, nobody knows
SWEEP = 1024  # keys in use before those are looked for that are idle


@dataclass(frozen=True)
class Quota:
    """Of one key; 0 is no limit."""

    rpm: int = 60
    tpm: int = 1_000_000
    concurrency: int = 64


class RateLimited(SupernetError):
    """Says in OpenAI's headers what is left of which limit."""

    def __init__(self, message: str, retry_after_s: float, headers: dict[str, str]) -> None:
        super().__init__(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=retry_after_s)
        self.headers = headers


@dataclass
class _Bucket:
    """`level` of what may be used now, at time `at`; negative: used ahead."""

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
        """Nothing would be lost with it."""
        full = self.requests.fill(self.quota.rpm, now) >= self.quota.rpm
        return not self.running and full and self.tokens.fill(self.quota.tpm, now) >= self.quota.tpm


@dataclass
class Rates:
    """All keys that were used lately."""

    _keys: dict[str, _Key] = field(default_factory=dict)
    _sweep_at: int = SWEEP

    def __len__(self) -> int:
        return len(self._keys)

    def request(self, key: str, quota: Quota, now: float) -> None:
        """A request has come. Raises RateLimited."""
        used = self._key(key, quota, now)
        if not quota.rpm:
            return
        if used.requests.fill(quota.rpm, now) < 1:
            wait_s = (1 - used.requests.level) * MINUTE_S / quota.rpm
            raise self._refused(key, quota, now, f"{quota.rpm} requests a minute", wait_s)
        used.requests.level -= 1

    def start(self, key: str, quota: Quota, tokens: int, now: float) -> None:
        """It wants to run, with so many tokens of prompt. Raises RateLimited; else `end` must follow."""
        used = self._key(key, quota, now)
        if quota.concurrency and used.running >= quota.concurrency:
            raise self._refused(key, quota, now, f"{quota.concurrency} requests at a time", BUSY_RETRY_S)
        # A prompt longer than a minute's worth is let in by a full bucket: it would be refused for ever otherwise.
        needed = min(tokens, quota.tpm)
        if quota.tpm and used.tokens.fill(quota.tpm, now) < needed:
            wait_s = (needed - used.tokens.level) * MINUTE_S / quota.tpm
            raise self._refused(key, quota, now, f"{quota.tpm} tokens a minute", wait_s)
        used.running += 1
        self.spend(key, tokens)

    def spend(self, key: str, tokens: int) -> None:
        """More of a running request than was taken before; negative: less."""
        used = self._keys[key]
        if used.quota.tpm:
            used.tokens.level -= tokens

    def end(self, key: str) -> None:
        self._keys[key].running -= 1

    def headers(self, key: str, quota: Quota, now: float) -> dict[str, str]:
        """OpenAI's: the limits, what is left, and how long until all of it is there again."""
        used = self._key(key, quota, now)
        told: dict[str, str] = {}
        for name, limit, bucket in (("requests", quota.rpm, used.requests), ("tokens", quota.tpm, used.tokens)):
            if limit:
                level = bucket.fill(limit, now)
                told[f"x-ratelimit-limit-{name}"] = str(limit)
                told[f"x-ratelimit-remaining-{name}"] = str(max(0, math.floor(level)))
                told[f"x-ratelimit-reset-{name}"] = duration((limit - level) * MINUTE_S / limit)
        return told

    def _key(self, key: str, quota: Quota, now: float) -> _Key:
        used = self._keys.get(key)
        if used is None:
            if len(self._keys) >= self._sweep_at:
                self._keys = {name: other for name, other in self._keys.items() if not other.idle(now)}
                self._sweep_at = max(SWEEP, 2 * len(self._keys))
            used = self._keys[key] = _Key(_Bucket(quota.rpm, now), _Bucket(quota.tpm, now), quota)
        used.quota = quota
        return used

    def _refused(self, key: str, quota: Quota, now: float, limit: str, wait_s: float) -> RateLimited:
        message = f"Rate limit of this API key reached: {limit}. Try again in {duration(wait_s)}."
        return RateLimited(message, wait_s, self.headers(key, quota, now))


def duration(seconds: float) -> str:
    """As OpenAI writes it: 20ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < MINUTE_S:
        return f"{math.ceil(seconds * 1000) / 1000:g}s"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s"
