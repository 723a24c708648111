"""The worker's socket: whatever comes in, the answer is typed and nothing dies."""

import asyncio
import contextlib
import json
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from coordinator.accounts.rows import list_keys, revoke_key
from coordinator.admission.dials import Dials
from coordinator.admission.useless_frames import FIRST_WAIT_S, MOST_BYTES
from coordinator.api import worker_socket
from coordinator.store.database import Database
from program.useless_frames import FRAME_BYTES
from tests.coordinator.conftest import CATALOG, Coordinator, FakeWorker, Start, make_key, until
from wire import messages as wire
from wire.chat import Content, Usage
from wire.codec import encode, to_worker
from wire.errors import (
    CLOSE_DUPLICATE,
    CLOSE_HELLO_TIMEOUT,
    CLOSE_PROTOCOL_ERROR,
    CLOSE_UNAUTHORIZED,
    CLOSE_VERSION,
    ErrorCode,
)
from wire.offers import ModelOffer, ModelState


def dial(coordinator: Coordinator, key: str | None, protocol: str | None = wire.SUBPROTOCOL) -> Any:
    return connect(
        coordinator.url.replace("http", "ws") + wire.WORKER_PATH,
        additional_headers={} if key is None else {"Authorization": f"Bearer {key}"},
        subprotocols=None if protocol is None else [protocol],  # type: ignore[list-item]
        compression=None,
    )


async def closing(worker: FakeWorker) -> tuple[list[Any], int | None]:
    """Everything that still comes, and the close code."""
    heard = []
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(15):
            while True:
                heard.append(to_worker(await worker.socket.recv()))
    return heard, worker.socket.close_code


@pytest.mark.parametrize("key", [None, "nonsense", "sk-sn-" + "a" * 49])
async def test_a_wrong_key_is_refused_before_the_upgrade(coordinator: Coordinator, key: str | None) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with dial(coordinator, key):
            pass
    assert caught.value.response.status_code == 401
    assert json.loads(caught.value.response.body or b"")["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("protocol", [None, "supernet.v9"])
async def test_another_subprotocol_is_refused(coordinator: Coordinator, protocol: str | None) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with dial(coordinator, coordinator.key, protocol):
            pass
    assert caught.value.response.status_code == 426
    assert b"supernet.v1" in (caught.value.response.body or b"")


async def test_silence_instead_of_hello_is_closed(coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_socket, "HELLO_TIMEOUT_S", 0.1)
    async with coordinator.worker() as worker:
        heard, code = await closing(worker)
    assert code == CLOSE_HELLO_TIMEOUT
    assert isinstance(heard[0], wire.Error)


async def test_a_hello_that_came_while_the_process_stood_still_is_heard(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_socket, "HELLO_TIMEOUT_S", 0.3)
    async with coordinator.worker() as worker:
        await worker.say(wire.Hello(worker="w", instance="a", models=()))
        time.sleep(0.4)  # noqa: ASYNC251
        assert isinstance(await worker.hear(wire.Welcome), wire.Welcome)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", CLOSE_PROTOCOL_ERROR),
        (b"\x00\x01", CLOSE_PROTOCOL_ERROR),
        ('{"type":"capacity"}', CLOSE_PROTOCOL_ERROR),
        ('{"type":"hello"}', CLOSE_PROTOCOL_ERROR),
        ('{"type":"hello","worker":"' + "x" * 70_000 + '"}', CLOSE_PROTOCOL_ERROR),
        ('{"type":"hello","worker":"../../etc","instance":"a","models":[]}', CLOSE_PROTOCOL_ERROR),
        ('{"type":"hello","protocol":2,"worker":"w","instance":"a","models":[]}', CLOSE_VERSION),
    ],
)
async def test_a_first_frame_that_is_no_good_hello_is_explained_and_closed(
    coordinator: Coordinator, frame: str | bytes, code: int
) -> None:
    async with coordinator.worker() as worker:
        await worker.say(frame)
        heard, closed = await closing(worker)
    assert isinstance(heard[0], wire.Error)
    assert closed == code


async def test_a_model_that_is_not_in_the_catalog_is_left_out(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        offers = [ModelOffer(id=name, context=1, slots=1) for name in ("tiny", "homemade", "tiny")]
        await worker.say(wire.Hello(worker="w", instance="a", models=tuple(offers)))
        first, second = await worker.hear(wire.Error), await worker.hear(wire.Error)
        assert "homemade" in first.message
        assert "twice" in second.message
        await worker.hear(wire.Welcome)
        assert set(coordinator.running.services.hub.dispatch.workers[0].replicas) == {"tiny"}


async def test_weights_that_the_catalog_calls_by_another_hash_are_left_out(start_coordinator: Start) -> None:
    right, other = "a" * 64, "b" * 64
    catalog = CATALOG.replace("name: tiny.gguf", f"name: tiny.gguf, sha256: {right}")
    assert right in catalog
    async with start_coordinator(catalog=catalog) as coordinator:
        for sha256, replicas in ((other, set[str]()), (right, {"tiny"}), ("", {"tiny"})):
            async with coordinator.worker() as worker:
                offer = ModelOffer(id="tiny", context=1, slots=1, sha256=sha256)
                await worker.say(wire.Hello(worker=f"w{sha256[:1]}", instance="a", models=(offer,)))
                if not replicas:
                    assert right in (await worker.hear(wire.Error)).message
                await worker.hear(wire.Welcome)
                assert set(coordinator.running.services.hub.dispatch.workers[-1].replicas) == replicas


async def test_clients_are_told_what_workers_claim_to_have_loaded_and_nothing_else_of_it(
    coordinator: Coordinator,
) -> None:
    async with coordinator.worker() as one, coordinator.worker() as two, coordinator.http() as http:
        for worker, name, claim in ((one, "w1", "a" * 64), (two, "w2", "<b>trust me</b>")):
            offer = ModelOffer(id="tiny", context=1, slots=1, sha256=claim)
            await worker.say(wire.Hello(worker=name, instance="a", models=(offer,)))
            await worker.hear(wire.Welcome)
            await worker.ready(1)
        dispatch = coordinator.running.services.hub.dispatch
        await until(lambda: dispatch.online("tiny").workers == 2)
        model = (await http.get("/v1/models/tiny")).json()
    assert model["weights"] == [{"sha256": "a" * 64, "workers": 1, "claimed": True}]


async def test_invalid_frames_are_answered_and_the_link_stays(coordinator: Coordinator) -> None:
    garbage: list[str | bytes] = [
        "{",
        "null",
        '{"type":"gossip"}',
        '{"type":"welcome","session":"s"}',
        b"binary",
        '{"type":"deltas","items":[{"job":"j","attempt":"x","seq":0}]}',
        '{"type":"capacity","models":[{"id":"tiny","status":"happy","slots":1,"free":1}]}',
        "[" * 5000,
        "\u0000",
    ]
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        for frame in garbage:
            await worker.say(frame)
            error = await worker.hear(wire.Error)
            assert error.code == "protocol_error"
        asked = asyncio.create_task(
            http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}]})
        )
        await worker.serve("alive")
        assert (await asked).json()["choices"][0]["message"]["content"] == "alive"


async def test_sixteen_invalid_frames_close_the_link(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
        for _ in range(16):
            await worker.say("{")
        heard, code = await closing(worker)
    assert code == CLOSE_PROTOCOL_ERROR
    assert sum(isinstance(message, wire.Error) for message in heard) == 16
    await gone(coordinator)


@pytest.mark.parametrize(
    "flood",
    [
        wire.Deltas(items=tuple(wire.Delta(job=f"nobodys-{n}", attempt=1, seq=n) for n in range(4096))),
        wire.Capacity(models=(ModelState(id="homemade-" + "x" * 50, status="ready", slots=1, free=1),) * 32),
        wire.Issue(code="x", severity="error", message="x" * 4096),
        wire.Error(code=ErrorCode.INTERNAL_ERROR, message="x" * 4096),
        wire.Failed(job="nobodys", attempt=1, seq=0, code=ErrorCode.ENGINE_ERROR, message="x" * 4096, retryable=True),
        wire.Accepted(job="nobodys", attempt=1),
    ],
)
async def test_a_flood_of_valid_frames_of_no_use_closes_that_link_and_its_account_waits(
    coordinator: Coordinator, flood: Any
) -> None:
    frame = encode(flood)
    async with coordinator.worker() as worker:
        await worker.join()
        # It reads as it writes: behind 16 messages that nobody takes the client stops reading.
        ended = asyncio.create_task(closing(worker))
        with contextlib.suppress(ConnectionClosed):
            for _ in range(4 * MOST_BYTES // (len(frame) + FRAME_BYTES)):
                await worker.say(frame)
        _, code = await ended
        assert code == CLOSE_PROTOCOL_ERROR
        assert "no use" in str(worker.socket.close_reason)
    hub = coordinator.running.services.hub
    assert hub.dispatch.counters.late_frames <= MOST_BYTES // 50
    with pytest.raises(InvalidStatus) as caught:
        async with dial(coordinator, coordinator.key):
            pass
    assert caught.value.response.status_code == 429
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= FIRST_WAIT_S


async def test_an_account_that_dials_without_end_is_told_when_to_come_again(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, a key opened as many sockets a second as it could."""
    once = Dials.wait_s
    # each dial counts as a hundred
    monkeypatch.setattr(Dials, "wait_s", lambda *args: max(once(*args) for _ in range(100)))
    taken = 0
    with pytest.raises(InvalidStatus) as caught:
        for _ in range(100):
            async with dial(coordinator, coordinator.key):
                taken += 1
    assert 5 <= taken < 100
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["retry-after"] == "10"
    assert b"dial too often: dial again in 10 s" in bytes(caught.value.response.body or b"")


async def test_sockets_of_an_account_share_a_budget_of_frames_of_no_use(coordinator: Coordinator) -> None:
    """Each sends less than a socket may, and the one with which it is too much for the account is closed."""
    frame = encode(wire.Issue(code="x", severity="error", message="x" * 4096))
    closed = 0
    async with contextlib.AsyncExitStack() as stack:
        for n in range(6):
            worker = await stack.enter_async_context(coordinator.worker())
            await worker.join(f"w{n}")
            with contextlib.suppress(ConnectionClosed):
                for _ in range(9 * MOST_BYTES // 10 // (len(frame) + FRAME_BYTES)):
                    await worker.say(frame)
                await worker.say("{")
                await worker.hear(wire.Error)
            closed += worker.socket.close_code == CLOSE_PROTOCOL_ERROR
            if closed:
                break
    assert (closed, n) == (1, 2)
    with pytest.raises(InvalidStatus):
        async with dial(coordinator, coordinator.key):
            pass


async def test_a_worker_whose_frames_are_of_use_may_send_any_number_of_them(coordinator: Coordinator) -> None:
    """A stream of more bytes than a flood may have, of an honest worker that also says how it is."""
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 400}
        for _ in range(3):
            asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
            start = await worker.accept()
            for seq in range(400):
                delta = wire.Delta(
                    job=start.job, attempt=start.attempt, seq=seq, tokens=(1,), parts=(Content(text="x" * 500),)
                )
                await worker.say(wire.Deltas(items=(delta,)))
                if not seq % 10:
                    await worker.ready(1)
            usage = Usage(prompt=5, cached=0, completion=400)
            done = wire.Done(job=start.job, attempt=start.attempt, seq=400, finish_reason="length", usage=usage)
            await worker.say(done)
            assert (await asked).status_code == 200


async def test_the_log_of_a_flood_of_errors_and_issues_is_bounded(
    coordinator: Coordinator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="supernet.hub")
    async with coordinator.worker() as worker:
        await worker.join()
        for n in range(200):
            await worker.say(wire.Error(code=ErrorCode.INTERNAL_ERROR, message="x" * 300))
            await worker.say(wire.Issue(code=f"i{n}", severity="error", message="x" * 300))
        await worker.say("{")
        await worker.hear(wire.Error)
    assert 10 < len(caplog.records) < 50


async def test_fifty_megabytes_in_one_frame_close_that_link_only(coordinator: Coordinator) -> None:
    async with coordinator.worker() as honest, coordinator.worker() as worker:
        await honest.join("honest")
        await worker.join("hostile")
        with contextlib.suppress(ConnectionClosed):
            await worker.say("x" * 50_000_000)
        _, code = await closing(worker)
        assert code == 1009
        await honest.say("{")
        assert (await honest.hear(wire.Error)).code == "protocol_error"


async def test_two_workers_with_one_id(coordinator: Coordinator) -> None:
    async with coordinator.worker() as first, coordinator.worker() as second:
        await first.join("same", instance="a")
        await second.say(wire.Hello(worker="same", instance="b", models=()))
        heard, code = await closing(second)
        assert code == CLOSE_DUPLICATE
        assert heard[0].code == "duplicate_worker"
        await first.say("{")
        assert await first.hear(wire.Error)


async def test_a_revoked_key_closes_its_sockets_within_a_second_or_so(coordinator: Coordinator) -> None:
    def revoke() -> None:
        database = Database(coordinator.config.db)
        revoke_key(database, list_keys(database)[0].id, 1)
        database.close()

    async with coordinator.worker() as worker:
        await worker.join()
        await asyncio.to_thread(revoke)
        heard, code = await closing(worker)
    assert code == CLOSE_UNAUTHORIZED
    assert heard[-1].code == "invalid_api_key"
    async with coordinator.http() as http:
        assert (await http.get("/v1/models")).status_code == 401


async def test_a_worker_that_says_goodbye_is_gone_at_once(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
    await gone(coordinator)


async def gone(coordinator: Coordinator) -> None:
    await until(lambda: not coordinator.running.services.hub.dispatch.workers)


async def test_a_storm_of_connections_that_do_not_finish_their_hello_harms_nobody(coordinator: Coordinator) -> None:
    async with coordinator.worker() as honest, contextlib.AsyncExitStack() as stack:
        await honest.join("honest")
        for _ in range(50):
            await stack.enter_async_context(coordinator.worker())
        await honest.say(encode(wire.Hello(worker="x", instance="y", models=())))
        assert (await honest.hear(wire.Error)).code == "protocol_error"


async def test_a_context_beyond_the_catalogs_is_not_believed_nor_a_prompt_longer_than_it(
    coordinator: Coordinator,
) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        offer = ModelOffer(id="tiny", context=2**24, slots=1)
        await worker.say(wire.Hello(worker="w", instance="a", models=(offer,)))
        await worker.ready(1)
        messages = [{"role": "user", "content": "hi"}]
        answer = asyncio.create_task(
            http.post("/v1/chat/completions", json={"model": "tiny", "messages": messages, "max_tokens": 5})
        )
        start = await worker.accept()
        usage = Usage(prompt=10**9, cached=0, completion=0)
        await worker.say(wire.Done(job=start.job, attempt=1, seq=0, finish_reason="stop", usage=usage))
        assert (await answer).json()["usage"]["prompt_tokens"] < 512  # what two letters and a template can be


@pytest.mark.parametrize(("scopes", "status"), [(("worker",), 426), (("client",), 403), (("client", "worker"), 426)])
async def test_who_opens_no_socket_is_told_whether_the_key_may(
    coordinator: Coordinator, scopes: tuple[str, ...], status: int
) -> None:
    """`supernet-worker --check` asks so: a key that may run workers need not be one that may chat."""
    key = make_key(coordinator.config, scopes=scopes)
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http(key) as http:
        answer = await http.get(wire.WORKER_PATH)
    assert answer.status_code == status
    async with coordinator.http("sk-sn-guess") as http:
        assert (await http.get(wire.WORKER_PATH)).status_code == 401
