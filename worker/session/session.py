"""The worker's side of the protocol, pure: a frame, an engine event or a tick comes in, effects go out.

A session outlives its socket. While the link is down jobs go on, their frames wait in each attempt's replay buffer
(bounded by the window: a job that is not acknowledged is paused), and a reattach within the resume window replays
exactly what was not acknowledged.
"""

from dataclasses import dataclass, field

from pydantic import BaseModel

from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobMessage, JobState
from wire.messages import (
    HEARTBEAT_S,
    RESUME_WINDOW_S,
    WINDOW_TOKENS,
    Accepted,
    Ack,
    Cancel,
    Cancelled,
    Capacity,
    Delta,
    Deltas,
    Done,
    Drain,
    Draining,
    Earnings,
    Error,
    Failed,
    Issue,
    Move,
    Resume,
    RunningJob,
    Start,
    ToWorker,
    Welcome,
)
from worker.chat.prepared import Prepared
from worker.engine import port
from worker.issues import issue, over
from worker.session.attempt import Attempt, refused
from worker.session.effects import Bug, Command, Effect, GiveUp, Leave, Prepare, Redial, Send, Tell
from worker.session.model_slots import Served
from worker.session.slots import JobKey

REPLAY_FRAMES = 256  # deltas of one replay frame: keeps it far below the codec's limit
BROKEN = "This worker could not read the answer of the model: that is a bug, and has been logged."
HAND_BACK_S = 5.0  # before the end of a drain: unfinished jobs go back, so that their last frames are acknowledged


@dataclass
class Session:
    """State of the worker's side. Every method is plain: nothing can interleave inside it."""

    models: dict[str, Served]
    id: str | None = None  # the coordinator's name for this session; None before the first Welcome
    welcomed: bool = False  # the link is up and the coordinator has answered
    resuming: bool = False  # Hello has said which attempts go on, Welcome has not come
    window_tokens: int = WINDOW_TOKENS
    resume_window_s: float = RESUME_WINDOW_S
    heartbeat_s: float = HEARTBEAT_S
    lost_at: float | None = None
    drain_until: float | None = None
    problems: dict[str, Issue] = field(default_factory=dict)  # that are not over, by code
    earnings: Earnings | None = None  # the last that the coordinator said, for the owner's eyes
    attempts: dict[JobKey, Attempt] = field(default_factory=dict)
    left: bool = False

    # ---- the link ------------------------------------------------------------------------------------------------

    def resume(self) -> Resume | None:
        """What Hello says about the session that a lost socket left behind."""
        self.resuming = True
        if self.id is None:
            return None
        jobs = tuple(RunningJob(job=a.key.job, attempt=a.key.attempt, next_seq=a.next_seq) for a in self._live())
        return Resume(session=self.id, jobs=jobs)

    def link_lost(self, now: float) -> None:
        self.welcomed = self.resuming = False
        if self.lost_at is None:
            self.lost_at = now

    def received(self, message: ToWorker, now: float) -> list[Effect]:
        """A frame from the coordinator."""
        if not self.welcomed and not isinstance(message, Welcome | Error):
            return [Send(Error(code=ErrorCode.PROTOCOL_ERROR, message=f"{message.type} before welcome"))]
        effects = self._dispatch(message, now)
        return [*effects, *self._leave(now)]

    def _dispatch(self, message: ToWorker, now: float) -> list[Effect]:
        match message:
            case Welcome():
                return self._welcome(message, now)
            case Start():
                return self._start(message)
            case Cancel():
                return self._cancel(JobKey(message.job, message.attempt))
            case Ack():
                return self._acknowledge(message)
            case Drain():
                return self.drain(message.deadline_s, now)
            case Move():
                return [Redial(message.after_s, message.url)]
            case Earnings():
                self.earnings = message
                return []
            case Error():
                return []  # logged by the shell: nothing here depends on it

    def _welcome(self, welcome: Welcome, now: float) -> list[Effect]:
        self.id = welcome.session
        self.welcomed, self.resuming, self.lost_at = True, False, None
        self.window_tokens, self.resume_window_s = welcome.window_tokens, welcome.resume_window_s
        self.heartbeat_s = welcome.heartbeat_s
        kept = {JobKey(job.job, job.attempt): job.next_seq for job in welcome.kept}
        effects: list[Effect] = [Send(self.capacity()), *(Send(problem) for problem in self.problems.values())]
        for attempt in list(self.attempts.values()):
            if attempt.key in kept:
                effects += self._replay(attempt, kept[attempt.key])
            else:
                effects += self._abandon(attempt)
        if self.drain_until is not None:
            effects.append(Send(Draining(deadline_s=max(0.0, self.drain_until - now))))
        return effects

    def _replay(self, attempt: Attempt, next_seq: int) -> list[Effect]:
        """What has not arrived. What has is kept all the same: the client may not have taken it, and only Acks open
        the window."""
        missing = [frame for frame in attempt.unacked if frame.seq >= next_seq]
        deltas = [frame for frame in missing if isinstance(frame, Delta)]
        chunks = [deltas[i : i + REPLAY_FRAMES] for i in range(0, len(deltas), REPLAY_FRAMES)]
        frames: list[BaseModel] = [Deltas(items=tuple(chunk)) for chunk in chunks]
        frames += [frame for frame in missing if not isinstance(frame, Delta)]  # at most its end, the last
        return [*(Send(frame) for frame in frames), *self._flow(attempt)]

    # ---- jobs ----------------------------------------------------------------------------------------------------

    def _start(self, start: Start) -> list[Effect]:
        key = JobKey(start.job, start.attempt)
        served = self.models.get(start.model)
        if key in self.attempts:
            # not Refused: that would end the attempt that goes on
            return self._send(Error(code=ErrorCode.PROTOCOL_ERROR, message=f"{key} was started before"))
        if self.drain_until is not None:
            return self._send(refused(key, ErrorCode.WORKER_DRAINING, "this worker is leaving"))
        if served is None or served.status != "ready":
            state = "not served here" if served is None else served.status
            return self._send(refused(key, ErrorCode.MODEL_NOT_LOADED, f"model {start.model} is {state}"))
        if not served.slots.lease(key):
            return self._send(refused(key, ErrorCode.WORKER_BUSY, f"all {served.slots.offered} slots are taken"))
        self.attempts[key] = Attempt(key, start.model, start.request, start.seed, start.delivered)
        return [Prepare(key, start.model, start.request, start.delivered)]

    def prepared(self, key: JobKey, prepared: Prepared) -> list[Effect]:
        attempt = self.attempts.get(key)
        if attempt is None:
            return []
        if attempt.state is JobState.CANCELLING:
            return self._end(attempt, attempt.cancelled(port.JobUsage()))
        if self.resuming:  # Hello did not name it: it goes to someone else, and must not be generated twice
            self._drop(attempt)
            return []
        try:
            answer = attempt.begin(prepared)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must cost this job only
            return [Bug(key, error), *self.prepare_failed(key, SupernetError(ErrorCode.INTERNAL_ERROR, BROKEN))]
        attempt.step(JobMessage.ACCEPTED)
        accepted = Accepted(job=key.job, attempt=key.attempt)
        if answer.stopped:  # the last delivered token completed a stop string, or the only call
            attempt.stopping = True
            spent = port.JobUsage(prompt=len(prepared.prompt))
            return [*self._send(accepted), *self._over(attempt, port.Ended(str(key), "cancelled", spent))]
        served = self.models[attempt.model]
        submit = port.Submit(
            job=str(key),
            prompt=prepared.prompt,
            max_tokens=min(attempt.request.max_tokens, served.offer.context - len(prepared.prompt)),
            sampling=attempt.request.sampling,
            seed=attempt.seed,
            delivered=attempt.delivered,
            anchors=prepared.anchors,
            constraint=prepared.constraint,
            reasoning=prepared.reasoning,
            ignore_eos=attempt.request.ignore_eos,
        )
        return [*self._send(accepted), Command(attempt.model, submit)]

    def prepare_failed(self, key: JobKey, error: SupernetError) -> list[Effect]:
        attempt = self.attempts.get(key)
        if attempt is None:
            return []
        self._drop(attempt)
        return [] if attempt.abandoned else self._send(refused(key, error.code, error.message, error.param))

    def _drop(self, attempt: Attempt) -> None:
        del self.attempts[attempt.key]
        self.models[attempt.model].slots.release(attempt.key)

    def _cancel(self, key: JobKey) -> list[Effect]:
        attempt = self.attempts.get(key)
        if attempt is None or attempt.ended:
            return []  # its end crossed the Cancel on the line
        preparing = attempt.answer is None
        attempt.step(JobMessage.CANCEL)
        return [] if preparing else [Command(attempt.model, port.Cancel(str(key)))]

    def _acknowledge(self, ack: Ack) -> list[Effect]:
        effects: list[Effect] = []
        for item in ack.items:
            attempt = self.attempts.get(JobKey(item.job, item.attempt))
            if attempt is not None:
                attempt.acknowledge(item.next_seq)
                effects += self._flow(attempt)
                self._forget(attempt)
        return effects

    def _flow(self, attempt: Attempt) -> list[Effect]:
        """Pause a job whose tokens are not taken, let it go on when half of the window is free again."""
        if attempt.ended or attempt.answer is None:
            return []
        if not attempt.paused and attempt.unacked_tokens >= self.window_tokens:
            attempt.paused = True
            return [Command(attempt.model, port.Pause(str(attempt.key)))]
        if attempt.paused and attempt.unacked_tokens <= self.window_tokens // 2:
            attempt.paused = False
            return [Command(attempt.model, port.Continue(str(attempt.key)))]
        return []

    # ---- the engine ----------------------------------------------------------------------------------------------

    def engine(self, model: str, event: port.Event) -> list[Effect]:
        """Something happened in the engine of `model`."""
        match event:
            case port.Stepped():
                return self._stepped(event)
            case port.Ended():
                attempt = self.attempts.get(JobKey.parse(event.job))
                return [] if attempt is None or attempt.ended else self._over(attempt, event)
            case port.Ready():
                return self._ready(model)
            case port.Down():
                return self._down(model, event)
            case port.Loading() | port.Pulse():
                return []

    def _ready(self, model: str) -> list[Effect]:
        self.models[model].status = "ready"
        return [*self._send(self.capacity()), *self.solved("engine_down", f"the engine of {model} runs again")]

    def _down(self, model: str, event: port.Down) -> list[Effect]:
        """The engine died: its jobs end as retryable, the coordinator learns that the model is down, and why."""
        broken = event.retry_in_s is None
        self.models[model].status = "broken" if broken else "down"
        row = event.problem or ("engine_broken" if broken else "engine_down")
        problem = issue(row, f"the engine of {model} ended: {event.message}"[:4000])
        effects = [*self._send(self.capacity()), *self.trouble(problem)]
        if broken:
            effects += [*self.solved("engine_down", "it is not started any more"), GiveUp(problem)]
        failed = port.Ended("", "failed", code=ErrorCode.ENGINE_CRASHED, message=event.message)
        for attempt in list(self.attempts.values()):
            if attempt.model == model and not attempt.ended and attempt.answer is not None:
                effects += self._over(attempt, failed)
        return effects

    def _stepped(self, event: port.Stepped) -> list[Effect]:
        deltas: list[Delta] = []
        effects: list[Effect] = []
        for token in event.tokens:
            attempt = self.attempts.get(JobKey.parse(token.job))
            if attempt is None or attempt.ended or attempt.stopping or attempt.answer is None:
                continue
            try:
                deltas.append(attempt.delta(token, attempt.answer.push(token.piece)))
            except Exception as error:  # noqa: BLE001 - whatever it is, the others of this step go on
                attempt.broken = True
                effects.append(Bug(attempt.key, error))
            if attempt.broken or attempt.answer.stopped:
                attempt.stopping = True
                effects.append(Command(attempt.model, port.Cancel(token.job)))
            effects += self._flow(attempt)
        return [*self._send(Deltas(items=tuple(deltas))), *effects] if deltas else effects

    def _over(self, attempt: Attempt, ended: port.Ended) -> list[Effect]:
        """The engine is done with a job: say what that means."""
        if attempt.broken:
            return self._end(attempt, attempt.failed(ErrorCode.INTERNAL_ERROR, BROKEN))
        if ended.reason == "failed":
            return self._end(attempt, attempt.failed(ended.code or ErrorCode.ENGINE_ERROR, ended.message))
        if ended.reason == "cancelled" and not attempt.stopping:
            if attempt.handed_back:
                return self._end(attempt, attempt.failed(ErrorCode.WORKER_DRAINING, "the worker is leaving"))
            if attempt.state is not JobState.CANCELLING:
                return self._end(attempt, attempt.failed(ErrorCode.ENGINE_ERROR, "the engine gave the job up"))
            return self._end(attempt, attempt.cancelled(ended.usage))
        assert attempt.answer is not None, "only a submitted job can be over"
        cut = ended.reason == "length" and not attempt.stopping  # else the stop string was in the last token
        try:
            parts, finish_reason = attempt.answer.finish("length" if cut else "stop")
            effects = self._send(Deltas(items=(attempt.delta(None, parts),))) if parts else []
        except Exception as error:  # noqa: BLE001 - whatever it is, it must cost this job only
            failed = attempt.failed(ErrorCode.INTERNAL_ERROR, BROKEN)
            return [Bug(attempt.key, error), *self._end(attempt, failed)]
        return [*effects, *self._end(attempt, attempt.done(finish_reason, ended.usage))]

    def _end(self, attempt: Attempt, frame: Done | Failed | Cancelled) -> list[Effect]:
        attempt.end(frame)
        self.models[attempt.model].slots.release(attempt.key)
        if attempt.abandoned:
            del self.attempts[attempt.key]
            return self._send(self.capacity())  # nobody is told of its end, but of the free slot, at once
        return self._send(frame)

    # ---- the owner -----------------------------------------------------------------------------------------------

    def offer(self, slots: int) -> list[Effect]:
        """At most so many slots of each model from now on; what runs in more of them finishes."""
        before = self.capacity()
        for served in self.models.values():
            served.slots.offered = min(slots, served.slots.count)
        return [] if self.capacity() == before else self._send(self.capacity())

    def trouble(self, problem: Issue) -> list[Effect]:
        """Something is wrong until solved() says otherwise; a coordinator that comes back is told again."""
        if self.problems.get(problem.code) == problem:
            return []
        self.problems[problem.code] = problem
        return [Tell(problem), *self._send(problem)]

    def solved(self, code: str, message: str) -> list[Effect]:
        if self.problems.pop(code, None) is None:
            return []
        return [Tell(over(code, message)), *self._send(over(code, message))]

    # ---- leaving -------------------------------------------------------------------------------------------------

    def drain(self, deadline_s: float, now: float) -> list[Effect]:
        """Take no more; finish what runs until the deadline, then hand it back."""
        if self.drain_until is None or now + deadline_s < self.drain_until:
            self.drain_until = now + deadline_s
        return [*self._send(Draining(deadline_s=deadline_s)), *self._leave(now)]

    def tick(self, now: float) -> list[Effect]:
        """Called a few times a second: deadlines."""
        effects: list[Effect] = []
        if self.lost_at is not None and now - self.lost_at > self.resume_window_s and self.id is not None:
            self.id = None
            for attempt in list(self.attempts.values()):
                effects += self._abandon(attempt)
        if self.drain_until is not None and now >= self.drain_until - HAND_BACK_S:
            for attempt in self.attempts.values():
                if not attempt.ended and not attempt.handed_back and attempt.answer is not None:
                    attempt.handed_back = True
                    effects.append(Command(attempt.model, port.Cancel(str(attempt.key))))
        return [*effects, *self._leave(now)]

    def _leave(self, now: float) -> list[Effect]:
        """Leave once: when nothing runs and every end is acknowledged, or at the deadline."""
        if self.drain_until is None or self.left:
            return []
        if not self.attempts or now >= self.drain_until:
            self.left = True
            return [Leave()]
        return []

    # ---- small things --------------------------------------------------------------------------------------------

    def capacity(self) -> Capacity:
        draining = self.drain_until is not None
        return Capacity(models=tuple(served.state(draining) for served in self.models.values()))

    def _live(self) -> list[Attempt]:
        """Attempts that a reattach can go on with: prepared, or ended and not acknowledged."""
        return [a for a in self.attempts.values() if not a.abandoned and (a.answer is not None or a.unacked)]

    def _abandon(self, attempt: Attempt) -> list[Effect]:
        """Nobody waits for it any more. A slot in use stays leased until the engine says that it is free."""
        attempt.abandoned = True
        attempt.unacked.clear()
        attempt.unacked_tokens = 0
        if attempt.ended:
            del self.attempts[attempt.key]
            return []
        return self._cancel(attempt.key)

    def _forget(self, attempt: Attempt) -> None:
        if attempt.ended and not attempt.unacked:
            del self.attempts[attempt.key]

    def _send(self, message: BaseModel) -> list[Effect]:
        """To the wire if there is one; job frames are in their replay buffer either way."""
        return [Send(message)] if self.welcomed else []
