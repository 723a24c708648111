"""What can be wrong with what, as a replica sees it and as the database remembers it. Pure, plain values."""

from dataclasses import dataclass, field
from typing import NamedTuple

from program.alerts import Standing

WORKER = "worker_down"  # of this kind a row says that the worker is there, of all others that something is wrong
OF_WORKERS = frozenset({"worker_problem", "worker_hot"})  # what a worker says is wrong with it


class Key(NamedTuple):
    """`account`: whose it is, or OPERATOR; `kind`: of kinds.py; `subject`: which one."""

    account: str
    kind: str
    subject: str

    @property
    def worker(self) -> "Key | None":
        """The worker that says so; None: it is of no worker."""
        return Key(self.account, WORKER, self.subject.partition("/")[0]) if self.kind in OF_WORKERS else None


@dataclass(frozen=True)
class Sighting:
    """What one replica has seen just now. `away`: a worker that was there is missed; `parted`: it left by itself."""

    key: Key
    words: str
    away: bool = False
    parted: bool = False


@dataclass(frozen=True)
class Subject:
    """A row. `seen_s`: of the last sighting, also of a worker's absence, which is noted once. Seconds since 1970."""

    key: Key
    words: str
    seen_s: float
    away: bool = False
    parted: bool = False
    standing: Standing = field(default_factory=Standing)
