"""Every attempt at media that this worker has a part in: its files are fetched, it is made, and its file is uploaded.

An attempt whose files are on their way has not been accepted; when its line is lost it begins anew. What was accepted
goes on without a line, its upload too, and says so when the line is back. The slot is free when the attempt has ended:
by then the file is with the coordinator.
"""

from collections.abc import Mapping

from wire import messages as wire
from wire.blobs import Blob, Need
from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobMessage, JobState
from wire.media import MediaRequest, Progress
from worker.engine.port import JobUsage
from worker.media_engine import port
from worker.session.attempt import Attempt
from worker.session.attempts import Attempts
from worker.session.effects import CleanUp, Effect, Forget, Keep, Make, SendFile, StopMaking, StopSending
from worker.session.line import Line
from worker.session.media_files import MediaFiles
from worker.session.media_task import MediaTask
from worker.session.served_media import ServedMedia
from worker.session.slots import JobKey

SILENT_S = 30.0  # without a piece of any file: a piece takes 2 s of a line of 1 Mbit/s
LEAVING = "the worker is leaving"

Media = Attempt[MediaTask]


class MediaJobs:
    """Each method takes one frame or event and returns the effects, in their order."""

    def __init__(self, served: Mapping[str, ServedMedia], attempts: Attempts, line: Line) -> None:
        self._served = served
        self._attempts = attempts
        self._line = line
        self.files = MediaFiles()
        self._silent_since: float | None = None

    # ---- its files -----------------------------------------------------------------------------------------------

    def start(self, start: wire.Start, request: MediaRequest) -> list[Effect]:
        """Lease a slot and ask for the files that are not here; it was found to be one that can be served."""
        assert start.upload is not None
        key = JobKey(start.job, start.attempt)
        attempt = self._attempts.begin(key, start.model, MediaTask(request.make, start.seed, start.upload))
        if not self.files.claim(key, request.make):
            return self._attempts.refuse(attempt, _elsewhere("there is no room for more files"))
        if lacking := self.files.lacking(key):
            return self._line.send(Need(job=key.job, attempt=key.attempt, files=tuple(lacking)))
        return self._accept(attempt)

    def arrived(self, blob: Blob) -> list[Effect]:
        """Take a piece of a file, and begin with those who have all of theirs now."""
        if not self.files.wants(blob):
            return []
        self._silent_since = None
        waiting = [attempt for attempt in self._without_files() if attempt.key in self.files.waiting(blob.sha256)]
        data, whole = self.files.take(blob)
        if whole is False:
            spoiled = _elsewhere("a file was spoiled on its way")
            return [effect for attempt in waiting for effect in self._refuse(attempt, spoiled)]
        ready = [attempt for attempt in waiting if not self.files.lacking(attempt.key)] if whole else []
        return [Keep(blob.sha256, data), *(effect for attempt in ready for effect in self._accept(attempt))]

    def without_files(self, why: SupernetError) -> list[Effect]:
        """Refuse all whose files have not come."""
        return [effect for attempt in self._without_files() for effect in self._refuse(attempt, why)]

    def _without_files(self) -> list[Media]:
        return [attempt for attempt in self._attempts.all_of(MediaTask) if not attempt.ended and not attempt.task.begun]

    def _refuse(self, attempt: Media, why: SupernetError) -> list[Effect]:
        return [*self._attempts.refuse(attempt, why), *self._forget(attempt.key)]

    def _forget(self, key: JobKey) -> list[Effect]:
        return [Forget(name) for name in self.files.release(key)]

    def _accept(self, attempt: Media) -> list[Effect]:
        key, task = attempt.key, attempt.task
        attempt.step(JobMessage.ACCEPTED)
        task.begun = True
        accepted = self._line.send(wire.Accepted(job=key.job, attempt=key.attempt))
        return [*accepted, Make(key, attempt.model, task.make, task.seed)]

    # ---- while it is made ----------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Refuse those whose files do not come, and tell how far the others are."""
        if not self._without_files():
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since >= SILENT_S:
            return self.without_files(_elsewhere("the files of the request do not come"))
        running = (a for a in self._attempts.all_of(MediaTask) if a.state is JobState.RUNNING)
        due = [attempt for attempt in running if self._line.welcomed and attempt.task.due(now)]
        return [effect for attempt in due for effect in self._tell(attempt)]

    def _tell(self, attempt: Media) -> list[Effect]:
        (job, number), task = attempt.key, attempt.task
        attempt.step(JobMessage.PROGRESS)
        preview, task.preview = task.preview, ""
        told = Progress(job=job, attempt=number, stage=task.stage, step=task.step, steps=task.steps, preview=preview)
        return self._line.send(told)

    def progressed(self, event: port.Progress) -> list[Effect]:
        """The engine has come further; it is told at the next tick."""
        if attempt := self._attempts.of(JobKey.parse(event.job), MediaTask):
            attempt.task.progressed(event.stage, event.step, event.steps, event.preview)
        return []

    def made(self, event: port.Made) -> list[Effect]:
        """The engine has written the file; it is uploaded when the engine says that it is done."""
        if attempt := self._attempts.of(JobKey.parse(event.job), MediaTask):
            attempt.task.made = event
        return []

    def ended(self, event: port.Ended) -> list[Effect]:
        """The engine is done with an attempt: upload what it made, or send its end."""
        attempt = self._attempts.of(JobKey.parse(event.job), MediaTask)
        if attempt is None or attempt.ended:
            return []
        if attempt.state is JobState.CANCELLING:
            return self._end(attempt, attempt.cancelled(JobUsage()))
        if event.reason == "failed":
            return self._end(attempt, attempt.failed(event.code or ErrorCode.ENGINE_ERROR, event.message))
        if attempt.handed_back:
            return self._end(attempt, attempt.failed(ErrorCode.WORKER_DRAINING, LEAVING))
        made, task = attempt.task.made, attempt.task
        if event.reason == "cancelled" or made is None:
            return self._end(attempt, attempt.failed(ErrorCode.ENGINE_ERROR, "the engine gave the job up"))
        if made.size_bytes > task.upload.limit_bytes:
            text = f"its file has {made.size_bytes:,} bytes: {task.upload.limit_bytes:,} are taken"
            return self._end(attempt, attempt.failed(ErrorCode.ENGINE_ERROR, text))
        task.uploading = True
        task.progressed("uploading", task.step, task.steps)
        return [SendFile(attempt.key, attempt.model, made, task.upload)]

    def engine_died(self, model: str, message: str) -> list[Effect]:
        """End what it was making as failed: another worker may have more luck. What is made is made."""
        making = [a for a in self._attempts.all_of(MediaTask) if a.model == model and not a.ended and a.task.begun]
        effects: list[Effect] = []
        for attempt in making:
            if attempt.state is JobState.CANCELLING:
                effects += self._end(attempt, attempt.cancelled(JobUsage()))
            elif not attempt.task.uploading:
                effects += self._end(attempt, attempt.failed(ErrorCode.ENGINE_CRASHED, message))
        return effects

    def uploaded(self, key: JobKey) -> list[Effect]:
        """The coordinator has the file: the attempt is done."""
        attempt = self._attempts.of(key, MediaTask)
        return [] if attempt is None or attempt.ended else self._end(attempt, attempt.done("stop", JobUsage()))

    def upload_failed(self, key: JobKey, why: str) -> list[Effect]:
        """The coordinator did not take the file: another worker may have more luck."""
        attempt = self._attempts.of(key, MediaTask)
        if attempt is None or attempt.ended:
            return []
        return self._end(attempt, attempt.failed(ErrorCode.ENGINE_ERROR, why))

    # ---- its end -------------------------------------------------------------------------------------------------

    def cancel(self, attempt: Media) -> list[Effect]:
        """End it: at once while its files come or go, within a step of the engine while it is made."""
        attempt.step(JobMessage.CANCEL)
        if attempt.task.begun and not attempt.task.uploading:
            return [StopMaking(attempt.key, attempt.model)]
        stop = [StopSending(attempt.key)] if attempt.task.uploading else []
        return [*stop, *self._end(attempt, attempt.cancelled(JobUsage()))]

    def hand_back(self) -> list[Effect]:
        """Stop all that runs: the coordinator finds another worker for it."""
        effects = self.without_files(SupernetError(ErrorCode.WORKER_DRAINING, LEAVING))
        for attempt in self._attempts.all_of(MediaTask):
            if attempt.ended or attempt.handed_back:
                continue
            attempt.handed_back = True
            if attempt.task.uploading:
                failed = attempt.failed(ErrorCode.WORKER_DRAINING, LEAVING)
                effects += [StopSending(attempt.key), *self._end(attempt, failed)]
            else:
                effects.append(StopMaking(attempt.key, attempt.model))
        return effects

    def _end(self, attempt: Media, frame: wire.Done | wire.Failed | wire.Cancelled) -> list[Effect]:
        return [*self._attempts.end(attempt, frame), *self._forget(attempt.key), CleanUp(attempt.key)]


def refusal(start: wire.Start, served: ServedMedia, request: MediaRequest) -> SupernetError | None:
    """Return why something cannot be made by a pipeline that is loaded."""
    if start.upload is None:
        return SupernetError(ErrorCode.PROTOCOL_ERROR, "a request for media came without an upload token")
    if lacks := served.offer.lacks(request.make):
        return SupernetError(ErrorCode.MODEL_NOT_LOADED, f"{start.model} cannot make this here: {lacks}")
    return None


def _elsewhere(why: str) -> SupernetError:
    return SupernetError(ErrorCode.WORKER_BUSY, f"{why}: try another worker")
