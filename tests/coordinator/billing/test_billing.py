"""Money on the way of a request: real sockets, a ledger on disk, workers driven by hand."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.accounts.chains import Counter
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.rows import KeyLimits
from coordinator.billing import billing
from coordinator.billing.billing import Billing, OpenBill, settled
from coordinator.dispatch.effects import Failed, Finished, Report, Stopped
from coordinator.ledger.grants import Balance, balances_of
from coordinator.ledger.orders import Checkpoint
from coordinator.ledger.pricing import Quote, Tariff, Units, most
from coordinator.ledger.usage import read
from coordinator.ledger.writer import LedgerWriter
from coordinator.openai.chat_request import parse
from coordinator.operating.changes import change_account
from coordinator.prompt_count.bound import prompt_bound
from coordinator.prompt_count.likely import likely_most
from coordinator.scheduler.state import JobSpec
from coordinator.store.database import Database
from tests.coordinator.conftest import CATALOG, Coordinator, Start, make_key, until
from wire import messages as wire
from wire.catalog_text import parse as parse_catalog
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
TARIFF = Tariff(1, 300, 900)
CAT = parse_catalog(CATALOG, "test")


def job(**fields: Any) -> Any:
    return parse(json.dumps(ASK | fields).encode(), CAT, {})


def cost_of_ask() -> int:
    request = job().request
    return most(TARIFF, prompt_bound(request, 4096), 8, 4096)


async def in_ledger(coordinator: Coordinator, work: Any, *arguments: Any) -> Any:
    running = coordinator.running
    return await running.store.run(work, *arguments)


def poor_key(coordinator: Coordinator, name: str, nano: int) -> tuple[str, str]:
    """(key, account id) of an account that has so much."""
    database = Database(coordinator.config.db)
    account = create_account(database, name, 1, nano)
    database.close()
    limits = KeyLimits(rpm=1000, concurrency=300)
    return make_key(coordinator.config, account=name, limits=limits), account.id


@pytest.mark.search
async def test_of_200_requests_at_once_exactly_as_many_run_as_the_balance_covers(start_coordinator: Start) -> None:
    async with start_coordinator(queue=500, queue_per_account=500) as coordinator:
        key, account = poor_key(coordinator, "poor", 20 * cost_of_ask())
        await coordinator.running.services.accounts.refresh()
        async with coordinator.worker() as worker, coordinator.http(key) as http:
            await worker.join(slots=64)
            asked = [asyncio.create_task(http.post("/v1/chat/completions", json=ASK)) for _ in range(200)]
            starts = [await worker.accept() for _ in range(20)]
            refused = 0
            while refused < 180:
                done, pending = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                refused, asked = refused + len(done), list(pending)
                for answer in (task.result() for task in done):
                    assert answer.status_code == 402
                    assert answer.headers["x-should-retry"] == "false"
                    assert answer.json()["error"]["code"] == "insufficient_quota"
            for start in starts:
                await worker.done(start, await worker.tell(start, "hello"))
            answers = await asyncio.gather(*asked)
        assert [answer.status_code for answer in answers] == [200] * 20
        await coordinator.running.services.ledger.flushed(10)
        balance = (await in_ledger(coordinator, balances_of, account))["spark"]
        left = 20 * (cost_of_ask() - 5 * 300 - 5 * 900)
        assert balance == Balance(available=left, given=left)


async def test_a_worker_is_paid_into_escrow_and_what_never_ran_costs_nothing(coordinator: Coordinator) -> None:
    key, owner = poor_key(coordinator, "owner", 0)
    await coordinator.running.services.accounts.refresh()
    async with coordinator.worker(key) as worker, coordinator.http() as http:
        await worker.join()
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        await worker.serve("hello")
        assert (await asked).status_code == 200
        await coordinator.running.services.ledger.flushed(10)
        earned = (await in_ledger(coordinator, balances_of, owner))["spark"]
        assert earned == Balance(escrow=6000 * 7 // 10)
        refused = await http.post("/v1/chat/completions", json=ASK | {"model": "other"})
        assert refused.status_code == 503
        await coordinator.running.services.ledger.flushed(10)
        assert len(await in_ledger(coordinator, read)) == 1


async def test_an_empty_sub_account_of_the_currency_that_is_asked_for_is_a_402(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        refused = await http.post("/v1/chat/completions", json=ASK | {"token_type": "sogni"})
        assert refused.status_code == 402
        assert "POST /v1/account/bonus" in refused.json()["error"]["message"]


# ---- what an end costs -----------------------------------------------------------------------------------------------


def report(completion: int = 0, prompt: int = 0, worker: str | None = "own/w") -> Report:
    usage = Usage(prompt=prompt, cached=0, completion=completion, reasoning=0)
    served = ((worker, completion),) if worker and completion else ()
    return Report(usage, attempts=1 if worker else 0, worker=worker, served=served)


def cost(*ends: Any, stream: bool = True) -> int:
    who = Principal("key", "client", ("client",), (Counter("key", KeyLimits()),))
    open_bill = OpenBill(
        "r",
        tuple(f"r.{n}" for n in range(len(ends))),
        job(n=len(ends), stream=stream),
        who,
        Quote(TARIFF, 100, {"spark": 10**9}, Units(1)),
        lambda open_bill: None,
    )
    for n, end in enumerate(ends):
        spec = JobSpec(f"r.{n}", "client", "tiny", open_bill.job.request, 0)
        open_bill.ended(spec, replace(end, job=spec.id))
    order = settled(open_bill, 7000, 5)
    assert sum(row.cost_nano for row in order.usage) == order.charge
    return order.charge


BROKEN = SupernetError(ErrorCode.WORKER_LOST, "x")


def test_what_each_end_costs() -> None:
    assert cost(Finished("", "stop", report(5, 5))) == 5 * 300 + 5 * 900
    assert cost(Stopped("", report(3, 5))) == 5 * 300 + 3 * 900
    assert cost(Failed("", BROKEN, report(3))) == 3 * 900
    assert cost(Failed("", BROKEN, report(3)), stream=False) == 0
    for nothing in (Failed("", BROKEN, report()), Stopped("", report(0, 5)), Failed("", BROKEN, report(worker=None))):
        assert cost(nothing) == 0
    poison = SupernetError(ErrorCode.POISON_REQUEST, "x")
    assert cost(Failed("", poison, report(3))) == 0


@pytest.mark.parametrize("code", [ErrorCode.DEADLINE_EXCEEDED, ErrorCode.INVALID_API_KEY])
def test_who_ends_the_own_request_pays_for_what_was_computed_until_then(code: ErrorCode) -> None:
    """Streamed or not, as when the client leaves. Before, an answer to be sent whole was free if its client gave itself
    a second for it, or ended its own key: machines computed for nothing, as often as one liked."""
    own = SupernetError(code, "x")
    for stream in (True, False):
        assert cost(Failed("", own, report(3, 5)), stream=stream) == 5 * 300 + 3 * 900
        assert cost(Failed("", own, report(0, 5)), stream=stream) == 0
    done = Finished("", "stop", report(5, 5))
    assert cost(done, Failed("", own, report(3, 5)), stream=False) == 6000 + 5 * 300 + 3 * 900
    assert cost(done, Failed("", own, report(3, 5)), Failed("", BROKEN, report(2)), stream=False) == 0


def test_choices_are_one_bill_and_an_answer_that_fails_as_a_whole_costs_nothing_of_them() -> None:
    done = Finished("", "stop", report(5, 5))
    assert cost(done, done) == 2 * 6000
    assert cost(done, Failed("", BROKEN, report(2)), stream=False) == 0
    assert cost(done, Failed("", BROKEN, report(2))) == 6000 + 1800


# ---- a stream that its client cuts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["revoked by itself", "regenerated", "account disabled"])
@pytest.mark.parametrize("says", [5, None])
async def test_who_ends_the_own_key_in_mid_stream_pays_the_prompt(
    start_coordinator: Start, how: str, says: int | None
) -> None:
    async with start_coordinator() as coordinator:
        key, account = poor_key(coordinator, "sly", 10**10)
        accounts = coordinator.running.services.accounts
        await accounts.refresh()
        question = ASK | {"messages": [{"role": "user", "content": "long " * 700}], "stream": True}
        async with coordinator.worker() as worker, coordinator.http(key) as http:
            await worker.join()
            async with http.stream("POST", "/v1/chat/completions", json=question) as answer:
                start = await worker.accept(prompt=None if says is None else 705)
                await worker.tell(start, "a")
                lines = answer.aiter_lines()
                async for line in lines:
                    if '"a"' in line:
                        break
                (own,) = (await http.get("/v1/account/keys")).json()["data"]
                if how == "revoked by itself":
                    await http.delete(f"/v1/account/keys/{own['id']}")
                elif how == "regenerated":
                    await http.post(f"/v1/account/keys/{own['id']}/regenerate")
                else:
                    await in_ledger(
                        coordinator, lambda database: change_account(database, account, {"disabled": True}, "me", 1)
                    )
                    await accounts.refresh()
                async for _ in lines:
                    pass
        assert await coordinator.running.services.ledger.flushed(10)
        row = next(row for row in await in_ledger(coordinator, read) if row.account == account)
        assert (row.finish, row.completion) == ("invalid_api_key", 1)
        assert row.prompt == 705 if says else row.prompt > 700
        assert row.cost_nano == row.prompt * 300 + 900


# ---- checkpoints -----------------------------------------------------------------------------------------------------


async def test_what_a_stream_delivers_is_written_down_while_it_runs(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(billing, "LOOK_S", 0.01)
    monkeypatch.setattr(billing, "CHECKPOINT_S", 0.0)
    async with start_coordinator() as coordinator:
        marks: list[Checkpoint] = []
        put = coordinator.running.services.ledger.put

        def spy(order: Any) -> None:
            if isinstance(order, Checkpoint):
                marks.append(order)
            put(order)

        monkeypatch.setattr(coordinator.running.services.ledger, "put", spy)
        async with coordinator.worker() as worker, coordinator.openai() as client:
            await worker.join()
            asked = asyncio.create_task(client.chat.completions.create(**ASK, stream=True))
            start = await worker.accept(prompt=5)
            seq = await worker.tell(start, "abc")
            await until(lambda: any(mark.served and mark.served[0][1] == 3 for mark in marks))
            assert marks[-1].prompts == ((marks[-1].served[0][0], 5),)
            await worker.done(start, seq)
            async for _ in await asked:
                pass


async def test_a_ledger_that_does_not_answer_lets_nobody_in_and_holds_nothing(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(billing, "HOLD_S", 0.05)
    async with start_coordinator() as coordinator:
        key, account = poor_key(coordinator, "poor", 10**9)
        await coordinator.running.services.accounts.refresh()
        block = asyncio.Event()
        loop = asyncio.get_running_loop()
        stuck = asyncio.ensure_future(
            coordinator.running.store.run(lambda _: asyncio.run_coroutine_threadsafe(block.wait(), loop).result(10))
        )
        async with coordinator.worker() as worker, coordinator.http(key) as http:
            await worker.join()
            refused = await http.post("/v1/chat/completions", json=ASK)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
            block.set()
            await stuck
            await coordinator.running.services.ledger.flushed(10)
            assert (await in_ledger(coordinator, balances_of, account))["spark"] == Balance(
                available=10**9, given=10**9
            )


async def test_a_full_backlog_lets_nobody_in(start_coordinator: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LedgerWriter, "full", property(lambda self: True))
    async with start_coordinator() as coordinator, coordinator.http() as http:
        assert (await http.post("/v1/chat/completions", json=ASK)).status_code == 503


async def test_while_the_database_is_away_a_request_is_told_at_once_when_to_come_back(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_coordinator() as coordinator, coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        ledger = coordinator.running.services.ledger
        monkeypatch.setattr(ledger, "healthy", False)
        refused = await http.post("/v1/chat/completions", json=ASK)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert ledger.backlog == 0, "nothing was asked of it"


def test_running_requests_are_known_by_name() -> None:
    assert Billing(LedgerWriter(None), {}, Units(1), 0).running == frozenset()  # type: ignore[arg-type]


async def test_the_usage_that_a_client_is_told_is_what_is_billed_whatever_the_worker_claims(
    coordinator: Coordinator,
) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        start = await worker.accept()
        usage = Usage(prompt=4000, cached=4000, completion=4000)
        done = wire.Done(
            job=start.job, attempt=1, seq=await worker.tell(start, "hey"), finish_reason="stop", usage=usage
        )
        await worker.say(done)
        told = (await asked).json()["usage"]
        assert await coordinator.running.services.ledger.flushed(5)
        (row,) = await in_ledger(coordinator, read)
    bound = likely_most(job().request, "qwen-json")  # nothing counts here
    assert (told["prompt_tokens"], told["completion_tokens"]) == (row.prompt, row.completion) == (bound, 3)
    assert told["cost_nano_usd"] == row.cost_nano == bound * 300 + 3 * 900
