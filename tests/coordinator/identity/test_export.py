"""An account's data, without its secrets and without anybody else's."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert

from coordinator.accounts.rows import get_account
from coordinator.identity import export
from coordinator.identity.export import exported
from coordinator.identity.joining import Answered, Newcomer, sign_up
from coordinator.identity.passkeys import Passkey
from coordinator.ledger.commit import commit
from coordinator.store.database import Database
from coordinator.store.history_tables import history_workers
from coordinator.store.media_tables import reports, videos
from coordinator.store.operator_tables import payouts
from tests.coordinator.ledger.builders import hold, payer


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
    told = exported(database, get_account(database, "member-1"), 0)
    text = json.dumps(told)
    assert "acc_2" not in text and "secret1" not in text and "public" not in text
    assert {row["name"] for row in told["keys_and_sessions"]} == {"first key", "browser"}
    assert [(row["journal"], row["nano"]) for row in told["bookings"]] == [("starter:acc_1", 700)]
    assert told["bookings_left_out"] is False
    assert [(row["worker"], row["day"], row["online"]) for row in told["workers_by_day"]] == [
        ("acc_1/w", 6, 60),
        ("acc_1/w", 5, 60),
    ]
    assert [(row["id"], row["address"]) for row in told["payouts"]] == [("payout_1", "bank 7")]
    assert told["media_reports"] == [{"artefact": "file_1", "reason": "it shows me", "at_ms": 6}]
    assert "acc_9" not in text, "whose file it was"
    assert [(row["name"], row["model"]) for row in told["films"]] == [("video_1", "wan")]
    assert (told["requests"], told["requests_left_out"]) == ([], False)


def test_requests_are_exported_without_who_served_them_and_it_is_said_if_some_are_left_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = payer(database)
    client = who.account
    commit(database, [hold(who, f"job{number}", at_ms=number) for number in (1, 2, 3)])
    told = exported(database, get_account(database, client), 0)
    assert [(row["job"], row["state"]) for row in told["requests"]] == [(f"job{n}", "held") for n in (3, 2, 1)]
    assert "served" not in json.dumps(told["requests"]) and not told["requests_left_out"]
    monkeypatch.setattr(export, "MOST_REQUESTS", 2)
    told = exported(database, get_account(database, client), 0)
    assert [row["job"] for row in told["requests"]] == ["job3", "job2"] and told["requests_left_out"]
    assert told["at_most"]["requests"] == 2 and told["at_most"].keys() <= told.keys()


def test_one_accounts_bookings_are_found_without_the_others(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    new = Newcomer("acc_1", "member-1", Passkey("pk1", b"public", 0))
    sign_up(database, b"p", new, Answered("c1", 100, "secret1"), 700, 5)
    asked: list[tuple[str, Any]] = []
    event.listen(database._connection, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    exported(database, get_account(database, "member-1"), 0)
    (sql, values), *_ = [one for one in asked if "FROM entries" in one[0]]
    plan = database._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
    assert "entries_of_owner" in str(plan.all())
    database.close()
