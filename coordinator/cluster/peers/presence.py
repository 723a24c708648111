"""Which cell has which worker: each says who has come to it, and all remember.

A worker that has come to another cell has left the one before, even where that has not seen its line end: the newest
Hello of one process is where it is. Another process under the same key is a second machine with a copied identity, as
long as the first is connected; a cell says Gone when its line has ended, or it has been silent for too long.
"""

from collections import defaultdict
from dataclasses import dataclass

from coordinator.cluster.protocol.ids import ReplicaId

MOST_WORKERS = 200_000  # of all cells


@dataclass(frozen=True)
class Sighting:
    """A worker's process at a cell. `since`: when it said Hello there, on our clock."""

    instance: str
    cell: ReplicaId
    since: float


class Presence:
    """Where the workers of the other cells are; by worker key."""

    def __init__(self) -> None:
        self._workers: dict[str, Sighting] = {}
        self._of_cell: defaultdict[ReplicaId, set[str]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._workers)

    def here(self, cell: ReplicaId, worker: str, instance: str, age_s: float, now: float) -> bool:
        """A cell has the worker, since `age_s` seconds. False: a later Hello of it is known from another cell."""
        known, since = self._workers.get(worker), now - age_s
        if known is not None and known.cell != cell and known.since > since:
            return False
        if known is None and len(self._workers) >= MOST_WORKERS:
            return True
        self._forget(worker)
        self._workers[worker] = Sighting(instance, cell, since)
        self._of_cell[cell].add(worker)
        return True

    def gone(self, cell: ReplicaId, worker: str) -> None:
        """The cell has the worker no more."""
        known = self._workers.get(worker)
        if known is not None and known.cell == cell:
            self._forget(worker)

    def cell_gone(self, cell: ReplicaId) -> None:
        """None of its workers is there any more."""
        for worker in list(self._of_cell.get(cell, ())):
            self._forget(worker)

    def ours(self, worker: str) -> None:
        """The worker has come to our cell."""
        self._forget(worker)

    def of_another(self, worker: str, instance: str) -> ReplicaId | None:
        """The cell with another process of this key, as far as was heard."""
        known = self._workers.get(worker)
        return None if known is None or known.instance == instance else known.cell

    def _forget(self, worker: str) -> None:
        known = self._workers.pop(worker, None)
        if known is not None:
            cell = self._of_cell[known.cell]
            cell.discard(worker)
            if not cell:
                del self._of_cell[known.cell]
