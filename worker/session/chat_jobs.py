"""Every chat that this worker has a part in, from Start until its end is acknowledged.

Its replay buffer is bounded by the window: a job whose tokens are not acknowledged is paused.
"""

from collections.abc import Mapping

from wire import messages as wire
from wire.blobs import VISION
from wire.chat import ChatRequest, Notice, Part
from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobMessage, JobState
from worker.chat.pictures import pictures_of
from worker.chat.prepared import Prepared
from worker.engine import port
from worker.session.attempt import Attempt
from worker.session.attempts import Attempts
from worker.session.chat_task import ChatTask
from worker.session.effects import Bug, Check, Command, Effect, Prepare
from worker.session.line import Line
from worker.session.pictures import Pictures
from worker.session.served_model import ServedModel
from worker.session.slots import JobKey

BROKEN = "This worker could not read the answer of the model: that is a bug, and has been logged."

Chat = Attempt[ChatTask]


class ChatJobs:
    """A slot is leased from Start on, and released when the engine is done.

    Each method takes one frame or event and returns the effects, in their order.
    """

    def __init__(self, models: Mapping[str, ServedModel], attempts: Attempts, line: Line) -> None:
        self._models = models
        self._attempts = attempts
        self._line = line
        self.pictures = Pictures(line, self.prepare_failed)

    # ---- from Start to Submit ------------------------------------------------------------------------------------

    def start(self, start: wire.Start, request: ChatRequest) -> list[Effect]:
        """Lease a slot and have the request prepared; it was found to be one that can be served."""
        key = JobKey(start.job, start.attempt)
        self._attempts.begin(key, start.model, ChatTask(request, start.seed, start.delivered))
        return self.pictures.prepare(Prepare(key, start.model, request, start.delivered))

    def prepared(self, key: JobKey, prepared: Prepared) -> list[Effect]:
        """The request is ready for the engine: accept the job and submit it."""
        attempt = self._attempts.of(key, ChatTask)
        if attempt is None:
            return []
        if attempt.state is JobState.CANCELLING:
            return self._attempts.end(attempt, attempt.cancelled(port.JobUsage()))
        if self._line.resuming:  # Hello did not name it: it goes to someone else, and must not be generated twice
            self._attempts.drop(attempt)
            return []
        try:
            attempt.task.begin(prepared)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must cost this job only
            return [Bug(key, error), *self.prepare_failed(key, SupernetError(ErrorCode.INTERNAL_ERROR, BROKEN))]
        attempt.step(JobMessage.ACCEPTED)
        accepted = wire.Accepted(job=key.job, attempt=key.attempt, prompt=len(prepared.prompt))
        if attempt.task.stopped:  # the last delivered token completed a stop string, or the only call
            attempt.stopping = True
            spent = port.JobUsage(prompt=len(prepared.prompt))
            return [*self._line.send(accepted), *self._over(attempt, port.Ended(str(key), "cancelled", spent))]
        served = self._models[attempt.model]
        submit = attempt.task.submit(str(key), prepared, served.offer.context)
        return [*self._line.send(accepted), Command(attempt.model, submit)]

    def prepare_failed(self, key: JobKey, error: SupernetError) -> list[Effect]:
        """The request cannot be served: refuse the job."""
        attempt = self._attempts.of(key, ChatTask)
        if attempt is None:
            return []
        self.pictures.forget(key)
        if attempt.state is JobState.CANCELLING:
            return self._attempts.end(attempt, attempt.cancelled(port.JobUsage()))
        return self._attempts.refuse(attempt, error)

    # ---- while it runs -------------------------------------------------------------------------------------------

    def stepped(self, event: port.Stepped) -> list[Effect]:
        """Send what the tokens of one engine step mean, for all jobs in one frame."""
        deltas: list[wire.Delta] = []
        effects: list[Effect] = []
        for token in event.tokens:
            attempt = self._attempts.of(JobKey.parse(token.job), ChatTask)
            if attempt is None or attempt.ended or attempt.stopping or not attempt.task.begun:
                continue
            try:
                deltas.append(attempt.delta(token, attempt.task.push(token)))
            except Exception as error:  # noqa: BLE001 - whatever it is, the others of this step go on
                attempt.broken = True
                effects.append(Bug(attempt.key, error))
            if attempt.broken or attempt.task.stopped:
                attempt.stopping = True
                effects.append(Command(attempt.model, port.Cancel(token.job)))
            effects += self.flow(attempt)
        return [*self._line.send(wire.Deltas(items=tuple(deltas))), *effects] if deltas else effects

    def flow(self, attempt: Chat) -> list[Effect]:
        """Pause a job whose tokens are not taken, let it go on when half of the window is free again."""
        if attempt.ended or not attempt.task.begun:
            return []
        if not attempt.paused and attempt.unacked_tokens >= self._line.window_tokens:
            attempt.paused = True
            return [Command(attempt.model, port.Pause(str(attempt.key)))]
        if attempt.paused and attempt.unacked_tokens <= self._line.window_tokens // 2:
            attempt.paused = False
            return [Command(attempt.model, port.Continue(str(attempt.key)))]
        return []

    # ---- its end -------------------------------------------------------------------------------------------------

    def cancel(self, attempt: Chat) -> list[Effect]:
        """Ask the engine to end the job. The slot stays leased until it has."""
        preparing = not attempt.task.begun
        attempt.step(JobMessage.CANCEL)
        if self.pictures.cancel(attempt.key):
            return self._attempts.end(attempt, attempt.cancelled(port.JobUsage()))
        return [] if preparing else [Command(attempt.model, port.Cancel(str(attempt.key)))]

    def hand_back(self) -> list[Effect]:
        """Take all that runs from the engine: the coordinator finds another worker for it."""
        effects = self.pictures.hand_back(SupernetError(ErrorCode.WORKER_DRAINING, "the worker is leaving"))
        for attempt in self._attempts.all_of(ChatTask):
            if not attempt.ended and not attempt.handed_back and attempt.task.begun:
                attempt.handed_back = True
                effects.append(Command(attempt.model, port.Cancel(str(attempt.key))))
        return effects

    def ended(self, event: port.Ended) -> list[Effect]:
        """The engine is done with a job: send its end."""
        attempt = self._attempts.of(JobKey.parse(event.job), ChatTask)
        return [] if attempt is None or attempt.ended else self._over(attempt, event)

    def engine_died(self, model: str, message: str) -> list[Effect]:
        """End its jobs as failed: another worker may have more luck."""
        failed = port.Ended("", "failed", code=ErrorCode.ENGINE_CRASHED, message=message)
        submitted = [a for a in self._attempts.all_of(ChatTask) if a.model == model and not a.ended and a.task.begun]
        submitted = [a for a in submitted if a.finishing is None]  # else the engine was done with it
        return [effect for attempt in submitted for effect in self._over(attempt, failed)]

    def _over(self, attempt: Chat, ended: port.Ended) -> list[Effect]:
        """Choose the frame that says how the job ended."""
        if attempt.broken:
            return self._attempts.end(attempt, attempt.failed(ErrorCode.INTERNAL_ERROR, BROKEN))
        if ended.reason == "failed":
            return self._attempts.end(attempt, attempt.failed(ended.code or ErrorCode.ENGINE_ERROR, ended.message))
        if ended.reason == "cancelled" and not attempt.stopping:
            if attempt.handed_back:
                return self._attempts.end(attempt, attempt.failed(ErrorCode.WORKER_DRAINING, "the worker is leaving"))
            if attempt.state is not JobState.CANCELLING:
                return self._attempts.end(attempt, attempt.failed(ErrorCode.ENGINE_ERROR, "the engine gave the job up"))
            return self._attempts.end(attempt, attempt.cancelled(ended.usage))
        cut = ended.reason == "length" and not attempt.stopping  # else the stop string was in the last token
        try:
            parts, finish_reason = attempt.task.finish(cut)
            effects = self._line.send(wire.Deltas(items=(attempt.delta(None, parts),))) if parts else []
        except Exception as error:  # noqa: BLE001 - whatever it is, it must cost this job only
            failed = attempt.failed(ErrorCode.INTERNAL_ERROR, BROKEN)
            return [Bug(attempt.key, error), *self._attempts.end(attempt, failed)]
        if claims := () if cut else attempt.task.claims():
            attempt.finishing = finish_reason, ended.usage
            return [*effects, Check(attempt.key, attempt.model, claims)]
        return [*effects, *self._attempts.end(attempt, attempt.done(finish_reason, ended.usage))]

    def checked(self, key: JobKey, faults: tuple[str, ...]) -> list[Effect]:
        """The finished answer was held against its schema: say what does not hold, and send its end."""
        attempt = self._attempts.of(key, ChatTask)
        if attempt is None or attempt.ended or attempt.finishing is None:
            return []
        finish_reason, usage = attempt.finishing
        if attempt.state is JobState.CANCELLING:
            return self._attempts.end(attempt, attempt.cancelled(usage))
        notices: list[Part] = [Notice(text=fault) for fault in faults]
        effects = self._line.send(wire.Deltas(items=(attempt.delta(None, notices),))) if notices else []
        return [*effects, *self._attempts.end(attempt, attempt.done(finish_reason, usage))]


def refusal(model: str, served: ServedModel, request: ChatRequest) -> SupernetError | None:
    """Return why a chat cannot be served by a model that is loaded."""
    try:
        pictures = pictures_of(request)
    except SupernetError as error:
        return error
    if pictures and VISION not in served.offer.features:
        return SupernetError(ErrorCode.MODEL_NOT_LOADED, f"model {model} takes text only here")
    return None
