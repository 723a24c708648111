"""A storm of chats and of things to be made, with its money in real books and its artefacts in the real store.

Workers die, lines are cut, clients leave; uploads are lost, come twice, or are blocked by a filter; and all of it while
another upload stands between two steps of its endpoint (depot.py). In every other
storm one worker lies: it says Done and has uploaded nothing, tells the progress of others' jobs, and uploads for
attempts that have ended, with the tokens that it was given for them.
"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, cast

from coordinator.accounts.keys_in_use import Principal
from coordinator.artefact import Artefact
from coordinator.billing.billing import Billing, OpenBill
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Effect, Failed, Finished, Made, Progressed, Stopped
from coordinator.ledger.orders import Answer, Order
from coordinator.ledger.pricing import Tariff, Units
from coordinator.media.job import MediaJob
from coordinator.request import ChatJob, ClientRequest
from coordinator.scheduler.state import JobSpec, Limits
from coordinator.store.database import Database
from tests.coordinator.dispatch.driver import REQUEST, M
from tests.coordinator.dispatch.storm import FAILURES, SLOTS, Attempt, Box, Storm
from tests.coordinator.ledger.builders import client, do
from tests.coordinator.media.depot import Delivery, Depot, Reply
from tests.coordinator.media.making import FILM, MUSIC, PAINTER, PICTURE, WIDE, offer
from wire import messages as wire
from wire.catalog import File, ModelSpec, Price
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError
from wire.media import MediaRequest, Progress
from wire.offers import ModelOffer, ModelState

STEPS = 8
TARIFFS = {"painter": Tariff(1, 0, PAINTER.price), M: Tariff(1, 300, 900)}
CHATTER = ModelSpec(
    id=M,
    name="M",
    format="qwen-json",
    repository="x/m",
    files=(File(name="m.gguf"),),
    context=4096,
    max_output=1000,
    price=Price(prompt=300, completion=900),
    licence="MIT",
)
MAKINGS = (PICTURE, WIDE, FILM, MUSIC)
SHARE_BPS = 7000
BALANCE = 10**9


class Books:
    """The ledger's writer without its queue: each order is carried out at once."""

    full, healthy = False, True

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, order: Order) -> Answer:
        return do(self._database, order)[0]

    def put(self, order: Order) -> None:
        do(self._database, order)


class MediaStorm(Storm):
    def __init__(self, seed: int, database: Database, runner: asyncio.Runner, folder: Path) -> None:
        super().__init__(seed)
        self.dispatch = Dispatch(Limits(rest_s=1, rest_max_s=8))
        self._runner = runner
        self._billing = Billing(cast(Any, Books(database)), TARIFFS, Units(10**7), SHARE_BPS)
        self.owner = client(database, "gpus", 0).account
        who = client(database, "client", BALANCE)
        self.principal = Principal(who.key, who.account, ("client",), ())
        self.bills: dict[str, OpenBill] = {}  # by job
        self.percents: dict[str, int] = {}
        self.made: dict[str, str] = {}  # job -> the artefact that its client was told of
        self.depot = Depot(database, folder, self, lambda: self.random.random() < 0.05)
        self.uploads: list[Delivery] = []
        self.taken: set[tuple[str, int]] = set()  # attempts whose workers know that their file was taken
        self.told: list[wire.Start] = []  # to the liar
        self.liar = self.random.choice(("", "w0"))

    # ---- clients ---------------------------------------------------------------------------------------------------

    def submit(self) -> None:
        if self.random.random() < 0.4:
            self.ask(ChatJob(CHATTER, REQUEST, 1, None, True, False, False, "auto", None, {}))
        else:
            self.ask(MediaJob(PAINTER, self.random.choice(MAKINGS), self.random.choice((1, 1, 2, 3))))

    def ask(self, job: ClientRequest) -> None:
        """As intake does it."""
        self.submitted += 1
        name = f"j{self.submitted}"
        bill = self._runner.run(self._billing.open(name, job, self.principal, None, None))
        specs = [
            JobSpec(f"{name}.{n}", self.principal.account, job.model.id, job.request, n, upload_secret=f"{name}.{n}")
            for n in range(job.n)
        ]
        for spec in specs:
            self.live.append(spec.id)
            self.bills[spec.id] = bill
        for spec in specs:
            self.perform(self.dispatch.submit(spec, self.now))

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Progressed():
                    assert not self.ends[effect.job], "progress after the end"
                    assert self.percents.get(effect.job, -1) < effect.percent, "it went backwards"
                    self.percents[effect.job] = effect.percent
                case Made():
                    assert not self.ends[effect.job], "made after the end"
                    assert effect.job not in self.made, "made twice"
                    self.made[effect.job] = effect.artefact.id
                case Finished() | Failed() | Stopped():
                    super().perform([effect])
                    job = self.bills[effect.job].job
                    spec = JobSpec(effect.job, self.principal.account, job.model.id, job.request, 1)
                    self.bills[effect.job].ended(spec, effect)
                case _:
                    super().perform([effect])

    def finished(self, end: Finished) -> None:
        if self.bills[end.job].job.piece is None:
            super().finished(end)
        else:
            assert end.job in self.made, "finished, and nothing was made"

    # ---- workers ---------------------------------------------------------------------------------------------------

    def hello(self, box: Box, resume: wire.Resume | None) -> wire.Hello:
        models, media = (ModelOffer(id=M, context=4096, slots=SLOTS),), (offer(slots=SLOTS),)
        return wire.Hello(worker=box.name, instance=str(box.instance), models=models, media=media, resume=resume)

    def heartbeat(self, box: Box) -> None:
        running = Counter(attempt.start.model for attempt in box.attempts.values() if not attempt.over)
        states = [
            ModelState(id=model, status="ready", slots=SLOTS, free=max(0, SLOTS - running[model]))
            for model in (M, "painter")
        ]
        self.say(box, wire.Capacity(models=tuple(states)))

    def step(self, box: Box, job: str, number: int, attempt: Attempt) -> None:
        """One step of a making; those of a chat are the storm's own, as are refusals, failures and cancels."""
        start, chance = attempt.start, self.random.random()
        if not isinstance(start.request, MediaRequest) or attempt.cancelled or not attempt.accepted:
            super().step(box, job, number, attempt)
            return
        if chance < 0.03:
            self.says_failed(box, attempt, self.random.choice(FAILURES))
        elif box.name == self.liar and chance < 0.3:
            self.lie(box, attempt)
        elif attempt.at < STEPS:
            attempt.at += 1
            self.say(box, Progress(job=job, attempt=number, stage="denoising", step=attempt.at, steps=STEPS))
        elif attempt.at == STEPS:
            if chance < 0.2:
                return  # the upload is lost on its way, and made again
            self.uploads.append(Delivery(start))
            attempt.at += self.random.choice((0, 1, 1, 1))  # or it comes twice
        elif (job, number) in self.taken:
            self.says_done(box, attempt)

    def says_done(self, box: Box, attempt: Attempt) -> None:
        start = attempt.start
        done = wire.Done(
            job=start.job,
            attempt=start.attempt,
            seq=attempt.seq,
            finish_reason="stop",
            usage=Usage(prompt=9, completion=9),
        )
        self.emit(box, attempt, done)

    def says_failed(self, box: Box, attempt: Attempt, code: ErrorCode) -> None:
        job, number = attempt.start.job, attempt.start.attempt
        failed = wire.Failed(job=job, attempt=number, seq=attempt.seq, code=code, message="x", retryable=True)
        self.emit(box, attempt, failed)

    def lie(self, box: Box, attempt: Attempt) -> None:
        self.told.append(attempt.start)
        match self.random.choice(("done", "progress", "upload")):
            case "done":
                self.says_done(box, attempt)
            case "progress":
                others = [job for job in sorted(self.bills) if (job, 1) not in box.attempts]
                if others:
                    self.say(box, Progress(job=self.random.choice(others), attempt=1, stage="uploading"))
            case _:
                self.uploads.append(Delivery(self.random.choice(self.told)))

    # ---- the store ---------------------------------------------------------------------------------------------------

    def uploaded(self, job: str, attempt: int, artefact: Artefact | SupernetError) -> bool:
        effects = self.dispatch.uploaded(job, attempt, artefact, self.now)
        self.perform(effects or [])
        return effects is not None

    def stores(self) -> None:
        """One upload comes a step further, or its line breaks before it has begun."""
        if not self.uploads:
            return
        upload = self.random.choice(self.uploads)
        if upload.task is None and self.random.random() < 0.1:
            answer: Reply | None = "again"
        else:
            answer = self._runner.run(self.depot.forward(upload))
        if answer is None:
            return
        self.uploads.remove(upload)
        self.answered(upload.start, "again" if self.random.random() < 0.1 else answer)  # or the answer is lost

    def answered(self, start: wire.Start, answer: Reply) -> None:
        """The worker learns what became of its upload, if it is about that attempt still."""
        for box in self.boxes:
            attempt = box.attempts.get((start.job, start.attempt))
            if attempt is None or attempt.over or attempt.start is not start:
                continue
            match answer:
                case "taken":
                    self.taken.add((start.job, start.attempt))
                case "again":
                    attempt.at = min(attempt.at, STEPS)
                case "refused" if not attempt.cancelled:
                    self.says_failed(box, attempt, ErrorCode.ENGINE_ERROR)

    def close(self) -> None:
        """Whatever was under way comes to its end."""
        while self.uploads:
            self.stores()
        self.depot.close()

    def happens(self) -> None:
        if self.random.random() < 0.3:
            self.stores()
        super().happens()

    def pass_time(self, seconds: float) -> None:
        self.stores()
        super().pass_time(seconds)
        leaving = {worker.hello.worker for worker in self.dispatch.workers if worker.draining}
        for box in self.boxes:
            if box.name in leaving and self.random.random() < 0.1:
                self.restart(box)  # it has left, as it said, and another process comes
