"""Traces of real processes, received by a collector on loopback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tools.local_network import Network, until


class Collector(ThreadingHTTPServer):
    """Keeps every span that is sent to it, by the name of the service."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: dict[str, list[Any]] = {}


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in request.resource_spans:
            attributes = {item.key: item.value.string_value for item in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.spans.setdefault(attributes["service.name"], []).extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_job_is_one_trace(collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_address[1]}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    network = Network(tmp_path, Path("none"))
    try:
        network.start_coordinator()
        worker = network.start_worker("--scripted")
        network.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5})
        until(lambda: len(collector.spans) == 2, worker)
    finally:
        network.close()
    (job,), (attempt,) = collector.spans["supernet-coordinator"], collector.spans["supernet-worker"]
    assert attempt.trace_id == job.trace_id and attempt.parent_span_id == job.span_id
    assert job.start_time_unix_nano <= attempt.start_time_unix_nano <= attempt.end_time_unix_nano
