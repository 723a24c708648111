"""Two or more coordinators in this process that are one network: one PostgreSQL, one node of NATS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from coordinator.accounts.accounts import KeyRequest, create_key
from coordinator.accounts.pepper import open_pepper
from coordinator.assembly import assembled
from coordinator.config import Config
from coordinator.server import listen, make_server, serve
from coordinator.store.database import Database
from tests.coordinator.cluster.bus.bus_ends import Servers
from tests.coordinator.conftest import CATALOG, Coordinator, until

Replicas = Callable[..., Any]


@pytest.fixture
async def start_replica(tmp_path: Path, postgres: Callable[[], str]) -> AsyncIterator[Replicas]:
    """Starts one replica more. Each call has settings of its own."""
    servers = Servers(tmp_path)
    models, url, pepper = tmp_path / "models.yaml", postgres(), tmp_path / "pepper"
    with closing(Database(url)) as database:
        secret = open_pepper(database, pepper, make=True)
        request = KeyRequest(name="test", scopes=("client", "worker", "admin", "metrics"))
        key = create_key(database, secret, request, 0, 10**15)[0]

    @asynccontextmanager
    async def start(catalog: str = CATALOG, **settings: Any) -> AsyncIterator[Coordinator]:
        models.write_text(catalog)
        config = Config(
            port=0,
            db=url,
            pepper=pepper,
            catalog=models,
            artefacts=tmp_path / "media",
            cluster=servers.settings().servers,
            **({"rpm": 0, "concurrency": 0, "count_prompts": False} | settings),
        )
        with assembled(config) as running, listen(config) as listener:
            up = asyncio.Event()
            server = make_server(running, up.set)
            task = asyncio.create_task(serve(running, server, listener))
            await up.wait()
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            try:
                yield Coordinator(address, key, config, running, server, task)
            finally:
                server.should_exit = server.force_exit = True
                await task

    start.servers = servers  # type: ignore[attr-defined]
    yield start
    servers.close()


@asynccontextmanager
async def network(start: Replicas, count: int = 2, **settings: Any) -> AsyncIterator[list[Coordinator]]:
    """Replicas that know of each other."""
    async with AsyncExitStack() as opened:
        replicas = [await opened.enter_async_context(start(**settings)) for _ in range(count)]
        await until(lambda: all(knows(one) == count for one in replicas))
        yield replicas


def knows(replica: Coordinator) -> int:
    """How many replicas there are, by its word."""
    joined = replica.running.services.joined
    assert joined is not None
    return 1 + len(joined.others)
