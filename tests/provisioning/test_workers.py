"""Workers in processes of their own carry out a job of several shards, and are killed, stopped and woken meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import attrs
import psycopg
import pytest

from aiosymphony import JobInterrupted, JobRefused
from aiosymphony.provisioning import Report
from aiosymphony.provisioning.journal.base import JobPaused, each_row
from aiosymphony.provisioning.journal.postgres.engine import SEARCH_PATH
from aiosymphony.provisioning.journal.postgres.jobs import list_jobs, set_wish
from aiosymphony.provisioning.journal.postgres.session import Connection
from aiosymphony.provisioning.journal.postgres.store import PostgresStore
from aiosymphony.provisioning.progress import Progress
from aiosymphony.provisioning.workers import handing_over
from aiosymphony.provisioning.workers.handing_over import follow

from .cluster import Cluster
from .driver import hand_over_job
from .test_28_crashes import (
    FAULTS,
    LATE,
    ROWS,
    SLOW,
    WANTED,
    Case,
    Driver,
    case,  # noqa: F401 - a fixture
    jobs,  # noqa: F401 - a fixture
)

LEASE = 6.0
SHARDS = 4


@attrs.define
class Handed:
    """A job in a database, and the tenant it is for."""

    cluster: Cluster
    case: Case
    jobs: Driver
    name: str
    pids: list[int] = attrs.field(factory=list)
    database: str = "journals"

    @property
    def order(self) -> dict[str, Any]:
        store = self.cluster.url(self.database)
        return {**self.case.order, "store": store, "lease": LEASE}

    async def start(self, **options: Any) -> int:
        pid = await self.jobs.start({**self.order, **options})
        self.pids.append(pid)
        return pid

    def store(self, *, read_only: bool = False) -> PostgresStore:
        return PostgresStore(self.cluster.url(self.database), job=self.name, read_only=read_only)

    async def hand_over(self, **options: Any) -> None:
        await hand_over_job({**self.order, "hand_over": self.name, **options})

    async def ended(self) -> Report:
        async with self.store() as store:
            await follow(store, Progress(), every=0.1)
            return await Report.of(store, rows=False)

    async def ends_well(self) -> None:
        """Every user is there, once, and the report says so."""
        assert (await self.ended()).exit_code == 0
        assert self.case.there() == WANTED

    async def half_way(self) -> int:
        """A worker is in the middle of the job; its pid."""
        self.case.sandbox.faults = SLOW
        pid = await self.start()
        await self.until(200)
        return pid

    async def until(self, users: int) -> None:
        while sum(self.case.there().values()) < users:
            await asyncio.sleep(0.01)

    def state(self) -> str:
        (job,) = list_jobs(self.cluster.url())
        return job.state

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return self.cluster.execute(f"SET search_path = {SEARCH_PATH}; {statement}", database=self.database)


@pytest.fixture
async def handed(
    request: pytest.FixtureRequest,
    case: Case,  # noqa: F811
    jobs: Driver,  # noqa: F811
    cluster: Cluster,
) -> AsyncIterator[Handed]:
    handed = Handed(cluster, case, jobs, request.node.name)
    clear(handed)  # of what other tests left
    yield handed
    for pid in handed.pids:
        if os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGKILL)
            await jobs.wait(pid)
    clear(handed)


def clear(handed: Handed) -> None:
    for table in ("job", "procrastinate_jobs", "schedule", "takeover", "worker"):
        handed.ask(f"DELETE FROM {table}")


async def test_two_workers_carry_a_job_out_and_one_of_them_audits(handed: Handed) -> None:
    await handed.hand_over()
    assert handed.ask("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'") == [(SHARDS,)]
    pids = [await handed.start(), await handed.start()]
    report = await handed.ended()
    assert handed.case.there() == WANTED
    assert (report.exit_code, report.audit is not None) == (0, True)
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    assert [await handed.jobs.wait(pid) for pid in pids] == [0, 0]
    assert handed.ask("SELECT count(*) FROM worker") == [(0,)]
    # Two shards that end at once may each have asked for the audit; the second finds it done.
    assert handed.ask("SELECT count(*) FROM procrastinate_jobs WHERE queueing_lock NOT LIKE '%/end'") == [(0,)]


async def test_a_crash_while_a_job_is_handed_over_leaves_neither_job_nor_task(
    handed: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enqueue_and_lose(connection: Connection, *arguments: Any) -> None:
        enqueue(connection, *arguments)
        assert connection.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == (SHARDS,)
        connection.close()

    enqueue = handing_over.enqueue
    monkeypatch.setattr(handing_over, "enqueue", enqueue_and_lose)
    with pytest.raises((JobInterrupted, psycopg.Error)):
        await handed.hand_over()
    for table in ("job", "shard", "entry", "wanted", "note", "procrastinate_jobs"):
        assert handed.ask(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_a_killed_worker_is_replaced(handed: Handed) -> None:
    await handed.hand_over()
    first = await handed.half_way()
    os.kill(first, signal.SIGKILL)
    handed.case.sandbox.faults = FAULTS
    await handed.start()
    await handed.ends_well()
    assert handed.ask("SELECT count(*) > 0 FROM takeover") == [(True,)]


async def test_a_worker_that_was_stopped_past_its_lease_ends_and_sends_nothing(handed: Handed) -> None:
    await handed.hand_over()
    first = await handed.half_way()
    os.kill(first, signal.SIGSTOP)
    handed.case.sandbox.faults = FAULTS
    await handed.start()
    await handed.ended()
    await asyncio.sleep(2 * LATE)
    before = handed.case.there()
    os.kill(first, signal.SIGCONT)
    assert await handed.jobs.wait(first) == 75
    await asyncio.sleep(2 * LATE)
    assert handed.case.there() == before == WANTED


async def test_workers_outlive_a_restart_of_the_database(handed: Handed) -> None:
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    pids = [await handed.start(), await handed.start()]
    await handed.until(200)
    handed.cluster.stop("immediate")
    await asyncio.sleep(1)
    handed.cluster.start()  # not in a thread: the database would end with it
    handed.case.sandbox.faults = FAULTS
    await handed.ends_well()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
        assert await handed.jobs.wait(pid) == 0


async def test_a_drained_worker_puts_its_shards_back(handed: Handed) -> None:
    await handed.hand_over()
    first = await handed.half_way()
    os.kill(first, signal.SIGTERM)
    assert await handed.jobs.wait(first) == 0
    assert handed.ask("SELECT count(*) FROM shard WHERE owner IS NOT NULL") == [(0,)]
    assert handed.ask("SELECT DISTINCT status::text FROM procrastinate_jobs") == [("todo",)]
    assert 200 <= sum(handed.case.there().values()) < ROWS
    handed.case.sandbox.faults = FAULTS
    await handed.start()
    await handed.ends_well()


async def test_a_worker_that_is_asked_twice_leaves_at_once(handed: Handed) -> None:
    await handed.hand_over()
    handed.case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=30.0)
    first = await handed.start()
    while not handed.ask("SELECT 1 FROM entry WHERE state = 'IN_FLIGHT'"):
        await asyncio.sleep(0.05)
    os.kill(first, signal.SIGTERM)
    while handed.ask("SELECT 1 FROM worker WHERE NOT draining") and os.path.exists(f"/proc/{first}"):  # noqa: PTH110
        os.kill(first, signal.SIGTERM)
        await asyncio.sleep(0.2)
    assert await handed.jobs.wait(first) == 75
    handed.case.sandbox.faults = FAULTS
    await handed.start()
    await handed.ends_well()


async def test_a_task_that_is_lost_is_made_again(handed: Handed) -> None:
    """Such as one that a woken worker told the engine to be finished, before its successor died."""
    await handed.hand_over()
    handed.ask("DELETE FROM procrastinate_jobs")
    await handed.start()
    await handed.ends_well()


async def test_a_job_for_which_a_worker_has_no_credentials_is_left_to_another(handed: Handed) -> None:
    await handed.hand_over()
    other = await handed.start(url="http://127.0.0.1:9")
    await asyncio.sleep(LEASE / 3)
    assert handed.case.there() == {}
    assert handed.ask("SELECT DISTINCT status::text FROM procrastinate_jobs") == [("todo",)]
    await handed.start()
    assert (await handed.ended()).exit_code == 0
    os.kill(other, signal.SIGTERM)
    assert await handed.jobs.wait(other) == 0


async def test_a_paused_job_rests_until_it_is_resumed(handed: Handed) -> None:
    await handed.hand_over()
    worker = await handed.half_way()
    assert set_wish(handed.cluster.url(), handed.name, "pause") == handed.name
    while handed.ask("SELECT 1 FROM shard WHERE owner IS NOT NULL"):
        await asyncio.sleep(0.05)
    assert handed.state() == "paused"
    await asyncio.sleep(2 * LATE)
    before = handed.case.there()
    assert 200 <= sum(before.values()) < ROWS
    handed.case.sandbox.faults = FAULTS
    # Whoever else wants to work on it is told; the worker looks for what is left alone twice meanwhile.
    async with handed.store() as store:
        with pytest.raises(JobPaused, match="is paused: aiosymphony provision resume"):
            await store.acquire(60)
    await asyncio.sleep(LEASE / 3)
    assert handed.case.there() == before
    set_wish(handed.cluster.url(), handed.name, "run")
    await handed.ends_well()
    os.kill(worker, signal.SIGTERM)
    assert await handed.jobs.wait(worker) == 0, "it lived all along"


async def test_a_cancelled_job_ends_with_what_was_sent(handed: Handed) -> None:
    await handed.hand_over()
    await handed.half_way()
    set_wish(handed.cluster.url(), handed.name, "cancel")
    with pytest.raises(JobRefused, match="was cancelled, which is for good"):
        set_wish(handed.cluster.url(), handed.name, "run")
    handed.case.sandbox.faults = FAULTS
    report = await handed.ended()
    there = handed.case.there()
    assert 200 <= sum(there.values()) < ROWS
    assert set(there.values()) == {1}
    async with handed.store(read_only=True) as store:
        counts = Counter({state: count for (_, state), count in (await store.counts()).items()})
        rows = [row async for row in each_row(store)]
    assert counts == {"DONE": len(there), "FAILED": ROWS - len(there)}
    assert {row.code for row in rows if row.state == "FAILED"} == {"cancelled"}
    assert (report.exit_code, handed.state()) == (2, "cancelled")
    with pytest.raises(JobRefused, match=f"the job {handed.name} has ended: there is nothing left to resume"):
        set_wish(handed.cluster.url(), handed.name, "run")


async def test_counts_of_a_job_are_those_of_its_rows_whoever_owns_them(handed: Handed) -> None:
    await handed.hand_over()
    await handed.half_way()

    async def counted() -> tuple[Counter[str], list[tuple[Any, ...]]]:
        async with handed.store(read_only=True) as store:
            counts = Counter({state: count for (_, state), count in (await store.counts()).items()})
        return counts, handed.ask("SELECT state, count(*) FROM entry GROUP BY state")

    while (both := await counted())[0] != dict(both[1]):
        await asyncio.sleep(0.05)  # rows moved between the two
    handed.case.sandbox.faults = FAULTS
    await handed.ended()
    counts, rows = await counted()
    assert counts == dict(rows) == {"DONE": ROWS}
