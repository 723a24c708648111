"""The catalog is read again while clients ask and workers serve."""

import asyncio
import logging
from typing import Any

import pytest

from coordinator.api import worker_socket
from coordinator.ledger.price_list import pin
from coordinator.store.errors import Unavailable
from tests.coordinator.conftest import CATALOG, Coordinator, FakeWorker, make_key, until
from tests.coordinator.replicas import Replicas, network, start_replica  # noqa: F401  a fixture
from wire import messages as wire
from wire.handed_catalog import CATALOG as CATALOG_FEATURE
from wire.handed_catalog import CATALOG_PATH, HandedCatalog, fingerprint, read
from wire.offers import ModelOffer, ModelState

QUESTION = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}
NEW = CATALOG.replace("id: other", "id: newer").replace("prompt: 300, completion: 900}", "prompt: 7, completion: 9}", 1)
WITHOUT = CATALOG.replace("default: tiny", "default: other").replace("id: tiny", "id: little")


def write(coordinator: Coordinator, catalog: str) -> None:
    assert coordinator.config.catalog is not None
    coordinator.config.catalog.write_text(catalog)


async def again(coordinator: Coordinator, catalog: str) -> None:
    """As after the signal, which is test_server.py's."""
    write(coordinator, catalog)
    await coordinator.running.reload.read()


async def asked(coordinator: Coordinator, model: str = "tiny") -> Any:
    async with coordinator.http() as http:
        return await http.post("/v1/chat/completions", json=QUESTION | {"model": model})


async def joined(worker: FakeWorker, *models: str, **fields: Any) -> None:
    offers = tuple(ModelOffer(id=name, context=10_000, slots=1, **fields) for name in models)
    await worker.say(wire.Hello(worker="w1", instance="a", models=offers))
    await worker.hear(wire.Welcome)
    await ready(worker, *models)


async def ready(worker: FakeWorker, *models: str) -> None:
    states = tuple(ModelState(id=name, status="ready", slots=1, free=1) for name in models)
    await worker.say(wire.Capacity(models=states))


async def test_everybody_sees_the_new_catalog_at_once(
    coordinator: Coordinator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "supernet.catalog")
    admin = make_key(coordinator.config, scopes=("admin", "metrics", "client"))
    async with coordinator.http(admin) as http:
        while (await http.get("/v1/network/models")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        price = (await http.get("/v1/estimate?model=tiny&input_tokens=1")).json()["price"]
        await again(coordinator, NEW)
        models = {one["id"] for one in (await http.get("/v1/models")).json()["data"]}
        pages = {one["id"] for one in (await http.get("/v1/network/models")).json()["data"]}
        network = {one["id"] for one in (await http.get("/v1/network")).json()["models"]}
        assert models == pages == network == {"tiny", "newer"}
        estimate = (await http.get("/v1/estimate?model=tiny&input_tokens=1")).json()["price"]
        assert estimate == {"version": price["version"] + 1, "prompt_nano_usd": 7, "completion_nano_usd": 9}
        assert (await http.get("/v1/network/models/other")).status_code == 404
        metrics = (await http.get("/metrics")).text
    assert 'workers_online{model="newer"}' in metrics and 'workers_online{model="other"}' not in metrics
    gone = await asked(coordinator, "other")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "model_not_found")
    assert "added newer; changed tiny (price); removed other" in caplog.text


async def test_a_wrong_file_is_refused_and_the_one_before_stays(
    coordinator: Coordinator, caplog: pytest.LogCaptureFixture
) -> None:
    before, reload = coordinator.running.services.catalog.now, coordinator.running.reload
    wrong = [
        NEW.replace("licence: MIT", "licence: MIT, colour: red", 1),
        "",
        NEW.replace("default: tiny", "default: no"),
    ]
    for number, text in enumerate(wrong, start=1):
        write(coordinator, text)
        reload.wanted.set()
        await until(lambda number=number: len(caplog.records) == number)  # type: ignore[misc]
    assert "the catalog stays as it was" in caplog.text and "unknown key 'models.0.colour'" in caplog.text
    assert coordinator.config.catalog is not None
    coordinator.config.catalog.unlink()
    reload.wanted.set()
    await until(lambda: "no catalog at" in caplog.text)
    assert coordinator.running.services.catalog.now is before
    await again(coordinator, NEW)
    assert coordinator.running.services.catalog.now is not before, "and it goes on to be read"


async def test_without_a_database_the_prices_stay_and_the_catalog_with_them(
    coordinator: Coordinator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reload, before = coordinator.running.reload, coordinator.running.services.catalog.now

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the database is away")

    write(coordinator, NEW)
    with monkeypatch.context() as patched:
        patched.setattr(reload, "store", type("Away", (), {"run": staticmethod(away)}))
        reload.wanted.set()
        await until(lambda: "the database is away" in caplog.text)
    assert coordinator.running.services.catalog.now is before
    reload.wanted.set()
    await until(lambda: coordinator.running.services.catalog.now is not before)


async def test_the_same_catalog_sets_no_prices(coordinator: Coordinator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "supernet.catalog")
    await coordinator.running.store.run(pin, {"tiny": (1, 1)}, 1)  # of another replica, say, whose file is newer
    await again(coordinator, "# only a comment\n" + CATALOG)
    assert "nothing has changed" in caplog.text
    assert coordinator.running.services.billing.tariff("tiny").prompt == 300


async def test_a_request_that_runs_is_paid_at_the_price_that_it_was_held_at(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
        asking = asyncio.create_task(asked(coordinator))
        start = await worker.accept()
        await again(coordinator, NEW)
        await worker.done(start, await worker.tell(start, "hi"))
        first = (await asking).json()["usage"]
        asking = asyncio.create_task(asked(coordinator))
        await worker.serve("hi")
        second = (await asking).json()["usage"]
    assert first["cost_nano_usd"] == 300 * first["prompt_tokens"] + 900 * 2
    assert second["cost_nano_usd"] == 7 * second["prompt_tokens"] + 9 * 2


async def test_a_model_that_is_removed_ends_its_jobs_and_its_workers_are_told_and_get_no_more(
    coordinator: Coordinator,
) -> None:
    dispatch = coordinator.running.services.hub.dispatch
    async with coordinator.worker() as worker:
        await joined(worker, "tiny", "other")
        asking = asyncio.create_task(asked(coordinator))
        start = await worker.accept()
        await again(coordinator, WITHOUT)
        assert "tiny is no longer in this network's catalog" in (await worker.hear(wire.Error)).message
        assert (await asked(coordinator)).status_code == 404
        await worker.done(start, await worker.tell(start, "hello"))
        assert (await asking).json()["choices"][0]["message"]["content"] == "hello"
        await until(lambda: set(dispatch.workers[0].replicas) == {"other"})
        asking = asyncio.create_task(asked(coordinator, "other"))
        await worker.serve("still here")
        assert (await asking).status_code == 200


async def test_a_worker_that_comes_back_meanwhile_goes_on_with_its_job_of_a_removed_model(
    coordinator: Coordinator,
) -> None:
    asking = None
    async with coordinator.worker() as worker:
        welcome = await worker.join()
        asking = asyncio.create_task(asked(coordinator))
        start = await worker.accept()
        await worker.tell(start, "hel")
        await again(coordinator, WITHOUT)
        worker.socket.transport.abort()
    async with coordinator.worker() as worker:
        running = wire.RunningJob(job=start.job, attempt=start.attempt, next_seq=3)
        kept = await worker.join(resume=wire.Resume(session=welcome.session, jobs=(running,)))
        assert [one.job for one in kept.kept] == [start.job]
        await worker.done(start, await worker.tell(start, "lo", 3))
        assert (await asking).json()["choices"][0]["message"]["content"] == "hello"


async def test_what_workers_offered_already_is_taken_once_the_catalog_has_it(coordinator: Coordinator) -> None:
    dispatch = coordinator.running.services.hub.dispatch
    larger = CATALOG.replace("context: 4096", "context: 8192", 1)
    async with coordinator.worker() as worker:
        await joined(worker, "tiny", "newer")
        await until(lambda: dispatch.online("tiny").workers == 1)
        assert dispatch.online("tiny").context == 4096 and dispatch.online("newer").workers == 0
        await again(coordinator, larger.replace("id: other", "id: newer"))
        await ready(worker, "tiny", "newer")
        await until(lambda: dispatch.online("newer").workers == 1)
        assert dispatch.online("tiny").context == 8192


async def test_other_weights_under_a_model_that_is_served_are_the_next_that_its_jobs_go_to(
    coordinator: Coordinator,
) -> None:
    pinned = CATALOG.replace("name: tiny.gguf", f"name: tiny.gguf, sha256: {'b' * 64}")
    dispatch = coordinator.running.services.hub.dispatch
    async with coordinator.worker() as worker:
        await joined(worker, "tiny", sha256="a" * 64)
        asking = asyncio.create_task(asked(coordinator))
        start = await worker.accept()
        await again(coordinator, pinned)
        assert "b" * 64 in (await worker.hear(wire.Error)).message
        assert dispatch.online("tiny").workers == 0
        assert (await asked(coordinator)).status_code == 503
        await worker.done(start, await worker.tell(start, "hello"))
        assert (await asking).status_code == 200
        await again(coordinator, CATALOG)
        await ready(worker, "tiny")
        await until(lambda: dispatch.online("tiny").workers == 1)


async def test_workers_that_understand_it_are_handed_the_catalog_and_again_when_it_is_another(
    coordinator: Coordinator,
) -> None:
    async with coordinator.worker() as older, coordinator.worker() as worker:
        await older.join("w1")
        await worker.join("w2", features=(CATALOG_FEATURE,))
        first = await worker.hear(HandedCatalog)
        assert read(first.text, ()).catalog == coordinator.running.services.catalog.now
        await again(coordinator, NEW)
        second = await worker.hear(HandedCatalog)
        assert read(second.text, ()).catalog == coordinator.running.services.catalog.now != read(first.text, ()).catalog
        async with coordinator.http() as http:
            assert (await http.get(CATALOG_PATH)).text == second.text
        with pytest.raises(TimeoutError):
            await older.hear(HandedCatalog, within_s=0.2)
    async with coordinator.worker() as worker:
        await worker.join("w3", features=(CATALOG_FEATURE,), catalog=fingerprint(second.text))
        with pytest.raises(TimeoutError):
            await worker.hear(HandedCatalog, within_s=0.2)


async def test_a_client_or_nobody_is_not_handed_it(coordinator: Coordinator) -> None:
    async with coordinator.http(make_key(coordinator.config, scopes=("client",))) as http:
        answers = []
        while 403 not in answers:  # until the key is known
            answers.append((await http.get(CATALOG_PATH)).status_code)
            await asyncio.sleep(0.05)
        assert set(answers) <= {401, 403}
        assert (await http.get(CATALOG_PATH, headers={"authorization": ""})).status_code == 401


async def test_a_catalog_that_is_too_large_for_a_frame_is_not_handed_out(
    coordinator: Coordinator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.reload.MAX_CHARS", 10)
    await again(coordinator, NEW)
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join(features=(CATALOG_FEATURE,))
        with pytest.raises(TimeoutError):
            await worker.hear(HandedCatalog, within_s=0.2)
        assert (await http.get(CATALOG_PATH)).status_code == 404
    assert "too large to be handed" in caplog.text


async def test_replicas_tell_each_other_which_catalog_they_have(start_replica: Replicas) -> None:  # noqa: F811
    async with network(start_replica) as (front, back), front.worker() as worker:
        one, two = (at.running.services.joined for at in (front, back))
        assert one is not None and two is not None
        await joined(worker, "tiny")
        await until(lambda: back.running.services.hub.dispatch.online("tiny").workers == 1)
        assert one.replica.catalogs_differing() == two.replica.catalogs_differing() == 0
        await again(front, WITHOUT)
        await until(lambda: one.replica.catalogs_differing() == two.replica.catalogs_differing() == 1)
        async with front.http() as http:
            assert "supernet_catalogs_differing 1.0" in (await http.get("/metrics")).text
        assert (await asked(front)).status_code == 404
        await again(back, WITHOUT)
        await until(lambda: one.replica.catalogs_differing() == two.replica.catalogs_differing() == 0)
        assert (await asked(back)).status_code == 404


async def test_a_model_that_is_removed_and_comes_back_is_served_by_the_workers_that_have_it_still(
    coordinator: Coordinator,
) -> None:
    dispatch = coordinator.running.services.hub.dispatch
    async with coordinator.worker() as worker:
        await joined(worker, "tiny", "other")
        await until(lambda: dispatch.online("tiny").workers == 1)
        await again(coordinator, WITHOUT)
        await until(lambda: set(dispatch.workers[0].replicas) == {"other"})
        await again(coordinator, CATALOG)
        await ready(worker, "tiny", "other")
        await until(lambda: dispatch.online("tiny").workers == 1)


async def test_a_catalog_that_comes_while_a_worker_is_told_what_is_left_out_counts_for_it(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def meanwhile(*args: Any) -> None:
        await again(coordinator, WITHOUT)
        await until(lambda: not coordinator.running.services.hub.cell.catalog.outgoing)

    monkeypatch.setattr(worker_socket, "_send_error", meanwhile)
    async with coordinator.worker() as worker:
        offers = tuple(ModelOffer(id=name, context=10_000, slots=1) for name in ("tiny", "other", "foreign"))
        await worker.say(wire.Hello(worker="w1", instance="a", models=offers))
        await worker.hear(wire.Welcome)
        assert "model tiny is not in this network's catalog" in (await worker.hear(wire.Error)).message
        assert set(coordinator.running.services.hub.dispatch.workers[0].replicas) == {"other"}
