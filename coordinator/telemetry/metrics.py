"""What Prometheus scrapes at `/metrics`: one registry per process, read off the state at scrape time or counted at the
end of a job. The pure core knows nothing of it.

Names and units are those of Prometheus' own conventions: base units, `_total` on what only grows. Labels are bounded:
models of the catalog, codes and routes of the code; never an account, a key, a worker or a word of a request.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from coordinator.artefacts.artefacts import Counted
from coordinator.cluster.replica import Replica
from coordinator.current_catalog import CurrentCatalog, specs
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Failed, Finished, JobEnd, Stopped
from coordinator.ledger.writer import LedgerWriter
from coordinator.scheduler.state import JobSpec
from wire.chat import LEAST_MS
from wire.media import MediaRequest
from wire.media_tools import TOOLS

_WAITS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_STEPS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1)
_SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_ELSEWHERE = "other"  # the route of a path that there is none for

# A timestamp beside every counter doubles the page, and nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

# Counters of dispatch that have a metric of their own; all others are `supernet_events_total`.
_APART = {"submitted", "finished", "failed", "stopped", "tokens", "moved_before_first_token", "moved_in_stream"}


class Metrics:
    """The coordinator's Prometheus metrics.

    The ends of jobs and HTTP answers are counted as they are reported here; all else is read when Prometheus scrapes.
    """

    def __init__(
        self, dispatch: Dispatch | Replica, catalog: CurrentCatalog, ledger: LedgerWriter, media: Counted | None = None
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_State(dispatch, catalog, ledger, media or Counted()))

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"supernet_{name}", words, labels, registry=self._registry)

        def histogram(name: str, words: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"supernet_{name}", words, ("model",), buckets=buckets, registry=self._registry)

        self._jobs = counter("jobs", "Jobs that have ended.", "model", "outcome")
        self._failures = counter("job_failures", "Jobs that failed, by error code.", "model", "code")
        self._requests = counter("http_requests", "Answered HTTP requests.", "route", "status")
        self._refusals = counter("refusals", "Requests that were answered with an error, by its code.", "code")
        self._made = counter("media_jobs", "Jobs that made something, or should have.", "tool", "outcome")
        for tool in TOOLS:  # a rate needs the nought before the first job
            self._made.labels(tool, "finished")
        self._prompt = counter("prompt_tokens", "Tokens of prompts, as workers counted them.", "model")
        self._cached = counter("cached_tokens", "Those of them that a worker had already.", "model")
        self._completion = counter("completion_tokens", "Tokens delivered in jobs that have ended.", "model")
        self._reasoning = counter("reasoning_tokens", "Those of them that were thought.", "model")
        self._queued = histogram("queue_wait_seconds", "From submit to the first worker.", _WAITS)
        self._first = histogram("time_to_first_token_seconds", "From submit to the first token.", _WAITS)
        self._step = histogram("time_per_token_seconds", "Mean gap between tokens of one job.", _STEPS)
        self._whole = histogram("job_seconds", "From submit to the end.", _WAITS)
        self._prefill = histogram("prefill_tokens_per_second", "New prompt tokens, as the worker reports.", _SPEEDS)
        self._decode = histogram("decode_tokens_per_second", "Of one stream, as the worker reports.", _SPEEDS)

    def register(self, more: Collector) -> None:
        """Have the page hold what this one collects, too."""
        self._registry.register(more)

    def job_ended(self, spec: JobSpec, end: JobEnd) -> None:
        """Count the end of a job, with its times and tokens."""
        report, model = end.report, spec.model
        outcome = _outcome(end)
        self._jobs.labels(model, outcome).inc()
        if isinstance(end, Failed):
            self._failures.labels(model, end.error.code.value).inc()
        if isinstance(spec.request, MediaRequest):
            self._made.labels(spec.request.make.tool, outcome).inc()
        used = report.usage
        self._prompt.labels(model).inc(used.prompt)
        self._cached.labels(model).inc(used.cached)
        self._completion.labels(model).inc(used.completion)
        self._reasoning.labels(model).inc(used.reasoning)
        if report.attempts:
            self._queued.labels(model).observe(report.queued_s)
            self._whole.labels(model).observe(report.total_s)
        if report.first_token_s is not None:
            self._first.labels(model).observe(report.first_token_s)
            if used.completion > 1:
                self._step.labels(model).observe((report.total_s - report.first_token_s) / (used.completion - 1))
        prefill_ms, decode_ms = report.timings.prefill_ms, report.timings.decode_ms
        if prefill_ms >= LEAST_MS and used.prompt > used.cached:
            self._prefill.labels(model).observe((used.prompt - used.cached) * 1000 / prefill_ms)
        if decode_ms >= LEAST_MS and used.completion > 1:
            self._decode.labels(model).observe((used.completion - 1) * 1000 / decode_ms)

    def answered(self, route: str | None, status: int) -> None:
        """Count an HTTP answer. `route` is the pattern that matched, None if none did."""
        self._requests.labels(route or _ELSEWHERE, str(status)).inc()

    def refused(self, code: str) -> None:
        self._refusals.labels(code).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type, in the newest format that the scraper takes."""
        encode: Callable[[CollectorRegistry], bytes]
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind


def _outcome(end: JobEnd) -> str:
    match end:
        case Finished():
            return "finished"
        case Failed():
            return "failed"
        case Stopped():
            return "cancelled"


class _State(Collector):
    """What is read at a scrape: workers, slots, queue, and dispatch's own counters."""

    def __init__(
        self, dispatch: Dispatch | Replica, catalog: CurrentCatalog, ledger: LedgerWriter, media: Counted
    ) -> None:
        self._media = media
        self._dispatch = dispatch
        # Of several replicas each tells of its own workers: whoever wants the sum adds them up.
        self._cell = dispatch.dispatch if isinstance(dispatch, Replica) else dispatch
        self._catalog = catalog
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        yield from self._fleet()
        yield from self._counters()
        yield _gauge("jobs_running", "Jobs that have not ended, waiting ones included.", self._dispatch.running())
        yield _gauge("settle_backlog_rows", "Orders that the ledger has not carried out yet.", self._ledger.backlog)
        lag_s = self._ledger.lag_s(time.monotonic())
        yield _gauge("settle_lag_seconds", "Age of the oldest of them.", lag_s)
        yield _count("media_stored", "Files that were made or sent, and stored.", self._media.stored)
        yield _count("media_stored_bytes", "Their bytes.", self._media.stored_bytes)
        yield _gauge("media_files", "Files that have not expired.", self._media.kept.count)
        yield _gauge("media_bytes", "Their bytes; those of one object count for each.", self._media.kept.size_bytes)
        yield _gauge("draining", "1 while the coordinator takes no new jobs.", int(self._dispatch.draining))

    def _fleet(self) -> Iterator[Metric]:
        families = {
            "workers": _models("workers_online", "Workers that serve the model now."),
            "seeing": _models("workers_seeing", "Those of them on which the model sees pictures."),
            "slots": _models("slots", "Their slots."),
            "free": _models("slots_free", "Slots that no job has."),
            "waiting": _models("queue_jobs", "Jobs that wait for a slot."),
            "context": _models("context_tokens", "The largest context of a slot."),
        }
        for model in specs(self._catalog.now):
            online = asdict(self._cell.online(model))
            for name, family in families.items():
                family.add_metric([model], online[name])
        yield from families.values()

    def _counters(self) -> Iterator[Metric]:
        counted = asdict(self._cell.counters)
        yield _count("jobs_submitted", "Jobs that came.", counted["submitted"])
        yield _count("delivered_tokens", "Tokens handed to clients, as they came.", counted["tokens"])
        failovers = CounterMetricFamily(
            "supernet_failovers", "Jobs that went on at another worker, by what was served when.", labels=["kind"]
        )
        failovers.add_metric(["new_request"], counted["moved_before_first_token"])
        failovers.add_metric(["ongoing_request"], counted["moved_in_stream"])
        yield failovers
        events = CounterMetricFamily("supernet_events", "What dispatch counts beside jobs.", labels=["event"])
        for name, count in counted.items():
            if name not in _APART:
                events.add_metric([name], count)
        yield events


def _models(name: str, words: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"supernet_{name}", words, labels=["model"])


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"supernet_{name}", words, value)


def _count(name: str, words: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"supernet_{name}", words, value)
