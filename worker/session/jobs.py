"""Every attempt that this worker has a part in, from Start until its end is acknowledged, whatever its kind.

What depends on the kind of a request is done by ChatJobs and MediaJobs; which of them an attempt belongs to, its task
says.
"""

from collections.abc import Mapping
from typing import Any

from wire import messages as wire
from wire.blobs import Blob
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError
from wire.media import MediaRequest
from worker.session import chat_jobs, media_jobs
from worker.session.attempt import Attempt, refused
from worker.session.attempts import Attempts
from worker.session.chat_jobs import ChatJobs
from worker.session.chat_task import ChatTask
from worker.session.drain import Drain
from worker.session.effects import Effect
from worker.session.line import Line
from worker.session.media_jobs import MediaJobs
from worker.session.media_task import MediaTask
from worker.session.served_media import ServedMedia
from worker.session.served_model import ServedModel
from worker.session.slots import JobKey, Slots


class Jobs:
    """Hands each frame to the jobs of its kind. Each method returns the effects, in their order."""

    def __init__(
        self, models: Mapping[str, ServedModel], media: Mapping[str, ServedMedia], line: Line, drain: Drain
    ) -> None:
        self._models = models
        self._media = media
        self._line = line
        self._drain = drain
        self._attempts = Attempts(line, self._slots, self.capacity)
        self.chats = ChatJobs(models, self._attempts, line)
        self.media = MediaJobs(media, self._attempts, line)

    @property
    def attempts(self) -> Mapping[JobKey, Attempt[Any]]:
        return self._attempts.by_key

    def capacity(self) -> wire.Capacity:
        """Return the frame that says which slots are free: the heartbeat."""
        served: list[ServedModel | ServedMedia] = [*self._models.values(), *self._media.values()]
        return wire.Capacity(models=tuple(one.state(self._drain.begun) for one in served))

    def _slots(self, model: str) -> Slots:
        return self._models[model].slots if model in self._models else self._media[model].slots

    # ---- from Start on -------------------------------------------------------------------------------------------

    def takes(self, start: wire.Start) -> bool:
        """Return whether a Start would lease a slot now."""
        return JobKey(start.job, start.attempt) not in self.attempts and self._refusal(start) is None

    def start(self, start: wire.Start) -> list[Effect]:
        """Lease a slot and begin, or refuse."""
        key = JobKey(start.job, start.attempt)
        if key in self.attempts:
            # not Refused: that would end the attempt that goes on
            return self._line.send(wire.Error(code=ErrorCode.PROTOCOL_ERROR, message=f"{key} was started before"))
        if why := self._refusal(start):
            return self._line.send(refused(key, why.code, why.message, why.param))
        if isinstance(start.request, ChatRequest):
            return self.chats.start(start, start.request)
        assert isinstance(start.request, MediaRequest)
        return self.media.start(start, start.request)

    def _refusal(self, start: wire.Start) -> SupernetError | None:
        """Return why a Start cannot be served now."""
        if self._drain.begun:
            return SupernetError(ErrorCode.WORKER_DRAINING, "this worker is leaving")
        served: ServedModel | ServedMedia | None
        wrong: SupernetError | None
        match start.request:
            case ChatRequest() as request:
                chat = served = self._models.get(start.model)
                wrong = None if chat is None else chat_jobs.refusal(start.model, chat, request)
            case MediaRequest() as request:
                pipeline = served = self._media.get(start.model)
                wrong = None if pipeline is None else media_jobs.refusal(start, pipeline, request)
            case unknown:
                message = f"this worker does not serve requests of kind {unknown.kind!r}"
                return SupernetError(ErrorCode.MODEL_NOT_LOADED, message)
        if served is None or served.status != "ready":
            state = "not served here" if served is None else served.status
            return SupernetError(ErrorCode.MODEL_NOT_LOADED, f"model {start.model} is {state}")
        if wrong:
            return wrong
        if not served.slots.free:
            return SupernetError(ErrorCode.WORKER_BUSY, f"all {served.slots.offered} slots are taken")
        return None

    def wants(self, blob: Blob) -> bool:
        """Return whether a piece of a file is of use to anybody."""
        return self.chats.pictures.blobs.wants(blob) or self.media.files.wants(blob)

    def arrived(self, blob: Blob) -> list[Effect]:
        """Take a piece of a file."""
        return [*self.chats.pictures.arrived(blob), *self.media.arrived(blob)]

    # ---- while they run ------------------------------------------------------------------------------------------

    def acknowledge(self, ack: wire.Ack) -> list[Effect]:
        """Forget the frames that have arrived, and the attempts whose end is among them."""
        effects: list[Effect] = []
        for item in ack.items:
            self._attempts.acknowledge(item)
            if attempt := self._attempts.of(JobKey(item.job, item.attempt), ChatTask):
                effects += self.chats.flow(attempt)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Look at the deadlines of files, and tell how far media are."""
        return [*self.chats.pictures.tick(now), *self.media.tick(now)]

    # ---- their end -----------------------------------------------------------------------------------------------

    def cancel(self, key: JobKey) -> list[Effect]:
        """Ask for the end of an attempt. Its slot stays leased until its engine has ended it."""
        attempt = self.attempts.get(key)
        if attempt is None or attempt.ended:
            return []  # its end crossed the Cancel on the line
        return self.media.cancel(attempt) if isinstance(attempt.task, MediaTask) else self.chats.cancel(attempt)

    def hand_back(self) -> list[Effect]:
        """Stop all that runs: the coordinator finds another worker for it."""
        return [*self.chats.hand_back(), *self.media.hand_back()]

    # ---- a lost line ---------------------------------------------------------------------------------------------

    def link_lost(self) -> list[Effect]:
        """Forget the attempts whose files were on their way: they begin anew, here or elsewhere. Nobody is told."""
        lost = SupernetError(ErrorCode.WORKER_BUSY, "the line was lost")
        return [*self.chats.pictures.hand_back(lost), *self.media.without_files(lost)]

    def resumable(self) -> list[Attempt[Any]]:
        """Return the attempts that a reattach can go on with."""
        return self._attempts.resumable()

    def reattach(self, kept: Mapping[JobKey, int]) -> list[Effect]:
        """Go on with what the coordinator has kept, and give up the rest.

        `kept`: attempt -> the first sequence number that has not arrived.
        """
        effects: list[Effect] = []
        for attempt in list(self.attempts.values()):
            if attempt.key in kept:
                effects += self._attempts.replay(attempt, kept[attempt.key])
                match attempt.task:
                    case ChatTask():
                        effects += self.chats.flow(attempt)
                    case MediaTask():
                        attempt.task.tell_again()
            elif not self._attempts.abandon(attempt):
                effects += self.cancel(attempt.key)
        return effects
