"""One look at everything: what was seen is written down, and one replica at a time judges and queues the messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from coordinator.alerts import outbox_rows, subject_rows
from coordinator.alerts.address_rows import Address, all_addresses
from coordinator.alerts.judge import KEPT_S, Judged, judge
from coordinator.alerts.kinds import Kind
from coordinator.alerts.messages import Told, messages
from coordinator.alerts.money import asked_payouts, ending_keys, low_balances, near_caps
from coordinator.alerts.subjects import Sighting
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database


@dataclass(frozen=True)
class Look:
    """What one replica brings to it. `operator`: whether the operator is told of anything; `money`: whether balances,
    keys and payouts are looked at this time; `steady_s`: see judge."""

    sightings: Sequence[Sighting]
    addresses: Sequence[Address]
    kinds: Mapping[str, Kind]
    operator: bool
    steady_s: float
    now_ms: int
    money: bool = True


def addresses(database: Database) -> list[Address]:
    return database.transact(all_addresses)


def look(database: Database, mine: Look) -> int:
    """Write down what was seen, and judge unless another replica does at this moment. Returns how many messages that
    queues."""
    return database.transact(lambda connection: _look(connection, mine))


def _look(connection: Connection, mine: Look) -> int:
    subject_rows.see(connection, mine.sightings, mine.now_ms)
    if not free(connection, Lock.ALERTS):
        return 0
    shared = (
        list[Sighting]()
        if not mine.money
        else [
            *low_balances(connection, mine.addresses),
            *ending_keys(connection, mine.addresses, mine.now_ms),
            *near_caps(connection, mine.addresses, mine.now_ms),
            *(asked_payouts(connection) if mine.operator else ()),
        ]
    )
    subject_rows.see(connection, shared, mine.now_ms)
    now_s = mine.now_ms / 1000
    subjects = subject_rows.interesting(connection, mine.now_ms)
    workers = subject_rows.known(connection, filter(None, (one.key.worker for one in subjects)))
    judged = judge(subjects, mine.kinds, mine.steady_s, now_s, workers)
    subject_rows.remember(connection, judged, mine.now_ms)
    news = [_told(one) for one in judged if one.news is not None]
    return outbox_rows.put(connection, messages(news, mine.kinds, now_s), mine.addresses, mine.now_ms)


def _told(one: Judged) -> Told:
    after = one.subject or one.before
    since = one.before.standing.since if one.news == "over" else after.standing.since
    return Told(one.before.key, one.before.words, one.news == "over", since or after.seen_s)


def sweep(database: Database, now_ms: int) -> None:
    """Forget what is old."""

    def work(connection: Connection) -> None:
        outbox_rows.sweep(connection, now_ms)
        subject_rows.sweep(connection, now_ms - int(KEPT_S * 1000))

    database.transact(work)
