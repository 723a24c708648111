"""The end of a job: finished, failed or stopped, exactly one of them and once."""

from coordinator.artefact import Artefact
from coordinator.dispatch import leases
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Deliver, Failed, Finished, JobEvent, Made, Progress, Report, Stopped
from coordinator.scheduler.state import Job
from wire import messages as wire
from wire.chat import Timings, Usage
from wire.errors import ErrorCode, SupernetError


def finish(state: State, job: Job, done: wire.Done, now: float) -> None:
    """End the job as finished: a worker gave the whole answer."""
    state.queue.ended(job, done.usage.prompt)
    forget(state, job)
    state.counters.finished += 1
    state.emit(finished(job, done, now))


def made(state: State, job: Job, artefact: Artefact, now: float) -> None:
    """End the job as finished: what it was to make is stored. Perhaps it had waited for another worker, too."""
    state.queue.remove(job)
    state.queue.ended(job, 0)
    forget(state, job)
    state.counters.finished += 1
    state.emit(Made(job.spec.id, artefact))
    state.emit(Finished(job.spec.id, "stop", report(job, now)))


def fail(state: State, job: Job, error: SupernetError, now: float) -> None:
    """There will be no answer. One that had ended where a worker's context did is given as it was, and a client that
    has left is told nothing of the error."""
    if job.cancelled:
        stop(state, job, now)
        return
    _drop(state, job, now)
    if job.truncated is None:
        state.counters.failed += 1
    else:
        state.counters.finished += 1
    for event in last_words(job, error, now):
        state.emit(event)


def last_words(job: Job, error: SupernetError, now: float) -> list[JobEvent]:
    """What its client is told of a job that will not be served to its end: the error, or the answer that there is."""
    cut = job.truncated
    if cut is None:
        return [Failed(job.spec.id, error, report(job, now))]
    rest: list[JobEvent] = []
    if cut.trailing is not None and cut.tokens == len(job.delivered):
        rest.append(Deliver(job.spec.id, cut.trailing, cut.tokens))
    return [*rest, finished(job, cut.done, now)]


def finished(job: Job, done: wire.Done, now: float) -> Finished:
    """The end of a job by its worker's last word."""
    return Finished(job.spec.id, done.finish_reason, report(job, now, done.usage, done.timings), done.stop)


def revoked() -> SupernetError:
    """What is said of a job whose key has ended."""
    message = "The API key of this request has ended: it expired, or was disabled or revoked."
    return SupernetError(ErrorCode.INVALID_API_KEY, message)


def stop(state: State, job: Job, now: float, claimed: Usage | None = None) -> None:
    """The client had left. `claimed`: what the worker says that it has used."""
    _drop(state, job, now)
    state.counters.stopped += 1
    state.emit(Stopped(job.spec.id, report(job, now, claimed)))


def progress(job: Job) -> Progress:
    """What the job's client has got so far."""
    return Progress(min(job.read, job.spec.prompt.most), job.reader, tuple(job.served.items()))


def report(job: Job, now: float, claimed: Usage | None = None, timings: Timings | None = None) -> Report:
    """The account of a job. Only the prompt's length is taken from the worker: delivered tokens were counted here.
    Without a last word of the worker (`claimed`) the prompt is as long as it said before, once a token of it came."""
    completion = len(job.delivered)
    read = min(job.read, job.spec.prompt.most)
    usage = Usage(prompt=read, cached=0, completion=completion, reasoning=0)
    if claimed is not None:
        cached, reasoning = min(claimed.cached, claimed.prompt), min(claimed.reasoning, completion)
        usage = Usage(
            prompt=claimed.prompt or read,
            cached=cached,
            completion=completion,
            reasoning=reasoning,
        )
    return Report(
        usage=usage,
        timings=timings or Timings(),
        attempts=job.starts,
        worker=job.worker,
        reader=job.reader or job.worker,
        served=tuple(job.served.items()),
        queued_s=(now if job.placed_at is None else job.placed_at) - job.submitted,
        first_token_s=None if job.first_token_at is None else job.first_token_at - job.submitted,
        total_s=now - job.submitted,
    )


def _drop(state: State, job: Job, now: float) -> None:
    """Take the job out of the queue, off its worker and out of the table."""
    state.queue.remove(job)
    read = job.first_token_at is not None or (job.cancelled and job.starts > 0)
    state.queue.ended(job, job.prompt if read else None)
    lease = job.lease
    if lease is not None:
        worker = state.fleet.workers.get(lease.worker)
        if worker is not None and worker.connected:
            leases.cancel(state, worker, lease, now)
        else:
            state.fleet.release(lease)
            job.lease = None
    forget(state, job)


def forget(state: State, job: Job) -> None:
    """Take the job out of the table."""
    del state.jobs[job.spec.id]
    for account in job.witnesses:
        state.fleet.owners.of(account).unsettled -= 1
        state.fleet.forget_owner(account)
