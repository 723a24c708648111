"""/v1/admin/workers: all workers of the network in pages, their problems, and what the operator orders of them.

They are those of the last snapshot of the dashboard, of other replicas too: of each of these the first thousand, and
`left_out` says how many there are besides.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.api.account_access import AccountAccess, by_operator
from coordinator.api.body import read_body
from coordinator.api.operator import MOST_LISTED, chosen, listed, operator, searched
from coordinator.api.query import whole_number
from coordinator.clock import now_ms
from coordinator.dashboard.feed import Feed
from coordinator.dashboard.snapshots import WorkerSnapshot
from coordinator.dashboard.view import NAME_CHARS, SEVERITIES, gpu_words, problems_of, worker_id
from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from coordinator.operating import worker_orders
from coordinator.operating.cursor import Value, decoded, encoded, paged
from coordinator.operating.names import names_of
from coordinator.operating.orders_feed import OrdersFeed
from coordinator.operating.worker_money import earned_of, totals
from coordinator.operating.worker_orders import KINDS, OrderRow
from program.printable import printable
from wire.errors import ErrorCode, SupernetError, invalid

Shown = list[dict[str, Any]]
STATES = ("ready", "busy", "loading", "paused", "resting", "draining", "down", "away")
ORDERS = (*KINDS, "end")
MOST_S = 366 * 86_400
NOTE_CHARS = 200
KEPT_MS = 60_000
WORKER = re.compile(r"[A-Za-z0-9_]{1,64}/[A-Za-z0-9._-]{1,64}")  # the key of a worker: its account's id, its own

# By what the list can be sorted, and the value of a worker for it.
SORTS: dict[str, Callable[[WorkerSnapshot], Value]] = {
    "name": lambda worker: worker.name[:NAME_CHARS].lower(),
    "speed": lambda worker: float(worker.tps),
    "jobs": lambda worker: worker.finished,
    "joined": lambda worker: worker.joined_ms,
    "problems": lambda worker: len(worker.issues),
}
KINDS_OF: dict[str, type[Value]] = {
    "name": str,
    "speed": float,
    "jobs": int,
    "joined": int,
    "problems": int,
    "earned": int,
}


@dataclass
class Totals:
    """What all workers have earned, by which the list is sorted; a minute old at most."""

    known: dict[str, int] = field(default_factory=dict)
    until: int | None = None  # as of DaySums.counted_until
    at_ms: int | None = None

    async def get(self, access: AccountAccess) -> dict[str, int]:
        if self.at_ms is None or not 0 <= now_ms() - self.at_ms < KEPT_MS:
            self.known = await access.oversee(totals)
            self.until, self.at_ms = await access.oversee(EARNING_DAYS.counted_until), now_ms()
        return self.known


@dataclass(frozen=True)
class OperatorWorkersApi:
    """The endpoints below /v1/admin that are about workers."""

    access: AccountAccess
    feed: Feed
    orders: OrdersFeed
    totals: Totals = field(default_factory=Totals)

    async def list(self, request: Request) -> Response:
        """Workers that are connected: `search`, `state`, `model`, `account`, `sort`, `order`, `limit`, `after`."""
        operator(self.access, request, "search", "state", "model", "account", "sort", "order", "limit", "after")
        asked = request.query_params
        sort = chosen(request, "sort", tuple(KINDS_OF), "name")
        descending = chosen(request, "order", ("asc", "desc"), "asc") == "desc"
        state = chosen(request, "state", ("any", "troubled", *STATES), "any")
        after = decoded(asked.get("after"), KINDS_OF[sort])
        limit = whole_number(request, "limit", 50, 1, MOST_LISTED)
        search = searched(request).lower()
        everyone, left_out = await self.feed.everyone()
        counts = {name: sum(worker.status == name for worker in everyone) for name in STATES}
        found = [
            worker
            for worker in everyone
            if (state == "any" or worker.status == state or (state == "troubled" and worker.issues))
            and asked.get("model") in (None, *(replica.offer.id for replica in worker.replicas))
            and asked.get("account") in (None, worker.account)
            and (not search or search in f"{worker.name} {worker.key} {gpu_words(worker.hardware)}".lower())
        ]
        if sort == "earned":
            money = await self.totals.get(self.access)
            value: Callable[[WorkerSnapshot], Value] = lambda worker: money.get(worker.key, 0)  # noqa: E731
        else:
            value = SORTS[sort]
        page, last = paged(found, value, lambda worker: worker.key, descending, after, limit)
        following = None if last is None else encoded(value(last), last.key)
        return JSONResponse(
            {
                "object": "list",
                "data": await self._shown(page),
                "next": following,
                "found": len(found),
                "left_out": left_out,
                "states": {"any": len(everyone), **counts},
                "counted_until": self.totals.until if sort == "earned" else None,
            }
        )

    async def problems(self, request: Request) -> Response:
        """Every problem of the network, the worst first: `severity`, `limit`, and `after`, how many to leave out."""
        operator(self.access, request, "severity", "limit", "after")
        severity = chosen(request, "severity", ("any", *SEVERITIES), "any")
        limit = whole_number(request, "limit", 50, 1, MOST_LISTED)
        after = whole_number(request, "after", 0, 0, 10**7)
        everything = await self.feed.problems()
        counts = {name: sum(one["severity"] == name for one in everything) for name in SEVERITIES}
        found = [one for one in everything if severity in ("any", one["severity"])]
        following = after + limit if len(found) > after + limit else None
        page = found[after : after + limit]
        return JSONResponse({"object": "list", "data": page, "next": following, "severities": counts})

    async def standing(self, request: Request) -> Response:
        """The orders that stand, those that end first before others; `limit`, and `after` the page before."""
        operator(self.access, request, "limit", "after")
        limit = whole_number(request, "limit", 50, 1, MOST_LISTED)
        after = decoded(request.query_params.get("after"), int)
        rows = list((await self.access.read(worker_orders.standing, now_ms())).values())
        page, last = paged(rows, lambda row: row.until_ms, lambda row: row.worker, False, after, limit)
        names = await self.access.oversee(names_of, [row.worker for row in page])
        data = [{**_order(row), "account_name": names.get(row.worker, "")} for row in page]
        return listed(data, None if last is None else encoded(last.until_ms, last.worker))

    async def order(self, request: Request) -> Response:
        """Have a worker rest, send it away, or end such an order. It is carried out within a second, at whichever
        replica the worker is."""
        principal = operator(self.access, request)
        fields = Fields(load(await read_body(request)))
        worker = fields.matching("worker", WORKER, "ACCOUNT/WORKER, as 'key' of the list of workers has it")
        kind = fields.choice("order", ORDERS)
        duration = fields.integer("seconds", 1, MOST_S)
        note = printable(fields.text("note", high=NOTE_CHARS) or "").strip()
        fields.finish()
        if worker is None or kind is None:
            missing = "worker" if worker is None else "order"
            raise invalid(missing, f"Missing '{missing}': say which worker, and one of {', '.join(ORDERS)}.")
        at_ms = now_ms()
        if kind == "end":
            await self.access.do(by_operator(principal), worker_orders.end, worker, principal.key, at_ms)
            await self._carried_out()
            return JSONResponse({"object": "operator.order", "worker": worker, "order": None})
        if duration is None:
            raise invalid("seconds", "Missing 'seconds': say for how long.")
        await self._known(worker)
        row = OrderRow(worker, "rest" if kind == "rest" else "away", at_ms, at_ms + duration * 1000, note)
        await self.access.do(by_operator(principal), worker_orders.order, row, principal.key)
        await self._carried_out()
        return JSONResponse(_order(row), 201)

    async def _carried_out(self) -> None:
        await self.orders.refresh()
        self.feed.look_anew()

    async def _known(self, worker: str) -> None:
        """Raises unknown_worker for one that is not connected and has never earned: a name mistyped orders nothing."""
        if any(one.key == worker for one in (await self.feed.everyone())[0]):
            return
        if not await self.access.oversee(earned_of, [worker]):
            raise SupernetError(ErrorCode.UNKNOWN_WORKER, "No worker of that key is connected, or has ever earned.")

    async def _shown(self, page: Sequence[WorkerSnapshot]) -> Shown:
        earned = await self.access.oversee(earned_of, [worker.key for worker in page])
        names = await self.access.oversee(names_of, [worker.account for worker in page])
        return [
            {
                "object": "operator.worker",
                "id": worker_id(worker.key),
                "key": worker.key,
                "name": worker.name[:NAME_CHARS],
                "account": worker.account,
                "account_name": names.get(worker.account, ""),
                "state": worker.status,
                "since_ms": worker.since_ms,
                "joined_ms": worker.joined_ms,
                "version": worker.version,
                "gpu": gpu_words(worker.hardware),
                "models": [replica.offer.id for replica in worker.replicas],
                "tokens_per_second": round(worker.tps, 1),
                "finished": worker.finished,
                "faults": worker.faults,
                "rest_s": round(worker.rest_s or 0.0, 1),
                "earned_nano_usd": earned.get(worker.key, 0),
                "problems": problems_of(worker, self.feed.newest),
                "order": _order(self.orders.rows[worker.key]) if worker.key in self.orders.rows else None,
            }
            for worker in page
        ]


def _order(row: OrderRow) -> dict[str, Any]:
    return {
        "object": "operator.order",
        "worker": row.worker,
        "order": row.kind,
        "since": row.since_ms // 1000,
        "until": row.until_ms // 1000,
        "note": row.note,
    }
