"""The boards and the alert rules of docs/operations ask for metrics that there are, and show every one."""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from coordinator.admission.rate_limits import Rates
from coordinator.cluster.bus.local_bus import LocalBus, Switchboard
from coordinator.cluster.replica import Replica
from coordinator.current_catalog import CurrentCatalog
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Failed, Finished, Report
from coordinator.ledger.writer import LedgerWriter
from coordinator.scheduler.state import JobSpec, Limits
from coordinator.telemetry.cluster_metrics import ClusterMetrics
from coordinator.telemetry.metrics import Metrics
from tests.coordinator.conftest import CATALOG
from tests.coordinator.dispatch.driver import REQUEST
from tests.worker.cli.test_screen import GPU, MODEL, PIPELINE
from tests.worker.telemetry.test_status import base
from wire.catalog_text import parse
from wire.chat import Timings, Usage
from wire.errors import ErrorCode, SupernetError
from worker.engine import port
from worker.issues import issue
from worker.telemetry.counters import Counters
from worker.telemetry.metrics import Metrics as WorkerMetrics
from worker.telemetry.status import Problem

FOLDER = Path(__file__).parents[2] / "docs" / "operations"
NAME = re.compile(r"\bsupernet_\w+")
SIDES = {"coordinator": ("grafana.json", "alerts.yaml"), "worker": ("grafana-worker.json", "alerts-worker.yaml")}
FROM_PROMETHEUS = {"instance", "job"}  # labels that it adds to whatever it scrapes
Samples = dict[str, set[str]]  # name -> its labels


def queries(side: str) -> list[str]:
    board = json.loads((FOLDER / SIDES[side][0]).read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def rules(side: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / SIDES[side][1]).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def samples() -> dict[str, Samples]:
    """What each side exposes once something of each kind has happened."""
    return {"coordinator": of_a_coordinator(), "worker": of_a_worker()}


def of_a_coordinator() -> Samples:
    metrics = Metrics(Dispatch(), CurrentCatalog(parse(CATALOG, "test")), LedgerWriter(cast(Any, None)))
    usage = Usage(prompt=9, cached=3, completion=4, reasoning=1)
    timings = Timings(queued_ms=1, prefill_ms=5, decode_ms=5)
    report = Report(usage, timings, 1, "w", (), 0.1, 0.2, 0.9)
    spec = JobSpec("j", "a", "tiny", REQUEST, 1)
    metrics.job_ended(spec, Finished("j", "stop", report))
    metrics.job_ended(spec, Failed("j", SupernetError(ErrorCode.NO_WORKER, "x"), report))
    metrics.answered("/v1/models", 200)
    metrics.refused("no_worker")
    replica = Replica("0" * 8, Limits(), Rates(), lambda: 0.5)
    replica.jobs.itinerary.counts.legs["submitted"] = replica.jobs.itinerary.counts.handbacks["queue full"] = 1
    metrics.register(ClusterMetrics(replica, LocalBus("0" * 8, Switchboard())))
    text = metrics.exposition("")[0].decode()
    return {
        sample.name: set(sample.labels) for family in text_string_to_metric_families(text) for sample in family.samples
    }


def of_a_worker() -> Samples:
    problem = Problem(since=0.0, issue=issue("too_hot", "84 °C"))
    update = {
        "models": (MODEL,),
        "media": (PIPELINE,),
        "gpus": (GPU,),
        "problems": (problem,),
        "refused": {"worker_busy": 3},
    }
    counters = Counters(("qwen",))
    counters.started("a.1", 1.0)
    counters.engine("qwen", port.Stepped((port.Token("a.1", 1, b"x"),)), 1.3)
    metrics = WorkerMetrics(("127.0.0.1", 0), lambda: (base().model_copy(update=update), counters))
    try:
        return {sample.name: set(sample.labels) for family in metrics.collect() for sample in family.samples}
    finally:
        metrics.close()


@pytest.mark.parametrize(
    ("side", "query"), [(side, q) for side in SIDES for q in [*queries(side), *(rule["expr"] for rule in rules(side))]]
)
def test_every_metric_and_label_of_a_query_is_there(side: str, query: str, samples: dict[str, Samples]) -> None:
    there = samples[side]
    names = NAME.findall(query)
    assert names and set(names) <= there.keys()
    for name, matched in re.findall(r"(supernet_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)\s*=", matched)) <= there[name] | FROM_PROMETHEUS
    labels = {label for name in names for label in there[name]} | {"le"}
    for grouped in re.findall(r"by \(([\w, ]+)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= labels


@pytest.mark.parametrize("side", SIDES)
def test_the_board_shows_every_metric(side: str, samples: dict[str, Samples]) -> None:
    shown = {re.sub("_bucket$", "", name) for query in queries(side) for name in NAME.findall(query)}
    exposed = {re.sub("_(bucket|count|sum)$", "", name) for name in samples[side]}
    assert {name for name in exposed - shown if name.startswith("supernet")} <= {
        "supernet_jobs_submitted_total",
        "supernet_job_seconds",
    }


@pytest.mark.parametrize("side", SIDES)
def test_every_rule_says_what_is_wrong_and_what_to_do(side: str) -> None:
    known = rules(side)
    assert known and len({rule["alert"] for rule in known}) == len(known)
    for rule in known:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
