"""Holds that were left open: of jobs that ran when their coordinator died, and of any that is past its deadline.

What the client of a stream had got by the last checkpoint is billed, with the prompts of the choices that had a token.
An answer that was to be sent whole never arrived, so it costs nothing, and neither does a stream without a token.
"""

import json
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from coordinator.ledger.claim_rows import release, release_left
from coordinator.ledger.commit import apply
from coordinator.ledger.orders import Done, Settle, UsageRow
from coordinator.ledger.pricing import Served, Tariff, bill
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from coordinator.store.replicas import Identity
from coordinator.store.tables import holds, replicas, requests

BATCH = 256
FINISH = "coordinator_lost"
NAME_CHARS = 32  # of a request with an Idempotency-Key; the holds of its rounds and calls are named behind it


def recover(database: Database, share_bps: int, at_ms: int) -> int:
    """End every open hold, as nothing runs at a start; a replica beside others ends those of a server that was alone.
    Requests with an Idempotency-Key come to nothing with them, but for what is done of them. Returns how many. Raises
    StoreError."""
    ended = _end(database, share_bps, at_ms, holds.c.owner == "" if database.shared else true(), ())
    left = requests.c.edge == "" if database.shared else true()
    database.transact(lambda connection: release_left(connection, left))
    return ended


def sweep(database: Database, share_bps: int, at_ms: int, running: Collection[str]) -> int:
    """End this server's holds that are past their deadline, except those of jobs that run. Returns how many. Raises
    StoreError."""
    late = and_(holds.c.deadline_ms < at_ms, holds.c.owner.in_(database.identity.own))
    return _end(database, share_bps, at_ms, late, running)


def bury(database: Database, share_bps: int, at_ms: int, patient: Collection[str]) -> int:
    """End the holds of dead replicas. A request with an Idempotency-Key may yet be asked for at another one, and its
    holds are left as they are as long as its replica is among the `patient`. Returns how many. Raises StoreError."""
    dead = holds.c.owner.in_(select(replicas.c.id).where(replicas.c.state == "dead"))
    waited_for = select(requests.c.job).where(requests.c.state == "running", requests.c.edge.in_(patient))
    request = func.substr(holds.c.job, 1, NAME_CHARS)
    return _end(database, share_bps, at_ms, and_(dead, request.not_in(waited_for)), ())


def _end(database: Database, share_bps: int, at_ms: int, among: ColumnElement[bool], running: Collection[str]) -> int:
    """Batch by batch, each by one process: none has to wait for another."""
    ended, last = 0, ""
    while True:
        some = partial(_end_some, identity=database.identity, share_bps=share_bps, at_ms=at_ms, running=running)
        count, last = database.transact(partial(some, among=and_(among, holds.c.job > last)))
        ended += count
        if not last:
            return ended


def _end_some(
    connection: Connection,
    *,
    identity: Identity,
    share_bps: int,
    at_ms: int,
    running: Collection[str],
    among: ColumnElement[bool],
) -> tuple[int, str]:
    """Returns how many holds were ended, and the last one that was looked at; "": there is no other."""
    if not free(connection, Lock.SWEEP):
        return 0, ""
    statement = select(holds).where(holds.c.state == "held", among).order_by(holds.c.job).limit(BATCH)
    rows = connection.execute(statement).all()
    left = [row for row in rows if row.job not in running]
    as_they = replace(identity, former=identity.own | {row.owner for row in left})
    answers = apply(connection, [_settled(row, share_bps, at_ms) for row in left], as_they)
    ended = [row.job for row, answer in zip(left, answers, strict=True) if answer == Done()]
    release(connection, ended)  # the key of one that another replica has just taken over stays
    return len(ended), rows[-1].job if len(rows) == BATCH else ""


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
