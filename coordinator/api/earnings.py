"""GET /v1/account/earnings: what an account's workers earned, by day and worker, beside the power that it took."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.api.account_access import AccountAccess
from coordinator.api.body import read_body
from coordinator.api.query import whole_number
from coordinator.api.spreadsheet import MEDIA_TYPE, cells, headers, lines
from coordinator.clock import DAY_MS, now_ms
from coordinator.dashboard.view import worker_id
from coordinator.ledger import earning_days, energy_days
from coordinator.ledger.earning_days import EARNING_DAYS, WorkerDay
from coordinator.ledger.energy_days import WorkerEnergy, cost_nano
from coordinator.ledger.pricing import NANO, decimal
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from coordinator.store.database import Database
from wire.errors import invalid

MAX_DAYS = 366
MOST_KWH = 100  # dollars
WORKER_CHARS = 64
PRICE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?", re.ASCII)
Json = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What is known of the account's workers since a day, and what a kilowatt-hour costs their owner."""

    earned: Sequence[WorkerDay]
    drawn: Sequence[WorkerEnergy]
    kwh_nano: int | None
    counted_until: int | None


@dataclass(frozen=True)
class EarningsApi:
    """What an owner's workers earned; and what their power costs."""

    access: AccountAccess

    async def show(self, request: Request) -> Response:
        """A row for each day (UTC) and worker that earned or drew power, the newest day first; as JSON with their sums,
        or as CSV."""
        _, account = await self.access.authenticate(request, "days", "worker", "format")
        days = whole_number(request, "days", 30, 1, MAX_DAYS)
        name, form = request.query_params.get("worker"), request.query_params.get("format", "json")
        if form not in ("json", "csv"):
            raise invalid("format", "Invalid 'format': expected 'json' or 'csv'.")
        if name is not None and not 0 < len(name) <= WORKER_CHARS:
            raise invalid(
                "worker", f"Invalid 'worker': expected the id of a worker, {WORKER_CHARS} characters at most."
            )
        first = now_ms() // DAY_MS - days + 1
        worker = None if name is None else f"{account.id}/{name}"
        told = await self.access.look(account.id, _told, account.id, first, worker)
        rows = _rows(told)
        if form == "csv":
            table = lines([COLUMNS, *(cells(row, COLUMNS) for row in rows)])
            return Response(table, media_type=MEDIA_TYPE, headers=headers(f"earnings-{days}-days"))
        price = {
            "usd_per_kwh": None if told.kwh_nano is None else decimal(told.kwh_nano),
            "nano_usd_per_kwh": told.kwh_nano,
        }
        totals = _totals(rows)
        span = {"days": days, "first_day": _date(first), "counted_until": told.counted_until}
        return JSONResponse({"object": "list", **span, **price, "totals": totals, "data": rows})

    async def set_price(self, request: Request) -> Response:
        """Keep what a kilowatt-hour costs the owner; null forgets it."""
        principal, account = await self.access.authenticate(request)
        fields = Fields(load(await read_body(request)))
        text = fields.text("usd_per_kwh", low=1, high=16)
        fields.finish()
        nano = None
        if text is not None:
            if not PRICE.fullmatch(text) or (nano := int(Decimal(text) * NANO)) > MOST_KWH * NANO:
                raise invalid(
                    "usd_per_kwh", f"Invalid 'usd_per_kwh': expected dollars, such as '0.32', {MOST_KWH} at most."
                )
        by = self.access.by(principal, account, "electricity", f"{text} dollars a kWh" if text else "forgotten")
        await self.access.do(by, energy_days.set_price, account.id, nano)
        told = None if nano is None else decimal(nano)
        return JSONResponse({"object": "account.electricity", "usd_per_kwh": told, "nano_usd_per_kwh": nano})


def _told(database: Database, account: str, day: int, worker: str | None) -> Told:
    return Told(
        earning_days.read(database, account, day, worker),
        energy_days.read(database, account, day, worker),
        energy_days.price(database, account),
        EARNING_DAYS.counted_until(database),
    )


def _rows(told: Told) -> list[Json]:
    """One for each day and worker that is in either."""
    earned = {(row.day, row.worker): row for row in told.earned}
    drawn = {(row.day, row.worker): row for row in told.drawn}
    return [
        _row(day, worker, earned.get((day, worker)), drawn.get((day, worker)), told.kwh_nano)
        for day, worker in sorted(earned.keys() | drawn.keys(), key=lambda each: (-each[0], each[1]))
    ]


def _row(day: int, worker: str, earned: WorkerDay | None, drawn: WorkerEnergy | None, kwh_nano: int | None) -> Json:
    one = earned or WorkerDay(day, worker, 0, 0, 0, 0, 0, 0)
    measured = drawn is not None and drawn.measured_s > 0
    return {
        "day": _date(day),
        "worker": worker.partition("/")[2],
        "worker_id": worker_id(worker),
        "jobs": one.jobs,
        "prompt_tokens": one.prompt,
        "completion_tokens": one.completion,
        "units": one.units,
        "earned_nano_usd": one.nano,
        "payable_nano_usd": one.nano - one.given,
        "credit_nano_usd": one.given,
        "escrow_nano_usd": one.escrow,
        "escrow_credit_nano_usd": one.escrow_given,
        "online_s": 0 if drawn is None else drawn.online_s,
        "measured_s": 0 if drawn is None else drawn.measured_s,
        "energy_wh": round(drawn.joules / 3600, 3) if drawn is not None and measured else None,
        "power_nano_usd": cost_nano(drawn.joules, kwh_nano) if drawn is not None and measured else None,
    }


def _totals(rows: Iterable[Json]) -> Json:
    """The sums of the rows; of what no row knows, nothing."""
    rows = list(rows)
    names = [name for name in COLUMNS if name not in ("day", "worker", "worker_id")]
    sums: Json = {}
    for name in names:
        known = [row[name] for row in rows if row[name] is not None]
        optional = name in ("energy_wh", "power_nano_usd")
        total = sum(known)
        sums[name] = None if optional and not known else round(total, 3) if name == "energy_wh" else total
    return sums


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).strftime("%Y-%m-%d")


COLUMNS = tuple(_row(0, "", None, None, None))
