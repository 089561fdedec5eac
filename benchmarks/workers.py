"""Four workers on one job: how much of a shared rate they use, what a row costs, how their memory grows, and how soon
one that is killed is replaced.

The company costs almost nothing, and the database runs on the same cores. Each job is handed over as a plan, so that
neither a file nor a tenant is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from aiosymphony.provisioning import Desired, Plan
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.journal.postgres.store import PostgresStore
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.progress import Progress
from aiosymphony.provisioning.workers.handing_over import Options, follow, hand_over
from tests.provisioning.cluster import Cluster, binaries, cluster

from .company import company_server

WORKERS = 4
BATCH = 20
SHARED = 100_000
RATE = 400.0
SIZES = (100_000, 1_000_000)
LEASE = 12.0
SETTLE = 1.0
COMPANY = "5a1f"


@attrs.define
class Fleet:
    """Workers, and their memory.

    Attributes:
        started, largest: MiB of each worker, when it has begun to work, and at most.
    """

    processes: list[subprocess.Popen[bytes]] = attrs.field(factory=list)
    started: dict[int, float] = attrs.field(factory=dict)
    largest: dict[int, float] = attrs.field(factory=dict)

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            for process in self.processes:
                with contextlib.suppress(OSError):
                    size = resident(process.pid)
                    self.started.setdefault(process.pid, size)
                    self.largest[process.pid] = max(size, self.largest.get(process.pid, 0.0))

    @property
    def growth(self) -> float:
        """MiB by which the worker grew that grew the most."""
        return max(self.largest[pid] - size for pid, size in self.started.items())


def resident(pid: int) -> float:
    """MiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def environment(url: str) -> dict[str, str]:
    return {
        **os.environ,
        "SYMPHONY_CONNECT_URL": url,
        "SYMPHONY_TOKEN_URL": f"{url}/oauth/token",
        "SYMPHONY_CLIENT_ID": "client",
        "SYMPHONY_CLIENT_SECRET": "secret",
    }


@contextmanager
def workers(database: Cluster, url: str, *options: str, count: int = WORKERS) -> Iterator[Fleet]:
    """So many workers."""
    command = [sys.executable, "-m", "aiosymphony.cli", "worker", "--store", database.url(), *options]
    fleet = Fleet([subprocess.Popen(command, env=environment(url), stderr=subprocess.DEVNULL) for _ in range(count)])
    try:
        yield fleet
    finally:
        for process in fleet.processes:
            process.terminate()
        for process in fleet.processes:
            process.wait()


async def until(database: Cluster, statement: str) -> list[tuple[Any, ...]]:
    """Wait until a statement finds anything; what it found."""
    while not (found := database.execute(statement)):  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.1)
    return found


def made(rows: int, url: str) -> Plan:
    people = ({"email": f"u{n}@acme.com", "firstName": "Ann", "lastName": "Lee"} for n in range(rows))
    target = f"{url}/companies/{COMPANY}"
    return plan(Desired.of(people, "connect"), Actual("connect"), target=target)


@contextlib.asynccontextmanager
async def handed(
    database: Cluster, url: str, name: str, rows: int, shards: int | None = None
) -> AsyncIterator[PostgresStore]:
    async with PostgresStore(database.url(), job=name) as store:
        await hand_over(store, made(rows, url), Options(settle=SETTLE, audit=False), shards=shards)
        yield store


def seconds(database: Cluster, name: str) -> float:
    """From the first request to the last outcome, by the journal."""
    ((took,),) = database.execute(
        "SELECT max(e.done_at) - min(e.sent_at) FROM aiosymphony.entry AS e JOIN aiosymphony.job USING (job) "
        "WHERE name = %s",
        name,
    )
    return float(took)


async def carried_out(database: Cluster, url: str, name: str, rows: int, *options: str) -> tuple[float, float]:
    """Rows a second, and MiB of growth since the workers waited for work."""
    with workers(database, url, *options) as fleet:
        await until(database, f"SELECT 1 FROM aiosymphony.worker HAVING count(*) = {WORKERS}")
        watching = asyncio.create_task(fleet.watch())
        async with handed(database, url, name, rows, max(8, rows // 10_000)) as store:
            notes = await follow(store, Progress(), every=1.0)
            watching.cancel()
            assert notes["finished_at"]
            assert await store.counts() == {("create", "DONE"): rows}
    return rows / seconds(database, name), fleet.growth


async def takeover(database: Cluster, url: str, name: str) -> float:
    """Seconds from the kill of a worker until another one owns its shard."""
    options = ("--lease", f"{LEASE:g}", "--concurrency", "1")
    async with handed(database, url, name, 4_000, 1):
        with workers(database, url, *options, "--rate", "5", count=1) as fleet:
            await until(database, "SELECT 1 FROM aiosymphony.entry WHERE state = 'DONE' LIMIT 1")
            with workers(database, url, *options, count=1):
                await asyncio.sleep(3)
                fleet.processes[0].kill()
                killed = time.time()
                ((at,),) = await until(database, "SELECT extract(epoch FROM at)::float8 FROM aiosymphony.takeover")
    database.execute("DELETE FROM aiosymphony.job; DELETE FROM aiosymphony.takeover")
    return float(at) - killed


def say(what: str) -> None:
    print(f"workers: {what}", flush=True)


async def run() -> None:
    if binaries() is None:
        say("left out, because no PostgreSQL can be started here")
        return
    # As for any database of that size: the journal fits into memory, and checkpoints are far apart.
    settings = {
        "shared_buffers": "1GB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        "autovacuum_naptime": "1min",
    }
    with cluster(**settings) as database, company_server() as url:
        rate, _ = await carried_out(database, url, "shared", SHARED, "--rate", f"{RATE:g}")
        share = rate / RATE / BATCH
        say(f"{SHARED:,} rows over {WORKERS} at a shared {RATE:g} requests/s: {share:.2f} of the rows/s that it allows")
        rates = []
        for rows in SIZES:
            rate, growth = await carried_out(database, url, f"{rows}", rows, "--rate", "1000000")
            rates.append(rate)
            say(f"{rows:,} rows without a limit: {rate:,.0f} rows/s; a worker grew by {growth:.0f} MiB")
        say(f"a row of {SIZES[1]:,} costs {rates[0] / rates[1]:.2f} times one of {SIZES[0]:,}")
        database.execute("DELETE FROM aiosymphony.job")
        took = [await takeover(database, url, str(number)) for number in range(3)]
        say(
            f"one that is killed is replaced by one of its machine after {statistics.median(took):.1f} s, with a lease "
            f"of {LEASE:g} s"
        )
