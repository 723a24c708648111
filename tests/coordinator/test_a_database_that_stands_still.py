"""PostgreSQL stands still, its sockets open: what runs goes on, and who asks is told when to come back."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from coordinator.store import reading, store
from tests.coordinator.conftest import delta
from tests.coordinator.replicas import Replicas, network, start_replica  # noqa: F401  a fixture
from tools.cluster.postgres import Postgres

ASK = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 200}
READ = (
    "/v1/account",
    "/v1/account/usage",
    "/v1/videos",
    "/v1/media",
    "/m/C7RgU9zZjVmqyHEdV13hew.mp4",
    "/v1/network/history",
    "/v1/network/models",
)


@pytest.fixture
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("still"))
    yield server
    server.close()


@pytest.fixture
def postgres(still: Postgres) -> Callable[[], str]:
    return lambda: still.url


async def test_a_stream_goes_on_and_every_other_request_is_answered(
    start_replica: Replicas,  # noqa: F811
    still: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One question to it stopped the whole replica for as long, its streams too, and some waited without a bound."""
    for module in (reading, store):
        monkeypatch.setattr(module, "ANSWER_S", 1.0)
    async with network(start_replica, 1) as (replica,), replica.worker() as worker, replica.http() as http:
        await worker.join()
        running = asyncio.create_task(http.post("/v1/chat/completions", json=ASK | {"stream": True}))
        start = await worker.accept()
        await worker.say(delta(start, 0, "a"))
        processes = " ".join(map(str, still.freeze()))
        # Else the test could stand still for ever; no thread of this process could end that.
        late = await asyncio.create_subprocess_exec("sh", "-c", f"sleep 60; kill -CONT {processes}")
        answers = await asyncio.gather(*(http.get(path) for path in READ))
        said = {answer.url.path: (answer.status_code, "retry-after" in answer.headers) for answer in answers}
        assert said == dict.fromkeys(READ, (503, True))
        assert (await http.get("/v1/models")).status_code == 200
        await worker.tell(start, "bc", 1)
        assert late.returncode is None
        late.kill()
        await late.wait()
        still.thaw()
        await worker.done(start, 3)
        assert '"content":"b"' in (await running).text
