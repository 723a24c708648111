"""The month is booked as a month would be, and each page's question is answered after it."""

import json
from pathlib import Path

from coordinator.accounts.accounts import create_account
from coordinator.clock import DAY_MS
from coordinator.ledger.audit import check
from coordinator.ledger.usage import read
from coordinator.store.database import Database
from tools.bench.pages import __main__ as module
from tools.bench.pages.__main__ import PATHS, main
from tools.bench.pages.month import Size, fill


def test_a_month_has_exact_books_and_lasts_until_now(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    create_account(database, "default", 1, 0)
    now_ms = 100 * DAY_MS
    told = list(fill(database, b"p" * 32, Size(days=3, requests_a_day=50, workers=9, clients=4), now_ms))
    rows = read(database)
    assert told == [(150, 150)] and len(rows) == 150 and check(database) == []
    assert {row.at_ms // DAY_MS for row in rows} == {97, 98, 99}
    assert len({row.worker for row in rows}) == 9 and len({row.account for row in rows}) == 5
    database.close()


def test_every_question_is_timed_and_the_database_kept(tmp_path: Path, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    size = ["--days", "2", "--requests", "50", "--workers", "5", "--clients", "2", "--rounds", "2", "--json"]
    monkeypatch.setattr("sys.argv", ["bench", *size, "--keep", str(tmp_path)])
    main()
    figures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [figure["path"] for figure in figures] == list(PATHS)
    assert {figure["status"] for figure in figures} == {200}
    monkeypatch.setattr("sys.argv", ["bench", *size, "--keep", str(tmp_path), "--path", "/v1/account/usage?days=30"])
    main()
    (again,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    monkeypatch.setattr(module, "WATCHED_S", 0.1)
    monkeypatch.setattr(module, "FIRST_LOOK_S", 0.1)
    asked = ["--keep", str(tmp_path), "--connected", "4", "--path", "/v1/admin/workers"]
    monkeypatch.setattr("sys.argv", ["bench", *size, *asked])
    main()
    told = capsys.readouterr()
    assert json.loads(told.out)["bytes"] > 1000, "workers are there"
    assert "nobody watches" in told.err and "one watches" in told.err
    assert again["bytes"] == next(each["bytes"] for each in figures if each["path"] == again["path"])


def test_the_same_on_a_postgresql_of_its_own(monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    size = ["--days", "1", "--requests", "50", "--workers", "5", "--clients", "2", "--rounds", "1", "--json"]
    monkeypatch.setattr("sys.argv", ["bench", *size, "--postgres", "--path", "/v1/account/requests"])
    main()
    (figure,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert figure["status"] == 200 and figure["bytes"] > 1000, "its requests are there"
