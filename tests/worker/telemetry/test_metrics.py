"""/metrics as Prometheus reads it: over HTTP, parsed by the library's own parser."""

import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.worker.cli.test_screen import GPU, MODEL
from tests.worker.telemetry.test_status import base
from worker.engine import port
from worker.issues import issue
from worker.telemetry.counters import Tally
from worker.telemetry.metrics import Metrics, MetricsError
from worker.telemetry.status import Problem, Status


@pytest.fixture
def status() -> Status:
    problem = Problem(since=0.0, issue=issue("too_hot", "84 °C"))
    update = {"coordinator": "registered", "models": (MODEL,), "gpus": (GPU,), "problems": (problem,)}
    return base().model_copy(update={**update, "refused": {"worker_busy": 3}})


@pytest.fixture
def tally() -> Tally:
    made = Tally(("qwen",))
    made.started("a.1", 1.0)
    made.cancels = 2
    made.engine("qwen", port.Stepped((port.Token("a.1", 1, b"x"),)), 1.3)
    return made


@pytest.fixture
def scraped(status: Status, tally: Tally) -> Iterator[dict[tuple[str, frozenset[tuple[str, str]]], float]]:
    server = Metrics(("127.0.0.1", 0), lambda: (status, tally))
    try:
        with urllib.request.urlopen(f"http://{server.address}/metrics", timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    finally:
        server.close()
    assert all(family.documentation for family in families)
    yield {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def test_a_scrape_tells_the_status_and_the_tally(
    scraped: dict[tuple[str, frozenset[tuple[str, str]]], float],
) -> None:
    def value(name: str, /, **labels: str) -> float:
        return scraped[f"supernet_worker_{name}", frozenset(labels.items())]

    assert (value("up"), value("paused"), value("cancels_total")) == (1, 0, 2)
    assert value("problem", code="too_hot", severity="warning") == 1
    assert value("refused_jobs_total", code="worker_busy") == 3
    assert (value("slots", model="qwen"), value("offered_slots", model="qwen")) == (8, 4)
    assert value("decode_tokens_per_second", model="qwen") == 142.3
    assert value("cached_tokens_total", model="qwen") == 610
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
