"""What a key uses at other replicas, where it may not use the whole of its limits again."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class KeyUse:
    """What was counted under one name at one replica since it last said so: requests, tokens (negative, if more were
    given back), and how many requests run there. `rpm`, `tpm`: the limits, for a replica that has not met the key."""

    name: str
    rpm: int
    tpm: int
    requests: float
    tokens: float
    running: int


class RunningElsewhere:
    """How many requests of each key run at the other replicas, as they last said."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, int]] = {}  # by replica, then by key
        self._sums: Counter[str] = Counter()

    def __getitem__(self, name: str) -> int:
        return self._sums[name]

    def heard(self, replica: str, name: str, running: int) -> None:
        """So many run there now."""
        told = self._told.setdefault(replica, {})
        self._sums[name] += running - told.pop(name, 0)
        if running:
            told[name] = running
        if not self._sums[name]:
            del self._sums[name]

    def forget(self, replica: str) -> None:
        """The replica is gone, or is about to say all anew."""
        for name in list(self._told.get(replica, ())):
            self.heard(replica, name, 0)
        self._told.pop(replica, None)
