"""``aiosymphony worker``: carries out the jobs of a database, next to any number of other workers."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError
from ..health import serve_health
from ..limits import Limits
from ..stop_signals import on_stop_signals
from .exit_codes import STOPPED
from .invocation import host_and_port
from .output import end_at_once, say
from .telemetry import TelemetryOption, telemetry_of

if TYPE_CHECKING:
    from ..provisioning.workers.worker import Worker

__all__ = ["StoreOption", "run_worker", "worker"]

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="AIOSYMPHONY_STORE",
        metavar="ADDRESS",
        help="The database, such as postgresql://jobs@db/jobs.",
    ),
]
MISSING: Final = "workers need PostgreSQL's driver and procrastinate: pip install 'aiosymphony[postgres]'"


@keeps_arguments_secret
def worker(
    store: StoreOption,
    credentials: Annotated[
        Path | None,
        typer.Option(
            "--credentials",
            metavar="targets.toml",
            help="Logins, one table each; without it those of the environment, as for provision apply.",
        ),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=100, help="Shards at once.")] = 4,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Requests per second to each server, from all workers of one egress; 400 if not given."
        ),
    ] = None,
    egress: Annotated[
        str, typer.Option("--egress", help="A name for the address that requests come from, if hosts share one.")
    ] = "",
    health: Annotated[
        str | None,
        typer.Option("--health", metavar="HOST:PORT", help="Answer /healthz and /readyz there, for a supervisor."),
    ] = None,
    lease: Annotated[
        float,
        typer.Option(min=5, help="Seconds until another worker takes over, if this one shows no sign of life."),
    ] = 60.0,
    telemetry: TelemetryOption = False,
) -> None:
    """Carry out the jobs that ``provision apply --store`` hands over. Start as many as you like, on any machines.

    SIGTERM or Ctrl-C once: take no new work, finish requests in flight, put back the rest, and end. Twice: end now,
    with 75. The exit code is also 75 if another worker took over meanwhile: start it again.
    """
    try:
        from ..postgres import PostgresRate, PostgresTokenStore
        from ..provisioning.workers.credentials import Targets
        from ..provisioning.workers.worker import Worker
    except ModuleNotFoundError:
        raise ConfigError(MISSING) from None
    shared = PostgresRate(store, egress=egress)
    limits = Limits(shared=shared) if rate is None else Limits(rate=rate, shared=shared)
    of_jobs, of_requests = telemetry_of(telemetry)
    targets = Targets(credentials, limits=limits, token_store=PostgresTokenStore(store), observer=of_requests)
    worker = Worker(store, targets, concurrency=concurrency, egress=egress, lease=lease, telemetry=of_jobs)
    raise typer.Exit(asyncio.run(run_worker(worker, None if health is None else host_and_port(health, "--health"))))


async def run_worker(worker: Worker, health: tuple[str, int] | None = None) -> int:
    """Run a worker under the signals of its process; the exit code. It does not return if the worker was fenced."""
    from ..provisioning.journal.base import Fenced

    asked = left = False

    def stop() -> None:
        nonlocal asked, left
        if asked:
            left = True
            worker.leave()
        else:
            asked = True
            say("finishing requests in flight, and putting back the rest; Ctrl-C again to stop now", stderr=True)
            worker.drain()

    serving = contextlib.nullcontext() if health is None else serve_health(lambda: worker.is_ready, *health)
    with on_stop_signals(stop):
        try:
            async with serving:
                await worker.run()
        except Fenced as error:
            say(f"aiosymphony: {error}", stderr=True)
            # The engine must not hear what became of tasks that are another worker's by now.
            end_at_once(STOPPED)
    return STOPPED if left else 0
