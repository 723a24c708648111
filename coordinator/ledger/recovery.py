"""Holds that were left open: of jobs that ran when the coordinator died, and of any that is past its deadline.

What the client of a stream had got by the last checkpoint is billed, with the prompts of the choices that had a token.
An answer that was to be sent whole never arrived, so it costs nothing, and neither does a stream without a token.
"""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import select

from coordinator.ledger.commit import commit
from coordinator.ledger.orders import Settle, UsageRow
from coordinator.ledger.pricing import Served, Tariff, bill
from coordinator.store.database import Database
from coordinator.store.tables import holds

BATCH = 256
FINISH = "coordinator_lost"


def recover(database: Database, share_bps: int, at_ms: int) -> int:
    """End every open hold: at start nothing runs. Returns how many. Raises StoreError."""
    return _end(database, share_bps, at_ms, None, ())


def sweep(database: Database, share_bps: int, at_ms: int, running: Collection[str]) -> int:
    """End the holds past their deadline, except those of jobs that run. Returns how many. Raises StoreError."""
    return _end(database, share_bps, at_ms, at_ms, running)


def _end(database: Database, share_bps: int, at_ms: int, before_ms: int | None, running: Collection[str]) -> int:
    statement = select(holds).where(holds.c.state == "held").order_by(holds.c.job)
    if before_ms is not None:
        statement = statement.where(holds.c.deadline_ms < before_ms)
    rows = [row for row in database.query(statement) if row.job not in running]
    for start in range(0, len(rows), BATCH):
        commit(database, [_settled(row, share_bps, at_ms) for row in rows[start : start + BATCH]])
    return len(rows)


def _settled(row: Any, share_bps: int, at_ms: int) -> Settle:
    served: dict[str, int] = json.loads(row.served) if row.streamed else {}
    tariff = Tariff(row.price_version, row.price_prompt, row.price_completion)
    prompts = (
        [(worker, min(tokens, row.bound)) for worker, tokens in json.loads(row.prompts)] if any(served.values()) else []
    )
    choices = [*(Served(tokens, worker, ()) for worker, tokens in prompts), Served(0, None, tuple(served.items()))]
    found = bill(tariff, row.bound, row.spark + row.sogni, choices, row.account, share_bps)
    usage = UsageRow(
        job=f"{row.job}.0",
        request=row.job,
        at_ms=at_ms,
        account=row.account,
        key=row.key,
        model=row.model,
        worker=prompts[-1][0] if prompts else next(reversed(served), None),
        attempts=len(served),
        finish=FINISH,
        prompt=sum(tokens for _, tokens in prompts),
        cached=0,
        completion=0 if row.kind else sum(served.values()),
        reasoning=0,
        price_prompt=tariff.prompt,
        price_completion=tariff.completion,
        cost_nano=found.charge,
        queued_ms=0,
        first_token_ms=None,
        total_ms=at_ms - row.at_ms,
        kind=row.kind,
        units=sum(served.values()) if row.kind else None,
    )
    return Settle(row.job, found.charge, found.payees, (usage,) if served else (), at_ms)
