"""A Driver whose workers make media."""

from typing import Any

from coordinator.artefact import Artefact
from coordinator.dispatch.effects import Effect
from coordinator.scheduler.state import JobSpec, Peer
from tests.coordinator.dispatch.driver import Driver, M
from tests.coordinator.media.making import PICTURE, artefact, offer
from wire import messages as wire
from wire.chat import Usage
from wire.errors import SupernetError
from wire.media import MediaOffer, MediaRequest, Progress, Stage
from wire.offers import ModelOffer, ModelState

SECRET = "only the coordinator knows"


class Studio(Driver):
    def opens(self, worker: str = "w1", slots: int = 1, owner: str = "gpus", **fields: Any) -> None:
        """A worker with a pipeline joins, and is ready."""
        self._says_hello(worker, owner, (offer(M, slots=slots, **fields),))
        self.capacity(worker, slots)

    def reopens(self, *jobs: tuple[str, int, int], worker: str = "w1") -> None:
        """The same process on a new socket, with (job, attempt, next_seq) still alive."""
        alive = tuple(wire.RunningJob(job=job, attempt=attempt, next_seq=seq) for job, attempt, seq in jobs)
        resume = wire.Resume(session=self.sessions[worker], jobs=alive)
        self._says_hello(worker, "gpus", (offer(M),), resume)

    def joins_with_both(self, worker: str) -> None:
        """A worker that chats and has a pipeline too."""
        self._says_hello(worker, "gpus", (offer(),), models=(ModelOffer(id=M, context=4096, slots=2),))
        states = tuple(ModelState(id=model, status="ready", slots=2, free=2) for model in (M, "painter"))
        self.says(worker, wire.Capacity(models=states))

    def _says_hello(
        self,
        worker: str,
        owner: str,
        media: tuple[MediaOffer, ...],
        resume: wire.Resume | None = None,
        models: tuple[ModelOffer, ...] = (),
    ) -> None:
        self._opened += 1
        session = self.sessions[worker] = f"s{self._opened}"
        hello = wire.Hello(worker=worker, instance="a", models=models, media=media, resume=resume)
        self.out = self.dispatch.worker_joined(hello, Peer(session, owner, "key-1"), self.now)

    def asks(self, job: str = "j1", request: MediaRequest = PICTURE, account: str = "client", model: str = M) -> None:
        spec = JobSpec(job, account, model, request, 1, upload_secret=f"{SECRET} {job}")
        self.out = self.dispatch.submit(spec, self.now)

    def shows(
        self,
        step: int = 4,
        worker: str = "w1",
        job: str = "j1",
        attempt: int = 1,
        stage: Stage = "denoising",
        **more: Any,
    ) -> None:
        """How far an attempt of eight steps is."""
        self.says(worker, Progress(job=job, attempt=attempt, stage=stage, step=step, steps=8, **more))

    def uploads(self, job: str = "j1", attempt: int = 1, made: Artefact | SupernetError | None = None) -> bool:
        """What an attempt made was verified and stored."""
        effects = self.dispatch.uploaded(job, attempt, artefact() if made is None else made, self.now)
        self.out = effects or []
        return effects is not None

    def ends(self, worker: str = "w1", job: str = "j1", attempt: int = 1) -> list[Effect]:
        """Done, with figures that nobody believes."""
        usage = Usage(prompt=50, completion=50)
        self.says(worker, wire.Done(job=job, attempt=attempt, seq=0, finish_reason="stop", usage=usage))
        return self.out

    def makes(self, worker: str = "w1", job: str = "j1", attempt: int = 1) -> None:
        """The whole of it."""
        self.accepts(worker, job, attempt)
        assert self.uploads(job, attempt)
        self.ends(worker, job, attempt)

    def token(self, job: str = "j1") -> str:
        """What the last Start said."""
        (start,) = [start for _, start in self.sent(wire.Start) if start.job == job]
        assert start.upload is not None
        return start.upload.token
