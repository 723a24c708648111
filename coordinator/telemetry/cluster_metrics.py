"""What Prometheus scrapes of a replica beside what any coordinator has: the bus, the others, and jobs on their way.

Each replica tells its own; jobs are counted where their client is, workers and slots where the worker is connected.
"""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coordinator.cluster.bus.port import Bus
from coordinator.cluster.replica import Replica


class ClusterMetrics(Collector):
    """Read off the replica and its bus at a scrape."""

    def __init__(self, replica: Replica, bus: Bus) -> None:
        self._replica, self._bus = replica, bus

    def collect(self) -> Iterator[Metric]:
        jobs, bus = self._replica.jobs, self._bus.counts
        travels = jobs.itinerary.counts
        alive = len(self._replica.network.peers.alive()) + 1
        yield _gauge("replicas", "Replicas that are there, as this one knows, itself included.", alive)
        yield _gauge("bus_up", "1 while the bus carries messages.", int(self._bus.up))
        yield _gauge("remote_jobs", "Jobs of clients of this replica that other ones run.", len(jobs.itinerary.jobs))
        yield _gauge("lodged_jobs", "Jobs of clients of other replicas that this one runs.", len(jobs.lodging))
        lost = {"down": bus.unsent, "too_large": bus.too_large, "too_fast": bus.untaken}
        orphans = sum(journey.cell is None or journey.lost_at is not None for journey in jobs.itinerary.jobs.values())
        yield _gauge("orphans", "Those of them whose replica is gone, or that are in none.", orphans)
        oldest = self._replica.oldest_picture_s()
        yield _gauge("picture_age_seconds", "Since the quietest other replica said how it is.", oldest)
        differing = "Other replicas whose catalog is not the one of this replica, as they say."
        yield _gauge("catalogs_differing", differing, self._replica.catalogs_differing())
        yield _counts("bus_lost", "Messages that the bus did not carry, by why.", lost)
        yield _count("bus_reconnects", "Connections to the bus that were lost.", bus.losses)
        yield _count("lane_gaps", "Gaps in what other replicas sent.", self._replica.post.lanes.gaps)
        yield _count("resyncs", "Times that a job's events were asked for again.", travels.resyncs)
        yield _count("reclaimed", "Jobs that went on in another replica with their worker.", travels.reclaimed)
        yield _counts("legs", "Stays of jobs in other replicas that began, by why.", travels.legs)
        yield _counts("handbacks", "Jobs that a replica gave back to go on elsewhere, by why.", travels.handbacks)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"supernet_{name}", words, value)


def _count(name: str, words: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"supernet_{name}", words, value)


def _counts(name: str, words: str, values: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"supernet_{name}", words, labels=["why"])
    for why, value in values.items():
        family.add_metric([why], value)
    return family
