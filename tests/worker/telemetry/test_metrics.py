"""/metrics as Prometheus reads it: over HTTP, parsed by the library's own parser."""

import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.worker.cli.test_screen import GPU, MODEL, PIPELINE
from tests.worker.telemetry.test_status import base
from worker.engine import port
from worker.issues import issue
from worker.telemetry.counters import Counters
from worker.telemetry.metrics import Metrics, MetricsError
from worker.telemetry.status import Problem, Status


@pytest.fixture
def status() -> Status:
    problem = Problem(since=0.0, issue=issue("too_hot", "84 °C"))
    update = {
        "coordinator": "registered",
        "models": (MODEL,),
        "media": (PIPELINE,),
        "gpus": (GPU,),
        "problems": (problem,),
    }
    return base().model_copy(update={**update, "refused": {"worker_busy": 3}})


@pytest.fixture
def counters() -> Counters:
    made = Counters(("qwen",))
    made.started("a.1", 1.0)
    made.cancels, made.pictures, made.picture_bytes = 2, 3, 4000
    made.engine("qwen", port.Stepped((port.Token("a.1", 1, b"x"),)), 1.3)
    return made


@pytest.fixture
def scraped(status: Status, counters: Counters) -> Iterator[dict[tuple[str, frozenset[tuple[str, str]]], float]]:
    server = Metrics(("127.0.0.1", 0), lambda: (status, counters))
    try:
        with urllib.request.urlopen(f"http://{server.address}/metrics", timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    finally:
        server.close()
    assert all(family.documentation for family in families)
    yield {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def test_a_scrape_tells_the_status_and_the_counters(
    scraped: dict[tuple[str, frozenset[tuple[str, str]]], float],
) -> None:
    def value(name: str, /, **labels: str) -> float:
        return scraped[f"supernet_worker_{name}", frozenset(labels.items())]

    assert (value("up"), value("paused"), value("cancels_total")) == (1, 0, 2)
    assert (value("pictures_total"), value("picture_bytes_total")) == (3, 4000)
    assert value("problem", code="too_hot", severity="warning") == 1
    assert value("refused_jobs_total", code="worker_busy") == 3
    assert (value("slots", model="qwen"), value("offered_slots", model="qwen")) == (8, 4)
    assert value("decode_tokens_per_second", model="qwen") == 142.3
    assert value("cached_tokens_total", model="qwen") == 610
    assert (value("encodes_total", model="qwen"), value("encode_seconds_total", model="qwen")) == (1402, 99)
    assert value("kept_pictures", model="qwen") == 31
    told = value("drafted_tokens_total", model="qwen", source="lookup")
    assert (told, value("accepted_tokens_total", model="qwen", source="mtp")) == (4000, 90)
    assert value("tokens_per_step", model="qwen") == 1.78
    assert (value("slots", model="painter"), value("media_speed", model="painter")) == (1, 4.25)
    assert (value("uploads_total", model="painter"), value("failed_uploads_total", model="painter")) == (12, 1)
    assert value("jobs_total", model="painter", reason="done") == 12
    assert value("jobs_total", model="qwen", reason="stop") == 1203
    assert value("gpu_temperature_celsius", gpu="CUDA0@0000:01:00.0", name="RTX 4090") == 62
    assert value("ttft_seconds_count", model="qwen") == 1
    assert value("ttft_seconds_bucket", model="qwen", le="0.2") == 0
    assert (
        value("ttft_seconds_bucket", model="qwen", le="0.5")
        == value("ttft_seconds_bucket", model="qwen", le="+Inf")
        == 1
    )
    assert value("ttft_seconds_sum", model="qwen") == pytest.approx(0.3)


def test_an_address_in_use_is_told(status: Status) -> None:
    first = Metrics(("127.0.0.1", 0), lambda: (status, None))
    try:
        with pytest.raises(MetricsError, match="in use"):
            Metrics(("127.0.0.1", int(first.address.rsplit(":", 1)[1])), lambda: (status, None))
    finally:
        first.close()
