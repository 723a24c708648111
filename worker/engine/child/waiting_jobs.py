"""The queue in front of the engine's slots."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from wire.errors import ErrorCode, SupernetError
from worker.bindings.llama import Model
from worker.bindings.llguidance import Grammars
from worker.engine.child.eyes import Eyes
from worker.engine.child.job import Job, refusal
from worker.engine.child.prefix_cache import Prefixes
from worker.engine.child.prefix_wait import find_lead
from worker.engine.port import EngineSpec, Submit

WAITING_PER_SLOT = 4


class WaitingJobs:
    """Jobs without a slot, in order of arrival. `wake` is called from another thread when a grammar is ready."""

    def __init__(
        self,
        model: Model,
        spec: EngineSpec,
        prefixes: Prefixes,
        eyes: Eyes,
        clock: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._model, self._prefixes, self._eyes, self._clock, self._wake = model, prefixes, eyes, clock, wake
        self._slots, self._image_tokens = spec.slots, spec.image_tokens
        self._grammars = Grammars(model.vocab)
        self._jobs: dict[str, Job] = {}
        self._came = 0  # jobs so far

    def __len__(self) -> int:
        return len(self._jobs)

    def get(self, name: str) -> Job | None:
        return self._jobs.get(name)

    def add(self, submit: Submit) -> None:
        """Queue a job. Raises SupernetError for one that cannot be served, and when the queue is full."""
        if len(self) >= WAITING_PER_SLOT * self._slots:
            raise SupernetError(ErrorCode.WORKER_BUSY, "the engine's queue is full: try another worker")
        if error := refusal(submit, self._model.vocab.size, self._model.context, self._image_tokens):
            raise error
        self._eyes.claim(submit.pictures)
        self._came += 1
        limit = min(submit.max_tokens, self._model.context - len(submit.prompt))
        job = self._jobs[submit.job] = Job(submit, limit, self._came, self._clock(), self._model.vocab.piece)
        if submit.constraint:
            job.grammar = self._grammars.compile(submit.constraint, submit.delivered)
            job.grammar.add_done_callback(lambda _: self._wake())

    def admit(self, running: Mapping[str, Job]) -> Iterator[Job]:
        """The jobs that get a free slot now, first come first served. Each has to be in its sequence, and among the
        `running`, before the next is asked for.

        A job whose grammar or picture is not ready is passed over; one that waits for another's prefix keeps its claim
        on a slot.
        """
        if not self._jobs:
            return
        free = self._slots - len(running)
        for job in list(self._jobs.values()):
            if not free:
                return
            if (job.grammar and not job.grammar.done()) or not self._sees(job):
                continue
            free -= 1
            if not self._waits_for_prefix(job, running.values()):
                del self._jobs[job.submit.job]
                yield job

    def _sees(self, job: Job) -> bool:
        """Whether the first picture that has to be read is encoded. What the cache holds need not be."""
        pictures = job.submit.pictures
        return not pictures or self._eyes.ready(pictures, self._prefixes.reusable(job.prompt))

    def _waits_for_prefix(self, job: Job, running: Iterable[Job]) -> bool:
        """Whether to leave the job here, because a running one is computing the beginning of its prompt."""
        if job.lead is None or job.lead.gone(running):
            job.lead = find_lead(job, running, self._prefixes.reusable(job.prompt), not self._model.hybrid)
        return job.lead is not None and job.lead.worth_waiting()

    def remove(self, job: Job) -> None:
        """Drop a job that ended before it had a slot."""
        del self._jobs[job.submit.job]
        if job.grammar:
            job.grammar.cancel()  # if its turn has not come: the grammars of others need not wait for it

    def close(self) -> None:
        """End the thread that compiles grammars."""
        self._grammars.close()
