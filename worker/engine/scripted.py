"""An engine without a model: answers from a script, failures as switches. It keeps every promise of port.py.

Tests, simulations and load runs use it where a model adds nothing: one task per engine, whatever the number of jobs,
so that a thousand workers fit into one process. Its vocabulary are the 256 bytes; ScriptedPreparer is the other half.
The script decides the whole text, so a Constraint or a ReasoningLimit changes nothing in it.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from hashlib import blake2b

from wire.errors import ErrorCode
from worker.engine.mailbox import Mailbox
from worker.engine.port import (
    Cancel,
    Command,
    Continue,
    Down,
    Ended,
    Event,
    JobUsage,
    Pause,
    Picture,
    Pulse,
    Ready,
    Stepped,
    Submit,
    Token,
)

VOCABULARY = 256
WAITING = 256  # jobs beyond the slots
PICTURES = 1024  # whose names are known; their pixels are of no use here
PULSE_S = 1.0
HANG_S = 20.0  # silence after which the supervisor of the real engine would end it
_PIECES = tuple(bytes([byte]) for byte in range(VOCABULARY))
_WORDS = b"one two three four five six seven eight nine ten eleven twelve red green blue black white grey".split()

Script = Callable[[tuple[int, ...], int], bytes]  # prompt and seed -> the whole answer, one token per byte


def words(prompt: tuple[int, ...], seed: int) -> bytes:
    """16 to 79 words, which ones and how many decided by the prompt and the seed alone."""
    fate = blake2b(repr((prompt, seed)).encode(), digest_size=64).digest()
    return b" ".join(_WORDS[(fate[i % 64] + i) % len(_WORDS)] for i in range(16 + fate[0] % 64))


@dataclass(frozen=True)
class Faults:
    """Planned failures; assign to `ScriptedEngine.faults` at any time. Tokens count from the assignment on.

    A crash or a hang happens once. `retry_in_s` None: the engine stays down after it.
    """

    crash_after: int | None = None  # tokens; 0: with the next step
    hang_after: int | None = None
    retry_in_s: float | None = 0.5
    problem: str = ""  # the row of issues.py that the crash is told with
    ignore_cancel: bool = False
    refuse: ErrorCode | None = None  # answer to every Submit


@dataclass
class _Job:
    submit: Submit
    answer: bytes
    position: int  # of the next token in the answer
    came_at: float
    admitted_at: float = 0.0
    read_at: float = 0.0  # when its prompt has been read
    paused: bool = False
    cancelled: bool = False

    def ending(self, context: int) -> Ended | None:
        """Why no further token follows, if so."""
        submit = self.submit
        if self.position >= submit.max_tokens or len(submit.prompt) + self.position >= context:
            return Ended(submit.job, "length")
        if self.position >= len(self.answer) and not (submit.ignore_eos and self.answer):
            return Ended(submit.job, "stop")
        return None

    def token(self) -> Token:
        id = self.answer[self.position % len(self.answer)]
        self.position += 1
        if self.submit.sampling.top_logprobs is None:
            return Token(self.submit.job, id, _PIECES[id])
        top = ((_PIECES[id], 0.0),) if self.submit.sampling.top_logprobs else ()
        return Token(self.submit.job, id, _PIECES[id], 0.0, top)


class ScriptedEngine:
    """The Engine of port.py. One step, a token for every job in a slot, takes `pace_s` seconds; prompts are read one
    after the other, `read_s` for each token. `image_ms`: what it says that its eyes take; without them an offer of
    vision is taken back."""

    def __init__(
        self,
        slots: int,
        context: int,
        *,
        script: Script = words,
        pace_s: float = 0.0,
        read_s: float = 0.0,
        image_ms: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._slots, self._context, self._image_ms = slots, context, image_ms
        self._script = script
        self._pace_s, self._read_s = pace_s, read_s
        self._read_until = 0.0
        self._clock, self._sleep = clock, sleep
        self._mail: Mailbox[Event] = Mailbox()
        self._running: dict[str, _Job] = {}
        self._waiting: dict[str, _Job] = {}
        self._shown: deque[str] = deque(maxlen=PICTURES)
        self._faults = Faults()
        self._since_faults = 0
        self._up = False
        self._nap: asyncio.Future[None] | None = None
        self._pulse = Pulse()
        self._pulsed = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def faults(self) -> Faults:
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults, self._since_faults = faults, 0
        self._wake()

    # ---- the port ----------------------------------------------------------------------------------------------------

    def send(self, command: Command) -> None:
        match command:
            case Submit():
                self._submit(command)
            case Picture():
                self._shown.append(command.id)
            case Cancel():
                if (job := self._find(command.job)) and not self._faults.ignore_cancel:
                    job.cancelled = True
            case Pause() | Continue():
                if job := self._find(command.job):
                    job.paused = isinstance(command, Pause)
        self._wake()

    async def drained(self) -> None:
        await asyncio.sleep(0)

    async def events(self) -> AsyncIterator[Event]:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="scripted engine")
            self._task.add_done_callback(lambda _: self._mail.close())
        async for event in self._mail.read():
            yield event
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def close(self) -> None:
        for job in [*self._running, *self._waiting]:
            self._fail(job, ErrorCode.WORKER_DRAINING, "the engine was closed")
        self._running.clear()
        self._waiting.clear()
        self._mail.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # ---- state: plain methods ----------------------------------------------------------------------------------------

    def _find(self, job: str) -> _Job | None:
        return self._running.get(job) or self._waiting.get(job)

    def _fail(self, job: str, code: ErrorCode, message: str) -> None:
        self._mail.put(Ended(job, "failed", code=code, message=message))

    def _submit(self, submit: Submit) -> None:
        if not self._up:
            self._fail(submit.job, ErrorCode.MODEL_NOT_LOADED, "the engine is not running: try another worker")
        elif self._faults.refuse is not None:
            self._fail(submit.job, self._faults.refuse, "refused by the script")
        elif len(self._waiting) >= WAITING:
            self._fail(submit.job, ErrorCode.WORKER_BUSY, "too many jobs wait for a slot")
        elif len(submit.prompt) >= self._context:
            self._fail(submit.job, ErrorCode.CONTEXT_LENGTH_EXCEEDED, f"{len(submit.prompt)} tokens do not fit")
        elif any(one.digest not in self._shown for one in submit.pictures):
            self._fail(submit.job, ErrorCode.WORKER_BUSY, "there is no room for the pictures: try another worker")
        else:
            answer = self._script(submit.prompt, submit.seed)
            self._waiting[submit.job] = _Job(submit, answer, len(submit.delivered), self._clock())
            self._pulse = replace(self._pulse, prompt_tokens=self._pulse.prompt_tokens + len(submit.prompt))

    def _step(self) -> None:
        """Admit, give every job its token, end those that are over."""
        now = self._clock()
        while self._waiting and len(self._running) < self._slots:
            name = next(iter(self._waiting))
            job = self._running[name] = self._waiting.pop(name)
            self._read_until = max(self._read_until, now) + self._read_s * len(job.submit.prompt)
            job.admitted_at, job.read_at = now, self._read_until
        for job in [job for job in self._waiting.values() if job.cancelled]:
            self._end(job, Ended(job.submit.job, "cancelled"))
        tokens: list[Token] = []
        ends: list[tuple[_Job, Ended]] = []
        for job in self._running.values():
            end = Ended(job.submit.job, "cancelled") if job.cancelled else job.ending(self._context)
            if end is None and not job.paused and job.read_at <= now:
                tokens.append(job.token())
                end = job.ending(self._context)
            if end is not None:
                ends.append((job, end))
        if tokens:
            self._mail.put(Stepped(tuple(tokens)))
            self._since_faults += len(tokens)
        for job, end in ends:
            self._end(job, end)
        total, steps = self._pulse.generated_tokens + len(tokens), self._pulse.steps + 1
        self._pulse = replace(self._pulse, steps=steps, generated_tokens=total)

    def _end(self, job: _Job, end: Ended) -> None:
        submit, now = job.submit, self._clock()
        emitted = job.position - len(submit.delivered)
        admitted = job.admitted_at or now
        queued_ms, decode_ms = (admitted - job.came_at) * 1e3, (now - admitted) * 1e3
        usage = JobUsage(len(submit.prompt), 0, emitted, queued_ms=queued_ms, decode_ms=decode_ms)
        self._running.pop(submit.job, None)
        self._waiting.pop(submit.job, None)
        self._mail.put(replace(end, usage=usage))

    def _due(self, after: int | None) -> bool:
        return after is not None and self._since_faults >= after

    # ---- the task ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._up = True
            self._mail.put(Ready(self._slots, self._context, VOCABULARY, self._image_ms))
            message = await self._live()
            self._up = False
            jobs = (*self._running, *self._waiting)
            self._running.clear()
            self._waiting.clear()
            (retry, problem), self._faults = (self._faults.retry_in_s, self._faults.problem), Faults()
            self._mail.put(Down(message, jobs, jobs[0] if len(jobs) == 1 else None, retry, problem))
            if retry is None:
                await self._mail.closing()
                return
            await self._sleep(retry)

    async def _live(self) -> str:
        """Step until a fault ends it; returns the words for Down."""
        while True:
            if self._due(self._faults.crash_after):
                return "crashed by the script"
            if self._due(self._faults.hang_after):
                await self._sleep(HANG_S)
                return "hung by the script"
            self._step()
            self._send_pulse()
            if any(not job.paused or job.cancelled for job in self._running.values()):
                await self._sleep(self._pace_s)
            else:
                await self._idle()
            await self._mail.room()

    def _send_pulse(self) -> None:
        """Send a pulse if one is due."""
        now = self._clock()
        if now - self._pulsed >= PULSE_S:
            self._pulsed = now
            self._mail.put(replace(self._pulse, busy=len(self._running), waiting=len(self._waiting)))

    async def _idle(self) -> None:
        """Sleep until a command or the next pulse."""
        self._nap = asyncio.ensure_future(self._sleep(PULSE_S))
        try:
            await asyncio.wait({self._nap})
        finally:
            self._nap.cancel()
            self._nap = None

    def _wake(self) -> None:
        if self._nap is not None:
            self._nap.cancel()
