"""The board and the alert rules of docs/operations ask for metrics that there are, and the board shows every one."""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from coordinator.dispatch import Dispatch
from coordinator.effects import Failed, Finished, Report
from coordinator.ledger.writer import LedgerWriter
from coordinator.metrics import Metrics
from coordinator.records import JobSpec
from tests.coordinator.conftest import CATALOG
from tests.coordinator.desk import REQUEST
from wire.catalog import parse
from wire.chat import Timings, Usage
from wire.errors import ErrorCode, SupernetError

FOLDER = Path(__file__).parents[1] / "docs" / "operations"
NAME = re.compile(r"\bsupernet_\w+")
BOARD = json.loads((FOLDER / "grafana.json").read_text())
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


@pytest.fixture(scope="module")
def samples() -> dict[str, set[str]]:
    """Every name that is exposed once something of each kind has happened -> its labels."""
    metrics = Metrics(Dispatch(), parse(CATALOG, "test"), LedgerWriter(cast(Any, None), cast(Any, None)))
    usage = Usage(prompt=9, cached=3, completion=4, reasoning=1)
    timings = Timings(queued_ms=1, prefill_ms=5, decode_ms=5)
    report = Report(usage, timings, 1, "w", 0.1, 0.2, 0.9)
    spec = JobSpec("j", "a", "tiny", REQUEST, 1)
    metrics.job_ended(spec, Finished("j", "stop", report))
    metrics.job_ended(spec, Failed("j", SupernetError(ErrorCode.NO_WORKER, "x"), report))
    metrics.answered("/v1/models", 200)
    metrics.refused("no_worker")
    text = metrics.exposition("")[0].decode()
    return {
        sample.name: set(sample.labels) for family in text_string_to_metric_families(text) for sample in family.samples
    }


@pytest.mark.parametrize("query", [*QUERIES, *(rule["expr"] for rule in RULES)])
def test_every_metric_and_label_of_a_query_is_there(query: str, samples: dict[str, set[str]]) -> None:
    names = NAME.findall(query)
    assert names and set(names) <= samples.keys()
    for name, matched in re.findall(r"(supernet_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)\s*=", matched)) <= samples[name]
    labels = {label for name in names for label in samples[name]} | {"le"}
    for grouped in re.findall(r"by \(([\w, ]+)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= labels


def test_the_board_shows_every_metric(samples: dict[str, set[str]]) -> None:
    shown = {re.sub("_bucket$", "", name) for query in QUERIES for name in NAME.findall(query)}
    exposed = {re.sub("_(bucket|count|sum)$", "", name) for name in samples}
    assert {name for name in exposed - shown if name.startswith("supernet")} <= {
        "supernet_jobs_submitted_total",
        "supernet_job_seconds",
    }


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) >= 8
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
