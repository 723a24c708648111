"""Leases on a model's slots. A lease ends when the engine says that the job is over, never when a cancel is sent."""

from typing import NamedTuple


class JobKey(NamedTuple):
    """One attempt at one job. The engine knows it as str(key)."""

    job: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.job}.{self.attempt}"

    @classmethod
    def parse(cls, engine_job: str) -> "JobKey":
        """Return the key whose str() this is; a job's id may hold dots itself."""
        job, _, attempt = engine_job.rpartition(".")
        return cls(job, int(attempt))


class Slots:
    """The slots of one loaded model, and which attempts hold them.

    `offered` may fall below the number that is held: no attempt loses its lease by that.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.offered = count
        self._held: set[JobKey] = set()

    @property
    def held(self) -> int:
        return len(self._held)

    @property
    def free(self) -> int:
        return max(0, self.offered - len(self._held))

    def lease(self, key: JobKey) -> bool:
        """Take a slot for `key`; False when all offered ones are held. Taking twice is a bug and raises ValueError."""
        if key in self._held:
            raise ValueError(f"{key} holds a slot already")
        if len(self._held) >= self.offered:
            return False
        self._held.add(key)
        return True

    def release(self, key: JobKey) -> None:
        """Give the slot back. Raises KeyError when `key` holds none: a lease ends once."""
        self._held.remove(key)
