"""Whatever dies when: each job ends once, the books are exact, and nothing that was made is without an owner."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest
from sqlalchemy import select

from coordinator.artefacts.artefacts import Artefacts
from coordinator.billing import billing
from coordinator.dispatch import attempt_ends, ends, uploads
from coordinator.dispatch.dispatch_state import State
from coordinator.ledger.audit import check
from coordinator.ledger.grants import balances_of
from coordinator.ledger.usage import read
from coordinator.scheduler.state import Job
from coordinator.scheduler.workers import Worker
from coordinator.store.database import Database
from coordinator.store.media_tables import artefacts
from tests.coordinator.dispatch.storm import calm
from tests.coordinator.media.making import PAINTER
from tests.coordinator.media.storm import BALANCE, SHARE_BPS, MediaStorm
from tests.thoroughness import at_most
from wire.chat import Usage
from wire.messages import Done

STORMS, STEPS = 200, 120


def storm(seed: int, folder: Path, empty: Path) -> MediaStorm:
    """One storm to its end, and what must be true of its books and its store then."""
    with closing(Database(copyfile(empty, folder / f"{seed}.db"))) as database, asyncio.Runner() as runner:
        blows = MediaStorm(seed, database, runner, folder / f"{seed}.media")
        with closing(blows):
            for _ in range(STEPS):
                blows.happens()
            blows.liar = ""
            calm(blows)
        books_are_exact(database, blows)
        artefacts_are_owned(database, blows)
    return blows


def artefacts_are_owned(database: Database, blows: MediaStorm) -> None:
    rows = database.query(select(artefacts))
    assert {row.job.rpartition("/")[0]: row.id for row in rows} == blows.made and len(rows) == len(blows.made)
    assert {row.account for row in rows} <= {blows.principal.account}, "each is its client's"
    assert {row.sha256 for row in rows} == blows.depot.objects(), "no object without a row, and no row without one"
    assert not blows.depot.partial()


def books_are_exact(database: Database, blows: MediaStorm) -> None:
    assert check(database) == []
    rows = [row for row in read(database) if row.kind]
    made = {row.job: row for row in rows if row.finish == "stop"}
    assert set(made) == set(blows.made), "what was made is paid for, and nothing else"
    for row in rows:
        piece = blows.bills[row.job].job.piece
        assert piece is not None and row.units == (piece.units if row.job in made else 0)
        assert row.cost_nano == row.units * PAINTER.price
    spark = balances_of(database, blows.principal.account)["spark"]
    assert spark.held == 0 and spark.available == BALANCE - sum(row.cost_nano for row in read(database))
    share = sum(row.cost_nano for row in made.values()) * SHARE_BPS // 10_000
    assert balances_of(database, blows.owner)["spark"].escrow >= share


@pytest.mark.parametrize("part", range(4))
def test_each_job_ends_once_the_books_are_exact_and_nothing_is_without_an_owner(
    part: int, tmp_path: Path, migrated_file: Path
) -> None:
    made = 0
    for seed in range(part, at_most(STORMS), 4):
        made += len(storm(seed, tmp_path, migrated_file).made)
    assert made > 0


def late_uploads_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = uploads.ended
    monkeypatch.setattr(uploads, "ended", lambda *what: ended(*what) or True)


def done_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(state: State, worker: Worker, job: Job, now: float) -> None:
        usage = Usage(prompt=0, completion=0)
        ends.finish(state, job, Done(job=job.spec.id, attempt=1, seq=0, finish_reason="stop", usage=usage), now)

    monkeypatch.setattr(attempt_ends, "_made_nothing", made)


def whatever_ended_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billing, "_billed", lambda end: True)


def what_came_too_late_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async def delete(self: Artefacts, account: str, name: str) -> None:
        return

    monkeypatch.setattr(Artefacts, "delete", delete)


def its_bytes_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    async def release(self: Artefacts, name: str | None) -> None:
        return

    monkeypatch.setattr(Artefacts, "release", release)


BUGS = [late_uploads_are_kept, done_is_believed, whatever_ended_is_paid, what_came_too_late_stays, its_bytes_stay]


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(
    bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, migrated_file: Path
) -> None:
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in range(20):
            storm(seed, tmp_path, migrated_file)
