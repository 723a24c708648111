"""Chats that draw, in a cluster of real programs with a real bucket, while replicas are replaced and killed."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.coordinator.artefacts.bucket import bucket
from tools.chaos.client import Answer, ask
from tools.chaos.cluster.faults import clients_at
from tools.cluster.network import Cluster, Front, Studio
from tools.local_network import MODEL, Network

CATALOG = """
media:
  - {id: draws, name: Draws, tools: [generate_image], pipeline: StableDiffusionPipeline, repository: x/draws,
     defaults: {width: 64, height: 64, steps: 10}, limits: {pixels: 16384, steps: 20}, price: 3000000, licence: MIT}
"""
CALL = '<tool_call>\n{"name": "sogni_generate_image", "arguments": {"prompt": "a cat"}}\n</tool_call>'
SCRIPT = [{"when": "user: draw", "say": f"I draw. {CALL}"}, {"when": "tool: ", "say": "Here it is."}]
WORKERS, STREAMS = 3, 6
CALM_S = 3.0
AGAIN_S = 0.1
SETTLING_S = 0.2  # after an answer's end, at most, until it is settled
PATIENCE_S = 120.0
EACH = 3  # what is paid for of an answer: two rounds and a picture


@dataclass
class Chat:
    """One question, and all answers to it."""

    name: str
    tries: list[Answer] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """With its picture; without it only where that was paid for a moment before the client's replica died: then
        the model is told that it is lost (see admission/idempotency.py)."""
        text = self.tries[-1].text
        pictures = text.count("](http")
        shown = pictures == 1 or (pictures == 0 and self.broken)
        return self.tries[-1].whole and text.startswith("I draw. Here it is.") and shown

    @property
    def broken(self) -> bool:
        return any(answer.status == 200 and not answer.whole for answer in self.tries)

    @property
    def gone(self) -> bool:
        """Its client was told that a part of it was paid for, and is lost (see admission/idempotency.py)."""
        last = self.tries[-1]
        return last.status == 409 and "retry-after" not in last.headers

    @property
    def story(self) -> str:
        tries = "; ".join(f"{answer.status} {answer.error or ''} {answer.text!r}" for answer in self.tries)
        return f"{self.name}: {tries}"


@dataclass
class Clients:
    """Who asks for pictures, so many at once, until they are `stopped`. `hit`: whose replica was killed."""

    door: Front
    run: str
    chats: list[Chat] = field(default_factory=list)
    hit: set[str] = field(default_factory=set)
    stopped: bool = False

    async def ask(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(STREAMS):
                group.create_task(self._client())

    async def _client(self) -> None:
        while not self.stopped:
            chat = Chat(f"{self.run}-{len(self.chats)}")
            self.chats.append(chat)
            await self._until_answered(chat)

    async def _until_answered(self, chat: Chat) -> None:
        question = {"role": "user", "content": f"draw {chat.name}"}
        request = {"model": MODEL, "messages": [question], "max_tokens": 500, "stream": True}
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = Answer(time.monotonic())
            chat.tries.append(answer)
            await ask(self.door, request, answer=answer, headers={"Idempotency-Key": chat.name})
            if answer.whole or chat.gone:
                return
            assert answer.status in (0, 200, 409, 429, 503), chat.story
            assert time.monotonic() < deadline, chat.story
            await asyncio.sleep(float(answer.headers.get("retry-after", AGAIN_S)))


@asynccontextmanager
async def asking(cluster: Cluster, what: str) -> AsyncIterator[Clients]:
    """Clients of an account of their own; at the end each has its whole answer, and has paid for it once.

    Whose replica was killed as its answer ended has all of it and does not come back: what it did not settle any more
    stays held for ten minutes, for clients that do (billing/replicas.py)."""
    clients = Clients(cluster.front(await cluster.make_key(what, what, "client")), what)
    running = asyncio.create_task(clients.ask())
    await asyncio.sleep(CALM_S)
    yield clients
    await asyncio.sleep(CALM_S)
    clients.stopped = True
    await running
    kept = [chat for chat in clients.chats if not chat.gone]
    assert [chat.story for chat in kept if not chat.right] == []
    waits = sum(chat.name in clients.hit and not chat.broken for chat in clients.chats)
    deadline = time.monotonic() + PATIENCE_S
    while (used := await asyncio.to_thread(cluster.books.used, what)).held > waits and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    assert used.held <= waits
    most = EACH * len(clients.chats)
    assert EACH * len(kept) - used.held <= used.requests <= most


async def test_chats_that_draw_are_answered_whole_when_replicas_are_replaced_and_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    with bucket(tmp_path) as found:
        cluster = Cluster(tmp_path, studio=Studio(found, CATALOG))
        try:
            await cluster.start()
            for number in range(WORKERS):
                told = ("--model", MODEL, "--scripted", str(script), "--media", "draws", "--scripted-media")
                await cluster.start_worker(f"w{number}", *told)
            await cluster.settled(even=True)
            async with asyncio.timeout(PATIENCE_S):
                while not all([await asyncio.to_thread(_draws, replica) for replica in cluster.replicas]):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            await _rolled(cluster)
            await _killed(cluster)
            assert await asyncio.to_thread(cluster.books.wrong) == []
        finally:
            await cluster.close()


def _draws(replica: Network) -> bool:
    """Whether it knows of every worker that it draws: one that has just dialled may still load what it draws with."""
    listed = replica.get("/v1/models?type=image")["data"]
    return [model["workers_online"] for model in listed if model["id"] == "draws"] == [WORKERS]


async def _rolled(cluster: Cluster) -> None:
    """Each replica in turn; no answer breaks."""
    async with asking(cluster, "rolled") as clients:
        for number in range(len(cluster.replicas)):
            process = cluster.process(number)
            process.popen.terminate()
            await asyncio.to_thread(process.wait)
            await asyncio.to_thread(cluster.start_replica, number)
            await cluster.settled(even=True)
    assert [chat.story for chat in clients.chats if chat.broken or chat.gone] == []


async def _killed(cluster: Cluster) -> None:
    """Two replicas in turn; the answers of others' clients do not break, and nearly all of theirs go on elsewhere."""
    async with asking(cluster, "killed") as clients:
        for number in range(2):
            await asyncio.sleep(CALM_S)
            clients.hit |= clients_at(cluster, number)
            await asyncio.sleep(SETTLING_S)
            clients.hit |= clients_at(cluster, number)
            cluster.process(number).kill()
            clients.hit |= clients_at(cluster, number)
            await asyncio.sleep(CALM_S)
            await asyncio.to_thread(cluster.process(number).wait)
            await asyncio.to_thread(cluster.start_replica, number)
            await cluster.settled(even=True)
    assert clients.hit, "the clients of nobody were hit"
    assert [chat.story for chat in clients.chats if (chat.broken or chat.gone) and chat.name not in clients.hit] == []
