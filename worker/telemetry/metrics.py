"""/metrics for Prometheus: the status and the counters as its metrics. The only file that knows prometheus_client.

The library serves from a thread of its own; each scrape asks the daemon's loop for one picture, so nothing is read
while it changes. Names are in base units; what only grows ends in _total.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.machine.description import Reading
from worker.telemetry.counters import Counters, Histogram
from worker.telemetry.status import MediaView, ModelView, Status

P = "supernet_worker_"
Look = Callable[[], tuple[Status, Counters | None]]


class MetricsError(Exception):
    """The address cannot be listened at; the text says why."""


class Metrics(Collector):
    """An HTTP server for scrapes. It listens as soon as it is made; raises MetricsError when it cannot.

    `look`: called from a thread of the server's for every scrape.
    """

    def __init__(self, address: tuple[str, int], look: Look) -> None:
        self._look = look
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(address[1], address[0], registry)
        except OSError as error:
            raise MetricsError(f"--metrics {address[0]}:{address[1]}: {error.strerror or error}") from None
        self.address = f"{address[0]}:{self._server.server_port}"

    def close(self) -> None:
        """Blocks until the thread has ended."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def describe(self) -> Iterable[Metric]:
        """Nothing is collected for the registry's own sake: the daemon's loop may not run yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        status, counters = self._look()
        yield _one(Gauge, "up", "1 while the worker is registered with its coordinator.", float(status.registered))
        yield _one(Gauge, "paused", "1 while its owner has paused it.", float(status.paused))
        yield _one(Gauge, "uptime_seconds", "Since the process started.", status.uptime_s)
        problems = Gauge(P + "problem", "1 for each problem that is not over.", labels=["code", "severity"])
        for problem in status.problems:
            problems.add_metric([problem.issue.code, problem.issue.severity], 1)
        yield problems
        refused = Counter(P + "refused_jobs", "Jobs that were never started, by reason.", labels=["code"])
        for code, count in status.refused.items():
            refused.add_metric([code], count)
        yield refused
        if counters is not None:
            yield _one(Counter, "cancels", "Cancels that the coordinator asked for.", counters.cancels)
            yield _one(Counter, "pictures", "Pictures of requests, read and shown to the engine.", counters.pictures)
            yield _one(Counter, "picture_bytes", "Of pictures' files, from the coordinator.", counters.picture_bytes)
            yield from _times(counters)
        yield from _models(status.models, status.media)
        yield from _media(status.media)
        yield from _gpus(status.gpus)


def _one(kind: type[Gauge] | type[Counter], name: str, text: str, value: float) -> Metric:
    return kind(P + name, text, value=value)


_MODEL: tuple[tuple[type[Gauge] | type[Counter], str, str, Callable[[ModelView], float]], ...] = (
    (Gauge, "decode_tokens_per_second", "All jobs together, over the last second.", lambda m: m.decode_tps),
    (Gauge, "prefill_tokens_per_second", "All jobs together, over the last second.", lambda m: m.prefill_tps),
    (Gauge, "longest_stall_seconds", "Between two tokens, last minute.", lambda m: m.longest_stall_ms / 1e3),
    (Gauge, "python_share_ratio", "Of the engine's last steps, what was not llama.cpp's.", lambda m: m.python_share),
    (Counter, "prompt_tokens", "Tokens of prompts, cached ones too.", lambda m: m.prompt_tokens),
    (Counter, "cached_tokens", "Tokens of prompts that did not have to be read again.", lambda m: m.cached_tokens),
    (Counter, "completion_tokens", "Generated tokens.", lambda m: m.completion_tokens),
    (Counter, "forced_tokens", "Those of them that the grammar left no choice about.", lambda m: m.forced_tokens),
    (Gauge, "tokens_per_step", "Of one job, when tokens were last drawn.", lambda m: m.tokens_per_step),
    (Counter, "encodes", "Pictures that were encoded.", lambda m: m.encodes),
    (Counter, "encode_seconds", "What that took, waits for streams included.", lambda m: m.encode_ms / 1e3),
    (Gauge, "kept_pictures", "Pictures that need no encode if they come again.", lambda m: m.kept_pictures),
)


# What an engine of any kind has.
_ANY: tuple[tuple[type[Gauge] | type[Counter], str, str, Callable[[ModelView | MediaView], float]], ...] = (
    (Gauge, "slots", "Jobs at once that the memory has room for.", lambda m: m.slots),
    (Gauge, "offered_slots", "Slots that are open to the network now.", lambda m: m.offered),
    (Gauge, "running_jobs", "Slots that are taken.", lambda m: m.running),
    (Gauge, "ready", "1 while the engine runs.", lambda m: float(m.status == "ready")),
    (Counter, "engine_restarts", "How often the engine was started again after it ended.", lambda m: m.restarts),
)

_MEDIA: tuple[tuple[type[Gauge] | type[Counter], str, str, Callable[[MediaView], float]], ...] = (
    (Gauge, "media_speed", "Of the last job: steps of a million pixels a second, or of music's.", lambda m: m.speed),
    (Counter, "media_seconds", "That jobs had the pipeline.", lambda m: m.seconds),
    (Gauge, "media_memory_bytes", "The most of the device that a job took; 0: not measured.", lambda m: m.memory_bytes),
    (Counter, "uploads", "Files that the coordinator has taken.", lambda m: m.uploads),
    (Counter, "upload_bytes", "Of them.", lambda m: m.upload_bytes),
    (Counter, "failed_uploads", "Files that it has not taken.", lambda m: m.failed_uploads),
)


def _guesses(models: tuple[ModelView, ...]) -> Iterator[Metric]:
    by = ["model", "source"]
    drafted = Counter(P + "drafted_tokens", "Guesses of what an answer says next, by where from.", labels=by)
    accepted = Counter(P + "accepted_tokens", "Those of them that came true.", labels=by)
    for model in models:
        for one in model.guesses:
            drafted.add_metric([model.id, one.source], one.drafted)
            accepted.add_metric([model.id, one.source], one.accepted)
    yield from (drafted, accepted)


def _models(models: tuple[ModelView, ...], media: tuple[MediaView, ...]) -> Iterator[Metric]:
    engines: list[ModelView | MediaView] = [*models, *media]
    for kind, name, text, value in _ANY:
        family = kind(P + name, text, labels=["model"])
        for one in engines:
            family.add_metric([one.id], value(one))
        yield family
    for kind, name, text, of_chat in _MODEL:
        family = kind(P + name, text, labels=["model"])
        for model in models:
            family.add_metric([model.id], of_chat(model))
        yield family
    yield from _guesses(models)
    jobs = Counter(P + "jobs", "Jobs that ended in the engine, by how.", labels=["model", "reason"])
    for one in engines:
        for reason, count in one.ended.items():
            jobs.add_metric([one.id, reason], count)
    yield jobs


def _media(media: tuple[MediaView, ...]) -> Iterator[Metric]:
    for kind, name, text, value in _MEDIA:
        family = kind(P + name, text, labels=["model"])
        for one in media:
            family.add_metric([one.id], value(one))
        yield family


def _times(counters: Counters) -> Iterator[Metric]:
    ttft = HistogramMetricFamily(P + "ttft_seconds", "From a job's arrival to its first token.", labels=["model"])
    token = HistogramMetricFamily(
        P + "time_per_token_seconds", "Mean of each job, first token apart.", labels=["model"]
    )
    for model, counts in counters.models.items():
        ttft.add_metric([model], _buckets(counts.ttft), counts.ttft.total)
        token.add_metric([model], _buckets(counts.token_time), counts.token_time.total)
    yield ttft
    yield token


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Prometheus counts upwards: each bucket holds all below it."""
    bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
    sums = [sum(histogram.counts[: n + 1]) for n in range(len(bounds))]
    return [(bound, float(total)) for bound, total in zip(bounds, sums, strict=True)]


_GPU: tuple[tuple[str, str, Callable[[Reading], float | None]], ...] = (
    ("gpu_memory_bytes", "Memory of the GPU.", lambda r: r.memory_bytes),
    ("gpu_used_bytes", "Memory of the GPU that is in use, by anyone.", lambda r: r.used_bytes),
    ("gpu_utilisation_ratio", "Share of the last second in which the GPU worked.", lambda r: r.utilisation),
    ("gpu_temperature_celsius", "Of the GPU itself.", lambda r: r.temperature_c),
    ("gpu_power_watts", "Drawn by the whole card.", lambda r: r.power_w),
)


def _gpus(readings: tuple[Reading, ...]) -> Iterator[Metric]:
    for name, text, value in _GPU:
        family = Gauge(P + name, text, labels=["gpu", "name"])
        for reading in readings:
            if (told := value(reading)) is not None:
                family.add_metric([reading.device, reading.name], told)
        yield family
