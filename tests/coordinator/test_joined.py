"""Replicas that are one network: workers at one of them, clients at the other."""

import asyncio

import pytest
from sqlalchemy import insert, select, update
from websockets.exceptions import InvalidStatus

from coordinator.ledger.audit import check
from coordinator.store.tables import holds, replicas
from tests.coordinator.api.test_pictures_of_workers import RED, SEEING, ask, file, finish, need
from tests.coordinator.conftest import Coordinator, delta, until
from tests.coordinator.media_worker import CATALOG as MEDIA
from tests.coordinator.media_worker import file_of, make_of, media_worker
from tests.coordinator.replicas import Replicas, knows, network, start_replica  # noqa: F401  a fixture
from wire import messages as wire
from wire.blobs import VISION
from wire.chat import CallDelta

QUESTION = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}


def free(at: Coordinator, model: str = "tiny") -> int:
    return at.running.services.hub.dispatch.online(model).free


async def test_workers_at_one_replica_answer_clients_at_the_other(start_replica: Replicas) -> None:  # noqa: F811
    async with network(start_replica) as (front, back), back.worker() as worker:
        await worker.join()
        await until(lambda: free(front) == 2)
        async with front.openai() as client:
            asking = asyncio.create_task(client.chat.completions.create(**QUESTION))  # type: ignore[call-overload]
            start = await worker.serve("hello")
            assert start.job.endswith(front.running.store.database.replica)
            answer = await asking
        assert answer.choices[0].message.content == "hello"
        assert answer.usage.completion_tokens == 5


async def test_a_replica_that_has_just_opened_knows_what_the_others_serve(start_replica: Replicas) -> None:  # noqa: F811
    """Clients that came at once were told that nobody serves their model, and chats had no tools for a second."""
    async with start_replica(MEDIA) as back, media_worker(back, "draws"), back.worker() as worker:
        await worker.join()
        await until(lambda: free(back) == 2 and free(back, "draws") == 1)
        async with start_replica(MEDIA) as front:
            assert free(front) == 2 and free(front, "draws") == 1


async def test_a_replica_opens_though_others_are_not_to_be_met(start_replica: Replicas) -> None:  # noqa: F811
    dead = {
        "id": "dead",
        "name": "",
        "version": "",
        "started_ms": 0,
        "beat": 1,
        "state": "up",
        "purse": 63,
        "server": 0,
    }
    async with start_replica() as one:
        await one.running.store.run(lambda database: database.transact(lambda at: at.execute(insert(replicas), dead)))
        async with start_replica() as other:
            assert knows(other) == 2


async def test_a_stream_comes_as_it_is_made_with_its_calls(start_replica: Replicas) -> None:  # noqa: F811
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    async with network(start_replica) as (front, back), back.worker() as worker:
        await worker.join()
        await until(lambda: free(front) == 2)
        async with front.openai() as client:
            asking = asyncio.create_task(client.chat.completions.create(**QUESTION, stream=True, tools=[tool]))  # type: ignore[call-overload]
            start = await worker.accept()
            stream = await asking
            seen = []
            for seq, letter in enumerate("one"):
                await worker.say(delta(start, seq, letter))
                async for chunk in stream:  # before the next is made
                    if chunk.choices and chunk.choices[0].delta.content:
                        seen.append(chunk.choices[0].delta.content)
                        break
            call = (CallDelta(index=0, name="look", arguments="{}"),)
            item = wire.Delta(job=start.job, attempt=start.attempt, seq=3, tokens=(1,), parts=call)
            await worker.say(wire.Deltas(items=(item,)))
            await worker.done(start, 4, "tool_calls")
            rest = [chunk.choices[0] async for chunk in stream if chunk.choices]
        assert seen == list("one") and rest[-1].finish_reason == "tool_calls"
        called = [one for choice in rest for one in choice.delta.tool_calls or []]
        assert called[0].function.name == "look" and "".join(one.function.arguments or "" for one in called) == "{}"


async def test_every_replica_tells_of_the_whole_network(start_replica: Replicas) -> None:  # noqa: F811
    async with network(start_replica, 3) as (a, b, c), b.worker() as first, c.worker() as second:
        await first.join("w1")
        await second.join("w2")
        await until(lambda: all(free(one) == 4 for one in (a, b, c)))
        for one in (a, b, c):
            async with one.http() as http:
                models = (await http.get("/v1/models")).json()["data"]
                assert models[0]["workers_online"] == 2
                seen = (await http.get("/v1/network")).json()
                assert seen["totals"]["workers"] == 2 and {tile["name"] for tile in seen["workers"]} == {"w1", "w2"}
                tile = seen["workers"][0]["id"]
                assert (await http.get(f"/v1/network/workers/{tile}")).json()["id"] == tile
                ready = (await http.get("/readyz")).json()
                assert ready["cluster"]["replicas"] == 3 and ready["cluster"]["bus"] == "up"
                assert "rate limits" in ready["cluster"]["shared"]


async def test_a_key_that_is_revoked_at_one_replica_ends_at_once_at_the_others(start_replica: Replicas) -> None:  # noqa: F811
    async with network(start_replica) as (front, back), front.http() as http, back.worker() as worker:
        await worker.join()
        await until(lambda: free(front) == 2)
        made = (await http.post("/v1/account/keys", json={"name": "second"})).json()
        asked = {"authorization": f"Bearer {made['key']}"}
        asking = asyncio.create_task(http.post("/v1/chat/completions", json=QUESTION, headers=asked))
        await worker.accept()
        async with back.http() as other:
            assert (await other.delete(f"/v1/account/keys/{made['id']}")).status_code == 200
        ended = await asking
        assert ended.status_code == 401
        await worker.hear(wire.Cancel)
        assert (await http.get("/v1/models", headers=asked)).status_code == 401


async def test_a_client_that_leaves_frees_the_slot_of_the_other_cell(start_replica: Replicas) -> None:  # noqa: F811
    async with network(start_replica) as (front, back), back.worker() as worker:
        await worker.join()
        await until(lambda: free(front) == 2)
        async with front.http() as http:
            asking = asyncio.create_task(http.post("/v1/chat/completions", json=QUESTION))
            start = await worker.accept()
            asking.cancel()
            cancelled = await worker.hear(wire.Cancel)
            assert (cancelled.job, cancelled.attempt) == (start.job, start.attempt)
            await worker.done(start, 0)


async def test_a_picture_in_a_prompt_reaches_the_other_cell(start_replica: Replicas) -> None:  # noqa: F811
    async with network(start_replica, catalog=SEEING) as (front, back), back.worker() as worker, front.http() as http:
        await worker.join(features=(VISION,))
        await until(lambda: free(front) == 2)
        asking = ask(http, RED)
        start = await worker.hear(wire.Start)
        await need(worker, start, (RED, 0))
        assert await file(worker, RED) == RED
        await finish(worker, start)
        assert (await asking).json()["choices"][0]["message"]["content"] == "red"


async def test_what_is_made_at_one_replica_and_uploaded_at_another_is_its_clients(start_replica: Replicas) -> None:  # noqa: F811
    """Three: one has the client, one the worker, and the worker's upload comes to the third."""
    async with network(start_replica, 3, catalog=MEDIA) as (front, back, third), media_worker(back, "edits") as worker:
        await until(lambda: free(front, "edits") > 0)
        async with third.http() as elsewhere, front.http() as http:
            worker.http = elsewhere
            asked = {"model": "edits", "prompt": "a dot", "size": "64x64", "response_format": "url"}
            asking = asyncio.create_task(http.post("/v1/images/generations", json=asked))
            start = await worker.make_one()
            made = (await asking).json()["data"][0]
            assert (await worker.upload(start, *file_of(make_of(start), start.seed))).status_code in (200, 403)
            where = made["url"].rpartition("/m/")[2]
            for one in (front, back, third):
                async with one.http() as there:
                    assert (await there.get(f"/m/{where}")).status_code == 200


async def test_without_the_bus_each_serves_with_its_own_workers(start_replica: Replicas) -> None:  # noqa: F811
    async with network(start_replica) as (front, back), front.worker() as worker, front.http() as http:
        await worker.join()
        await until(lambda: free(back) == 2)
        joined = front.running.services.joined
        assert joined is not None
        start_replica.servers.down()  # type: ignore[attr-defined]
        await until(lambda: not joined.bus.up)
        asking = asyncio.create_task(http.post("/v1/chat/completions", json=QUESTION))
        await worker.serve("alone")
        assert (await asking).json()["choices"][0]["message"]["content"] == "alone"
        ready = await http.get("/readyz")
        assert ready.status_code == 200 and ready.json()["cluster"]["bus"] == "down"
        assert "rate limits" not in ready.json()["cluster"]["shared"]
        start_replica.servers.back()  # type: ignore[attr-defined]
        await until(lambda: joined.bus.up and free(back) == 2)


async def test_a_replica_that_leaves_gives_its_workers_and_their_streams_to_another(start_replica: Replicas) -> None:  # noqa: F811
    async with network(start_replica) as (front, back), front.openai() as client:
        async with back.worker() as worker:
            welcome = await worker.join()
            await until(lambda: free(front) == 2)
            asking = asyncio.create_task(client.chat.completions.create(**QUESTION, stream=True))  # type: ignore[call-overload]
            start = await worker.accept()
            await worker.tell(start, "on")
            back.server.drain()
            await worker.hear(wire.Move, 30)
            worker.socket.transport.abort()  # as a worker that dials again
        async with front.worker() as worker:
            running = wire.RunningJob(job=start.job, attempt=start.attempt, next_seq=2)
            resume = wire.Resume(session=welcome.session, jobs=(running,))
            welcome = await worker.join(resume=resume)
            assert [kept.job for kept in welcome.kept] == [start.job]
            seq = await worker.tell(start, "e", 2)
            await worker.done(start, seq)
            text = "".join([c.choices[0].delta.content or "" async for c in await asking if c.choices])
        assert text == "one"
        await asyncio.wait_for(asyncio.shield(back.task), 60)


async def test_a_replica_that_was_taken_for_dead_lets_its_answers_end_and_is_started_anew(
    start_replica: Replicas,  # noqa: F811
) -> None:
    """It has a stream of its own client, whose hold others have ended by then, and a worker, whom it sends away."""
    async with network(start_replica) as (frozen, other), frozen.openai() as client, frozen.worker() as worker:
        await worker.join()
        asking = asyncio.create_task(client.chat.completions.create(**QUESTION, stream=True))  # type: ignore[call-overload]
        start = await worker.accept()
        await worker.tell(start, "on")
        stream = await asking
        database, name = other.running.store.database, frozen.running.store.database.replica
        await until(lambda: other.running.services.ledger.backlog == frozen.running.services.ledger.backlog == 0)
        with database.transaction() as connection:
            connection.execute(update(replicas).where(replicas.c.id == name).values(state="dead"))
        async with asyncio.timeout(30):
            while not frozen.server.starts_anew:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        async with frozen.http() as http:
            assert (await http.get("/readyz")).status_code == 503
        await worker.hear(wire.Move, 30)
        await worker.done(start, await worker.tell(start, "e", 2))
        text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
        assert text == "one"
        await worker.socket.close()
        await asyncio.wait_for(asyncio.shield(frozen.task), 60)
        assert {row.state for row in database.query(select(holds))} <= {"settled", "void"}, "it ended once, somewhere"
        assert check(database) == []


async def test_edges_serve_clients_and_cells_serve_workers(start_replica: Replicas) -> None:  # noqa: F811
    async with start_replica(role="edge") as front, start_replica(role="cell") as back:
        await until(lambda: knows(front) == knows(back) == 2)
        async with back.http() as http:
            refused = await http.post("/v1/chat/completions", json=QUESTION)
            assert refused.status_code == 503 and "--role cell" in refused.text and "retry-after" in refused.headers
        with pytest.raises(InvalidStatus) as sent_away:
            async with front.worker():
                pytest.fail("an edge took a worker")
        assert sent_away.value.response.headers["retry-after"]
        async with back.worker() as worker, front.openai() as client:
            await worker.join()
            await until(lambda: free(front) == 2)
            asking = asyncio.create_task(client.chat.completions.create(**QUESTION))
            await worker.serve("both")
            assert (await asking).choices[0].message.content == "both"
