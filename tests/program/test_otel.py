import logging
import sys

import pytest

from program import otel

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    "env", [{}, {**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}]
)
def test_nothing_is_traced_unless_the_standard_variables_say_where_to(env: dict[str, str]) -> None:
    assert otel.tracer("x", env) is None


@pytest.mark.parametrize("name", ["opentelemetry", "opentelemetry.exporter.otlp.proto.http.trace_exporter"])
def test_without_the_extra_or_a_part_of_it_a_warning_says_why(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    for loaded in [each for each in sys.modules if each.startswith(f"{name}.")]:
        monkeypatch.delitem(sys.modules, loaded)
    with caplog.at_level(logging.WARNING):
        assert otel.tracer("x", ENDPOINT) is None
    assert "the extra otel is not installed" in caplog.text
