"""Workers and jobs of one model, for tests of the fleet."""

from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.state import Job, JobSpec, Peer
from coordinator.scheduler.workers import Worker
from tests.coordinator.dispatch.driver import REQUEST, M
from wire.messages import Capacity, Hello
from wire.offers import ModelOffer, ModelState

PEER = Peer("s1", "acc", "k")


def hello(name: str = "w", instance: str = "a", slots: int = 2) -> Hello:
    return Hello(worker=name, instance=instance, models=(ModelOffer(id=M, context=4096, slots=slots),))


def job(name: str = "j", account: str = "client") -> Job:
    return Job(JobSpec(name, account, M, REQUEST, 1), 0, 0)


def ready(fleet: Fleet, worker: Worker, slots: int = 2, free: int = 2) -> None:
    fleet.capacity(worker, Capacity(models=(ModelState(id=M, status="ready", slots=slots, free=free),)), 0)
