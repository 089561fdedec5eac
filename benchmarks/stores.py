"""The journal in PostgreSQL against the one in a file: how many rows a second each can take in and out of flight.

Workers mark batches as about to be sent, and record their outcomes at once, as a job does whose server answers in no
time. Both journals are on the same disk, and sync every commit. The database runs on the same cores.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from aiosymphony.provisioning import Desired, JobStore, Plan, SqliteStore
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.journal.base import Change, JobHeader
from aiosymphony.provisioning.journal.postgres.store import PostgresStore
from aiosymphony.provisioning.plans.decide import plan
from tests.provisioning.cluster import binaries, cluster

ROWS = 100_000
ROUNDS = 3
WORKERS = 32
BATCH = 20


def made(rows: int) -> Plan:
    people = [{"email": f"u{n}@acme.com", "firstName": "Ann", "lastName": "Lee"} for n in range(rows)]
    return plan(Desired.of(people, "connect"), Actual("connect"), target="benchmark")


async def in_and_out(store: JobStore, rows: int) -> float:
    """Rows a second."""
    await store.acquire(60)
    batches: Iterator[list[int]] = iter(
        [[*range(start, min(start + BATCH, rows + 1))] for start in range(1, rows + 1, BATCH)]
    )

    async def work() -> None:
        for batch in batches:
            await store.mark_in_flight(batch, time.time())
            ids = [f"3461783{number:09}" for number in batch]
            await store.record([Change(batch, "DONE", step=1, ids=ids)], time.time())

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    took = time.perf_counter() - began
    assert await store.counts() == {("create", "DONE"): rows}
    await store.release()
    return rows / took


async def run() -> None:
    if binaries() is None:
        print("stores: left out, because no PostgreSQL can be started here")
        return
    wanted = made(ROWS)
    header = JobHeader.of(wanted, made_at=time.time())
    ratios, rates = [], []
    with tempfile.TemporaryDirectory() as folder, cluster() as database:
        for number in range(ROUNDS):
            async with SqliteStore(Path(folder) / f"{number}.journal") as store:
                await store.begin(header, wanted.actions())
                sqlite = await in_and_out(store, ROWS)
            async with PostgresStore(database.url(), job=f"round {number}") as store:
                await store.begin(header, wanted.actions())
                postgres = await in_and_out(store, ROWS)
            ratios.append(postgres / sqlite)
            rates.append(postgres)
    print(
        f"stores, {ROUNDS} times {ROWS:,} rows in batches of {BATCH}, {WORKERS} workers: PostgreSQL takes "
        f"{statistics.median(ratios):.2f} of the rows/s of SQLite ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"{statistics.median(rates):,.0f} rows/s"
    )
