"""OpenTelemetry traces, an extra (`supernet[otel]`): one trace per job, across both processes. Off unless
`program/otel.py` finds where traces go.

The job's span is a child of the client's if it sent a `traceparent`; the span's own goes to the worker in Start. Spans
hold counts, times and ids; never a word of a request or of an answer, an account or a key.
"""

import time
from typing import TYPE_CHECKING

from coordinator.dispatch.effects import Failed, Finished, JobEnd, Report, Stopped
from coordinator.scheduler.state import JobSpec

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

SERVICE = "supernet-coordinator"


class Tracing:
    """Makes the coordinator's span of each job, from its submission to its end.

    Without a tracer it does nothing and costs nothing.
    """

    def __init__(self, tracer: "Tracer | None" = None) -> None:
        self._tracer = tracer
        self._open: dict[str, Span] = {}  # of jobs that have not ended

    def begin(self, spec: JobSpec) -> str | None:
        """Begin the job's span; return its `traceparent` for the worker, the client's own where nothing is traced."""
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

    def end(self, spec: JobSpec, end: JobEnd) -> None:
        """End the job's span, with what became of the job."""
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


def _outcome(end: JobEnd) -> str:
    match end:
        case Finished():
            return str(end.finish_reason)
        case Failed():
            return end.error.code.value
        case Stopped():
            return "cancelled"
