"""Rate limits of a key: its own where it has some, else the operator's."""

from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True)
class Quota:
    """What one key may ask for: requests a minute, tokens a minute, requests at a time. 0 is no limit."""

    rpm: int = 60
    tpm: int = 1_000_000
    concurrency: int = 64


class OwnLimits(Protocol):
    """A key's own limits; None where it has none."""

    @property
    def rpm(self) -> int | None: ...

    @property
    def tpm(self) -> int | None: ...

    @property
    def concurrency(self) -> int | None: ...


def quota_of(limits: OwnLimits, default: Quota) -> Quota:
    """The key's own limits, and those of `default` where it has none."""
    own = {"rpm": limits.rpm, "tpm": limits.tpm, "concurrency": limits.concurrency}
    return replace(default, **{name: limit for name, limit in own.items() if limit is not None})
