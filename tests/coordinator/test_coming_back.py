"""A client whose replica has died comes back with its Idempotency-Key at another one: it has the whole answer, and pays
once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from coordinator.cluster import departure
from coordinator.cluster.protocol.messages import Attached
from coordinator.ledger.audit import check
from coordinator.ledger.recovery import bury
from coordinator.ledger.usage import read
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.work import PromptCount
from coordinator.store.tables import holds, replicas
from tests.coordinator.api.platform_driver import PATIENCE_S, call, turn
from tests.coordinator.conftest import Coordinator, FakeWorker, until
from tests.coordinator.media_worker import CATALOG, MediaWorker, media_worker
from tests.coordinator.replicas import Replicas, network, start_replica  # noqa: F401  a fixture
from wire import messages as wire
from wire.chat import ChatRequest, Usage
from wire.offers import ModelState

KEY = {"Idempotency-Key": "order-1"}


def question(stream: bool) -> dict[str, Any]:
    return {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20, "stream": stream}


def free(at: Coordinator) -> int:
    return at.running.services.hub.dispatch.online("tiny").free


def dies(replica: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the others see: it says nothing more, asks nothing, and answers nobody."""
    joined = replica.running.services.joined
    assert joined is not None

    async def asks(*_: object) -> None:
        pass

    monkeypatch.setattr(joined.bus, "publish", lambda *_: None)
    monkeypatch.setattr(joined.bus, "reply", lambda *_: None)
    monkeypatch.setattr(joined.bus, "ask", asks)


async def asked_again(client: httpx.AsyncClient, stream: bool) -> httpx.Response:
    """As clients do that are told when to come back."""
    while True:
        answer = await client.post("/v1/chat/completions", json=question(stream), headers=KEY)
        if answer.status_code != 409:
            return answer
        await asyncio.sleep(0.2)


async def beats(worker: FakeWorker) -> None:
    """As a worker does that waits for work: one that says nothing for 15 s is taken for dead."""
    while True:
        await worker.ready()
        await asyncio.sleep(3)


def said(answer: httpx.Response) -> str:
    if answer.headers["content-type"] == "application/json":
        return str(answer.json()["choices"][0]["message"]["content"])
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    return "".join(json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_still_runs_at_a_third_replica(
    start_replica: Replicas,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
) -> None:
    async with network(start_replica, 3) as (edge, cell, other), cell.worker() as worker:
        await worker.join()
        await until(lambda: free(edge) == free(other) == 2)
        async with edge.http() as client:
            lost = asyncio.create_task(client.post("/v1/chat/completions", json=question(stream), headers=KEY))
            start = await worker.accept()
            await worker.tell(start, "on")
            dies(edge, monkeypatch)
            lost.cancel()
            await asyncio.gather(lost, return_exceptions=True)
        async with other.http() as client:
            asking = asyncio.create_task(asked_again(client, stream))
            await until(lambda: bool(other.running.services.billing.running))
            await worker.done(start, await worker.tell(start, "e", 2))
            answer = await asking
            assert answer.status_code == 200, answer.text
            assert said(answer) == "one"
            again = await asked_again(client, stream)
            assert again.headers["idempotent-replayed"] == "true"
        database = other.running.store.database
        assert [(row.state, row.owner) for row in database.query(select(holds))] == [("settled", database.replica)]
        assert [row.completion for row in read(database)] == [3]
        assert check(database) == []


async def test_an_answer_whose_cell_has_died_too_begins_anew(
    start_replica: Replicas,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with network(start_replica, 2) as (edge, other), other.worker() as second, other.http() as client:
        async with edge.worker() as worker, edge.http() as there:
            await worker.join()
            lost = asyncio.create_task(there.post("/v1/chat/completions", json=question(True), headers=KEY))
            start = await worker.accept()
            await worker.tell(start, "on")
            dies(edge, monkeypatch)
            lost.cancel()
            await asyncio.gather(lost, return_exceptions=True)
        await second.join("w2", "b")
        asking = asyncio.create_task(asked_again(client, True))
        beating = asyncio.create_task(beats(second))
        anew = await second.hear(wire.Start)
        beating.cancel()
        assert isinstance(anew, wire.Start)
        await second.say(wire.Accepted(job=anew.job, attempt=anew.attempt))
        assert anew.seed == start.seed, "it draws the same"
        await second.done(anew, await second.tell(anew, "one"))
        assert (await asking).status_code == 200
        database = other.running.store.database
        await until(lambda: other.running.services.ledger.backlog == 0)
        assert [(row.state, row.owner) for row in database.query(select(holds))] == [("settled", database.replica)]
        assert [row.completion for row in read(database)] == [3]
        assert check(database) == []


DRAW: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "draw"}], "max_tokens": 50}
CHAT, PICTURE = 5 * 300 + 5 * 900, 3_000_000  # what a round of `turn` costs, and what is drawn


@dataclass
class Studio:
    """Two replicas with clients, of which the first will die, and a third with a worker that chats and one that
    draws."""

    edge: Coordinator
    other: Coordinator
    cell: Coordinator
    chats: FakeWorker
    draws: MediaWorker

    async def dies(self, asking: asyncio.Task[httpx.Response], monkeypatch: pytest.MonkeyPatch) -> None:
        await until(lambda: self.edge.running.services.ledger.backlog == 0)
        dies(self.edge, monkeypatch)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    def paid(self, rounds: int) -> None:
        """The client has paid for so many rounds and one picture, and each worker has its share once."""
        database = self.other.running.store.database
        rows = read(database)
        assert sorted(row.cost_nano for row in rows) == [CHAT] * rounds + [PICTURE]
        assert {row.state for row in database.query(select(holds))} <= {"settled", "void"}
        assert check(database) == []


@asynccontextmanager
async def studio(start: Replicas) -> AsyncIterator[Studio]:
    async with (
        network(start, 3, catalog=CATALOG) as (edge, other, cell),
        cell.worker() as chats,
        media_worker(cell) as draws,
    ):
        await chats.join(slots=4, context=4096)
        for replica in (edge, other):
            await until(partial(sees_both, replica))
        beating = asyncio.create_task(beats(chats)), asyncio.create_task(media_beats(draws))
        yield Studio(edge, other, cell, chats, draws)
        for task in beating:
            task.cancel()
        await asyncio.gather(*beating, return_exceptions=True)


def sees_both(at: Coordinator) -> bool:
    return free(at) == 4 and at.running.services.hub.dispatch.online("draws").free > 0


async def media_beats(worker: MediaWorker) -> None:
    state = ModelState(id="draws", status="ready", slots=1, free=1)
    while True:
        await asyncio.sleep(3)
        await worker.say(wire.Capacity(models=(state,)))


async def accepted(worker: FakeWorker) -> wire.Start:
    """The next round, once what was drawn has been verified."""
    start = await worker.hear(wire.Start, PATIENCE_S)
    await worker.say(wire.Accepted(job=start.job, attempt=start.attempt))
    assert isinstance(start, wire.Start)
    return start


def drawing(client: httpx.AsyncClient, stream: bool) -> asyncio.Task[httpx.Response]:
    return asyncio.create_task(client.post("/v1/chat/completions", json=DRAW | {"stream": stream}, headers=KEY))


async def drawn_again(client: httpx.AsyncClient, stream: bool) -> httpx.Response:
    while True:
        answer = await drawing(client, stream)
        if "retry-after" not in answer.headers:
            return answer
        await asyncio.sleep(0.2)


def shown(answer: httpx.Response) -> None:
    """It is the whole answer: what was said before the picture, the picture once, and what was said behind it."""
    assert answer.status_code == 200, answer.text
    text = said(answer)
    assert text.startswith("I draw. Here it is.") and text.count("![a neon alley](http") == 1, text
    assert answer.text.count('"sogni_tool_results"') == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_a_chat_goes_on_behind_the_picture_that_it_has_drawn(
    start_replica: Replicas,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
) -> None:
    """Its edge dies while the second round runs at a third replica. The client got 409 for good, as the first round
    had been settled."""
    async with studio(start_replica) as at, at.edge.http() as lost, at.other.http() as client:
        asking = drawing(lost, stream)
        await turn(at.chats, "I draw. ", call())
        await at.draws.make_one()
        second = await accepted(at.chats)
        seq = await at.chats.tell(second, "Here")
        await at.dies(asking, monkeypatch)
        again = asyncio.create_task(drawn_again(client, stream))
        await until(lambda: bool(at.other.running.services.billing.running))
        await at.chats.done(second, await at.chats.tell(second, " it is.", seq))
        shown(await again)
        repeated = await drawn_again(client, stream)
        assert repeated.headers["idempotent-replayed"] == "true"
        shown(repeated)


async def test_a_replica_that_leaves_takes_over_no_chat_and_another_one_can(
    start_replica: Replicas,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It runs only because it still answers somebody else."""
    monkeypatch.setattr(departure, "NOTICE_S", 0.0)
    async with studio(start_replica) as at, at.edge.http() as lost, at.other.http() as client, at.cell.http() as third:
        asking = drawing(lost, True)
        await turn(at.chats, "I draw. ", call())
        await at.draws.make_one()
        second = await accepted(at.chats)
        await at.dies(asking, monkeypatch)
        running = asyncio.create_task(client.post("/v1/chat/completions", json=question(True)))
        first = await accepted(at.chats)
        at.other.server.drain()
        while (refused := await drawing(client, True)).status_code == 409:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
        again = asyncio.create_task(drawn_again(third, True))
        await until(lambda: bool(at.cell.running.services.billing.running))
        await at.chats.done(second, await at.chats.tell(second, "Here it is."))
        shown(await again)
        await at.chats.done(first, await at.chats.tell(first, "Yes."))
        assert (await running).status_code == 200


async def test_a_picture_that_is_being_drawn_is_paid_once_and_a_round_not_at_all_again(
    start_replica: Replicas,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its edge dies while the call runs: the picture begins anew, under the hold that it had."""
    async with studio(start_replica) as at, at.edge.http() as lost, at.other.http() as client:
        asking = drawing(lost, True)
        await turn(at.chats, "I draw. ", call())
        begun = await at.draws.accept()
        await at.dies(asking, monkeypatch)
        again = asyncio.create_task(drawn_again(client, True))
        assert isinstance(await at.draws.hear(wire.Cancel, PATIENCE_S), wire.Cancel)
        nothing = Usage(prompt=0, completion=0)
        await at.draws.say(wire.Cancelled(job=begun.job, attempt=begun.attempt, seq=0, usage=nothing))
        await at.draws.make_one()
        await turn(at.chats, "Here it is.")
        shown(await again)
        await until(lambda: at.other.running.services.ledger.backlog == 0)
        at.paid(rounds=2)


async def test_a_client_that_comes_late_finds_its_picture_and_pays_for_it_once(
    start_replica: Replicas,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody came within ten minutes: what was held has been ended, and what was done stands."""
    async with studio(start_replica) as at, at.edge.http() as lost, at.other.http() as client:
        asking = drawing(lost, True)
        await turn(at.chats, "I draw. ", call())
        await at.draws.make_one()
        await accepted(at.chats)
        await at.dies(asking, monkeypatch)
        database, gone = at.other.running.store.database, at.edge.running.store.database.replica
        await until(lambda: gone not in at.other.running.services.joined.others)  # type: ignore[union-attr]
        with database.transaction() as connection:
            connection.execute(update(replicas).where(replicas.c.id == gone).values(state="dead"))
        assert bury(database, 7000, 99, [gone]) == 0, "its client may come yet"
        assert bury(database, 7000, 99, ()) == 1
        again = asyncio.create_task(drawn_again(client, True))
        await turn(at.chats, "Here it is.")
        shown(await again)
        await until(lambda: at.other.running.services.ledger.backlog == 0)
        at.paid(rounds=2)


async def test_of_an_answer_that_still_runs_no_worker_is_believed_more_prompt_than_was_counted_here(
    start_replica: Replicas,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cell was given the job before the dead replica had counted its prompt, and knows what is likely at most."""
    async with network(start_replica, 2) as (other, cell):
        joined = other.running.services.joined
        assert joined is not None
        spec = JobSpec(
            "j.0.dddddddd", "client", "tiny", ChatRequest(messages=(), max_tokens=1), 1, prompt=PromptCount(99)
        )

        async def attach(*_: object) -> tuple[str, Attached]:
            return cell.running.store.database.replica, Attached(1, spec)

        monkeypatch.setattr(joined.asks, "attach", attach)
        counted = PromptCount(5, counted=True)
        answers = await joined.come_back(spec.id, spec.account, counted, lambda *_: None)
        assert answers is not None and joined.replica.jobs.itinerary.jobs[spec.id].job.spec.prompt is counted
        answers.cancel()


async def test_a_replica_from_which_a_client_has_come_is_asked_whether_it_lives(
    start_replica: Replicas,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with network(start_replica, 2) as (edge, other):
        joined, name = other.running.services.joined, edge.running.store.database.replica
        assert joined is not None
        assert not await joined.is_dead(name)
        dies(edge, monkeypatch)
        async with asyncio.timeout(30):  # it may be too slow once to find out within the time that it has
            while not await joined.is_dead(name):
                assert name in joined.others
        assert not await joined.is_dead("a stranger")
