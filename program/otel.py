"""Where OpenTelemetry's traces go, an extra (`supernet[otel]`): nowhere, unless the standard variables say where
(OTEL_EXPORTER_OTLP_ENDPOINT and its relatives)."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = logging.getLogger("supernet.tracing")

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def tracer(service: str, env: Mapping[str, str]) -> "Tracer | None":
    """The maker of spans of this process, which calls itself `service` unless OTEL_SERVICE_NAME says otherwise. None
    where nothing is to be traced, or cannot be: then a warning says why.

    Spans leave in batches, from a thread of the SDK's own; a collector that is away costs spans and nothing else.
    """
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    if not any(env.get(name) for name in ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:  # another package may have brought a part of it
        log.warning(
            "traces are configured but cannot be sent: the extra otel is not installed (docs/operations/monitoring.md)"
        )
        return None

    provider = TracerProvider(resource=Resource.create({"service.name": env.get("OTEL_SERVICE_NAME", service)}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("supernet")
