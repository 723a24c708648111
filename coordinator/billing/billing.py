"""What a request costs, from before it runs until after: held, counted while it runs, settled when it has ended.

- Nothing runs before the most that it can cost has been set aside; a balance too small is a 402.
- A finished answer costs its prompt and its tokens. A stream that ends otherwise (the client leaves, no worker is left)
  costs what was delivered, and without a token nothing. An answer that was to be sent whole and fails costs nothing.
- Failover is one bill: every worker is paid for the tokens of its own that were delivered.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from coordinator.accounts.accounts import Principal
from coordinator.dispatch.effects import Failed, Finished, Report, Stopped
from coordinator.ledger.orders import Checkpoint, Done, Held, Hold, Settle, Short, UsageRow
from coordinator.ledger.pricing import Bill, Quote, Served, Tariff, Units, bill, decimal, most, prompt_bound
from coordinator.ledger.writer import LedgerWriter
from coordinator.request import ChatJob
from coordinator.scheduler.state import JobSpec
from coordinator.store.errors import LedgerError
from wire.errors import ErrorCode, SupernetError

HOLD_S = 10.0  # a commit takes milliseconds: a disk that takes longer serves nobody
DEADLINE_MS = 3_600_000  # a hold older than that, of a job that does not run, was forgotten
LOOK_S = 0.5
CHECKPOINT_S = 2.0
CHECKPOINT_TOKENS = 256
RETRY_S = 10.0

JobEnd = Finished | Failed | Stopped
Tokens = tuple[tuple[str, int], ...]


@dataclass
class Tab:
    """One request that runs, and what it will cost. `ended` is told of the end of each of its choices."""

    name: str
    job: ChatJob
    principal: Principal
    quote: Quote
    close: Callable[["Tab"], None]
    ends: dict[str, tuple[JobSpec, JobEnd]] = field(default_factory=dict)
    marked: int = 0  # tokens of the last checkpoint
    marked_at: float = 0.0

    def ended(self, spec: JobSpec, end: JobEnd) -> None:
        self.ends[spec.id] = spec, end
        if len(self.ends) == self.job.n:
            self.close(self)


class Ended(Exception):
    """A job of that name has been settled, for `charge`, or voided: it cannot be paid for twice."""

    def __init__(self, charge: int) -> None:
        super().__init__(charge)
        self.charge = charge


class Billing:
    def __init__(self, ledger: LedgerWriter, tariffs: Mapping[str, Tariff], units: Units, share_bps: int) -> None:
        self.units = units
        self.share_bps = share_bps
        self._ledger = ledger
        self._tariffs = tariffs
        self._tabs: dict[str, Tab] = {}

    @property
    def running(self) -> frozenset[str]:
        """Names of the requests whose holds somebody will end."""
        return frozenset(self._tabs)

    def runs(self, name: str) -> bool:
        return name in self._tabs

    def tariff(self, model: str) -> Tariff:
        """Raises model_not_found."""
        if model not in self._tariffs:
            known = ", ".join(self._tariffs)
            message = f"There is no model {model[:128]!r}. Models: {known}."
            raise SupernetError(ErrorCode.MODEL_NOT_FOUND, message, param="model")
        return self._tariffs[model]

    async def open(self, name: str, job: ChatJob, principal: Principal) -> Tab:
        """Set aside the most that the request can cost. Raises insufficient_quota, queue_full: the ledger is behind,
        Ended: a job of that name is over."""
        if self._ledger.full:
            raise behind()
        tariff, context = self.tariff(job.model.id), job.model.context
        bound = prompt_bound(job.request, context)
        nano = most(tariff, bound, job.request.max_tokens, context, job.n)
        now_ms = _now_ms()
        hold = Hold(
            job=name,
            account=principal.account,
            key=principal.key,
            model=job.model.id,
            streamed=job.stream,
            tariff=tariff,
            bound=bound,
            token_type=job.token_type,
            nano=nano,
            at_ms=now_ms,
            deadline_ms=now_ms + DEADLINE_MS,
        )
        held = await self._held(hold)
        tab = self._tabs[name] = Tab(name, job, principal, Quote(tariff, bound, held.purses, self.units), self._close)
        return tab

    async def _held(self, hold: Hold) -> Held:
        answer = None
        try:
            async with asyncio.timeout(HOLD_S):
                answer = await self._ledger.ask(hold)
        except (TimeoutError, LedgerError):
            raise behind() from None
        finally:
            if answer is None:  # it may have been carried out, or will be
                self._ledger.put(Settle(hold.job, 0, (), (), hold.at_ms))
        if isinstance(answer, Short):
            raise self._short(hold, answer.available)
        if isinstance(answer, Done):
            raise Ended(answer.charge)
        assert isinstance(answer, Held)
        return answer

    def _short(self, hold: Hold, available: int) -> SupernetError:
        purse = "its spark and sogni are" if hold.token_type == "auto" else f"its {hold.token_type} are"
        message = (
            f"This request can cost up to ${decimal(hold.nano)}, and the account has ${decimal(available)} ({purse} "
            "counted): ask for fewer max_tokens, claim the daily bonus with POST /v1/account/bonus, or top up."
        )
        return SupernetError(ErrorCode.INSUFFICIENT_QUOTA, message)

    # ---- while it runs -------------------------------------------------------------------------------------------

    async def run(self, served: Callable[[str], Tokens | None]) -> None:
        """Checkpoints, until cancelled. `served`: a job's delivered tokens by worker, None when it has ended."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = asyncio.get_running_loop().time()
            for tab in self._tabs.values():
                if tab.job.stream:
                    self._mark(tab, served, now)

    def _mark(self, tab: Tab, served: Callable[[str], Tokens | None], now: float) -> None:
        sums: dict[str, int] = {}
        for choice in range(tab.job.n):
            job = f"{tab.name}.{choice}"
            tokens = tab.ends[job][1].report.served if job in tab.ends else served(job) or ()
            for worker, count in tokens:
                sums[worker] = sums.get(worker, 0) + count
        new = sum(sums.values()) - tab.marked
        if new >= CHECKPOINT_TOKENS or (new and now - tab.marked_at >= CHECKPOINT_S):
            tab.marked, tab.marked_at = tab.marked + new, now
            self._ledger.put(Checkpoint(tab.name, tuple(sums.items())))

    # ---- when it has ended ---------------------------------------------------------------------------------------

    def _close(self, tab: Tab) -> None:
        del self._tabs[tab.name]
        order = settled(tab, self.share_bps, _now_ms())
        self._ledger.put(order)


def settled(tab: Tab, share_bps: int, now_ms: int) -> Settle:
    """The order that ends a request whose choices have all ended."""
    ends = [tab.ends[f"{tab.name}.{choice}"] for choice in range(tab.job.n)]
    nothing = not tab.job.stream and any(isinstance(end, Failed) for _, end in ends)
    choices = [_none(end.report) if nothing or not _billed(end) else _served(end.report) for _, end in ends]
    quote, client = tab.quote, tab.principal.account
    found: Bill = bill(quote.tariff, quote.bound, sum(quote.held.values()), choices, client, share_bps)
    rows = tuple(
        _row(tab, spec, end, cost, now_ms)
        for (spec, end), cost in zip(ends, found.costs, strict=True)
        if end.report.attempts  # what no worker ever had is not worth a row
    )
    return Settle(tab.name, found.charge, found.payees, rows, now_ms)


def _billed(end: JobEnd) -> bool:
    """A request that crashed engines costs nothing: whose fault that was is not known."""
    poison = isinstance(end, Failed) and end.error.code is ErrorCode.POISON_REQUEST
    return isinstance(end, Finished) or (end.report.usage.completion > 0 and not poison)


def _served(report: Report) -> Served:
    return Served(report.usage.prompt, report.worker, report.served)


def _none(report: Report) -> Served:
    return Served(0, report.worker, ())


def _row(tab: Tab, spec: JobSpec, end: JobEnd, cost: int, now_ms: int) -> UsageRow:
    match end:
        case Finished():
            finish = str(end.finish_reason)
        case Failed():
            finish = end.error.code.value
        case Stopped():
            finish = "cancelled"
    report = end.report
    return UsageRow(
        job=spec.id,
        request=tab.name,
        at_ms=now_ms,
        account=tab.principal.account,
        key=tab.principal.key,
        model=tab.job.model.id,
        worker=report.worker,
        attempts=report.attempts,
        finish=finish,
        prompt=report.usage.prompt,
        cached=report.usage.cached,
        completion=report.usage.completion,
        reasoning=report.usage.reasoning,
        price_prompt=tab.quote.tariff.prompt,
        price_completion=tab.quote.tariff.completion,
        cost_nano=cost,
        queued_ms=round(report.queued_s * 1000),
        first_token_ms=None if report.first_token_s is None else round(report.first_token_s * 1000),
        total_ms=round(report.total_s * 1000),
    )


def behind() -> SupernetError:
    """What a client is told when the database is too slow, or away."""
    return SupernetError(ErrorCode.QUEUE_FULL, "accounting is behind: try again in a moment", retry_after_s=RETRY_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
