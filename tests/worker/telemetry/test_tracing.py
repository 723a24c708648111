from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from wire import messages as wire
from wire.chat import ChatRequest, Content, Message, Usage
from wire.errors import ErrorCode
from worker.telemetry.tracing import Tracing

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
USAGE = Usage(prompt=7, cached=0, completion=2, reasoning=0)


class Traced:
    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracing = Tracing(provider.get_tracer("test"))

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._spans.get_finished_spans()


def start(job: str = "j", attempt: int = 1, traceparent: str | None = f"00-{TRACE}-{SPAN}-01") -> wire.Start:
    request = ChatRequest(messages=(Message(role="user", content="a secret"),), max_tokens=5)
    return wire.Start(job=job, attempt=attempt, model="m", request=request, seed=1, traceparent=traceparent)


def deltas(job: str = "j", attempt: int = 1, seq: int = 0) -> wire.Deltas:
    delta = wire.Delta(job=job, attempt=attempt, seq=seq, tokens=(1,), parts=(Content(text="hidden"),))
    return wire.Deltas(items=(delta,))


def test_an_attempt_is_a_span_in_the_trace_that_start_names() -> None:
    traced = Traced()
    traced.tracing.received(start())
    traced.tracing.sent(wire.Accepted(job="j", attempt=1))
    traced.tracing.sent(deltas())
    traced.tracing.sent(deltas(seq=1))
    assert traced.spans() == ()
    traced.tracing.sent(wire.Done(job="j", attempt=1, seq=2, finish_reason="stop", usage=USAGE))
    (span,) = traced.spans()
    assert span.context is not None and span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SPAN)
    assert [event.name for event in span.events] == ["accepted", "first token"]
    assert span.attributes is not None
    assert (span.attributes["supernet.job"], span.attributes["gen_ai.usage.output_tokens"]) == ("j", 2)
    assert "secret" not in span.to_json() and "hidden" not in span.to_json()


@pytest.mark.parametrize(
    "end",
    [
        wire.Refused(job="j", attempt=1, code=ErrorCode.WORKER_BUSY, message="no"),
        wire.Failed(job="j", attempt=1, seq=0, code=ErrorCode.ENGINE_CRASHED, message="no", retryable=True),
    ],
)
def test_what_goes_wrong_is_the_status_of_the_span(end: Any) -> None:
    traced = Traced()
    traced.tracing.received(start())
    traced.tracing.sent(end)
    (span,) = traced.spans()
    assert span.status.description == end.code.value


def test_a_start_without_a_trace_begins_one_and_two_attempts_are_two_spans() -> None:
    traced = Traced()
    for attempt in (1, 2):
        traced.tracing.received(start(attempt=attempt, traceparent=None))
        traced.tracing.sent(wire.Cancelled(job="j", attempt=attempt, seq=0, usage=USAGE))
    assert [span.parent for span in traced.spans()] == [None, None]


def test_without_a_tracer_nothing_is_traced() -> None:
    tracing = Tracing()
    tracing.received(start())
    tracing.sent(wire.Done(job="j", attempt=1, seq=0, finish_reason="stop", usage=USAGE))
    assert tracing.__dict__ == Tracing().__dict__


def test_attempts_that_never_end_do_not_end_the_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.telemetry.tracing.MOST", 2)
    traced = Traced()
    for number in range(5):
        traced.tracing.received(start(job=f"lost{number}"))
    traced.tracing.received(start())
    traced.tracing.sent(wire.Done(job="j", attempt=1, seq=0, finish_reason="stop", usage=USAGE))
    *lost, last = traced.spans()
    assert [span.status.description for span in lost] == ["lost"] * 4
    assert last.attributes is not None and last.attributes["supernet.job"] == "j"
