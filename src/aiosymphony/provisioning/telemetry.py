"""Spans and metrics of jobs, shards and workers, for OpenTelemetry; needs the extra ``aiosymphony[otel]``.

::

    telemetry = JobTelemetry()
    job = Job(target, store)
    with telemetry.follow(job.progress, job="joiners.csv", target=target.name):
        await job.run(plan)

A run of a job, or of one shard of it, is a span; each of its phases is a span below it, and so are the requests, if the
client has an :class:`~aiosymphony.telemetry.OpenTelemetryObserver`. No span and no metric tells of a person.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import attrs
from opentelemetry import metrics, trace
from opentelemetry.metrics import Counter, Observation
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from .._version import __version__
from .journal.base import JobPaused, LeaseHeld
from .journal.states import OPEN, State
from .progress import Phase, Progress

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["JobTelemetry"]

_NO_FAILURES: Final = (JobPaused, LeaseHeld)
"""What ends a run as it should."""
_SECONDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0)

_Attributes = Mapping[str, str | int]


class JobTelemetry:
    """Makes spans and metrics of whatever it follows.

    Metrics, each with ``aiosymphony.job.name`` and ``aiosymphony.target``:

    * ``aiosymphony.job.rows``: rows that this process finished, by ``aiosymphony.row.state``;
    * ``aiosymphony.job.rows.left`` and ``aiosymphony.job.rows.under_way``: rows that are still to be dealt with, and
      those that were sent and are not answered;
    * ``aiosymphony.job.runs``: runs at work now, those of shards with ``aiosymphony.shard``;
    * ``aiosymphony.job.run.duration``: how long they took, with ``error.type`` if they were cut short.

    ``aiosymphony.worker.ready`` is 1 while a worker takes tasks, and 0 while it does not.

    Args:
        tracer_provider: Where spans go; the global one if None.
        meter_provider: Where metrics go; the global one if None.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer = trace.get_tracer("aiosymphony", __version__, tracer_provider)
        meter = metrics.get_meter("aiosymphony", __version__, meter_provider)
        self._followed: dict[Progress, _Attributes] = {}
        self._ready: Callable[[], bool] | None = None
        self._rows = meter.create_counter("aiosymphony.job.rows", unit="{row}", description="Rows that were finished.")
        self._runs = meter.create_up_down_counter(
            "aiosymphony.job.runs", unit="{run}", description="Runs of jobs and shards at work."
        )
        self._duration = meter.create_histogram(
            "aiosymphony.job.run.duration",
            unit="s",
            description="Duration of runs of jobs and shards.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        for name, what, ask in (
            ("left", "Rows that are still to be dealt with.", lambda progress: progress.left),
            ("under_way", "Rows that were sent and are not answered.", lambda progress: progress.under_way),
        ):
            meter.create_observable_gauge(
                f"aiosymphony.job.rows.{name}", [self._asking(ask)], unit="{row}", description=what
            )
        meter.create_observable_gauge(
            "aiosymphony.worker.ready", [self._readiness], description="1 while the worker takes tasks, 0 otherwise."
        )

    @contextlib.contextmanager
    def follow(self, progress: Progress, *, job: str, target: str, shard: int | None = None) -> Iterator[None]:
        """Make a span of what is done within the block.

        Args:
            progress: That of the job. Nobody else may observe it.
            job: The job's name.
            target: The target's.
            shard: The shard, if it is about one alone.
        """
        attributes: dict[str, str | int] = {"aiosymphony.job.name": job, "aiosymphony.target": target}
        where = attributes if shard is None else attributes | {"aiosymphony.shard": shard}
        name = "aiosymphony.job" if shard is None else "aiosymphony.shard"
        began, ended = time.monotonic(), dict(where)
        with self._tracer.start_as_current_span(
            name, attributes=where, record_exception=False, set_status_on_exception=False
        ) as span:
            progress.observer = following = _Following(self._tracer, self._rows, attributes)
            self._followed[progress] = where
            self._runs.add(1, where)
            try:
                yield
            except BaseException as error:
                if not isinstance(error, _NO_FAILURES):
                    ended["error.type"] = type(error).__name__
                    span.set_status(Status(StatusCode.ERROR, str(error)))
                raise
            finally:
                following.end()
                progress.observer = None
                del self._followed[progress]
                self._runs.add(-1, where)
                self._duration.record(time.monotonic() - began, ended)
                for state, count in progress.counts.items():
                    span.set_attribute(f"aiosymphony.rows.{state.lower()}", count)

    def watch(self, is_ready: Callable[[], bool]) -> None:
        """Tell whether a worker takes tasks."""
        self._ready = is_ready

    def _asking(self, ask: Callable[[Progress], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def tell(_options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(ask(progress), where) for progress, where in tuple(self._followed.items())]

        return tell

    def _readiness(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [] if self._ready is None else [Observation(int(self._ready()))]


@attrs.define(eq=False)
class _Following:
    """Hears of one run."""

    _tracer: Tracer
    _rows: Counter
    _attributes: _Attributes
    _phase: Span | None = None
    _name: str = ""

    def began(self, phase: Phase) -> None:
        if phase == self._name:
            return  # the audit begins once to read, and once to compare
        self.end()
        self._name = phase
        if phase not in ("finished", "left to other processes"):
            self._phase = self._tracer.start_span(phase, attributes=self._attributes)

    def moved(self, old: State, new: State, count: int) -> None:
        if old in OPEN and new not in OPEN:
            self._rows.add(count, {**self._attributes, "aiosymphony.row.state": new})

    def end(self) -> None:
        if self._phase is not None:
            self._phase.end()
            self._phase = None
