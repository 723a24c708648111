"""The rows, on both databases."""

from dataclasses import replace
from typing import Any

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.accounts.errors import NotFound
from coordinator.artefact import Artefact
from coordinator.artefacts import rows
from coordinator.artefacts.errors import NoRoom, TooMany
from coordinator.artefacts.rows import Room, Row
from coordinator.clock import DAY_MS
from coordinator.scheduler import fleet
from coordinator.store.database import Database

MUCH = Room()
ONE, OTHER = "1" * 64, "2" * 64


@pytest.fixture
def account(database: Database) -> str:
    return create_account(database, "alice", 0).id


@pytest.fixture
def stranger(database: Database) -> str:
    return create_account(database, "bob", 0).id


def row(account: str, name: str, **changes: Any) -> Row:
    """An artefact of 100 bytes that is made at 0 and expires at 1,000."""
    fields = {"sha256": ONE, "made_ms": 0, "expires_ms": 1000}
    fields |= {key: changes.pop(key) for key in ("sha256", "made_ms", "expires_ms", "size_bytes") if key in changes}
    artefact = Artefact(**{"id": name, "media_type": "image/png", "size_bytes": 100, "width": 5} | fields)  # type: ignore[arg-type]
    return Row(artefact, account, **{"origin": "upload", "sent_sha256": "f" * 64} | changes)


def test_what_was_added_is_found_as_it_was(database: Database, account: str) -> None:
    made = row(account, "a", job="j.0", origin="made")
    rows.add(database, made, MUCH)
    assert rows.find(database, "a") == rows.find_of_job(database, "j.0") == made
    assert rows.find(database, "b") is rows.find_of_job(database, "j.1") is None
    assert rows.used(database, account, 0) == rows.total(database, 0) == Room(100, 1)


@pytest.mark.parametrize("attempt", [3, 322])
def test_what_a_job_made_is_found_by_whichever_attempt_as_long_as_it_may_be_read(
    database: Database, account: str, stranger: str, attempt: int
) -> None:
    """The second number is of a job that was in its sixth cell."""
    assert rows.EACH_CELL == fleet.MOST_STARTS
    made = row(account, "a", job=f"j.0/{attempt}", origin="made")
    rows.add(database, made, MUCH)
    ends_ms = made.artefact.expires_ms
    assert rows.find_made(database, account, "j.0", ends_ms - 1) == made.artefact
    assert rows.find_made(database, account, "j.0", ends_ms) is None
    for whose, job in ((stranger, "j.0"), (account, "j"), (account, f"j.0/{attempt}"), (account, "j.00")):
        assert rows.find_made(database, whose, job, 0) is None
    rows.block(database, "a", True)
    assert rows.find_made(database, account, "j.0", 0) is None


def test_an_object_is_free_with_its_last_row(database: Database, account: str, stranger: str) -> None:
    rows.add(database, row(account, "a"), MUCH)
    rows.add(database, row(stranger, "b"), MUCH)
    assert rows.remove(database, account, "a") is None
    assert rows.without_rows(database, [ONE, OTHER]) == [OTHER]
    assert rows.remove(database, stranger, "b") == ONE
    assert rows.without_rows(database, [ONE]) == [ONE]


def test_nobody_removes_what_is_not_theirs(database: Database, account: str, stranger: str) -> None:
    rows.add(database, row(account, "a"), MUCH)
    for who, name in ((stranger, "a"), (account, "b")):
        with pytest.raises(NotFound):
            rows.remove(database, who, name)
    assert rows.find(database, "a") is not None


@pytest.mark.parametrize(("room", "size"), [(Room(1000, 2), 1), (Room(250, 9), 51)])
def test_an_account_has_no_more_than_it_may(database: Database, account: str, room: Room, size: int) -> None:
    for name in ("a", "b"):
        rows.add(database, row(account, name), room)
    with pytest.raises(NoRoom, match="may have"):
        rows.add(database, row(account, "c", size_bytes=size), room)
    assert rows.find(database, "c") is None
    rows.add(database, row(account, "c", size_bytes=size, made_ms=1000, expires_ms=2000), room)  # the others are over


def test_what_expires_leaves_its_link_for_a_while_and_no_bytes(database: Database, account: str) -> None:
    rows.add(database, row(account, "a"), MUCH)
    rows.add(database, row(account, "b", expires_ms=5000), MUCH)
    rows.add(database, row(account, "c", sha256=OTHER), MUCH)
    assert rows.expire(database, 999) == []
    assert rows.expire(database, 1000) == [OTHER]  # ONE is b's too
    assert rows.expire(database, 1000) == []
    gone = rows.find(database, "a")
    assert gone is not None and gone.artefact.sha256 == ""
    assert rows.expire(database, 5000) == [ONE]
    rows.expire(database, 1000 + rows.FORGOTTEN_MS)
    assert rows.find(database, "a") is rows.find(database, "c") is None
    assert rows.find(database, "b") is not None


def test_all_of_an_account_end_at_once(database: Database, account: str, stranger: str) -> None:
    for who, name in ((account, "a"), (account, "b"), (stranger, "c")):
        rows.add(database, row(who, name), MUCH)
    assert rows.end_all(database, account, 500) == 2
    assert rows.page(database, account, None, 9, 500) == []
    assert len(rows.page(database, stranger, None, 9, 500)) == 1
    assert rows.expire(database, 500) == []
    assert rows.end_all(database, account, 500) == 0


def test_pages_go_on_where_the_last_one_ended(database: Database, account: str, stranger: str) -> None:
    for number, name in enumerate("abcdef"):
        rows.add(database, row(account, name, made_ms=number // 2), MUCH)
    rows.add(database, row(stranger, "x"), MUCH)
    names: list[str] = []
    while page := rows.page(database, account, names[-1] if names else None, 4, 5):
        names += [one.artefact.id for one in page]
    assert names == list("fedcba")
    for unknown in ("x", "y"):
        with pytest.raises(NotFound):
            rows.page(database, account, unknown, 4, 5)


def test_what_was_sent_before_is_known_again_by_its_account(database: Database, account: str, stranger: str) -> None:
    sent = row(account, "a")
    rows.add(database, sent, MUCH)
    rows.add(database, row(account, "b", origin="made", sent_sha256="e" * 64), MUCH)
    assert rows.find_sent(database, account, "f" * 64, 500) == sent
    assert rows.find_sent(database, account, "f" * 64, 1000) is None
    assert rows.find_sent(database, stranger, "f" * 64, 500) is None
    assert rows.find_sent(database, account, "e" * 64, 500) is None
    rows.block(database, "a", True)
    assert rows.find_sent(database, account, "f" * 64, 500) is None


def test_the_operator_blocks_and_frees(database: Database, account: str) -> None:
    rows.add(database, row(account, "a"), MUCH)
    for blocked in (True, False):
        rows.block(database, "a", blocked)
        assert rows.find(database, "a") == replace(row(account, "a"), blocked=blocked)
    with pytest.raises(NotFound):
        rows.block(database, "b", True)


def test_a_report_is_kept_when_its_artefact_is_gone(database: Database, account: str, stranger: str) -> None:
    rows.add(database, row(account, "a", job="j"), MUCH)
    rows.report(database, "a", stranger, "it shows me", 5)
    rows.report(database, "a", stranger, "again", 6)
    rows.report(database, "a", account, "mine", 7)
    rows.remove(database, account, "a")
    mine, theirs = rows.list_reports(database, 9)
    assert (mine.account, mine.reason, mine.at_ms) == (account, "mine", 7)
    assert theirs == rows.Report("a", stranger, account, "j", ONE, "it shows me", 5)
    assert len(rows.list_reports(database, 1)) == 1
    with pytest.raises(NotFound):
        rows.report(database, "a", account, "gone", 8)


def test_reports_have_a_bound(database: Database, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "REPORTS_A_DAY", 1)
    for name in ("a", "b"):
        rows.add(database, row(account, name), MUCH)
    rows.report(database, "a", account, "x", 0)
    with pytest.raises(TooMany):
        rows.report(database, "b", account, "x", 1)
    rows.report(database, "b", account, "x", DAY_MS)


def test_a_database_has_one_name_among_others(database: Database) -> None:
    assert rows.namespace(database, "first") == rows.namespace(database, "second") == "first"


def test_every_object_that_a_row_has_is_kept_once(database: Database, account: str, stranger: str) -> None:
    rows.add(database, row(account, "a", sha256=OTHER, size_bytes=7), MUCH)
    rows.add(database, row(account, "b"), MUCH)
    rows.add(database, row(stranger, "c"), MUCH)
    assert rows.kept(database) == [(ONE, "image/png", 100), (OTHER, "image/png", 7)]
    rows.expire(database, 1000)
    assert rows.kept(database) == []
