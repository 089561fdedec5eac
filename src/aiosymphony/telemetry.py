"""Spans and metrics of every request, for OpenTelemetry; needs the extra ``aiosymphony[otel]``.

::

    pod = PodClient(url, auth, observer=OpenTelemetryObserver())

Names follow OpenTelemetry's semantic conventions for HTTP clients. A span shows the template of the path instead of the
URL, as paths hold ids and queries hold addresses.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from yarl import URL

from ._version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from .observer import Attempt

# The boundaries that the semantic conventions advise for durations of HTTP requests.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class OpenTelemetryObserver:
    """Makes a client span for each attempt, and records ``http.client.request.duration`` and the body sizes.

    The span's parent is the current span of the caller. Each retry has a span of its own, with its number in
    ``http.request.resend_count``.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        """Use these providers, or the global ones."""
        self._tracer = trace.get_tracer("aiosymphony", __version__, tracer_provider)
        meter = metrics.get_meter("aiosymphony", __version__, meter_provider)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._sent = meter.create_histogram(
            "http.client.request.body.size", unit="By", description="Size of HTTP client request bodies."
        )
        self._received = meter.create_histogram(
            "http.client.response.body.size", unit="By", description="Size of HTTP client response bodies."
        )

    def __call__(self, attempt: Attempt) -> None:
        """Record one attempt."""
        operation, server = attempt.operation, URL(attempt.server)
        attributes: dict[str, str | int] = {
            "http.request.method": operation.method,
            "server.address": server.host or "",
            "server.port": server.port or 0,
            "url.scheme": server.scheme,
            "url.template": operation.path,
        }
        if attempt.status is not None:
            attributes["http.response.status_code"] = attempt.status
        if attempt.error is not None:
            attributes["error.type"] = str(attempt.status or type(attempt.error).__name__)
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{operation.method} {operation.path}",
            kind=SpanKind.CLIENT,
            start_time=ended - int(attempt.duration * 1e9),
            attributes={
                **attributes,
                "symphony.operation": operation.id,
                "symphony.trace_id": attempt.trace_id,
                **({"http.request.resend_count": attempt.number - 1} if attempt.number > 1 else {}),
            },
        )
        if attempt.error is not None:
            span.set_status(Status(StatusCode.ERROR, str(attempt.error)))
        span.end(ended)
        self._duration.record(attempt.duration, attributes)
        self._sent.record(attempt.bytes_sent, attributes)
        self._received.record(attempt.bytes_received, attributes)
