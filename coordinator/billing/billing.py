"""What a request costs, from before it runs until after: held, counted while it runs, settled when it has ended.

- Nothing runs before the most that it can cost has been set aside; a balance too small is a 402.
- A finished answer costs its prompt and its tokens. A stream that ends otherwise (the client leaves, its key ends, no
  worker is left) costs its prompt and what was delivered, and without a token nothing. An answer that was to be sent
  whole and fails costs nothing, unless its client ended it: the time that the client gave it is over, or its key is.
- Failover is one bill: every worker is paid for the tokens of its own that were delivered.
- What is made is paid by the piece: each choice that is finished, to the worker that finished it, and nothing else.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from coordinator.accounts.keys_in_use import Principal
from coordinator.billing.refusals import capped, insufficient
from coordinator.clock import now_ms
from coordinator.cluster.protocol.ids import job_id
from coordinator.dispatch.effects import Failed, Finished, JobEnd, Progress, Report, Stopped
from coordinator.ledger.orders import (
    Capped,
    Checkpoint,
    Claim,
    Counted,
    Done,
    Held,
    Hold,
    Insufficient,
    Settle,
    Taken,
    UsageRow,
)
from coordinator.ledger.pricing import Bill, Quote, Served, Tariff, Units, bill
from coordinator.ledger.writer import LedgerWriter
from coordinator.request import ClientRequest
from coordinator.scheduler.state import JobSpec
from coordinator.store.errors import StoreError
from wire.errors import ErrorCode, SupernetError

HOLD_S = 10.0  # a commit takes milliseconds: a disk that takes longer serves nobody
DEADLINE_MS = 3_600_000  # a hold older than that, of a job that does not run, was forgotten
LOOK_S = 0.5
CHECKPOINT_S = 2.0
CHECKPOINT_TOKENS = 256
RETRY_S = 2.0
# By these a client ends its own request, as by leaving. No worker can say them (dispatch/frames.py).
OF_THE_CLIENT = frozenset({ErrorCode.DEADLINE_EXCEEDED, ErrorCode.INVALID_API_KEY})

ProgressOf = Callable[[str], Progress | None]  # of a job, by its id; None when it has ended


@dataclass
class OpenBill:
    """The bill of a request that runs: tell it of the end of each choice; with the last one it is closed. `jobs`: the
    names of its choices."""

    name: str
    jobs: tuple[str, ...]
    job: ClientRequest
    principal: Principal
    quote: Quote
    close: Callable[["OpenBill"], None]
    ends: dict[str, tuple[JobSpec, JobEnd]] = field(default_factory=dict)
    checkpointed: int = 0  # tokens of the last checkpoint
    checkpointed_at: float = 0.0

    def ended(self, spec: JobSpec, end: JobEnd) -> None:
        self.ends[spec.id] = spec, end
        if len(self.ends) == self.job.n:
            self.close(self)


class Ended(Exception):
    """A request of that name has been settled, for `charge` nano-dollars, or voided: it cannot be paid for twice."""

    def __init__(self, charge: int) -> None:
        super().__init__(charge)
        self.charge = charge


class RunsElsewhere(Exception):
    """A request of that name, or of that Idempotency-Key, runs at another replica."""


class Billing:
    """Opens a bill for each request, writes checkpoints of the streams, settles what has ended.

    `share_bps`: the workers' share of a price, in basis points. `edge`: the replica whose jobs these are, if there are
    several.
    """

    def __init__(
        self, ledger: LedgerWriter, tariffs: Mapping[str, Tariff], units: Units, share_bps: int, edge: str = ""
    ) -> None:
        self.units = units
        self.share_bps = share_bps
        self._ledger = ledger
        self.tariffs = tariffs  # of the catalog as it is now
        self._edge = edge
        self._bills: dict[str, OpenBill] = {}

    @property
    def running(self) -> frozenset[str]:
        """Names of the requests whose bills are open: their holds will be ended."""
        return frozenset(self._bills)

    def runs(self, name: str) -> bool:
        return name in self._bills

    def tariff(self, model: str) -> Tariff:
        """The price of a model. Raises model_not_found."""
        if model not in self.tariffs:
            known = ", ".join(self.tariffs)
            message = f"There is no model {model[:128]!r}. Models: {known}."
            raise SupernetError(ErrorCode.MODEL_NOT_FOUND, message, param="model")
        return self.tariffs[model]

    async def open(
        self, name: str, job: ClientRequest, principal: Principal, claim: Claim | None, request_id: str | None
    ) -> OpenBill:
        """Set aside the most that the request can cost, and open its bill; `claim`, `request_id`: see Hold. Raises
        insufficient_quota; overloaded if the ledger is behind, or away; Ended if a request of that name is over,
        RunsElsewhere if another replica runs it."""
        if self._ledger.full or not self._ledger.healthy:
            raise behind()
        tariff, bound, at_ms = self.tariff(job.model.id), job.prompt_bound(), now_ms()
        hold = Hold(
            job=name,
            account=principal.account,
            key=principal.key,
            model=job.model.id,
            streamed=_as_it_comes(job),
            tariff=tariff,
            bound=bound,
            token_type=job.token_type,
            nano=job.most(tariff, bound),
            at_ms=at_ms,
            deadline_ms=at_ms + DEADLINE_MS,
            kind=None if job.piece is None else job.piece.kind,
            claim=claim,
            counted=tuple(
                Counted(counter.name, counter.limits.cap_day_nano, counter.limits.cap_month_nano)
                for counter in principal.paying
            ),
            request_id=request_id,
        )
        held = await self._held(hold)
        jobs = tuple(job_id(name, choice, self._edge) for choice in range(job.n))
        quote = Quote(tariff, bound, held.amounts, self.units)
        open_bill = self._bills[name] = OpenBill(name, jobs, job, principal, quote, self._close)
        return open_bill

    async def _held(self, hold: Hold) -> Held:
        answer = None
        try:
            async with asyncio.timeout(HOLD_S):
                answer = await self._ledger.ask(hold)
        except (TimeoutError, StoreError):
            raise behind() from None
        finally:
            if answer is None:  # it may have been carried out, or will be
                self._ledger.put(Settle(hold.job, 0, (), (), hold.at_ms))
        if isinstance(answer, Insufficient):
            raise insufficient(hold, answer.available)
        if isinstance(answer, Capped):
            raise capped(hold, answer)
        if isinstance(answer, Done):
            raise Ended(answer.charge)
        if isinstance(answer, Taken):
            raise RunsElsewhere
        assert isinstance(answer, Held)
        return answer

    # ---- while it runs -------------------------------------------------------------------------------------------

    async def run(self, progress: ProgressOf) -> None:
        """Checkpoints, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look(progress, asyncio.get_running_loop().time())

    def look(self, progress: ProgressOf, now: float) -> None:
        """Write the checkpoints that are due."""
        for open_bill in self._bills.values():
            if _as_it_comes(open_bill.job):
                self._checkpoint(open_bill, progress, now)

    def _checkpoint(self, open_bill: OpenBill, progress: ProgressOf, now: float) -> None:
        sums: dict[str, int] = {}
        prompts: list[tuple[str, int]] = []  # of the choices that have a token
        for job in open_bill.jobs:
            end = open_bill.ends.get(job)
            got = progress(job) if end is None else _progress(open_bill.job, end[1])
            if got is None or got.reader is None or not got.served:
                continue
            prompts.append((got.reader, got.prompt))
            for worker, count in got.served:
                sums[worker] = sums.get(worker, 0) + count
        new = sum(sums.values()) - open_bill.checkpointed
        if new >= CHECKPOINT_TOKENS or (new and now - open_bill.checkpointed_at >= CHECKPOINT_S):
            open_bill.checkpointed, open_bill.checkpointed_at = open_bill.checkpointed + new, now
            self._ledger.put(Checkpoint(open_bill.name, tuple(sums.items()), tuple(prompts)))

    def give_up(self, open_bill: OpenBill) -> None:
        """Nothing of the request will run: it costs nothing."""
        del self._bills[open_bill.name]
        self._ledger.put(Settle(open_bill.name, 0, (), (), now_ms()))

    # ---- when it has ended ---------------------------------------------------------------------------------------

    def _close(self, open_bill: OpenBill) -> None:
        del self._bills[open_bill.name]
        order = settled(open_bill, self.share_bps, now_ms())
        self._ledger.put(order)


def settled(open_bill: OpenBill, share_bps: int, at_ms: int) -> Settle:
    """The order that ends a request whose choices have all ended."""
    ends = [open_bill.ends[job] for job in open_bill.jobs]
    broken = any(isinstance(end, Failed) and end.error.code not in OF_THE_CLIENT for _, end in ends)
    nothing = broken and not _as_it_comes(open_bill.job)
    choices = [
        _none(end.report) if nothing or not _billed(end) else _served(open_bill.job, end.report) for _, end in ends
    ]
    quote, client = open_bill.quote, open_bill.principal.account
    found: Bill = bill(quote.tariff, quote.bound, sum(quote.held.values()), choices, client, share_bps)
    rows = tuple(
        _row(open_bill, spec, end, cost, at_ms)
        for (spec, end), cost in zip(ends, found.costs, strict=True)
        if end.report.attempts  # what no worker ever had is not worth a row
    )
    codes = [] if rows else [end.error.code.value for _, end in ends if isinstance(end, Failed)]
    return Settle(open_bill.name, found.charge, found.payees, rows, at_ms, *codes[:1])


def _billed(end: JobEnd) -> bool:
    """A request that crashed engines costs nothing: whose fault that was is not known."""
    poison = isinstance(end, Failed) and end.error.code is ErrorCode.POISON_REQUEST
    return isinstance(end, Finished) or (end.report.usage.completion > 0 and not poison)


def _as_it_comes(job: ClientRequest) -> bool:
    """Whether the client has what came when the rest fails: of a stream, and of what is made piece by piece."""
    return job.stream or job.piece is not None


def _progress(job: ClientRequest, end: JobEnd) -> Progress | None:
    report = end.report
    return Progress(report.usage.prompt, report.reader, job.delivered(report)) if _billed(end) else None


def _served(job: ClientRequest, report: Report) -> Served:
    return Served(report.usage.prompt, report.reader, job.delivered(report))


def _none(report: Report) -> Served:
    return Served(0, None, ())


def _row(open_bill: OpenBill, spec: JobSpec, end: JobEnd, cost: int, at_ms: int) -> UsageRow:
    match end:
        case Finished():
            finish = str(end.finish_reason)
        case Failed():
            finish = end.error.code.value
        case Stopped():
            finish = "cancelled"
    report, piece = end.report, open_bill.job.piece
    return UsageRow(
        job=spec.id,
        request=open_bill.name,
        at_ms=at_ms,
        account=open_bill.principal.account,
        key=open_bill.principal.key,
        model=open_bill.job.model.id,
        worker=report.worker,
        attempts=report.attempts,
        finish=finish,
        prompt=report.usage.prompt,
        cached=report.usage.cached,
        completion=report.usage.completion,
        reasoning=report.usage.reasoning,
        price_prompt=open_bill.quote.tariff.prompt,
        price_completion=open_bill.quote.tariff.completion,
        cost_nano=cost,
        queued_ms=round(report.queued_s * 1000),
        first_token_ms=None if report.first_token_s is None else round(report.first_token_s * 1000),
        total_ms=round(report.total_s * 1000),
        kind=None if piece is None else piece.kind,
        units=None if piece is None else piece.units if _billed(end) else 0,
    )


def behind() -> SupernetError:
    """The error for a client whose request needs the ledger while that is too slow, or away."""
    return SupernetError(ErrorCode.OVERLOADED, "accounting is behind: try again in a moment", retry_after_s=RETRY_S)
