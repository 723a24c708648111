"""What may be asked of a replica, as of a dispatch: of jobs wherever they are, of models in the whole network, and of
the workers of this cell."""

from coordinator.cluster.jobs import Jobs
from coordinator.cluster.peers.pictures import Pictures, together
from coordinator.dispatch import ends
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Progress
from coordinator.dispatch.outlook import Online, QueuePosition
from coordinator.scheduler.state import Counters, Job, Limits
from coordinator.scheduler.workers import Worker


class Prospect:
    """Answers for `Replica`, which sets these."""

    dispatch: Dispatch
    pictures: Pictures
    jobs: Jobs
    catalog: str
    _now: float

    @property
    def limits(self) -> Limits:
        return self.dispatch.limits

    @property
    def counters(self) -> Counters:
        """How often what happened in this cell."""
        return self.dispatch.counters

    @property
    def workers(self) -> list[Worker]:
        """The workers of this cell."""
        return self.dispatch.workers

    def resting(self, now: float) -> dict[str, float]:
        """Keys of this cell's workers that get no jobs after a fault -> seconds until they are tested."""
        return self.dispatch.resting(now)

    def job(self, job_id: str) -> Job | None:
        """A job of one of our clients that has not ended."""
        journey = self.jobs.itinerary.jobs.get(job_id)
        if journey is not None:
            return journey.job
        return None if self.jobs.lodging.has(job_id) else self.dispatch.job(job_id)

    def queue_position(self, job_id: str) -> QueuePosition | None:
        """The job's place in the queue of the cell that it is in; None if it does not wait."""
        journey = self.jobs.itinerary.jobs.get(job_id)
        return self.dispatch.queue_position(job_id) if journey is None else journey.position

    def progress(self, job_id: str) -> Progress | None:
        """What the client of a job has got so far; None if the job has ended."""
        journey = self.jobs.itinerary.jobs.get(job_id)
        return self.dispatch.progress(job_id) if journey is None else ends.progress(journey.job)

    def running(self) -> int:
        """How many jobs of our clients have not ended; those that wait count too."""
        return self.dispatch.running() - self.jobs.lodging.running() + len(self.jobs.itinerary.jobs)

    def online(self, model: str) -> Online:
        """What the whole network has for a model now."""
        stay, leave = (self.pictures.stocks(model, self._now, leaving=leaving) for leaving in (False, True))
        return together(self.dispatch.online(model), (stock for _, stock in stay + leave))

    def catalogs_differing(self) -> int:
        """How many other replicas have another catalog; of earlier versions nobody knows."""
        theirs = (picture.catalog for _, picture, _ in self.pictures.all(self._now))
        return sum(catalog not in ("", self.catalog) for catalog in theirs)

    def oldest_picture_s(self) -> float:
        """How long ago the quietest of the other replicas said how it is; 0 without others."""
        return max((age for _, _, age in self.pictures.all(self._now)), default=0.0)
