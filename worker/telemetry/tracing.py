"""OpenTelemetry traces of the worker, an extra (`supernet[otel]`): one span per attempt, in the trace that Start names.
Off unless `program/otel.py` finds where traces go.

Spans hold counts, times and ids; never a word of a request or of an answer.
"""

from typing import TYPE_CHECKING

from pydantic import BaseModel

from wire.messages import Accepted, Cancelled, Deltas, Done, Failed, Refused, Start, ToWorker

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

SERVICE = "supernet-worker"
MOST = 1024  # attempts that are followed at a time; more than any worker has slots

Key = tuple[str, int]


class Tracing:
    """Makes the worker's span of each attempt, from the frames and events that pass by.

    Without a tracer it does nothing and costs nothing.
    """

    def __init__(self, tracer: "Tracer | None" = None) -> None:
        self._tracer = tracer
        self._open: dict[Key, Span] = {}
        self._silent: set[Key] = set()  # attempts without a token as yet

    def received(self, message: ToWorker) -> None:
        """Begin the span of an attempt at its Start; other frames say nothing."""
        if self._tracer is None or not isinstance(message, Start):
            return
        if len(self._open) >= MOST:  # attempts that a lost line took with it never say that they ended
            self._lost(next(iter(self._open)))
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        given = {"traceparent": message.traceparent} if message.traceparent else {}
        parent = TraceContextTextMapPropagator().extract(given)
        span = self._tracer.start_span(f"serve {message.model}", parent, SpanKind.CONSUMER)
        span.set_attribute("supernet.job", message.job)
        span.set_attribute("supernet.attempt", message.attempt)
        span.set_attribute("supernet.delivered_tokens", len(message.delivered))
        key = (message.job, message.attempt)
        self._open[key] = span
        self._silent.add(key)

    def sent(self, message: BaseModel) -> None:
        """Note in its span what a frame says of an attempt, and end the span at its end."""
        if not self._open:
            return
        match message:
            case Accepted():
                self._event((message.job, message.attempt), "accepted")
            case Deltas() if self._silent:
                for item in message.items:
                    key = (item.job, item.attempt)
                    if key in self._silent:
                        self._silent.discard(key)
                        self._event(key, "first token")
            case Done() | Cancelled():
                span = self._closed((message.job, message.attempt))
                if span is not None:
                    span.set_attribute("gen_ai.usage.input_tokens", message.usage.prompt)
                    span.set_attribute("gen_ai.usage.output_tokens", message.usage.completion)
                    span.set_attribute("supernet.outcome", message.type)
                    span.end()
            case Failed() | Refused():
                span = self._closed((message.job, message.attempt))
                if span is not None:
                    from opentelemetry.trace import StatusCode

                    span.set_status(StatusCode.ERROR, message.code.value)
                    span.end()
            case _:
                pass

    def _event(self, key: Key, name: str) -> None:
        span = self._open.get(key)
        if span is not None:
            span.add_event(name)

    def _lost(self, key: Key) -> None:
        from opentelemetry.trace import StatusCode

        span = self._closed(key)
        if span is not None:
            span.set_status(StatusCode.ERROR, "lost")
            span.end()

    def _closed(self, key: Key) -> "Span | None":
        self._silent.discard(key)
        return self._open.pop(key, None)
