"""The queue: jobs that wait for a slot, per model, bounded overall and per account.

A job that was started before goes first. Then accounts take turns by the tokens that they were served (fairness.py),
and within an account the oldest job is next. A job is charged when it starts, with what jobs of the model usually cost,
and the charge follows what it is really served: slots that become free together do not all go to one account.
"""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from coordinator.scheduler.fairness import LEAST_WEIGHT, Fairness
from coordinator.scheduler.state import Job, Limits

SERVICE_S = 10.0  # assumed seconds of one job until one has been measured
COMPLETION = 256.0  # and its tokens
SMOOTHING = 0.1


@dataclass
class _Line:
    """What waits for one model. Jobs stand in dictionaries, by id and in order, so that any can leave at once."""

    moved: dict[str, Job] = field(default_factory=dict)  # were started before
    fresh: dict[str, dict[str, Job]] = field(default_factory=dict)  # were not, by account
    size: int = 0
    service_s: float | None = None  # measured: how long a job holds its slot
    completion: float = COMPLETION  # tokens of an answer, smoothed
    cost: float = COMPLETION


class JobQueue:
    """All jobs that wait, and what is known of how long jobs take."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lines: dict[str, _Line] = {}  # by model; the catalog bounds them
        self.fairness: defaultdict[str, Fairness] = defaultdict(Fairness)  # by model
        self._jobs: dict[str, Job] = {}
        self._accounts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job: Job) -> bool:
        return self._jobs.get(job.spec.id) is job

    # ---- who waits -----------------------------------------------------------------------------------------------

    def models(self) -> list[str]:
        return [model for model, line in self._lines.items() if line.size]

    def count(self, model: str) -> int:
        line = self._lines.get(model)
        return 0 if line is None else line.size

    def jobs(self, model: str) -> list[Job]:
        """All that wait for a model, in no order."""
        line = self._lines.get(model)
        if line is None:
            return []
        return [*line.moved.values(), *(job for queue in line.fresh.values() for job in queue.values())]

    def order(self, model: str) -> Iterator[Job]:
        """The jobs that wait for a model, next first. A job that the caller starts meanwhile changes which account
        follows; of an account whose first job is not started, the others are next."""
        line = self._lines.get(model)
        if line is None:
            return
        yield from sorted(line.moved.values(), key=lambda job: job.submitted)
        accounts = sorted(line.fresh, key=self.fairness[model].counter)  # of equals, the one that waits longer is first
        while accounts:
            account = accounts.pop(0)
            for job in list(line.fresh[account].values()):
                yield job
                if job not in self:  # it was started, and its account's counter has grown
                    if account in line.fresh:
                        insort(accounts, account, key=self.fairness[model].counter)
                    break

    def place(self, job: Job) -> int | None:
        """The job's place in the queue, from 1; None if it does not wait.

        An estimate: jobs cost alike, and nobody else comes.
        """
        if job not in self:
            return None
        line, account = self._lines[job.spec.model], job.spec.account
        if job.spec.id in line.moved:
            return 1 + sum(other.submitted < job.submitted for other in line.moved.values())
        mine = line.fresh[account]
        before = next(i for i, other in enumerate(mine.values()) if other is job)
        # Its turn comes at this counter: others go first until theirs has come so far.
        counter = self.fairness[job.spec.model].counter
        turn = counter(account) + before * line.cost / _weight(job)
        ahead = len(line.moved) + before
        for other, queue in line.fresh.items():
            lead = turn - counter(other)
            if other != account and lead >= 0:
                ahead += min(len(queue), int(lead * _weight(next(iter(queue.values()))) / line.cost) + 1)
        return ahead + 1

    def full(self, account: str) -> str | None:
        """Why another job of `account` may not wait; None if it may."""
        if len(self) >= self._limits.queue:
            return "the queue is full"
        if self._accounts[account] >= self._limits.queue_per_account:
            return f"{self._limits.queue_per_account} requests of this account are waiting already"
        return None

    # ---- coming and going ----------------------------------------------------------------------------------------

    def add(self, job: Job) -> None:
        """The job waits. Bounds are not checked: a job that comes back was let in before."""
        line, account = self._lines.setdefault(job.spec.model, _Line()), job.spec.account
        if job.starts:
            line.moved[job.spec.id] = job
        else:
            if account not in line.fresh:
                self.fairness[job.spec.model].arrive(account)
            line.fresh.setdefault(account, {})[job.spec.id] = job
        line.size += 1
        self._jobs[job.spec.id] = job
        self._accounts[account] += 1

    def remove(self, job: Job) -> None:
        """Forget the job; one that does not wait is no error."""
        if job not in self:
            return
        line, account = self._lines[job.spec.model], job.spec.account
        if line.moved.pop(job.spec.id, None) is None:
            del line.fresh[account][job.spec.id]
            if not line.fresh[account]:
                del line.fresh[account]
        line.size -= 1
        del self._jobs[job.spec.id]
        self._accounts[account] -= 1
        if not self._accounts[account]:
            del self._accounts[account]

    # ---- what was served -----------------------------------------------------------------------------------------

    def start(self, job: Job) -> None:
        """The job is given a slot: it leaves the queue, and is charged what jobs like it usually cost."""
        if not job.starts:
            self.fairness[job.spec.model].chosen(job.spec.account)
        self.remove(job)
        self._charge(job, max(job.charged, job.work.cost(job.prompt, round(self.expected(job)))))

    def expected(self, job: Job) -> float:
        """Tokens of its answer: what answers of the model have been of late, and no more than it asks for."""
        line = self._lines.get(job.spec.model)
        return min(COMPLETION if line is None else line.completion, job.work.tokens)

    def delivered(self, job: Job) -> None:
        """The job was delivered more tokens: charge what goes beyond its estimate."""
        so_far = job.work.cost(job.prompt, len(job.delivered))
        if so_far > job.charged:
            self._charge(job, so_far)

    def ended(self, job: Job, prompt: int | None) -> None:
        """Charge the account what the job really took, in place of the estimate.

        `prompt`: the tokens of its prompt, None if no worker worked on it.
        """
        self._charge(job, 0.0 if prompt is None else job.work.cost(prompt, len(job.delivered)))

    def _charge(self, job: Job, tokens: float) -> None:
        """Make `tokens` what the job has been charged in all."""
        more, job.charged = tokens - job.charged, tokens
        if more:
            self.fairness[job.spec.model].charge(job.spec.account, more, job.spec.weight)

    def served(self, job: Job, seconds: float) -> None:
        """Learn from a job that was in its slot for `seconds` what the next one is likely to take."""
        line, completion = self._lines.setdefault(job.spec.model, _Line()), len(job.delivered)
        line.service_s = seconds if line.service_s is None else line.service_s + SMOOTHING * (seconds - line.service_s)
        line.completion += SMOOTHING * (completion - line.completion)
        line.cost += SMOOTHING * (max(job.work.cost(job.prompt, completion), 1.0) - line.cost)

    # ---- how long it takes ---------------------------------------------------------------------------------------

    def service_s(self, model: str) -> float:
        """Seconds that a job of the model holds its slot."""
        line = self._lines.get(model)
        return SERVICE_S if line is None or line.service_s is None else line.service_s

    def wait_s(self, model: str, place: int, slots: int) -> float:
        """Seconds until the job at that place starts: slots become free one by one, as fast as jobs are served."""
        return place / max(slots, 1) * self.service_s(model)

    def retry_after_s(self, model: str, slots: int) -> float:
        """When the jobs that wait now will have been served; 1 to 60 seconds."""
        return min(60.0, max(1.0, self.wait_s(model, self.count(model) + 1, slots)))


def _weight(job: Job) -> float:
    return max(job.spec.weight, LEAST_WEIGHT)
