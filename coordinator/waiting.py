"""The queue: jobs that wait for a slot, per model, bounded overall and per account.

A job that was started before goes first, then first come, first served. Who is next is decided in `order` alone.
"""

from collections import Counter

from coordinator.records import Job, Limits

SERVICE_S = 10.0  # assumed seconds of one job until one has been measured
SMOOTHING = 0.1


class Waiting:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs: dict[str, list[Job]] = {}  # by model
        self._accounts: Counter[str] = Counter()
        self._service_s: dict[str, float] = {}  # measured seconds that a job holds its slot, by model

    def __len__(self) -> int:
        return self._accounts.total()

    def __contains__(self, job: Job) -> bool:
        return any(other is job for other in self._jobs.get(job.spec.model, ()))

    def models(self) -> list[str]:
        return [model for model, jobs in self._jobs.items() if jobs]

    def order(self, model: str) -> list[Job]:
        """The jobs that wait for a model, next first. Fairness between accounts belongs here and nowhere else."""
        return sorted(self._jobs.get(model, ()), key=lambda job: (job.starts == 0, job.submitted))

    def place(self, job: Job) -> int | None:
        """From 1; None if the job does not wait."""
        return next((i for i, other in enumerate(self.order(job.spec.model), 1) if other is job), None)

    def full(self, account: str) -> str | None:
        """Why another job of `account` may not wait; None if it may."""
        if len(self) >= self._limits.queue:
            return "the queue is full"
        if self._accounts[account] >= self._limits.queue_per_account:
            return f"{self._limits.queue_per_account} requests of this account are waiting already"
        return None

    def add(self, job: Job) -> None:
        """The job waits. Bounds are not checked: a job that comes back was let in before."""
        self._jobs.setdefault(job.spec.model, []).append(job)
        self._accounts[job.spec.account] += 1

    def remove(self, job: Job) -> None:
        """Forget the job; one that does not wait is no error."""
        if job not in self:
            return
        jobs = self._jobs[job.spec.model]
        jobs[:] = [other for other in jobs if other is not job]
        if not jobs:
            del self._jobs[job.spec.model]
        self._accounts[job.spec.account] -= 1
        if not self._accounts[job.spec.account]:
            del self._accounts[job.spec.account]

    def served(self, model: str, seconds: float) -> None:
        """A job held its slot that long."""
        before = self._service_s.get(model)
        self._service_s[model] = seconds if before is None else before + SMOOTHING * (seconds - before)

    def retry_after_s(self, model: str, slots: int) -> float:
        """When the jobs that wait now will have been served, by the measured service time; 1 to 60 seconds."""
        waves = (len(self._jobs.get(model, ())) + 1) / max(slots, 1)
        return min(60.0, max(1.0, waves * self._service_s.get(model, SERVICE_S)))
