"""What a request takes until the end of its last answer: of its keys' rate limits, and of the memory for files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota, quota_of
from coordinator.admission.blob_budget import BlobBudget
from coordinator.admission.rate_limits import Chain, Rates
from coordinator.dispatch.effects import JobEnd
from coordinator.request import ClientRequest
from coordinator.scheduler.state import JobSpec


@dataclass
class Reservation:
    """What one admitted request takes of its keys' rate limits and of the memory, until its last choice has ended.

    `limits`: headers that say what is left of the rate limits.
    """

    rates: Rates
    files: BlobBudget
    blobs: dict[str, bytes]
    chain: Chain
    estimate: int  # tokens of the prompt, as they were taken for each choice
    left: int  # choices that have not ended
    limits: dict[str, str]

    def ended(self, spec: JobSpec, end: JobEnd) -> None:
        """A choice has ended: correct the estimate by what it really took."""
        usage = end.report.usage
        self._end(usage.prompt + usage.completion)

    def cancel(self) -> None:
        """Give all of it back: the request was refused before it became jobs."""
        while self.left:
            self._end(0)

    def _end(self, tokens: int) -> None:
        self.rates.spend(self.chain, tokens - self.estimate)
        self.left -= 1
        if not self.left:
            self.rates.end(self.chain)
            self.files.give_back(self.blobs)


@dataclass(frozen=True)
class Admission:
    """Holds the requests of each key to the limits of its chain. `quota`: those of a key that has none of its own.
    `clock`: seconds, the one that the rates go by everywhere."""

    quota: Quota
    rates: Rates
    clock: Callable[[], float]
    files: BlobBudget = field(default_factory=BlobBudget)

    def count_request(self, principal: Principal) -> None:
        """Count a request before anything of it is read. Raises RateLimited."""
        self.rates.request(self._chain(principal), self.clock())

    @contextmanager
    def reserve(self, principal: Principal, job: ClientRequest) -> Iterator[Reservation]:
        """Take a place, the prompt's tokens and the memory of its files; all is given back if the block raises. Raises
        RateLimited, or overloaded where there is no memory left."""
        chain, now = self._chain(principal), self.clock()
        estimate = job.prompt_tokens()
        self.files.check(job.blobs)
        self.rates.start(chain, job.n * estimate, now)
        self.files.take(job.blobs)
        headers = self.rates.headers(chain, now)
        reservation = Reservation(self.rates, self.files, job.blobs, chain, estimate, job.n, headers)
        try:
            yield reservation
        except BaseException:
            reservation.cancel()
            raise

    def _chain(self, principal: Principal) -> Chain:
        return tuple((counter.name, quota_of(counter.limits, self.quota)) for counter in principal.counters)
