"""What a key stands for, on a real ledger; two replicas share one PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from coordinator.admission import idempotency as module
from coordinator.admission.idempotency import Idempotency, Kept, Run, fingerprint
from coordinator.filled import Filled
from coordinator.ledger import claim_rows
from coordinator.ledger.claim_rows import forget
from coordinator.ledger.orders import Answer, Done, Held, Taken
from coordinator.ledger.recovery import bury, recover
from coordinator.ledger.writer import LedgerWriter
from coordinator.store.database import Database
from coordinator.store.replicas import end
from coordinator.store.store import Store
from coordinator.store.tables import holds, requests
from tests.coordinator.ledger.builders import Client, client, hold, payer, settle
from tests.coordinator.test_filled import artefact
from wire.errors import ErrorCode, SupernetError

ASKED, OTHER = fingerprint("/v1/x", "", b"{}"), fingerprint("/v1/x", "", b"[]")
ANSWER = Kept("application/json", Filled(b"yes"))


@dataclass
class Site:
    """One replica, as far as keys go."""

    store: Store
    ledger: LedgerWriter
    keys: Idempotency
    who: Client

    async def begin(self, asked: str = ASKED) -> Run:
        run = await self.keys.begin(self.who.account, "k", asked)
        assert isinstance(run, Run)
        return run

    async def hold(self, run: Run) -> Answer:
        return await self.ledger.ask(hold(self.who, run.name(), claim=self.keys.claim(run)))

    async def ends(self, run: Run, kept: Kept | None = ANSWER, charge: int = 60) -> None:
        self.ledger.put(settle(self.who, run.name(), charge if kept else 0))
        self.keys.end(run, kept)
        assert await self.ledger.flushed(10)

    async def refused(self, asked: str = ASKED) -> SupernetError:
        with pytest.raises(SupernetError) as caught:
            await self.keys.begin(self.who.account, "k", asked)
        assert caught.value.param == "Idempotency-Key"
        return caught.value


@asynccontextmanager
async def site_of(database: Database, who: Client) -> AsyncIterator[Site]:
    with Store(database) as store:
        ledger = LedgerWriter(store)
        task = asyncio.create_task(ledger.run())
        yield Site(store, ledger, Idempotency(store, ledger, b"p" * 32), who)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    async with site_of(database, payer(database)) as one:
        yield one


async def test_the_first_request_runs_the_second_waits_and_then_has_the_same_answer(site: Site) -> None:
    run = await site.begin()
    assert isinstance(await site.hold(run), Held)
    error = await site.refused()
    assert error.code is ErrorCode.IDEMPOTENCY_CONFLICT and error.retry_after_s
    await site.ends(run)
    assert await site.keys.begin(site.who.account, "k", ASKED) == ANSWER


async def test_another_request_under_the_key_is_refused_while_it_runs_and_afterwards(site: Site) -> None:
    run = await site.begin()
    assert (await site.refused(OTHER)).code is ErrorCode.INVALID_REQUEST
    await site.hold(run)
    await site.ends(run)
    assert (await site.refused(OTHER)).code is ErrorCode.INVALID_REQUEST


async def test_a_key_is_the_accounts_own(site: Site) -> None:
    mine = await site.begin()
    await site.hold(mine)
    bob = client(site.store.database, "bob")
    yours = await site.keys.begin(bob.account, "k", OTHER)
    assert isinstance(yours, Run) and mine.name() != yours.name()
    assert mine.name() == Run(site.who.account, "k", OTHER).name(), "the same after a restart"
    assert mine.name() != Run(site.who.account, "k", OTHER, attempt=1).name()
    await site.ends(mine)


async def test_what_failed_may_be_tried_again(site: Site) -> None:
    run = await site.begin()
    site.keys.end(run, None)
    run = await site.begin()
    await site.hold(run)
    await site.ends(run, None)
    again = await site.begin()
    assert await site.hold(again) == Done(again=True), "its name is used up"
    again.attempt += 1
    assert isinstance(await site.hold(again), Held)
    await site.ends(again)
    assert await site.keys.begin(site.who.account, "k", ASKED) == ANSWER


async def test_an_answer_with_files_comes_back_with_them(site: Site) -> None:
    kept = Kept("text/event-stream", Filled(b"before after", ((7, artefact(5)),)))
    run = await site.begin()
    await site.hold(run)
    await site.ends(run, kept)
    assert await site.keys.begin(site.who.account, "k", ASKED) == kept


async def test_what_is_kept_is_bounded_in_bytes_in_number_and_in_age(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES_EACH", 60)
    run = await site.begin()
    await site.hold(run)
    await site.ends(run, Kept("", Filled(b"." * 61)))
    assert (await site.refused()).retry_after_s is None, "too long to be kept: charged all the same"
    assert await site.store.run(forget, 0) == 0
    monkeypatch.setattr(claim_rows, "MOST_KEPT", 0)
    assert await site.store.run(forget, 0) == 1
    assert isinstance(await site.begin(), Run)


async def test_what_a_server_left_running_its_next_start_frees(site: Site) -> None:
    run = await site.begin()
    await site.hold(run)
    site.keys._running.clear()  # as a crash does
    assert (await site.refused()).retry_after_s
    assert await site.store.run(recover, 7000, 99) == 1
    again = await site.begin()
    assert again.instead_of is None
    assert await site.hold(again) == Done(again=True)


@pytest.fixture
async def both(postgres: Callable[[], str]) -> AsyncIterator[tuple[Site, Site]]:
    """Two replicas, and a client whom both know."""
    url = postgres()
    opened = [Database(url, serve=True, shared=True) for _ in range(2)]
    who = payer(opened[0])
    async with site_of(opened[0], who) as one, site_of(opened[1], who) as other:
        yield one, other
    for database in opened:
        database.close()


def dies(site: Site, seen_by: Site) -> None:
    with seen_by.store.database.transaction() as connection:
        assert end(connection, site.store.database.replica, 0)


async def test_of_two_replicas_with_one_key_one_runs_it_and_the_other_has_its_answer(both: tuple[Site, Site]) -> None:
    one, other = both
    first, second = await one.begin(), await other.begin()
    answers = await asyncio.gather(one.hold(first), other.hold(second))
    pairs = [(one, first), (other, second)]
    assert answers.count(Taken()) == 1 and any(isinstance(answer, Held) for answer in answers)
    winner, run = pairs.pop(1 - answers.index(Taken()))
    ((loser, late),) = pairs
    loser.keys.end(late, None)
    assert await loser.ledger.flushed(10)
    assert (await loser.refused()).retry_after_s, "it runs at the other one, whose key it still is"
    await winner.ends(run)
    assert await loser.keys.begin(loser.who.account, "k", ASKED) == ANSWER


async def test_the_client_of_a_dead_replica_is_served_by_another_and_pays_once(both: tuple[Site, Site]) -> None:
    one, other = both
    run = await one.begin()
    await one.hold(run)
    assert (await other.refused()).retry_after_s

    async def is_dead(replica: str) -> bool:
        return replica == one.store.database.replica

    other.keys._is_dead = is_dead
    anew = await other.begin()
    assert (anew.instead_of, anew.name()) == (one.store.database.replica, run.name())
    assert isinstance(await other.hold(anew), Held)
    await one.ends(run, charge=90)  # it was only slow: what it says now comes too late
    await other.ends(anew, charge=60)
    assert await other.keys.begin(other.who.account, "k", ASKED) == ANSWER
    assert [row.charge for row in one.store.database.query(select(holds))] == [60]


async def test_a_request_in_rounds_goes_on_at_its_mark_at_one_replica(both: tuple[Site, Site]) -> None:
    one, other = both
    run = await one.begin()
    await one.hold(run)
    one.ledger.put(settle(one.who, run.name(), 60))
    one.keys.mark(run, b"too far")
    one.keys.mark(run, b"far")
    assert isinstance(await one.ledger.ask(hold(one.who, f"{run.name()}.2", claim=one.keys.claim(run))), Held)
    dies(one, other)
    dead = one.store.database.replica
    assert await other.store.run(bury, 7000, 99, {dead}) == 0, "what a round holds waits for the client too"
    anew = await other.begin()
    assert (anew.instead_of, anew.mark, anew.name()) == (dead, b"far", run.name())
    await other.keys.follow(anew)
    (row,) = other.store.database.query(select(requests))
    assert b"far" not in row.body
    late = await one.ledger.ask(hold(one.who, f"{run.name()}.3", claim=one.keys.claim(run)))
    assert late == Taken(), "it was only slow: it begins nothing more"
    with pytest.raises(SupernetError):
        await one.keys.follow(run)
    second = hold(other.who, f"{run.name()}.2", claim=other.keys.claim(anew))
    assert isinstance(await other.ledger.ask(second), Held)
    other.ledger.put(settle(other.who, second.job, 60))
    await other.ends(anew)
    assert await other.keys.begin(other.who.account, "k", ASKED) == ANSWER
    assert [row.charge for row in one.store.database.query(select(holds))] == [60, 60]


async def test_a_mark_that_is_too_long_is_not_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SEALED", 60)
    run = await site.begin()
    await site.hold(run)
    site.keys.mark(run, bytes(range(99)))
    assert await site.ledger.flushed(10)
    assert [row.body for row in site.store.database.query(select(requests))] == [None]


async def test_a_hold_that_came_with_a_key_waits_longer_for_its_client(both: tuple[Site, Site]) -> None:
    one, other = both
    run = await one.begin()
    await one.hold(run)
    dead = one.store.database.replica
    dies(one, other)
    assert await other.store.run(bury, 7000, 99, {dead}) == 0
    assert await other.store.run(bury, 7000, 99, set()) == 1
    again = await other.begin()
    assert again.instead_of is None
    assert await other.hold(again) == Done(again=True)
