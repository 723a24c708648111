"""What was, as clients and strangers are told it, beside what the table of usage says."""

from collections import Counter
from contextlib import closing
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from coordinator.api.history import QUANTISATION
from coordinator.clock import DAY_MS, now_ms
from coordinator.history.figures import ALL, FIVE_MINUTES_MS, HOUR_MS, MINUTE_MS, Key, Sums, WorkerKey
from coordinator.history.rows import write
from coordinator.store.database import Database
from program.fits import GIB, Room, card, fit
from tests.coordinator.conftest import CATALOG, Coordinator, Start, make_key
from tests.coordinator.history.month import made_up, put, rolled_up, used
from tests.coordinator.ledger.builders import client
from wire.catalog_text import parse

MEDIA = """media:
  - {id: draws, name: Draws, tools: [generate_image], pipeline: StableDiffusionPipeline, repository: x/draws,
     defaults: {width: 64, height: 64, steps: 8}, limits: {pixels: 16384, steps: 20}, price: 3000000, licence: MIT}
"""
FIELDS = {"requests": "requests", "prompt": "prompt_tokens", "completion": "completion_tokens", "units": "units"}


def a_month(coordinator: Coordinator) -> None:
    """Made-up use, added up, and a network that was measured since yesterday's noon, and up every other minute."""
    at_ms = now_ms()
    with closing(Database(coordinator.config.db)) as database:
        put(database, made_up(client(database, "somebody"), 600, until_ms=at_ms))
        rolled_up(database, at_ms)
        begins = at_ms - at_ms % HOUR_MS - 24 * HOUR_MS
        hours = {begins + hour * HOUR_MS for hour in range(24)}
        full, half = (1 << 60) - 1, int("01" * 30, 2)
        sums = {Key(HOUR_MS, ALL, hour): Counter(up=full, measured=full, workers=120) for hour in hours}
        sums |= {Key(HOUR_MS, "tiny", hour): Counter(up=half, workers=60, no_worker=2) for hour in hours}
        write(database, "replica made up", at_ms, Sums(sums, {}))


def equal(told: dict[str, Any], expected: Counter[str]) -> bool:
    return {name: told[field] for name, field in FIELDS.items()} == {name: expected[name] for name in FIELDS}


async def ask(coordinator: Coordinator, path: str, **query: Any) -> Any:
    async with coordinator.http() as http:
        answer = await http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("model", ["", "tiny", "draws"])
@pytest.mark.parametrize("query", [{}, {"hours": 48}, {"days": 7}, {"days": 30}, {"days": 7, "step": 3600}])
async def test_the_figures_are_those_of_usage(start_coordinator: Start, model: str, query: dict[str, int]) -> None:
    async with start_coordinator(CATALOG + MEDIA) as coordinator:
        a_month(coordinator)
        told = await ask(coordinator, "/v1/network/history", **query, **({"model": model} if model else {}))
        database = coordinator.running.store.database
        assert equal(told["totals"], used(database, told["from_ms"], model or None))
        assert {name: sum(point[name] for point in told["data"]) for name in FIELDS.values()} == {
            name: told["totals"][name] for name in FIELDS.values()
        }
        steps = [point["at_ms"] for point in told["data"]]
        assert steps == list(range(told["from_ms"], told["to_ms"], told["step_s"] * 1000))
        for point in told["data"][::5]:
            later = used(database, point["at_ms"] + told["step_s"] * 1000, model or None)
            assert equal(point, used(database, point["at_ms"], model or None) - later)


async def test_the_last_hour_is_told_in_steps_of_five_minutes(coordinator: Coordinator) -> None:
    at_ms = now_ms()
    five = at_ms - at_ms % FIVE_MINUTES_MS
    sums = Sums(
        {Key(FIVE_MINUTES_MS, ALL, five): Counter(requests=3), Key(HOUR_MS, ALL, five): Counter(requests=9)}, {}
    )
    with closing(Database(coordinator.config.db)) as database:
        write(database, "replica 9", 1, sums)
    told = await ask(coordinator, "/v1/network/history", hours=1)
    assert len(told["data"]) == 12 and told["step_s"] == 300
    assert told["totals"]["requests"] == 3


async def test_uptime_is_of_the_time_in_which_anybody_measured(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG + MEDIA) as coordinator:
        a_month(coordinator)
        told = await ask(coordinator, "/v1/network/models/tiny")
        up, minutes = told["uptime"]["up"], told["uptime"]["minutes"]
        assert (told["uptime"]["days"], up) == (30, 24 * 30)
        assert 24 * 60 <= minutes <= 24 * 60 + 2, "and the minutes of this coordinator"
        assert sum(day["uptime"]["up"] for day in told["days"]) == up
        assert len(told["days"]) == 30 and told["days"][0]["uptime"]["share"] is None
        whole = await ask(coordinator, "/v1/network/history", hours=48)
        assert whole["totals"]["workers"] == pytest.approx(2, abs=0.1)
        never = await ask(coordinator, "/v1/network/models/other")
        assert never["uptime"]["share"] == 0


async def test_every_model_is_told_with_its_price_and_how_much_it_is_wanted(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG + MEDIA) as coordinator:
        a_month(coordinator)
        told = {one["id"]: one for one in (await ask(coordinator, "/v1/network/models"))["data"]}
        assert list(told) == ["tiny", "other", "draws"]
        database = coordinator.running.store.database
        for model, one in told.items():
            week = used(database, now_ms() - now_ms() % HOUR_MS - 167 * HOUR_MS, model)
            assert one["demand"]["requests_7d"] == week["requests"]
            assert one["demand"]["tokens_7d"] == week["prompt"] + week["completion"]
        assert told["tiny"]["demand"]["no_worker_24h"] == 2 * 23 and told["tiny"]["demand"]["no_worker_7d"] == 2 * 24
        assert told["tiny"]["prices"]["prompt_per_million"] == {"usd": "0.3", "spark": "60", "sogni": "30"}
        assert told["draws"]["kind"] == "image" and told["draws"]["prices"]["per_unit"]["usd"] == "0.003"
        assert told["tiny"]["day"]["ttft_ms"]["count"] <= told["tiny"]["demand"]["requests_24h"]


SIZES = "thinking: true, sizes: {files: 6000000000, input: 500000000, token: 32768}"


async def test_models_are_told_as_they_would_run_on_a_card_the_best_first(start_coordinator: Start) -> None:
    catalog = CATALOG.replace("thinking: true", SIZES, 1) + MEDIA
    async with start_coordinator(catalog) as coordinator:
        a_month(coordinator)
        plain = (await ask(coordinator, "/v1/network/models"))["data"]
        assert all("fit" not in row for row in plain)
        told = (await ask(coordinator, "/v1/network/models", gpu_gb=8))["data"]
        spec = next(spec for spec in parse(catalog, "models.yaml").models if spec.sizes)
        found = fit(spec, Room((card(8 * GIB),), 32 * GIB))
        assert found is not None and told[0]["id"] == spec.id
        assert told[0]["fit"] == {**asdict(found), "download_bytes": 6_000_000_000}
        assert told[0]["demand"] == plain[0]["demand"]
        without = {row["id"]: row["fit"] for row in told}
        assert without["other"] is without["draws"] is None, "whose sizes nobody said come last, the dearer one first"
        assert [row["id"] for row in told] == ["tiny", "other", "draws"]
        assert told[0]["fit"]["place"] == "gpu" and found.slots > 0
        none = (await ask(coordinator, "/v1/network/models", gpu_gb=0, ram_gb=2))["data"]
        assert next(row for row in none if row["id"] == spec.id)["fit"]["place"] == "none"
        headers = {"authorization": f"Bearer {coordinator.key}"}
        async with httpx.AsyncClient(base_url=coordinator.url, headers=headers) as http:
            for query in ("gpu_gb=-1", "gpu_gb=5000", "gpu_gb=x", "ram_gb=32", "gpu_gb=8&ram_gb=0", "gpu=8"):
                assert (await http.get(f"/v1/network/models?{query}")).status_code == 400, query


async def test_a_model_is_told_with_those_that_serve_it_named_as_the_network_names_them(
    start_coordinator: Start,
) -> None:
    async with start_coordinator(public_network=True) as coordinator, coordinator.worker() as worker:
        await worker.join("hers")
        mine = await ask(coordinator, "/v1/network/models/tiny")
        async with httpx.AsyncClient(base_url=coordinator.url) as http:
            answer = await http.get("/v1/network/models/tiny")
            everything = [answer.text]
            for path in ("/v1/network/models", "/v1/network/history", "/v1/network/history?model=tiny"):
                everything.append((await http.get(path)).text)
            strangers = await http.get(f"/v1/network/workers/{mine['serving']['data'][0]['id']}/history")
        assert mine["serving"]["count"] == 1 and mine["serving"]["data"][0]["name"] == "hers"
        assert answer.json()["serving"]["data"][0]["id"] == mine["serving"]["data"][0]["id"]
        assert "hers" not in "".join(everything) and coordinator.account not in "".join(everything)
        assert strangers.status_code == 404
        assert (await ask(coordinator, "/v1/network/models/other"))["serving"] == {"count": 0, "data": []}


async def test_an_owner_sees_the_days_of_a_worker(coordinator: Coordinator) -> None:
    today = now_ms() // DAY_MS
    async with coordinator.worker() as worker:
        await worker.join("w1")
        (shown,) = (await ask(coordinator, "/v1/network"))["workers"]
        rows = {WorkerKey(f"{coordinator.account}/w1", today - n): Counter(online=600, requests=n) for n in (0, 3)}
        with closing(Database(coordinator.config.db)) as database:
            write(database, "replica 9", 1, Sums({}, rows))
        told = await ask(coordinator, f"/v1/network/workers/{shown['id']}/history", days=4)
    assert [(day["online_minutes"], day["requests"]) for day in told["data"]] == [(600, 3), (0, 0), (0, 0), (600, 0)]


async def test_what_a_worker_did_is_there_after_a_minute_and_after_a_restart(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator, coordinator.worker() as worker:
        await worker.join("w1")
        await worker.prove(coordinator)
        async with coordinator.http() as http:
            refused = await http.post(
                "/v1/chat/completions", json={"model": "other", "messages": [{"role": "user", "content": "hi"}]}
            )
            assert refused.json()["error"]["code"] == "no_worker"
    async with start_coordinator() as coordinator:
        await coordinator.running.services.recorder.minute(now_ms() + MINUTE_MS)
        await coordinator.running.rolling.once()
        told = {one["id"]: one for one in (await ask(coordinator, "/v1/network/models"))["data"]}
    assert told["other"]["demand"]["no_worker_24h"] == 1
    assert told["tiny"]["demand"]["requests_24h"] == 1 and told["tiny"]["day"]["ttft_ms"]["count"] == 1


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("hours=0", "hours"),
        ("hours=49", "hours"),
        ("days=31", "days"),
        ("hours=2&days=2", "days"),
        ("hours=48&step=300", "step"),
        ("hours=24&step=86400", "step"),
        ("days=30&step=3600", "step"),
        ("step=60", "step"),
        ("model=nothing", "model"),
        ("model=", None),
        ("dyas=3", "dyas"),
    ],
)
async def test_what_cannot_be_told_is_refused_with_what_can(
    coordinator: Coordinator, query: str, param: str | None
) -> None:
    async with coordinator.http() as http:
        answer = await http.get(f"/v1/network/history?{query}")
    assert answer.status_code == (200 if param is None else 404 if param == "model" else 400)
    assert param is None or answer.json()["error"]["param"] == param


async def test_without_a_key_nothing_is_told_unless_the_network_is_public(coordinator: Coordinator) -> None:
    metrics = make_key(coordinator.config, scopes=("metrics",))
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for path in ("history", "models", "models/tiny", "workers/0123456789ab/history"):
            assert (await http.get(f"/v1/network/{path}")).status_code == 401
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http(metrics) as http:
        assert (await http.get("/v1/network/history")).status_code == 403


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("Qwen3.6-27B-UD-IQ2_XXS.gguf", "IQ2_XXS"),
        ("model-bf16-00001-of-00002.gguf", "BF16"),
        ("tiny.Q8_0.gguf", "Q8_0"),
        ("tiny.gguf", None),
        ("Qwen3-4B.gguf", None),
    ],
)
def test_how_a_file_is_quantised_stands_in_its_name(file: str, found: str | None) -> None:
    match = QUANTISATION.search(file)
    assert (match[1].upper() if match else None) == found
