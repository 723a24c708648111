"""An account's data, without its secrets and without anybody else's."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert

from coordinator.accounts.rows import get_account
from coordinator.identity import export
from coordinator.identity.export import pieces
from coordinator.identity.joining import Answered, Newcomer, sign_up
from coordinator.identity.passkeys import Passkey
from coordinator.ledger.commit import commit
from coordinator.store.database import Database
from coordinator.store.history_tables import history_workers
from coordinator.store.media_tables import reports, videos
from coordinator.store.operator_tables import payouts
from tests.coordinator.ledger.builders import hold, payer


def exported(database: Database, account: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(b"".join(work(database) for work in pieces(get_account(database, account), 0)))
    return told


def test_all_of_the_account_and_no_secret_is_exported(database: Database) -> None:
    for name in ("1", "2"):
        new = Newcomer(f"acc_{name}", f"member-{name}", Passkey(f"pk{name}", b"public", 0))
        sign_up(database, b"p", new, Answered(f"c{name}", 100, f"secret{name}"), 700, 5)
    with database.transaction() as connection:
        for name in ("1", "2"):
            row = {
                "id": f"payout_{name}",
                "account": f"acc_{name}",
                "currency": "spark",
                "nano": 7,
                "note": "",
                "key": "",
            }
            over = {"state": "refused", "address": "bank 7", "asked_ms": 6, "changed_ms": 6}
            connection.execute(insert(payouts).values(**row, **over))
            mine = {"worker": f"acc_{name}/w", "account": f"acc_{name}"}
            report = {"artefact": f"file_{name}", "account": f"acc_{name}", "owner": "acc_9", "reason": "it shows me"}
            connection.execute(insert(reports).values(**report, at_ms=6))
            film = {"name": f"video_{name}", "account": f"acc_{name}", "model": "wan", "width": 8, "height": 8}
            connection.execute(insert(videos).values(**film, seconds=5, created_ms=6))
            connection.execute(insert(history_workers), [{**mine, "day": day, "online": 60} for day in (5, 6)])
    told = exported(database, "member-1")
    text = json.dumps(told)
    assert "acc_2" not in text and "secret1" not in text and "public" not in text
    assert {row["name"] for row in told["keys_and_sessions"]} == {"first key", "browser"}
    assert [(row["journal"], row["nano"]) for row in told["bookings"]] == [("starter:acc_1", 700)]
    assert [(row["worker"], row["day"], row["online"]) for row in told["workers_by_day"]] == [
        ("acc_1/w", 6, 60),
        ("acc_1/w", 5, 60),
    ]
    assert [(row["id"], row["address"]) for row in told["payouts"]] == [("payout_1", "bank 7")]
    assert told["media_reports"] == [{"artefact": "file_1", "reason": "it shows me", "at_ms": 6}]
    assert "acc_9" not in text, "whose file it was"
    assert [(row["name"], row["model"]) for row in told["films"]] == [("video_1", "wan")]
    assert told["requests"] == []
    assert told["at_most"].keys() <= told.keys()


def test_requests_are_exported_without_who_served_them(database: Database) -> None:
    who = payer(database)
    commit(database, [hold(who, f"job{number}", at_ms=number) for number in (1, 2, 3)])
    told = exported(database, who.account)
    assert [(row["job"], row["state"]) for row in told["requests"]] == [(f"job{n}", "held") for n in (3, 2, 1)]
    assert "served" not in json.dumps(told["requests"])


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5])
def test_however_many_rows_there_are_few_are_held_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Before, ten thousand at most were told, and all of them stood in memory."""
    monkeypatch.setattr(export, "CHUNK", 2)
    who = payer(database)
    commit(database, [hold(who, f"job{n}", at_ms=7 + n // 3) for n in range(number)])  # some at the same time
    rows_read: list[int] = []
    query = database.query

    def counted(statement: Any) -> Any:
        found = query(statement)
        if any(f"FROM {table}" in str(statement) for table in ("holds", "entries")):
            rows_read.append(len(found))
        return found

    monkeypatch.setattr(database, "query", counted)
    told = exported(database, who.account)
    jobs = [row["job"] for row in told["requests"]]
    assert jobs == [f"job{n}" for n in reversed(range(number))]
    assert len(told["bookings"]) >= number and len({json.dumps(row) for row in told["bookings"]}) == len(
        told["bookings"]
    )
    assert max(rows_read) <= 2


def test_a_part_of_an_export_is_no_json(database: Database) -> None:
    who = payer(database)
    commit(database, [hold(who, "job1")])
    read = [work(database) for work in pieces(get_account(database, who.account), 0)]
    for end in range(len(read)):
        with pytest.raises(json.JSONDecodeError):
            json.loads(b"".join(read[:end]))


def test_one_accounts_rows_are_found_without_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones, and those behind them."""
    monkeypatch.setattr(export, "CHUNK", 1)
    database = Database(tmp_path / "c.db")
    who = payer(database)
    commit(database, [hold(who, f"job{n}", at_ms=n) for n in (1, 2)])
    asked: list[tuple[str, Any]] = []
    event.listen(database._connection, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    exported(database, who.account)
    for table, index in (
        ("entries", "entries_of_owner (owner=? AND id<"),
        ("holds", "holds_of_account (account=? AND"),
    ):
        sql, values = [one for one in asked if f"FROM {table}" in one[0]][-1]
        plan = str(database._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all())
        assert index in plan and "TEMP B-TREE" not in plan, plan
    database.close()
