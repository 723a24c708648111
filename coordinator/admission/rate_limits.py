"""The rate limits of keys: requests a minute, tokens a minute, requests at a time.

A key counts against its own limits and against those of the keys that it was made with, up to the first (`Chain`): keys
that a client makes divide what its first one may, and add nothing to it. A key that replaces another goes on with its
buckets.

Token buckets: a minute's worth may come at once, and fills up again evenly. Requests are counted before they are read.
Tokens are those that are billed: the prompt's estimate is taken when a request is admitted, the rest when each answer
has ended, and the bucket may then stand below zero. No request is admitted until it is above zero again, so that over
time no key gets more than its limit, whatever it declares. To reserve `max_tokens` instead, as OpenAI does, would shut
out agents that always ask for the most and use a hundredth of it (opencode: 32,000).

Replicas tell each other four times a second what keys use, and it is taken from the buckets everywhere. Who floods N of
them at once gets N buckets at most, and nothing more until the debt is gone.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from coordinator.accounts.quota import Quota
from coordinator.admission.key_use import KeyUse, RunningElsewhere
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
    untold_requests: float = 0.0  # since the other replicas were told
    untold_tokens: float = 0.0

    def idle(self, now: float) -> bool:
        """Whether the key can be forgotten: nothing runs, and both buckets are full."""
        full = self.requests.fill(self.quota.rpm, now) >= self.quota.rpm
        return not self.running and full and self.tokens.fill(self.quota.tpm, now) >= self.quota.tpm


@dataclass
class Rates:
    """The buckets of all keys that were used lately. Times are seconds of one clock."""

    _keys: dict[str, _Key] = field(default_factory=dict)
    _untold: dict[str, None] = field(default_factory=dict)  # of these, those used since the other replicas were told
    _elsewhere: RunningElsewhere = field(default_factory=RunningElsewhere)
    _sweep_at: int = SWEEP

    def __len__(self) -> int:
        return len(self._keys)

    def request(self, chain: Chain, now: float, whose: str = "this API key") -> None:
        """Count one request, on every key of the chain or on none. Raises RateLimited, with `whose` limit it is."""
        for used, quota in self._used(chain, now):
            if quota.rpm and used.requests.fill(quota.rpm, now) < 1:
                wait_s = (1 - used.requests.level) * MINUTE_S / quota.rpm
                raise self._refused(chain, now, f"{quota.rpm} requests a minute", wait_s, whose)
        for name, quota in chain:
            if quota.rpm:
                used = self._keys[name]
                used.requests.level -= 1
                used.untold_requests += 1
                self._untold[name] = None

    def start(self, chain: Chain, tokens: int, now: float) -> None:
        """Take one of the places and the prompt's tokens. Raises RateLimited; otherwise `end` must follow."""
        for name, quota in chain:
            used = self._key(name, quota, now)
            if quota.concurrency and used.running + self._elsewhere[name] >= quota.concurrency:
                raise self._refused(chain, now, f"{quota.concurrency} requests at a time", BUSY_RETRY_S)
            # A prompt longer than a minute's worth is admitted by a full bucket: it would be refused for ever.
            needed = min(tokens, quota.tpm)
            if quota.tpm and used.tokens.fill(quota.tpm, now) < needed:
                wait_s = (needed - used.tokens.level) * MINUTE_S / quota.tpm
                raise self._refused(chain, now, f"{quota.tpm} tokens a minute", wait_s)
        for name, _ in chain:
            self._keys[name].running += 1
            self._untold[name] = None
        self.spend(chain, tokens)

    def spend(self, chain: Chain, tokens: int) -> None:
        """Take so many tokens more for a running request; negative: give some back."""
        for name, _ in chain:
            used = self._keys[name]
            if used.quota.tpm:
                used.tokens.level -= tokens
                used.untold_tokens += tokens
                self._untold[name] = None

    def end(self, chain: Chain) -> None:
        """Give the place back."""
        for name, _ in chain:
            self._keys[name].running -= 1
            self._untold[name] = None

    # ---- what the other replicas are told, and tell --------------------------------------------------------------

    def take_use(self) -> list[KeyUse]:
        """What keys used here since this was last asked."""
        uses = []
        for name in filter(self._keys.__contains__, self._untold):
            used = self._keys[name]
            uses.append(_use(name, used, used.untold_requests, used.untold_tokens))
            used.untold_requests = used.untold_tokens = 0.0
        self._untold.clear()
        return uses

    def running_use(self) -> list[KeyUse]:
        """How many requests of each key run here; of what is used otherwise nothing."""
        return [_use(name, used, 0.0, 0.0) for name, used in self._keys.items() if used.running]

    def standing(self, now: float) -> list[KeyUse]:
        """How far each key is from its limits, as use: for a replica that knows nothing yet."""
        return [
            _use(
                name, used, quota.rpm - used.requests.fill(quota.rpm, now), quota.tpm - used.tokens.fill(quota.tpm, now)
            )
            for name, used in self._keys.items()
            for quota in [used.quota]
        ]

    def used_elsewhere(self, replica: str, use: KeyUse, now: float) -> None:
        """A key was used at another replica: it may do so much less here, and perhaps it has done too much already."""
        known = self._keys.get(use.name)
        used = known or self._key(use.name, Quota(use.rpm, use.tpm, 0), now)
        used.requests.fill(used.quota.rpm, now)
        used.tokens.fill(used.quota.tpm, now)
        used.requests.level -= use.requests if used.quota.rpm else 0
        used.tokens.level -= use.tokens if used.quota.tpm else 0
        self._elsewhere.heard(replica, use.name, use.running)

    def stands_elsewhere(self, replica: str, use: KeyUse, now: float) -> None:
        """So far a key is from its limits at another replica, in all: what was heard of it before is a part of that."""
        known = self._keys.get(use.name)
        used = known or self._key(use.name, Quota(use.rpm, use.tpm, 0), now)
        quota = used.quota
        used.requests.level = min(used.requests.fill(quota.rpm, now), quota.rpm - use.requests)
        used.tokens.level = min(used.tokens.fill(quota.tpm, now), quota.tpm - use.tokens)
        self._elsewhere.heard(replica, use.name, use.running)

    def forget_running(self, replica: str) -> None:
        """The replica is gone, or is about to say anew what runs there."""
        self._elsewhere.forget(replica)

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
                self._untold = {name: None for name in self._untold if name in self._keys}
                self._sweep_at = max(SWEEP, 2 * len(self._keys))
            used = self._keys[key] = _Key(_Bucket(quota.rpm, now), _Bucket(quota.tpm, now), quota)
        used.quota = quota
        return used

    def _refused(self, chain: Chain, now: float, limit: str, wait_s: float, whose: str = "this API key") -> RateLimited:
        shared = ", together with the keys of its chain" if len(chain) > 1 else ""
        message = f"Rate limit of {whose}{shared} reached: {limit}. Try again in {duration(wait_s)}."
        return RateLimited(message, wait_s, self.headers(chain, now))


def _use(name: str, used: _Key, requests: float, tokens: float) -> KeyUse:
    return KeyUse(name, used.quota.rpm, used.quota.tpm, requests, tokens, used.running)


def duration(seconds: float) -> str:
    """A duration as OpenAI writes it: 20ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < MINUTE_S:
        return f"{math.ceil(seconds * 1000) / 1000:g}s"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s"
