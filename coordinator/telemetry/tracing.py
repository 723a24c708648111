"""OpenTelemetry traces, an extra (`supernet[otel]`): one trace per job, across both processes. Off unless the standard
variables say where traces go (OTEL_EXPORTER_OTLP_ENDPOINT and its relatives).

The job's span is a child of the client's if it sent a `traceparent`; the span's own goes to the worker in Start. Spans
hold counts, times and ids; never a word of a request or of an answer, an account or a key.
"""

import logging
import re
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from coordinator.dispatch.effects import Failed, Finished, Report, Stopped
from coordinator.scheduler.state import JobSpec

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

log = logging.getLogger("supernet.tracing")

SERVICE = "supernet-coordinator"
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Tracing:
    """Told of each job's beginning and end. Without a tracer it does nothing and costs nothing."""

    def __init__(self, tracer: "Tracer | None" = None) -> None:
        self._tracer = tracer
        self._open: dict[str, Span] = {}  # of jobs that have not ended

    def begin(self, spec: JobSpec) -> str | None:
        """The `traceparent` for the worker; the client's own where nothing is traced here."""
        if self._tracer is None:
            return spec.trace
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        format = TraceContextTextMapPropagator()
        parent = format.extract({"traceparent": spec.trace} if spec.trace else {})
        given = {"supernet.job": spec.id, "gen_ai.request.model": spec.model, "gen_ai.operation.name": "chat"}
        span = self._tracer.start_span(f"chat {spec.model}", parent, SpanKind.SERVER, given)
        self._open[spec.id] = span
        carrier: dict[str, str] = {}
        format.inject(carrier, set_span_in_context(span))
        return carrier.get("traceparent")

    def end(self, spec: JobSpec, end: Finished | Failed | Stopped) -> None:
        span = self._open.pop(spec.id, None)
        if span is None:
            return
        report = end.report
        span.set_attributes(
            {
                "supernet.attempts": report.attempts,
                "supernet.worker": report.worker or "",
                "supernet.outcome": _outcome(end),
                "gen_ai.usage.input_tokens": report.usage.prompt,
                "gen_ai.usage.output_tokens": report.usage.completion,
                "supernet.cached_tokens": report.usage.cached,
            }
        )
        now_ns = time.time_ns()
        _events(span, report, now_ns - round(report.total_s * 1e9))
        if isinstance(end, Failed):
            from opentelemetry.trace import StatusCode

            span.set_status(StatusCode.ERROR, end.error.code.value)
        span.end(now_ns)


def _events(span: "Span", report: Report, began_ns: int) -> None:
    if report.attempts:
        span.add_event("placed", timestamp=began_ns + round(report.queued_s * 1e9))
    if report.first_token_s is not None:
        span.add_event("first token", timestamp=began_ns + round(report.first_token_s * 1e9))


def _outcome(end: Finished | Failed | Stopped) -> str:
    match end:
        case Finished():
            return str(end.finish_reason)
        case Failed():
            return end.error.code.value
        case Stopped():
            return "cancelled"


def traceparent(headers: Mapping[str, str]) -> str | None:
    """The client's own, if it is one of the version that this code knows."""
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None


def from_environment(env: Mapping[str, str]) -> Tracing:
    """Spans leave in batches, from a thread of the SDK's own; a collector that is away costs spans and nothing else."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return Tracing()
    if not any(env.get(name) for name in ENDPOINTS):
        return Tracing()
    if find_spec("opentelemetry") is None:
        log.warning(
            "traces are configured but cannot be sent: the extra otel is not installed (docs/operations/monitoring.md)"
        )
        return Tracing()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": env.get("OTEL_SERVICE_NAME", SERVICE)}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider.get_tracer("supernet"))
