"""The media of a session at work: the events of its pipelines are fed to it, and its effects are performed.

What session_driver.py is for chats. Files are written to disk and read from it here; the session knows their names.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from wire import media as wire
from wire.errors import ErrorCode
from wire.media import MediaOffer
from worker.daemon import uploads
from worker.daemon.home import Home
from worker.daemon.scratch import Scratch
from worker.daemon.systemd import notify
from worker.daemon.uploads import UploadFailed
from worker.media_engine import port
from worker.session import effects
from worker.session.session import Session
from worker.session.slots import JobKey
from worker.telemetry.media_counters import MediaCounters

log = logging.getLogger("supernet.media")


@dataclass(frozen=True)
class Media:
    """A pipeline to be served, with the engine that runs it."""

    offer: MediaOffer
    engine: port.MediaEngine


@dataclass
class _Upload:
    """One that is wanted still; `task` once it has begun."""

    effect: effects.SendFile
    task: "asyncio.Task[None] | None" = field(default=None)


class MediaDriver:
    """Feeds the session with what its pipelines and uploads say.

    `perform` does the session's effects, of every kind. The caller runs send_files(), and pump() for each pipeline, as
    tasks.
    """

    def __init__(
        self,
        media: tuple[Media, ...],
        session: Session,
        home: Home,
        scratch: Scratch,
        perform: Callable[[list[effects.Effect]], None],
    ) -> None:
        self.media = {one.offer.id: one for one in media}
        self.counters = {name: MediaCounters() for name in self.media}
        self._session = session
        self._home = home
        self._scratch = scratch
        self._perform = perform
        # never more than there are slots: each is about a job that holds one
        self._to_send: asyncio.Queue[_Upload] = asyncio.Queue()
        self._uploads: dict[JobKey, _Upload] = {}

    async def pump(self, one: Media) -> None:
        """Feed the session with the events of this pipeline's engine until cancelled."""
        name = one.offer.id
        async for event in one.engine.events():
            match event:
                case port.Ready():
                    log.info("%s is ready: %s", name, ", ".join(event.modes))
                    notify("READY=1\nSTATUS=ready")
                case port.Loading():
                    notify(f"STATUS=loading {name}\nEXTEND_TIMEOUT_USEC=60000000")
                case port.Ended():
                    _log_end(name, event)
                case _:
                    pass
            self.counters[name].engine(event)
            self._perform(self._session.engine(name, event))

    async def send_files(self) -> None:
        """Upload what was made, each file in a task of its own, until cancelled. Raises what a bug raises."""
        async with asyncio.TaskGroup() as group:
            while True:
                upload = await self._to_send.get()
                if self._uploads.get(upload.effect.key) is upload:  # else it is not wanted any more
                    upload.task = group.create_task(self._send(upload), name=f"upload {upload.effect.key}")

    async def _send(self, upload: _Upload) -> None:
        effect = upload.effect
        key, made = effect.key, effect.made
        counters = self.counters[effect.model]
        opened = partial(self._scratch.open, key, made.path)
        began = time.monotonic()
        try:
            await uploads.upload(self._home, key, made, effect.upload, opened)
        except UploadFailed as failed:
            counters.failed_uploads += 1
            self._perform(self._session.upload_failed(key, str(failed), failed.problem))
        else:
            counters.uploads += 1
            counters.upload_bytes += made.size_bytes
            seconds = time.monotonic() - began
            extra = {"job": key.job, "attempt": key.attempt, "model": effect.model}
            log.info("job %s: %s bytes uploaded in %.1f s", key, f"{made.size_bytes:,}", seconds, extra=extra)
            self._perform(self._session.uploaded(key))
        finally:
            self._uploads.pop(key, None)

    def perform(self, effect: effects.OfMedia) -> None:
        """Do what the session wants of media."""
        match effect:
            case effects.Keep():
                try:
                    self._scratch.keep(effect.sha256, effect.data)
                except OSError as error:  # the attempt fails when it is to be made of that
                    log.error("a file of a request cannot be kept: %s", error)
            case effects.Forget():
                self._scratch.forget(effect.sha256)
            case effects.Make():
                self._make(effect)
            case effects.StopMaking():
                self.media[effect.model].engine.send(port.Cancel(str(effect.key)))
            case effects.SendFile():
                upload = self._uploads[effect.key] = _Upload(effect)
                self._to_send.put_nowait(upload)
            case effects.StopSending():
                stopped = self._uploads.pop(effect.key, None)
                if stopped is not None and stopped.task is not None:
                    stopped.task.cancel()
            case effects.CleanUp():
                self._scratch.clean_up(effect.key)
            case _:
                raise TypeError(f"no effect of media: {effect}")

    def _make(self, effect: effects.Make) -> None:
        job = str(effect.key)
        try:
            inputs = self._scratch.inputs(wire.files(effect.make))
            into = self._scratch.room(effect.key)
        except OSError as error:
            log.error("job %s cannot be made: %s", job, error)
            failed = port.Ended(job, "failed", ErrorCode.ENGINE_ERROR, "this worker has no room for its files")
            self._perform(self._session.engine(effect.model, failed))
            return
        self.counters[effect.model].begun(job, wire.effort(effect.make))
        self.media[effect.model].engine.send(port.Render(job, effect.make, effect.seed, inputs, into))

    async def close(self) -> None:
        """End every engine, and remove all files."""
        await asyncio.gather(*(one.engine.close() for one in self.media.values()))
        self._scratch.close()


def _log_end(model: str, ended: port.Ended) -> None:
    key = JobKey.parse(ended.job)
    level = logging.WARNING if ended.reason == "failed" else logging.INFO
    why = f": {ended.message}" if ended.message else ""
    extra = {"job": key.job, "attempt": key.attempt, "model": model}
    log.log(level, "job %s: %s after %.1f s%s", ended.job, ended.reason, ended.seconds, why, extra=extra)
