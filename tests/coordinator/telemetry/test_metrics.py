"""/metrics as Prometheus reads it, from a coordinator with real sockets."""

import asyncio
from typing import Any, cast

import httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from coordinator.current_catalog import CurrentCatalog
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Failed, Finished, Report
from coordinator.ledger.writer import LedgerWriter
from coordinator.scheduler.state import JobSpec
from coordinator.telemetry.metrics import Metrics
from program.catalog import load_catalog
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator, make_key, until
from tests.coordinator.media.making import PAINTER, WIDE
from wire import messages as wire
from wire.chat import ChatRequest, Timings, Usage
from wire.errors import ErrorCode, SupernetError

Samples = dict[tuple[str, ...], float]


async def scraped(coordinator: Coordinator) -> Samples:
    """(name, label values...) -> value."""
    async with coordinator.http(make_key(coordinator.config, scopes=("metrics",))) as http:
        await until_known(http)
        response = await http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def until_known(http: httpx.AsyncClient) -> None:
    """A new key is known within a second."""
    async with asyncio.timeout(10):
        while (await http.get("/metrics")).status_code == 401:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_job_is_counted_with_its_times_and_tokens(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        await until(lambda: coordinator.running.services.hub.dispatch.online("tiny").workers == 1)
        asked = asyncio.create_task(client.chat.completions.create(**ASK))
        await worker.serve("hello")
        await asked
        found = await scraped(coordinator)
    assert found["supernet_workers_online", "tiny"] == 1
    assert found["supernet_workers_seeing", "tiny"] == 0
    assert (found["supernet_slots", "tiny"], found["supernet_slots_free", "tiny"]) == (2, 2)
    assert found["supernet_workers_online", "other"] == 0
    assert found["supernet_queue_jobs", "tiny"] == 0
    assert found["supernet_jobs_submitted_total",] == 1
    assert found["supernet_jobs_total", "tiny", "finished"] == 1
    assert found["supernet_prompt_tokens_total", "tiny"] == 5
    assert found["supernet_completion_tokens_total", "tiny"] == 5
    assert found["supernet_delivered_tokens_total",] == 5
    for name in ("queue_wait", "time_to_first_token", "time_per_token", "job"):
        assert found[f"supernet_{name}_seconds_count", "tiny"] == 1
    assert found["supernet_http_requests_total", "/v1/chat/completions", "200"] == 1
    assert found["supernet_failovers_total", "ongoing_request"] == 0
    assert found["supernet_settle_lag_seconds",] >= 0


async def test_refusals_cancels_and_unknown_paths_are_counted_within_bounds(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client, coordinator.http() as http:
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(**ASK)
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(**ASK, extra_body={"nonsense": 1})
        await worker.join()
        asked = asyncio.create_task(client.chat.completions.create(**ASK))
        start = await worker.accept()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await worker.hear(wire.Cancel)
        await worker.done(start, 0)
        for path in ("/one", "/two", "/v1/models/tiny", "/v1/models/other"):
            await http.get(path)
        await until(lambda: coordinator.running.services.hub.dispatch.counters.stopped == 1)
        found = await scraped(coordinator)
    assert found["supernet_jobs_total", "tiny", "failed"] == found["supernet_jobs_total", "tiny", "cancelled"] == 1
    assert found["supernet_job_failures_total", "no_worker", "tiny"] == 1
    assert found["supernet_refusals_total", "no_worker"] == found["supernet_refusals_total", "invalid_request"] == 1
    assert found["supernet_events_total", "refused_no_worker"] == 1
    assert found["supernet_http_requests_total", "other", "404"] == 2
    assert found["supernet_http_requests_total", "/v1/models/{model_id:path}", "200"] == 2


async def test_a_moved_job_is_a_failover(coordinator: Coordinator) -> None:
    async with coordinator.worker() as first, coordinator.worker() as second, coordinator.openai() as client:
        await first.join("w1")
        asked = asyncio.create_task(client.chat.completions.create(**ASK))
        start = await first.accept()
        await first.tell(start, "he")
        await second.join("w2")
        await until(lambda: coordinator.running.services.hub.dispatch.counters.tokens == 2)
        await first.socket.close(1001)
        again = await second.accept()
        assert again.attempt == 2
        await second.done(again, await second.tell(again, "llo"))
        await asked
        found = await scraped(coordinator)
    assert found["supernet_failovers_total", "ongoing_request"] == 1
    assert found["supernet_failovers_total", "new_request"] == 0


async def test_scraping_takes_a_key_of_its_own_scope(coordinator: Coordinator) -> None:
    async with coordinator.http() as client, httpx.AsyncClient(base_url=coordinator.url) as stranger:
        assert (await client.get("/metrics")).status_code == 403
        assert (await stranger.get("/metrics")).status_code == 401


async def test_no_account_key_or_worker_is_a_label(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join("secret-worker")
        asked = asyncio.create_task(client.chat.completions.create(**ASK, user="secret-user"))
        await worker.serve("secret words")
        await asked
        found = await scraped(coordinator)
    principal = coordinator.running.services.accounts.authenticate(
        {"authorization": f"Bearer {coordinator.key}"}, "client"
    )
    labels = " ".join(label for sample in found for label in sample[1:])
    for taken_elsewhere in ("secret", principal.account, principal.key, coordinator.key):
        assert taken_elsewhere not in labels


async def test_a_scraper_of_openmetrics_is_served_that(coordinator: Coordinator) -> None:
    async with coordinator.http(make_key(coordinator.config, scopes=("metrics",))) as http:
        await until_known(http)
        kind = "application/openmetrics-text; version=1.0.0"
        response = await http.get("/metrics", headers={"accept": kind})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_what_was_made_is_counted_by_tool_and_its_pipelines_are_there() -> None:
    catalog = load_catalog(None).model_copy(update={"media": (PAINTER,)})
    metrics = Metrics(Dispatch(), CurrentCatalog(catalog), LedgerWriter(cast(Any, None)))
    spec = JobSpec("j", "a", "painter", WIDE, 1)
    report = Report(Usage(prompt=0, completion=0), attempts=1, worker="gpus/w")
    blocked = SupernetError(ErrorCode.CONTENT_FILTER, "blocked")
    for end in (Finished("j", "stop", report), Finished("j", "stop", report), Failed("j", blocked, report)):
        metrics.job_ended(spec, end)
    text = metrics.exposition("text/plain")[0].decode()
    assert 'supernet_media_jobs_total{outcome="finished",tool="generate_image"} 2.0' in text
    assert 'supernet_media_jobs_total{outcome="failed",tool="generate_image"} 1.0' in text
    assert 'supernet_job_failures_total{code="content_filter",model="painter"} 1.0' in text
    assert 'supernet_workers_online{model="painter"} 0.0' in text


def test_a_time_too_short_to_be_one_is_no_speed() -> None:
    metrics = Metrics(Dispatch(), CurrentCatalog(load_catalog(None)), LedgerWriter(cast(Any, None)))
    spec = JobSpec("j", "a", "m", ChatRequest(messages=(), max_tokens=9), 1)
    told = Timings(prefill_ms=1e-310, decode_ms=1e-310)
    report = Report(Usage(prompt=9, completion=9), attempts=1, worker="gpus/w", timings=told)
    metrics.job_ended(spec, Finished("j", "stop", report))
    text = metrics.exposition("text/plain")[0].decode()
    assert 'supernet_job_seconds_count{model="m"} 1.0' in text
    assert "tokens_per_second_count{" not in text
