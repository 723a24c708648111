"""A making is priced by the piece: held, made over real sockets, and settled with its worker."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from coordinator.accounts.accounts import create_account
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota
from coordinator.admission.admission import Admission
from coordinator.admission.rate_limits import Rates
from coordinator.api.answering import Answering
from coordinator.api.intake import Admitted, Intake, not_counted
from coordinator.artefact import Artefact
from coordinator.dispatch.effects import Failed, Finished, Made, Progressed, Report
from coordinator.hub.buffers import AnswerEvent
from coordinator.ledger.grants import Balance, balances_of
from coordinator.ledger.pricing import Tariff
from coordinator.ledger.recovery import recover
from coordinator.ledger.usage import read, sums
from coordinator.media.job import MediaJob
from coordinator.rounds.events import ToolProgress
from coordinator.store.database import Database
from coordinator.store.tables import holds
from tests.coordinator.conftest import CATALOG, Coordinator, FakeWorker, Start, make_key, until
from tests.coordinator.media.making import FILM, PAINTER, WIDE, artefact, in_catalog, offer
from wire import messages as wire
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError
from wire.media import Progress
from wire.offers import ModelState

MEGAPIXEL = PAINTER.price
JOB = MediaJob(PAINTER, WIDE)
PRICE = 2 * MEGAPIXEL
PICTURE = artefact()


@pytest.fixture
async def coordinator(start_coordinator: Start) -> AsyncIterator[Coordinator]:
    async with start_coordinator(in_catalog(CATALOG)) as running:
        yield running


async def client_with(coordinator: Coordinator, nano: int) -> Principal:
    """A client whose account has so much."""
    database = Database(coordinator.config.db)
    create_account(database, "client", 1, nano)
    database.close()
    key = make_key(coordinator.config, account="client")
    accounts = coordinator.running.services.accounts
    await accounts.refresh()
    return accounts.authenticate({"authorization": f"Bearer {key}"}, "client")


async def ask(coordinator: Coordinator, who: Principal, job: MediaJob = JOB) -> Answering:
    services = coordinator.running.services
    admission = Admission(Quota(0, 0, 0), Rates(), lambda: 0.0)
    intake = Intake(
        services.hub,
        services.accounts,
        services.catalog,
        services.billing,
        admission,
        not_counted,
        services.artefacts,
        services.idempotency,
    )
    return await intake.submit(job, Admitted(who), {})


async def join(worker: FakeWorker, name: str) -> None:
    await worker.say(wire.Hello(worker=name, instance="a", models=(), media=(offer(slots=2),)))
    await worker.hear(wire.Welcome)
    await worker.say(wire.Capacity(models=(ModelState(id="painter", status="ready", slots=2, free=2),)))


async def upload(coordinator: Coordinator, start: wire.Start, made: Artefact | SupernetError = PICTURE) -> bool:
    """As the endpoint of uploads does it, once it has verified and stored what came."""
    hub = coordinator.running.services.hub
    assert start.upload is not None
    token = start.upload.token
    await until(lambda: hub.dispatch.upload(start.job, start.attempt, token) is not None)
    return hub.uploaded(start.job, start.attempt, made)


async def done(worker: FakeWorker, start: wire.Start) -> None:
    usage = Usage(prompt=50, completion=50)  # a liar's: nothing of it is paid
    await worker.say(wire.Done(job=start.job, attempt=start.attempt, seq=0, finish_reason="stop", usage=usage))


async def told(answering: Answering, *, ends: int) -> list[AnswerEvent | ToolProgress]:
    """What the client is told until so many choices have ended."""
    events: list[AnswerEvent | ToolProgress] = []
    while sum(isinstance(event, Finished | Failed) for event in events) < ends:
        events += [event for _, event in await answering.answers.take(10)]
    return events


async def ended(coordinator: Coordinator, answering: Answering) -> None:
    answering.answers.cancel()
    await until(lambda: not coordinator.running.services.billing.runs(answering.name))
    assert await coordinator.running.services.ledger.flushed(10)


async def spark(coordinator: Coordinator, account: str) -> Balance:
    return (await coordinator.running.store.run(balances_of, account))["spark"]


async def owned(coordinator: Coordinator) -> int:
    """What the workers' owner has earned and not got."""
    who = coordinator.running.services.accounts.authenticate({"authorization": f"Bearer {coordinator.key}"}, "worker")
    return (await spark(coordinator, who.account)).escrow


def test_what_is_held_is_the_price() -> None:
    tariff = Tariff(1, 0, MEGAPIXEL)
    assert MediaJob(PAINTER, WIDE, n=3).most(tariff, 0) == 3 * PRICE
    assert MediaJob(PAINTER, FILM).most(tariff, 0) == 3 * MEGAPIXEL
    bounds = (JOB.prompt_tokens(), JOB.prompt_likely(), JOB.prompt_bound())
    assert bounds == (0, 0, 0)
    report = Report(Usage(prompt=0, completion=0), worker="a/w")
    assert (JOB.delivered(report), JOB.delivered(Report(Usage(prompt=0, completion=0)))) == ((("a/w", 2),), ())


async def test_whoever_made_it_is_paid_and_who_did_half_of_it_is_not(coordinator: Coordinator) -> None:
    client = await client_with(coordinator, 10_000)
    async with coordinator.worker() as first, coordinator.worker() as second:
        await join(first, "first")
        answering = await ask(coordinator, client)
        assert (await spark(coordinator, client.account)).held == PRICE
        half = await first.accept()
        await first.say(Progress(job=half.job, attempt=1, stage="denoising", step=4, steps=8))
        await join(second, "second")
        await first.socket.close(1001)
        start = await second.accept()
        assert (half.attempt, start.attempt, start.seed, start.request) == (1, 2, half.seed, WIDE)
        assert half.upload != start.upload
        assert await upload(coordinator, start)
        await done(second, start)
        await ended(coordinator, answering)
        events = await told(answering, ends=1)
        assert [type(event) for event in events] == [Progressed, Made, Finished]
    paid = Balance(available=10_000 - PRICE, given=10_000 - PRICE)
    assert await spark(coordinator, client.account) == paid
    assert await owned(coordinator) == PRICE * 7 // 10
    (row,) = await coordinator.running.store.run(read)
    assert (row.model, row.prompt, row.completion, row.cost_nano, row.attempts) == ("painter", 0, 0, PRICE, 2)
    assert (row.kind, row.units) == ("generate_image", 2)
    assert row.worker is not None and row.worker.endswith("/second")


async def test_who_leaves_pays_nothing(coordinator: Coordinator) -> None:
    client = await client_with(coordinator, 10_000)
    async with coordinator.worker() as worker:
        await join(worker, "w")
        answering = await ask(coordinator, client)
        start = await worker.accept()
        answering.answers.cancel()
        await worker.hear(wire.Cancel)
        assert not coordinator.running.services.hub.uploaded(start.job, 1, artefact())
        usage = Usage(prompt=0, completion=0)
        await worker.say(wire.Cancelled(job=start.job, attempt=1, seq=0, usage=usage))
        await ended(coordinator, answering)
    assert await spark(coordinator, client.account) == Balance(available=10_000, given=10_000)


async def test_of_several_those_that_were_made_are_paid(coordinator: Coordinator) -> None:
    client = await client_with(coordinator, 10_000)
    async with coordinator.worker() as worker:
        await join(worker, "w")
        answering = await ask(coordinator, client, MediaJob(PAINTER, WIDE, n=2))
        one, two = await worker.accept(), await worker.accept()
        assert one.seed != two.seed and one.upload != two.upload
        assert await upload(coordinator, one)
        assert await upload(coordinator, two, SupernetError(ErrorCode.CONTENT_FILTER, "the filter blocked the picture"))
        events = await told(answering, ends=2)
        await done(worker, one)
        await ended(coordinator, answering)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.error.code is ErrorCode.CONTENT_FILTER
    assert (await spark(coordinator, client.account)).available == 10_000 - PRICE
    rows = await coordinator.running.store.run(read)
    assert [(row.finish, row.units, row.cost_nano) for row in rows] == [("stop", 2, PRICE), ("content_filter", 0, 0)]
    (summed,) = await coordinator.running.store.run(sums, client.account, 0)
    assert (summed.requests, summed.units, summed.cost_nano) == (2, 2, PRICE)
    assert await owned(coordinator) == PRICE * 7 // 10


async def test_after_a_crash_what_had_been_made_is_paid_and_the_rest_is_not(coordinator: Coordinator) -> None:
    client = await client_with(coordinator, 10_000)
    async with coordinator.worker() as worker:
        await join(worker, "w")
        answering = await ask(coordinator, client, MediaJob(PAINTER, WIDE, n=2))
        one = await worker.accept()
        await worker.accept()
        assert await upload(coordinator, one)
        running = coordinator.running

        def checkpointed() -> bool:
            (hold,) = running.store.database.query(select(holds.c.served))
            return bool(hold.served != "{}")

        await until(checkpointed)
        database = Database(coordinator.config.db)  # as at the next start
        assert recover(database, 7000, 1) == 1
        database.close()
        answering.answers.cancel()
    assert (await spark(coordinator, client.account)).available == 10_000 - PRICE
    (row,) = await running.store.run(read)
    assert (row.kind, row.units, row.completion, row.cost_nano) == ("generate_image", 2, 0, PRICE)
    assert await owned(coordinator) == PRICE * 7 // 10


async def test_one_that_costs_more_than_the_account_has_is_not_begun(coordinator: Coordinator) -> None:
    client = await client_with(coordinator, PRICE - 1)
    with pytest.raises(SupernetError) as raised:
        await ask(coordinator, client)
    assert raised.value.code is ErrorCode.INSUFFICIENT_QUOTA
