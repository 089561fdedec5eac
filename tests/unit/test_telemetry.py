"""The OpenTelemetry adapter, against the SDK's own exporters and the sandbox."""

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from aiosymphony import PodClient, RetryPolicy, RsaAuth
from aiosymphony.sandbox import Faults, Sandbox
from aiosymphony.telemetry import OpenTelemetryObserver


async def test_each_send_is_a_span_with_the_names_of_the_conventions() -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    observer = OpenTelemetryObserver(tracer_provider=tracers, meter_provider=MeterProvider([reader]))
    faults = Faults(at={("v2_sessioninfo_get", 1): "503_before"})
    async with Sandbox(faults=faults) as sandbox:
        auth = RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
        async with PodClient(sandbox.url, auth, observer=observer, retry=RetryPolicy(base=0.001)) as pod:
            with tracers.get_tracer("test").start_as_current_span("a bot's work") as work:
                await pod.session.info()

    spans = [span for span in exporter.get_finished_spans() if span.name == "GET /pod/v2/sessioninfo"]
    assert [span.attributes["http.response.status_code"] for span in spans] == [503, 200]
    first, second = spans
    assert first.status.status_code is StatusCode.ERROR
    assert first.attributes["error.type"] == "503"
    assert second.attributes["http.request.resend_count"] == 1
    assert second.status.status_code is StatusCode.UNSET
    for span in spans:
        assert span.parent.span_id == work.get_span_context().span_id
        assert span.attributes["server.address"] == "127.0.0.1"
        assert span.attributes["url.template"] == "/pod/v2/sessioninfo"
        assert "url.full" not in span.attributes
    assert any(span.name == "POST /login/pubkey/authenticate" for span in exporter.get_finished_spans())

    recorded = {
        metric.name: metric
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    durations = recorded["http.client.request.duration"]
    assert durations.unit == "s"
    assert sum(point.count for point in durations.data.data_points) == 3
