"""What a replica tells Prometheus of its place in the network."""

from prometheus_client.parser import text_string_to_metric_families

from coordinator.admission.rate_limits import Rates
from coordinator.cluster.bus.local_bus import LocalBus, Switchboard
from coordinator.cluster.replica import Replica
from coordinator.current_catalog import CurrentCatalog
from coordinator.dispatch.dispatch import Dispatch
from coordinator.ledger.writer import LedgerWriter
from coordinator.scheduler.state import Limits
from coordinator.telemetry.cluster_metrics import ClusterMetrics
from coordinator.telemetry.metrics import Metrics
from tests.coordinator.cluster.town import Town
from tests.coordinator.conftest import CATALOG
from wire.catalog_text import parse

ME = "0" * 8


def scraped(replica: Replica, bus: LocalBus) -> dict[tuple[str, str], float]:
    metrics = Metrics(Dispatch(), CurrentCatalog(parse(CATALOG, "test")), LedgerWriter(None))  # type: ignore[arg-type]
    metrics.register(ClusterMetrics(replica, bus))
    families = text_string_to_metric_families(metrics.exposition("")[0].decode())
    return {(each.name, each.labels.get("why", "")): each.value for family in families for each in family.samples}


def test_a_replica_that_is_alone_knows_of_itself_and_of_no_bus() -> None:
    found = scraped(Replica(ME, Limits(), Rates(), lambda: 0.5), LocalBus(ME, Switchboard()))
    assert (found["supernet_replicas", ""], found["supernet_bus_up", ""]) == (1, 0)
    assert (found["supernet_remote_jobs", ""], found["supernet_lodged_jobs", ""]) == (0, 0)
    assert (found["supernet_orphans", ""], found["supernet_picture_age_seconds", ""]) == (0, 0)


def test_jobs_whose_replica_is_gone_and_silent_replicas_are_told() -> None:
    town = Town("a", "b")
    town.box("w", "b")
    town.ask("a", tokens=40)
    town.steps(5)
    town.dead.add("b")
    town.passes(2.75)
    found = scraped(town.replicas["a"], LocalBus(ME, Switchboard()))
    assert found["supernet_remote_jobs", ""] == 1
    assert found["supernet_picture_age_seconds", ""] > 0 or found["supernet_orphans", ""] == 1
    town.passes(0.5)
    assert scraped(town.replicas["a"], LocalBus(ME, Switchboard()))["supernet_orphans", ""] == 1


def test_what_was_lost_is_counted_by_why() -> None:
    replica, bus = Replica(ME, Limits(), Rates(), lambda: 0.5), LocalBus(ME, Switchboard())
    bus.publish(None, b"nobody carries it")
    replica.jobs.itinerary.counts.handbacks["queue full"] += 2
    found = scraped(replica, bus)
    assert found["supernet_bus_lost_total", "down"] == 1
    assert found["supernet_handbacks_total", "queue full"] == 2
