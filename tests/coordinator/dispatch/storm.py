"""A storm against dispatch: workers, sockets and clients that do whatever they may do, in an order drawn by lot.

The workers here are small honest machines with a replay buffer, whose frames may be lost with a socket, arrive late or
twice, and who crash, stall, refuse and forget. A job's answer is the fixed sequence 0, 1, 2, ...: a token lost,
repeated or out of order is seen at once.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field

from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import CloseWorker, Deliver, Effect, Failed, Finished, Placed, Send, Stopped
from coordinator.scheduler.state import JobSpec, Peer
from tests.coordinator.dispatch.driver import REQUEST, M
from wire import messages as wire
from wire.chat import Content, Usage
from wire.errors import ErrorCode
from wire.offers import ModelOffer, ModelState

ANSWER = 12  # tokens of every answer
SLOTS = 2
WORKERS = 3
FAILURES = (ErrorCode.ENGINE_ERROR, ErrorCode.ENGINE_CRASHED, ErrorCode.WORKER_DRAINING, ErrorCode.INTERNAL_ERROR)
REFUSALS = (ErrorCode.WORKER_BUSY, ErrorCode.MODEL_NOT_LOADED, ErrorCode.INVALID_REQUEST)


@dataclass
class Attempt:
    start: wire.Start
    at: int  # the next token of the answer
    cancelled: bool = False
    accepted: bool = False
    over: bool = False
    seq: int = 0
    unacked: list[wire.Delta | wire.Done | wire.Failed | wire.Cancelled] = field(default_factory=list)


@dataclass
class Box:
    """One worker process."""

    name: str
    instance: int = 0
    session: str | None = None  # its open socket
    last: str | None = None  # the session it could resume
    attempts: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    inbox: list[wire.ToWorker] = field(default_factory=list)

    def resume(self) -> wire.Resume:
        """What it says of its last session, with every attempt that it has accepted."""
        assert self.last is not None, "it has had one"
        accepted = {key: attempt for key, attempt in self.attempts.items() if attempt.accepted}
        alive = tuple(wire.RunningJob(job=j, attempt=n, next_seq=a.seq) for (j, n), a in accepted.items())
        return wire.Resume(session=self.last, jobs=alive)


class Storm:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.dispatch = Dispatch()
        self.now = 0.0
        self.boxes = [Box(f"w{i}") for i in range(WORKERS)]
        self.got: defaultdict[str, list[int]] = defaultdict(list)
        self.ends: defaultdict[str, int] = defaultdict(int)
        self.live: list[str] = []
        self.submitted = self.sessions = 0
        self.owner = "gpus"  # of all workers
        self.frames: list[tuple[str, wire.Deltas]] = []  # already delivered, to be repeated

    def perform(self, effects: list[Effect]) -> None:
        by_session = {box.session: box for box in self.boxes if box.session}
        for effect in effects:
            match effect:
                case Send():
                    if effect.session in by_session:
                        by_session[effect.session].inbox.append(effect.message)
                case CloseWorker():
                    if effect.session in by_session:
                        by_session[effect.session].session = None
                case Deliver():
                    assert not self.ends[effect.job], "delivered after the end"
                    self.got[effect.job] += effect.delta.tokens
                    assert effect.completion == len(self.got[effect.job])
                    if self.random.random() < 0.8:
                        self.perform(
                            self.dispatch.acknowledged(effect.job, effect.delta.attempt, effect.delta.seq, self.now)
                        )
                case Finished() | Failed() | Stopped():
                    self.ends[effect.job] += 1
                    assert self.ends[effect.job] == 1, "ended twice"
                    if isinstance(effect, Finished):
                        self.finished(effect)
                    assert effect.report.usage.completion == len(self.got[effect.job])
                    self.live.remove(effect.job)
                case Placed():
                    assert not self.ends[effect.job]

    def finished(self, end: Finished) -> None:
        """What the client of a finished job must have."""
        assert len(self.got[end.job]) == ANSWER, "finished with tokens missing"

    # ---- what can happen -----------------------------------------------------------------------------------------

    def dial(self, box: Box) -> None:
        if box.session:
            return
        self.sessions += 1
        session = f"s{self.sessions}"
        resume = box.resume() if box.last and self.random.random() < 0.8 else None
        box.session, box.inbox = session, []
        peer = Peer(session, self.owner, "k")
        self.perform(self.dispatch.worker_joined(self.hello(box, resume), peer, self.now))
        if box.session:
            self.read(box)

    def hello(self, box: Box, resume: wire.Resume | None) -> wire.Hello:
        offer = ModelOffer(id=M, context=4096, slots=SLOTS)
        return wire.Hello(worker=box.name, instance=str(box.instance), models=(offer,), resume=resume)

    def hang_up(self, box: Box) -> None:
        if box.session:
            session, box.session = box.session, None
            self.perform(self.dispatch.worker_left(session, self.random.random() < 0.8, self.now))

    def restart(self, box: Box) -> None:
        self.hang_up(box)
        box.instance += 1
        box.last = None
        box.attempts.clear()

    def say(self, box: Box, message: wire.ToCoordinator) -> None:
        if box.session:
            self.perform(self.dispatch.received(box.session, message, self.now))

    def read(self, box: Box) -> None:
        """The worker handles the frames that have come."""
        frames, box.inbox = box.inbox, []
        for frame in frames:
            match frame:
                case wire.Welcome():
                    self.welcomed(box, frame)
                case wire.Start():
                    box.attempts[frame.job, frame.attempt] = Attempt(frame, at=len(frame.delivered))
                    assert list(frame.delivered) == list(range(len(frame.delivered)))
                case wire.Cancel():
                    if (frame.job, frame.attempt) in box.attempts:
                        box.attempts[frame.job, frame.attempt].cancelled = True
                case wire.Ack():
                    for item in frame.items:
                        attempt = box.attempts.get((item.job, item.attempt))
                        if attempt:
                            attempt.unacked = [f for f in attempt.unacked if f.seq >= item.next_seq]
                            if attempt.over and not attempt.unacked:
                                del box.attempts[item.job, item.attempt]
                case wire.Error():
                    assert frame.code is not ErrorCode.PROTOCOL_ERROR, frame.message

    def welcomed(self, box: Box, welcome: wire.Welcome) -> None:
        box.last = welcome.session
        kept = {(k.job, k.attempt): k.next_seq for k in welcome.kept}
        box.attempts = {key: attempt for key, attempt in box.attempts.items() if key in kept}
        self.heartbeat(box)
        for key, attempt in list(box.attempts.items()):
            attempt.unacked = [f for f in attempt.unacked if f.seq >= kept[key]]
            for frame in list(attempt.unacked):
                self.say(box, wire.Deltas(items=(frame,)) if isinstance(frame, wire.Delta) else frame)

    def heartbeat(self, box: Box) -> None:
        running = sum(not attempt.over for attempt in box.attempts.values())
        state = ModelState(id=M, status="ready", slots=SLOTS, free=max(0, SLOTS - running))
        self.say(box, wire.Capacity(models=(state,)))

    def work(self, box: Box) -> None:
        """Each job of the worker makes one step."""
        self.read(box)
        for (job, number), attempt in list(box.attempts.items()):
            if attempt.over or self.random.random() < 0.2:
                continue
            self.step(box, job, number, attempt)

    def step(self, box: Box, job: str, number: int, attempt: Attempt) -> None:
        chance = self.random.random()
        usage = Usage(prompt=5, cached=0, completion=attempt.at, reasoning=0)
        head = {"job": job, "attempt": number}
        if attempt.cancelled:
            if chance < 0.8:
                self.emit(box, attempt, wire.Cancelled(**head, seq=attempt.seq, usage=usage))
        elif not attempt.accepted and chance < 0.15:
            del box.attempts[job, number]
            self.say(box, wire.Refused(**head, code=self.random.choice(REFUSALS), message="no"))
        elif not attempt.accepted:
            attempt.accepted = True
            self.say(box, wire.Accepted(**head))
        elif chance < 0.05:
            code = self.random.choice(FAILURES)
            self.emit(box, attempt, wire.Failed(**head, seq=attempt.seq, code=code, message="x", retryable=True))
        elif attempt.at >= ANSWER:
            self.emit(box, attempt, wire.Done(**head, seq=attempt.seq, finish_reason="stop", usage=usage))
        else:
            count = min(self.random.randint(1, 3), ANSWER - attempt.at)
            tokens = tuple(range(attempt.at, attempt.at + count))
            attempt.at += count
            self.emit(
                box, attempt, wire.Delta(**head, seq=attempt.seq, tokens=tokens, parts=(Content(text="x" * count),))
            )

    def emit(self, box: Box, attempt: Attempt, frame: wire.Delta | wire.Done | wire.Failed | wire.Cancelled) -> None:
        attempt.seq += 1
        attempt.unacked.append(frame)
        attempt.over = not isinstance(frame, wire.Delta)
        if isinstance(frame, wire.Delta):
            deltas = wire.Deltas(items=(frame,))
            self.frames.append((box.name, deltas))
            self.say(box, deltas)
        else:
            self.say(box, frame)

    def repeat(self, box: Box) -> None:
        """A frame that was there before comes again."""
        mine = [frame for name, frame in self.frames[-50:] if name == box.name]
        if mine:
            self.say(box, self.random.choice(mine))

    def submit(self) -> None:
        self.submitted += 1
        job = f"j{self.submitted}"
        self.live.append(job)
        self.perform(self.dispatch.submit(JobSpec(job, f"a{self.submitted % 3}", M, REQUEST, 1), self.now))

    def cancel(self) -> None:
        if self.live:
            self.perform(self.dispatch.cancel(self.random.choice(self.live), self.now))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.perform(self.dispatch.tick(self.now))

    # ---- promises ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        for job, tokens in self.got.items():
            assert tokens == list(range(len(tokens))), f"{job}: {tokens}"
        for worker in self.dispatch.workers:
            for model, replica in worker.replicas.items():
                assert replica.held == sum(lease.model == model for lease in worker.leases.values()) <= SLOTS
        assert self.dispatch.running() == len(self.live)

    def happens(self) -> None:
        """One thing of all that can."""
        acts = [self.work] * 14 + [self.dial] * 3 + [self.heartbeat] * 4 + [self.hang_up, self.restart, self.repeat]
        chance = self.random.random()
        if chance < 0.12:
            self.submit()
        elif chance < 0.15:
            self.cancel()
        elif chance < 0.35:
            self.pass_time(self.random.choice((0.25, 0.25, 1, 1, 4, 12)))
        else:
            self.random.choice(acts)(self.random.choice(self.boxes))
        self.check()


def calm(storm: Storm) -> None:
    """No more storm: every job must end, and every slot be free again."""
    for _ in range(1200):
        storm.pass_time(0.25)
        for box in storm.boxes:
            storm.dial(box)
            storm.heartbeat(box)
            storm.work(box)
        storm.check()
        if not storm.live and not any(worker.leases for worker in storm.dispatch.workers):
            break
    assert not storm.live, "jobs that never end"
    assert all(times == 1 for times in storm.ends.values())
    assert not any(worker.leases for worker in storm.dispatch.workers), "slots that are never free"
