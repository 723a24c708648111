"""The rate limits of a request, from its first byte to the end of its last answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from coordinator.accounts.accounts import Principal
from coordinator.accounts.rows import KeyLimits
from coordinator.admission.rate_limits import Quota, Rates
from coordinator.dispatch.effects import Failed, Finished, Stopped
from coordinator.request import ChatJob
from coordinator.scheduler.prefix_affinity import prompt_tokens
from coordinator.scheduler.state import JobSpec

JobEnd = Finished | Failed | Stopped
Ended = Callable[[JobSpec, JobEnd], None]


@dataclass
class Visit:
    """A request that was let in. `limits`: headers that tell what is left of the key's rate limits."""

    rates: Rates
    key: str
    estimate: int  # tokens of the prompt, as they were taken for each choice
    left: int  # choices that have not ended
    limits: dict[str, str]

    def ended(self, spec: JobSpec, end: JobEnd) -> None:
        usage = end.report.usage
        self._end(usage.prompt + usage.completion)

    def cancel(self) -> None:
        """It did not come to jobs."""
        while self.left:
            self._end(0)

    def _end(self, tokens: int) -> None:
        self.rates.spend(self.key, tokens - self.estimate)
        self.left -= 1
        if not self.left:
            self.rates.end(self.key)


@dataclass(frozen=True)
class Gate:
    """`quota` is that of a key that has none of its own."""

    quota: Quota
    rates: Rates = field(default_factory=Rates)

    def knock(self, principal: Principal) -> None:
        """A request has come, and nothing of it is read yet. Raises RateLimited."""
        self.rates.request(principal.key, self._quota(principal), time.monotonic())

    @contextmanager
    def enter(self, principal: Principal, job: ChatJob) -> Iterator[Visit]:
        """It may run now; whoever leaves the block with an error has no jobs to end. Raises RateLimited."""
        key, quota, now = principal.key, self._quota(principal), time.monotonic()
        estimate = prompt_tokens(job.request)
        self.rates.start(key, quota, job.n * estimate, now)
        visit = Visit(self.rates, key, estimate, job.n, self.rates.headers(key, quota, now))
        try:
            yield visit
        except BaseException:
            visit.cancel()
            raise

    def _quota(self, principal: Principal) -> Quota:
        return quota_of(principal, self.quota)


def quota_of(limits: Principal | KeyLimits, default: Quota) -> Quota:
    own = {"rpm": limits.rpm, "tpm": limits.tpm, "concurrency": limits.concurrency}
    return replace(default, **{name: limit for name, limit in own.items() if limit is not None})
