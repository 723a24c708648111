"""The history for many readers: what one has asked for is kept a while for the others, and one question at a time goes
to the database. The history itself grows once a minute."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from coordinator.clock import DAY_MS, day_start_ms
from coordinator.history import reading
from coordinator.history.figures import ALL, HOUR_MS
from coordinator.history.reading import DEMAND, Row
from coordinator.history.uptime import Masks, Uptime, first_ms, last_ms, uptime
from wire.errors import ErrorCode, SupernetError

KEPT_S = 20.0
OLD_KEPT_S = 3600.0  # what is said of hours that are over
MOST_KEPT = 1024
MOST_WAITING = 64
RETRY_S = 2.0
MONTH_DAYS = 30
WEEK_HOURS = 7 * 24

T = TypeVar("T")
Ask = Callable[..., Awaitable[Any]]  # a function of a database and its arguments -> what it returns


def hours_ago(at_ms: int, hours: int, step: int = HOUR_MS) -> int:
    """Where the last so many hours begin: with whole steps, the one that is open among them."""
    return at_ms - at_ms % step + step - hours * HOUR_MS


def days_ago(at_ms: int, days: int) -> int:
    """Midnight (UTC) where the last so many days begin, today among them."""
    return day_start_ms(at_ms, days - 1)


@dataclass(frozen=True)
class Minutes:
    """The minutes of a month: of models, and of the whole network, which is `known` from when until when."""

    known: tuple[int, int]
    of: dict[str, Masks]
    measured: Masks

    def uptime(self, model: str, since_ms: int, until_ms: int) -> Uptime:
        return uptime(self.of[model], self.measured, self.known, since_ms, until_ms)


@dataclass
class Reader:
    """`ask`: a question to the database. Its methods raise Unavailable, and rate_limit_exceeded if too many ask."""

    ask: Ask
    _kept: dict[Any, tuple[float, Any]] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0

    async def day(self, models: Sequence[str], at_ms: int) -> dict[str, Row]:
        """The sums of the last 24 hours."""
        since_ms = hours_ago(at_ms, 24)
        return await self._once(("day", *models, since_ms), reading.totals, models, since_ms)

    async def week(self, models: Sequence[str], at_ms: int) -> dict[str, Row]:
        """How much each was wanted in the last 7 days."""
        since_ms = hours_ago(at_ms, WEEK_HOURS)
        return await self._once(("week", *models, since_ms), reading.totals, models, since_ms, DEMAND)

    async def month(self, model: str, at_ms: int) -> Row:
        """The sums of the last 30 days."""
        since_ms = days_ago(at_ms, MONTH_DAYS)
        found = await self._once(("month", model, since_ms), reading.totals, [model], since_ms)
        return found.get(model, {})

    async def series(self, model: str, step: int, since_ms: int, every_ms: int) -> dict[int, Row]:
        return await self._once((model, step, since_ms, every_ms), reading.series, model, step, since_ms, every_ms)

    async def minutes(self, models: Sequence[str], at_ms: int) -> Minutes:
        """Of hours that are over model by model and rarely, as they are many; of the last two with the others."""
        since_ms = days_ago(at_ms, MONTH_DAYS) - DAY_MS  # whoever asks for a week of hours may begin before midnight
        every = [ALL, *(model for model in models if model != ALL)]
        fresh_ms = hours_ago(at_ms, 2)
        fresh = await self._once(("minutes", *every, fresh_ms), reading.masks, every, fresh_ms)
        found: dict[str, dict[str, Masks]] = {}
        for model in every:
            old = await self._once(("old", model, fresh_ms), reading.masks, [model], since_ms, kept_s=OLD_KEPT_S)
            found[model] = {name: {**masks, **fresh[model][name]} for name, masks in old[model].items()}
        measured = found[ALL]["measured"]
        known = first_ms(await self._once("began", reading.began)), last_ms(measured)
        return Minutes(known, {model: found[model]["up"] for model in every}, measured)

    async def _once(self, name: Any, work: Callable[..., T], *args: Any, kept_s: float = KEPT_S) -> T:
        kept = self._fresh(name)
        if kept is not None:
            known: T = kept[1]
            return known
        if self._waiting >= MOST_WAITING:
            message = "Too many ask for the history at once: try again in a moment."
            raise SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=RETRY_S)
        self._waiting += 1
        try:
            async with self._lock:
                kept = self._fresh(name)
                found: T = kept[1] if kept is not None else await self.ask(work, *args)
                if kept is None:
                    self._keep(name, found, kept_s)
                return found
        finally:
            self._waiting -= 1

    def _keep(self, name: Any, found: Any, kept_s: float) -> None:
        now = time.monotonic()
        if len(self._kept) >= MOST_KEPT:
            self._kept = {other: kept for other, kept in self._kept.items() if now < kept[0]}
        if len(self._kept) < MOST_KEPT:
            self._kept[name] = now + kept_s, found

    def _fresh(self, name: Any) -> tuple[float, Any] | None:
        kept = self._kept.get(name)
        return kept if kept is not None and time.monotonic() < kept[0] else None
