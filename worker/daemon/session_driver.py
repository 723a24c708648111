"""The session at work: frames and events of engines are fed to it, and its effects are performed.

Whatever has to wait (the socket, an engine's pipe, the preparer) waits here; the session itself never does.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from wire import messages as wire
from wire.blobs import Blob
from wire.earnings import EARNINGS
from wire.errors import ErrorCode, SupernetError
from wire.handed_catalog import CATALOG, HandedCatalog
from wire.idle import IDLE
from wire.media import MEDIA
from wire.offers import Hardware, ModelOffer
from worker.daemon.handed import Judged
from worker.daemon.home import Home
from worker.daemon.link import Link
from worker.daemon.media_driver import Media, MediaDriver
from worker.daemon.problem_log import ProblemLog
from worker.daemon.scratch import Scratch
from worker.daemon.systemd import notify
from worker.engine import port
from worker.issues import issue
from worker.pictures.cache import PictureCache
from worker.pictures.process import PictureReader
from worker.preparer.port import Preparer
from worker.session import effects
from worker.session.served_media import ServedMedia
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.session.slots import JobKey, Slots
from worker.telemetry.counters import Counters
from worker.telemetry.tracing import Tracing

CHECK_S = 5.0  # for all of one answer; a coordinator waits 10 s between two frames of an answer, and then moves it
PICTURES_S = 10.0  # for all of one request; a coordinator waits for that and for the preparation, 20 s
MOST_CHECKED = 16  # calls of one answer: the grammar allows no more

log = logging.getLogger("supernet.daemon")


@dataclass(frozen=True)
class Model:
    """A model to be served, with the engine and the preparer that serve it. `looked`: told at each load what it took to
    see a picture, or that it sees none."""

    offer: ModelOffer
    engine: port.Engine
    preparer: Preparer
    looked: Callable[[float | None], None] = lambda _: None


@dataclass(frozen=True)
class Identity:
    """Who this worker is, for Hello."""

    worker: str
    instance: str
    version: str
    name: str
    hardware: Hardware


class SessionDriver:
    """Feeds the session and performs its effects.

    `ending` gets the two effects that end a daemon, `handed` the text of each catalog that the coordinator hands out.
    The caller runs link.run(), read_requests(), media.send_files() and pump() for each model, as tasks.
    """

    def __init__(
        self,
        identity: Identity,
        models: tuple[Model, ...],
        media: tuple[Media, ...],
        home: Home,
        scratch: Scratch,
        problems: ProblemLog,
        tracing: Tracing,
        ending: Callable[[effects.GiveUp | effects.Leave], None],
        handed: Callable[[str], Judged] = lambda _: [],
    ) -> None:
        self._identity = identity
        self._problems = problems
        self._tracing = tracing
        self._ending = ending
        self._handed = handed
        # never more than there are slots: each is about a job that holds one
        self._to_read: asyncio.Queue[effects.ReadPictures | effects.Prepare | effects.Check] = asyncio.Queue()
        self._pictures = PictureCache(PictureReader())  # its child is started by the first picture
        self.models = {model.offer.id: model for model in models}
        self.session = Session(
            {m.offer.id: ServedModel(m.offer, Slots(m.offer.slots)) for m in models},
            {m.offer.id: ServedMedia(m.offer, Slots(m.offer.slots)) for m in media},
        )
        self.link = Link(home, self._hello, self._received, self._lost)
        self.media = MediaDriver(media, self.session, home, scratch, self.perform)
        self.counters = Counters(tuple(self.models))

    # ---- events in -----------------------------------------------------------------------------------------------

    def _hello(self) -> wire.Hello:
        who = self._identity
        offers = tuple(served.offer for served in self.session.models.values())
        media = tuple(served.offer for served in self.session.media.values())
        return wire.Hello(
            worker=who.worker,
            instance=who.instance,
            version=who.version,
            name=who.name,
            hardware=who.hardware,
            models=offers,
            media=media,
            features=(EARNINGS, IDLE, CATALOG, *([MEDIA] if media else [])),
            catalog=self.session.catalog,
            resume=self.session.resume(),
        )

    def _received(self, message: wire.ToWorker) -> float:
        now, useless = time.monotonic(), self.session.useless(message)
        self._tracing.received(message)
        if isinstance(message, wire.Start):
            self.counters.started(str(JobKey(message.job, message.attempt)), now)
        self.counters.cancels += isinstance(message, wire.Cancel)
        if isinstance(message, Blob) and not useless:
            self.counters.picture_bytes += 3 * len(message.data) // 4 - message.data.count("=")
        self.perform(self.session.received(message, now))
        if isinstance(message, wire.Cancel):
            self._forget([JobKey(message.job, message.attempt)])
        if isinstance(message, HandedCatalog):
            for code, problem in self._handed(message.text):
                problems = self.session.problems
                self.perform(problems.solve(code, "it is in order") if problem is None else problems.add(problem))
        if message.type == "welcome":
            log.info("registered with the coordinator as %s", self._identity.worker)
            notify("STATUS=registered")
        return useless

    def _lost(self) -> None:
        before = list(self.session.jobs.attempts)
        self.perform(self.session.link_lost(time.monotonic()))
        self._forget(before)

    def _forget(self, keys: Iterable[JobKey]) -> None:
        """Those of them that are over without having come to the engine."""
        for key in keys:
            if key not in self.session.jobs.attempts:
                self.counters.gone(str(key))

    async def pump(self, model: Model) -> None:
        """Feed the session with the events of this model's engine until cancelled."""
        name = model.offer.id
        async for event in model.engine.events():
            match event:
                case port.Ready():
                    if not await self._start_preparer(model):
                        continue
                    if event.image_ms is not None and not model.preparer.sees:
                        event = replace(event, image_ms=None, blind="its chat template shows it no pictures")
                    log.info("%s is ready: %d slots of %d tokens%s", name, event.slots, event.context, _sight(event))
                    model.looked(event.image_ms)
                    notify("READY=1\nSTATUS=ready")  # not at Welcome: a coordinator that is away is no failed start
                case port.Loading():
                    notify(f"STATUS=loading {name}: {event.fraction:.0%}\nEXTEND_TIMEOUT_USEC=60000000")
                case port.Ended():
                    _log_end(name, event)
                case _:
                    pass
            self.counters.engine(name, event, time.monotonic())
            self.perform(self.session.engine(name, event))

    async def _start_preparer(self, model: Model) -> bool:
        """Start it before the first request comes. False: it cannot be, so no request can be served."""
        try:
            await model.preparer.start()
        except SupernetError as error:
            problem = issue("preparer_broken", error.message)
            self.perform([*self.session.problems.add(problem), effects.GiveUp(problem)])
            return False
        return True

    async def read_requests(self) -> None:
        """Read pictures, prepare requests and check answers as they come, each in a task of its own, until cancelled.

        Raises what a bug raises.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                match effect := await self._to_read.get():
                    case effects.ReadPictures():
                        group.create_task(self._read_pictures(effect), name=f"read pictures of {effect.key}")
                    case effects.Prepare():
                        group.create_task(self._prepare(effect), name=f"prepare {effect.key}")
                    case effects.Check():
                        group.create_task(self._check(effect), name=f"check {effect.key}")

    async def _read_pictures(self, effect: effects.ReadPictures) -> None:
        """One picture after the other, each shown to the engine before the next is read."""
        engine = self.models[effect.model].engine
        try:
            async with asyncio.timeout(PICTURES_S):
                for file in effect.files:
                    try:
                        picture, in_file = await self._pictures.picture(file.sha256, file.data, file.most)
                    except SupernetError as error:
                        self.perform(self.session.picture_failed(effect, error))
                    else:
                        await engine.drained()
                        self.counters.pictures += 1
                        self.perform(self.session.picture_read(effect, picture, in_file))
                    if not self.session.jobs.chats.pictures.reads(effect):
                        break
        except TimeoutError:
            slow = SupernetError(ErrorCode.WORKER_BUSY, "the worker is slow to read pictures: try another worker")
            self.perform(self.session.picture_failed(effect, slow))
        finally:
            self._forget([effect.key])

    async def _prepare(self, effect: effects.Prepare) -> None:
        preparer = self.models[effect.model].preparer
        try:
            prepared = await preparer.prepare(effect.request, effect.delivered, effect.seen)
        except SupernetError as error:
            self.perform(self.session.prepare_failed(effect.key, error))
        except Exception as error:
            error.add_note(f"while job {effect.key} was prepared")
            raise
        else:
            self.perform(self.session.prepared(effect.key, replace(prepared, said=(*effect.said, *prepared.said))))
        finally:
            self._forget([effect.key])

    async def _check(self, effect: effects.Check) -> None:
        preparer, found = self.models[effect.model].preparer, list[str]()
        try:
            async with asyncio.timeout(CHECK_S):
                for claim in effect.claims[:MOST_CHECKED]:
                    found += [f"{claim.whose}: {fault}" for fault in await preparer.check(claim.schema, claim.text)]
        except (TimeoutError, SupernetError):
            found.append("not all of the answer could be checked against its schema")
        if len(effect.claims) > MOST_CHECKED:
            found.append(f"only the first {MOST_CHECKED} calls were checked against their schemas")
        self.perform(self.session.checked(effect.key, tuple(found)))

    async def close(self) -> None:
        """End every engine and preparer, and the reader of pictures."""
        parts = [
            self._pictures,
            self.media,
            *(part for model in self.models.values() for part in (model.engine, model.preparer)),
        ]
        await asyncio.gather(*(part.close() for part in parts))

    # ---- effects out ---------------------------------------------------------------------------------------------

    def perform(self, wanted: list[effects.Effect]) -> None:
        """Do what the session wants, in its order."""
        for effect in wanted:
            match effect:
                case effects.Send():
                    self._tracing.sent(effect.message)
                    if isinstance(effect.message, wire.Refused):
                        key = JobKey(effect.message.job, effect.message.attempt)
                        self.counters.was_refused(str(key), effect.message.code)
                    self.link.send(effect.message)
                case effects.Tell():
                    self._problems.tell(effect.issue)
                case effects.Bug():
                    key = effect.key
                    extra = {"job": key.job, "attempt": key.attempt}
                    log.error("job %s: a bug in reading its answer", key, exc_info=effect.error, extra=extra)
                case effects.Command():
                    self.models[effect.model].engine.send(effect.command)
                case effects.ReadPictures() | effects.Prepare() | effects.Check():
                    self._to_read.put_nowait(effect)
                case effects.OfMedia():
                    self.media.perform(effect)
                case effects.Redial():
                    self.link.redial(effect.after_s, effect.url, effect.why)
                case effects.GiveUp() | effects.Leave():
                    self._ending(effect)


def _sight(ready: port.Ready) -> str:
    return "" if ready.image_ms is None else f", pictures of 1,024 tokens in {ready.image_ms:.0f} ms"


def _log_end(model: str, ended: port.Ended) -> None:
    key, usage = JobKey.parse(ended.job), ended.usage
    level = logging.WARNING if ended.reason == "failed" else logging.INFO
    counts = f"{usage.prompt} prompt tokens, {usage.cached} of them cached, {usage.completion} generated"
    why = f": {ended.message}" if ended.message else ""
    extra = {"job": key.job, "attempt": key.attempt, "model": model}
    log.log(level, "job %s: %s, %s%s", ended.job, ended.reason, counts, why, extra=extra)
