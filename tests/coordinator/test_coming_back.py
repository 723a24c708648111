"""A client whose replica has died comes back with its Idempotency-Key at another one: it has the whole answer, and pays
once."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from coordinator.cluster.protocol.messages import Attached
from coordinator.ledger.audit import check
from coordinator.ledger.usage import read
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.work import PromptCount
from coordinator.store.tables import holds
from tests.coordinator.conftest import Coordinator, FakeWorker, until
from tests.coordinator.replicas import Replicas, network, start_replica  # noqa: F401  a fixture
from wire import messages as wire
from wire.chat import ChatRequest

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
