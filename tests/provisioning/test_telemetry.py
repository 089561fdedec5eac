"""Spans and metrics of jobs, against the SDK's own exporters."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from aiosymphony import ConfigError, JobInterrupted
from aiosymphony.cli.telemetry import telemetry_of
from aiosymphony.provisioning import Job, SqliteStore
from aiosymphony.provisioning.telemetry import JobTelemetry
from aiosymphony.provisioning.workers.credentials import Targets
from aiosymphony.provisioning.workers.worker import Worker
from aiosymphony.telemetry import OpenTelemetryObserver

from .driver import environment_of
from .tenant import Tenant
from .test_stores import made
from .test_workers import LEASE, SHARDS, Handed, case, handed, jobs  # noqa: F401 - fixtures
from .test_workers import ROWS as HANDED_ROWS

ROWS = 50


class Collected:
    """What was exported."""

    def __init__(self) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracers = tracers
        self.telemetry = JobTelemetry(tracer_provider=tracers, meter_provider=MeterProvider([self._reader]))

    def spans(self) -> list[Any]:
        return [*self._spans.get_finished_spans()]

    def points(self) -> dict[str, list[Any]]:
        data = self._reader.get_metrics_data()
        return {
            metric.name: [*metric.data.data_points]
            for resource in (() if data is None else data.resource_metrics)
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def collected() -> Collected:
    return Collected()


async def test_a_job_is_a_span_with_its_phases_and_its_rows_are_counted(collected: Collected, tmp_path: Path) -> None:
    seen: list[dict[str, list[Any]]] = []

    def look(number: int, _users: Any) -> str:
        if number == 3:
            seen.append(collected.points())
        return ""

    tenant = Tenant(unique=False, fault=look)
    async with SqliteStore(tmp_path / "j") as store:
        job = Job(tenant, store, settle=0.0, concurrency=1)
        with collected.telemetry.follow(job.progress, job="people.csv", target=tenant.name):
            await job.run(made(ROWS))
    *phases, whole = collected.spans()
    assert (whole.name, whole.status.status_code) == ("aiosymphony.job", StatusCode.UNSET)
    assert dict(whole.attributes) == {
        "aiosymphony.job.name": "people.csv",
        "aiosymphony.target": tenant.name,
        "aiosymphony.rows.done": ROWS,
    }
    assert [span.name for span in phases] == ["writing the journal", "starting", "sending", "auditing"]
    assert {span.parent.span_id for span in phases} == {whole.context.span_id}
    (meanwhile,) = seen
    left, under_way, runs = (
        meanwhile[f"aiosymphony.job.{name}"][0].value for name in ("rows.left", "rows.under_way", "runs")
    )
    assert (0 < left <= ROWS, 0 < under_way <= 20, runs) == (True, True, 1)
    after = collected.points()
    assert [(point.value, point.attributes["aiosymphony.row.state"]) for point in after["aiosymphony.job.rows"]] == [
        (ROWS, "DONE")
    ]
    assert "aiosymphony.job.rows.left" not in after
    assert [point.value for point in after["aiosymphony.job.runs"]] == [0]
    ((duration,)) = after["aiosymphony.job.run.duration"]
    assert (duration.count, "error.type" in duration.attributes) == (1, False)


async def test_a_job_that_is_cut_short_says_why(collected: Collected, tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "j") as store:
        tenant = Tenant(unique=False, fault=lambda number, _: stop(number))
        job = Job(tenant, store, settle=0.0, concurrency=1)

        def stop(number: int) -> str:
            if number == 2:
                job.drain()
            return ""

        follow = collected.telemetry.follow(job.progress, job="people.csv", target=tenant.name, shard=3)
        with pytest.raises(JobInterrupted), follow:
            await job.run(made(ROWS))
    whole = collected.spans()[-1]
    assert (whole.name, whole.attributes["aiosymphony.shard"]) == ("aiosymphony.shard", 3)
    assert whole.status.status_code is StatusCode.ERROR
    assert whole.status.description.startswith("stopped as asked with")
    (duration,) = collected.points()["aiosymphony.job.run.duration"]
    assert duration.attributes["error.type"] == "JobInterrupted"
    assert job.progress.observer is None


async def test_a_worker_makes_spans_of_shards_with_their_requests_below(
    collected: Collected,
    handed: Handed,  # noqa: F811
) -> None:
    await handed.hand_over()
    targets = Targets(
        environment=environment_of(handed.order), observer=OpenTelemetryObserver(tracer_provider=collected.tracers)
    )
    worker = Worker(handed.order["store"], targets, lease=LEASE, telemetry=collected.telemetry)
    working = asyncio.create_task(worker.run())
    await handed.ends_well()
    worker.drain()
    await working
    shards = [span for span in collected.spans() if span.name == "aiosymphony.shard"]
    assert {span.attributes["aiosymphony.shard"] for span in shards} == set(range(SHARDS))
    assert {span.attributes["aiosymphony.job.name"] for span in shards} == {handed.name}
    whole = [span for span in collected.spans() if span.name == "aiosymphony.job"]
    creates = [span for span in collected.spans() if span.name.startswith("POST") and span.name.endswith("/users")]
    assert len(creates) >= HANDED_ROWS / 20
    assert {span.parent.span_id for span in creates} <= {span.context.span_id for span in (*shards, *whole)}
    points = collected.points()
    counted = {point.attributes["aiosymphony.row.state"]: point.value for point in points["aiosymphony.job.rows"]}
    assert counted == {"DONE": HANDED_ROWS}
    assert [point.value for point in points["aiosymphony.worker.ready"]] == [0]


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert telemetry_of(False) == (None, None)
    monkeypatch.setitem(sys.modules, "aiosymphony.provisioning.telemetry", None)
    with pytest.raises(ConfigError, match=r"^--telemetry needs OpenTelemetry: pip install 'aiosymphony\[otel\]'$"):
        telemetry_of(True)


def test_a_worker_tells_whether_it_takes_tasks(collected: Collected) -> None:
    assert "aiosymphony.worker.ready" not in collected.points()
    ready = True
    collected.telemetry.watch(lambda: ready)
    assert [point.value for point in collected.points()["aiosymphony.worker.ready"]] == [1]
    ready = False
    assert [point.value for point in collected.points()["aiosymphony.worker.ready"]] == [0]
