"""The worker's side of the protocol, pure: a frame, an engine event or a tick comes in, effects go out.

A session outlives its socket: a reattach within the resume window replays exactly what was not acknowledged.
"""

from collections.abc import Mapping
from types import MappingProxyType

from wire import messages as wire
from wire.blobs import Blob
from wire.earnings import Earnings
from wire.errors import ErrorCode, SupernetError
from wire.handed_catalog import HandedCatalog, fingerprint
from wire.idle import Idle
from wire.messages import Issue
from worker.chat.prepared import Prepared
from worker.engine import port
from worker.media_engine import port as media_port
from worker.session.drain import Drain
from worker.session.effects import Effect, Leave, ReadPictures, Redial, Send
from worker.session.engines import Engines
from worker.session.jobs import Jobs
from worker.session.line import Line
from worker.session.problems import Problems
from worker.session.served_media import ServedMedia
from worker.session.served_model import ServedModel
from worker.session.slots import JobKey


class Session:
    """The one writer of the worker's state. Every method is plain: nothing can interleave inside it.

    A method returns the effects that the caller has to perform, in their order. None raises for anything that a
    coordinator, a client or an engine can do: an exception is a bug of this worker. `now` is in seconds, of any clock
    that never goes back.
    """

    def __init__(
        self, models: Mapping[str, ServedModel], media: Mapping[str, ServedMedia] = MappingProxyType({})
    ) -> None:
        self.models, self.media = models, media
        self.line = Line()
        self.leaving = Drain()
        self.problems = Problems(self.line)
        self.jobs = Jobs(models, media, self.line, self.leaving)
        self._engines = Engines(models, media, self.jobs, self.line, self.problems)
        self.earnings: Earnings | None = None  # the last that the coordinator said, for the owner's eyes
        self.idle: Idle | None = (
            None  # why there are no jobs, as it said last; None: there are some, or it says nothing
        )
        self.catalog = ""  # the fingerprint of the one that the coordinator handed out last
        self.newest = ""  # of this program's versions, as the coordinator says

    # ---- the link ------------------------------------------------------------------------------------------------

    def resume(self) -> wire.Resume | None:
        """Return what Hello says about the session that a lost socket left behind; None: there is none.

        Until Welcome comes no other job is begun.
        """
        self.line.resuming = True
        if self.line.session_id is None:
            return None
        going_on = self.jobs.resumable()
        jobs = tuple(wire.RunningJob(job=a.key.job, attempt=a.key.attempt, next_seq=a.next_seq) for a in going_on)
        return wire.Resume(session=self.line.session_id, jobs=jobs)

    def link_lost(self, now: float) -> list[Effect]:
        """Note that the socket is gone. Jobs go on for as long as the session can be resumed, but for those whose
        files were on their way."""
        self.line.down(now)
        return self.jobs.link_lost()

    def received(self, message: wire.ToWorker, now: float) -> list[Effect]:
        """Take a frame of the coordinator. One that comes before Welcome is answered with an Error frame."""
        if not self.line.welcomed and not isinstance(message, wire.Welcome | wire.Error):
            return [Send(wire.Error(code=ErrorCode.PROTOCOL_ERROR, message=f"{message.type} before welcome"))]
        return [*self._dispatch(message, now), *self._leave(now)]

    def useless(self, message: wire.ToWorker) -> float:
        """Return how much of a frame, 0 to 1, will be of no use: what is said of attempts that are not here, a Start
        that will be refused, and all that a coordinator says now and then. Asked before the frame is taken."""
        attempts = self.jobs.attempts
        match message:
            case wire.Start():
                return 0.0 if self.jobs.takes(message) else 1.0
            case wire.Cancel():
                return 0.0 if JobKey(message.job, message.attempt) in attempts else 1.0
            case Blob():
                return 0.0 if self.jobs.wants(message) else 1.0
            case wire.Ack() if message.items:
                known = sum(JobKey(item.job, item.attempt) in attempts for item in message.items)
                return 1.0 - known / len(message.items)
            case _:
                return 1.0

    def _dispatch(self, message: wire.ToWorker, now: float) -> list[Effect]:
        match message:
            case wire.Welcome():
                return self._welcome(message, now)
            case wire.Start():
                return self.jobs.start(message)
            case wire.Cancel():
                return self.jobs.cancel(JobKey(message.job, message.attempt))
            case wire.Ack():
                return self.jobs.acknowledge(message)
            case wire.Drain():
                return self.drain(message.deadline_s, now)
            case wire.Move():
                return [Redial(message.after_s, message.url, "it sends this worker away")]
            case Earnings():
                self.earnings = message
                return []
            case Idle():
                self.idle = message if message.code else None
                return []
            case HandedCatalog():
                self.catalog = fingerprint(message.text)
                return self.line.send(self.capacity())  # what it has again may be loaded here all the while
            case Blob():
                return self.jobs.arrived(message)
            case wire.Error():
                return []  # logged by the shell: nothing here depends on it

    def _welcome(self, welcome: wire.Welcome, now: float) -> list[Effect]:
        if welcome.session != self.line.session_id:
            self.idle = None
        self.line.up(welcome)
        self.newest = welcome.newest
        kept = {JobKey(job.job, job.attempt): job.next_seq for job in welcome.kept}
        effects: list[Effect] = [Send(self.capacity()), *self.problems.again(), *self.jobs.reattach(kept)]
        if self.leaving.begun:
            effects.append(Send(wire.Draining(deadline_s=self.leaving.left_s(now))))
        return effects

    # ---- the readers of requests ---------------------------------------------------------------------------------

    def picture_read(self, effect: ReadPictures, picture: port.Picture, in_file: int) -> list[Effect]:
        """Take an answer to a ReadPictures effect: the next of its files, of so many pixels, is this picture."""
        return self.jobs.chats.pictures.picture_read(effect, picture, in_file)

    def picture_failed(self, effect: ReadPictures, error: SupernetError) -> list[Effect]:
        """Take the other answer to a ReadPictures effect: the next of its files cannot be read."""
        return self.jobs.chats.pictures.picture_failed(effect, error)

    def prepared(self, key: JobKey, prepared: Prepared) -> list[Effect]:
        """Take the answer to a Prepare effect: the request is ready for the engine."""
        return self.jobs.chats.prepared(key, prepared)

    def prepare_failed(self, key: JobKey, error: SupernetError) -> list[Effect]:
        """Take the other answer to a Prepare effect: the request cannot be served."""
        return self.jobs.chats.prepare_failed(key, error)

    def checked(self, key: JobKey, faults: tuple[str, ...]) -> list[Effect]:
        """Take the answer to a Check effect: what of its schema the finished answer breaks."""
        return self.jobs.chats.checked(key, faults)

    # ---- the engines ---------------------------------------------------------------------------------------------

    def engine(self, model: str, event: port.Event | media_port.Event) -> list[Effect]:
        """Take an event of the engine of `model`."""
        return self._engines.event(model, event)

    def uploaded(self, key: JobKey) -> list[Effect]:
        """Take the answer to a SendFile effect: the coordinator has the file."""
        return [*self.problems.solve("upload_refused", "a file was taken"), *self.jobs.media.uploaded(key)]

    def upload_failed(self, key: JobKey, why: str, problem: Issue | None) -> list[Effect]:
        """Take the other answer to a SendFile effect: the coordinator has not taken the file. `problem`: what its owner
        can do something about."""
        told = [] if problem is None else self.problems.add(problem)
        return [*told, *self.jobs.media.upload_failed(key, why)]

    # ---- the owner -----------------------------------------------------------------------------------------------

    def offer(self, slots: int) -> list[Effect]:
        """Offer at most so many slots of each model from now on. Jobs that run above the limit are not interrupted."""
        before = self.capacity()
        for held in (*(one.slots for one in self.models.values()), *(one.slots for one in self.media.values())):
            held.offered = min(slots, held.count)
        return [] if self.capacity() == before else self.line.send(self.capacity())

    def capacity(self) -> wire.Capacity:
        """Return the frame that says which slots are free: the heartbeat."""
        return self.jobs.capacity()

    # ---- leaving -------------------------------------------------------------------------------------------------

    def drain(self, deadline_s: float, now: float) -> list[Effect]:
        """Take no more jobs; finish what runs within so many seconds, then hand it back. Ends in a Leave effect."""
        self.leaving.begin(deadline_s, now)
        return [*self.line.send(wire.Draining(deadline_s=deadline_s)), *self._leave(now)]

    def tick(self, now: float) -> list[Effect]:
        """Look at the deadlines; called a few times a second."""
        effects = self.jobs.reattach(kept={}) if self.line.expired(now) else []
        effects += self.jobs.tick(now)
        if self.leaving.hands_back(now):
            effects += self.jobs.hand_back()
        return [*effects, *self._leave(now)]

    def _leave(self, now: float) -> list[Effect]:
        return [Leave()] if self.leaving.ends(idle=not self.jobs.attempts, now=now) else []
