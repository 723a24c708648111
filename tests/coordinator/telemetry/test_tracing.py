import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from coordinator.api.client_headers import traceparent
from coordinator.dispatch.effects import Failed, Finished, Report, Stopped
from coordinator.scheduler.state import JobSpec
from coordinator.telemetry.tracing import Tracing
from tests.coordinator.dispatch.driver import REQUEST
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CLIENT = f"00-{TRACE}-{SPAN}-01"
USAGE = Usage(prompt=7, cached=3, completion=2, reasoning=0)
REPORT = Report(usage=USAGE, attempts=2, worker="w", queued_s=0.5, first_token_s=1.0, total_s=3.0)


def spec(trace: str | None = None) -> JobSpec:
    return JobSpec("j.0", "secret-account", "m", REQUEST, 1, trace=trace)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider.get_tracer("test"))


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exporter.get_finished_spans()
    return span


def test_a_job_is_a_span_whose_name_goes_to_the_worker(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    told = tracing.begin(spec(CLIENT))
    tracing.end(spec(), Finished("j.0", "stop", REPORT))
    span = only(exporter)
    assert span.context is not None and span.parent is not None and span.attributes is not None
    assert f"{span.parent.span_id:016x}" == SPAN
    assert told == f"00-{TRACE}-{span.context.span_id:016x}-01" and traceparent({"traceparent": told}) == told
    assert [event.name for event in span.events] == ["placed", "first token"]
    assert span.events[1].timestamp - span.events[0].timestamp == 500_000_000
    assert (span.attributes["supernet.attempts"], span.attributes["supernet.outcome"]) == (2, "stop")
    assert "secret" not in span.to_json()


def test_a_failure_is_its_status_and_a_leaver_is_none(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    for end in (Failed("j.0", SupernetError(ErrorCode.NO_WORKER, "x"), Report(USAGE)), Stopped("j.0", REPORT)):
        tracing.begin(spec())
        tracing.end(spec(), end)
    failed, stopped = exporter.get_finished_spans()
    assert failed.status.description == "no_worker" and stopped.status.description is None
    assert stopped.attributes is not None and stopped.attributes["supernet.outcome"] == "cancelled"


def test_without_a_tracer_the_clients_own_trace_is_passed_on() -> None:
    tracing = Tracing()
    assert tracing.begin(spec(CLIENT)) == CLIENT and tracing.begin(spec()) is None
    tracing.end(spec(), Stopped("j.0", REPORT))
