"""The option ``--telemetry``: spans and metrics for OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..observer import Observer
    from ..provisioning.telemetry import JobTelemetry

__all__ = ["TelemetryOption", "telemetry_of"]

TelemetryOption = Annotated[
    bool,
    typer.Option(
        "--telemetry", help="Make spans and metrics; run the command by opentelemetry-instrument, which exports them."
    ),
]
_MISSING: Final = "--telemetry needs OpenTelemetry: pip install 'aiosymphony[otel]'"


def telemetry_of(wanted: bool) -> tuple[JobTelemetry, Observer] | tuple[None, None]:
    """What makes spans and metrics of jobs, and of requests.

    Raises:
        ConfigError: The extra is missing.
    """
    if not wanted:
        return None, None
    try:
        from ..provisioning.telemetry import JobTelemetry
        from ..telemetry import OpenTelemetryObserver
    except ModuleNotFoundError:
        raise ConfigError(_MISSING) from None
    return JobTelemetry(), OpenTelemetryObserver()
