"""The database goes away, comes back, or its answers do not arrive: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest

from aiosymphony.errors import JobInterrupted, JobRefused
from aiosymphony.provisioning import Job
from aiosymphony.provisioning.journal.base import Change, JobHeader, JobRow
from aiosymphony.provisioning.journal.postgres.store import PostgresStore

from .cluster import Cluster
from .tenant import Tenant
from .test_stores import begin, made, rows
from .wire import Wire, wire

ROWS = 600
LONG = 600.0
"""Seconds that a lease is, and that a store waits, where a slow machine is not to end either."""
BACKENDS = (
    "FROM pg_stat_activity WHERE datname = 'journals' AND pid <> pg_backend_pid() AND backend_type LIKE 'client%'"
)


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, which runs again afterwards."""
    yield cluster
    cluster.stop()
    cluster.start()


@pytest.fixture
async def way(cluster: Cluster) -> AsyncIterator[Wire]:
    async with wire(cluster.port) as made_wire:
        yield made_wire


@pytest.fixture
def address(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    return cluster.url(job=request.node.name.replace("[", "-").replace("]", ""))


def through(way: Wire, cluster: Cluster, address: str) -> str:
    return address.replace(f":{cluster.port}/", f":{way.port}/")


async def job_done(tenant: Tenant, address: str) -> None:
    """Start the job anew until it is done, and see that each row was carried out once."""
    async with PostgresStore(address) as store:
        await Job(tenant, store, settle=0.0).run()
        assert await store.counts() == {("create", "DONE"): ROWS}
    check(tenant)


def check(tenant: Tenant) -> None:
    assert len(tenant.there()) == ROWS
    assert set(tenant.there().values()) == {1}


def at_creates(numbers: Sequence[int], act: Callable[[], Any]) -> Callable[[int, Any], str]:
    """Act when a tenant is asked for the n-th time to create."""

    def fault(number: int, _users: Any) -> str:
        if number in numbers:
            act()
        return ""

    return fault


async def test_connections_that_are_ended_are_made_anew(cluster: Cluster, address: str) -> None:
    ended: list[int] = []

    def end() -> None:
        ended.append(len(cluster.execute(f"SELECT pg_terminate_backend(pid) {BACKENDS}")))

    tenant = Tenant(unique=False, fault=at_creates([3, 9, 20], end))
    async with PostgresStore(address) as store:
        store._session.give_up_after = LONG
        await Job(tenant, store, settle=0.0, lease=LONG, concurrency=4).run(made(ROWS))
        assert await store.counts() == {("create", "DONE"): ROWS}
        assert {row.attempts for row in await rows(store)} == {1}
    assert ended == [1, 1, 1]
    check(tenant)


@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_85_a_job_outlives_a_restart_of_the_database(cluster: Cluster, address: str, how: str) -> None:
    def restart() -> None:
        cluster.stop(how)
        cluster.start()

    restarts: list[Any] = []

    def begin_restart() -> None:
        restarts.append(asyncio.get_running_loop().run_in_executor(None, restart))

    tenant = Tenant(unique=False, fault=at_creates([5], begin_restart))
    async with PostgresStore(address) as store:
        store._session.give_up_after = LONG
        await Job(tenant, store, settle=0.0, lease=LONG, concurrency=4).run(made(ROWS))
        await asyncio.gather(*restarts)
        assert await store.counts() == {("create", "DONE"): ROWS}
        assert {row.attempts for row in await rows(store)} == {1}
    assert len(restarts) == 1
    check(tenant)


@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_a_job_stops_when_its_database_stays_away(cluster: Cluster, address: str, how: str) -> None:
    tenant = Tenant(unique=False, fault=at_creates([5], lambda: cluster.stop(how)))
    async with PostgresStore(address) as store:
        store._session.give_up_after = 0.3
        with pytest.raises(JobInterrupted, match="so nothing more was sent: see to the database") as caught:
            await Job(tenant, store, settle=0.0, concurrency=4).run(made(ROWS))
        assert cluster.password not in str(caught.value)
    assert len(tenant.creates) < ROWS / 20
    cluster.start()
    tenant.fault = lambda _number, _users: ""
    await job_done(tenant, address)


async def test_answers_that_are_lost_were_applied_once(cluster: Cluster, address: str, way: Wire) -> None:
    def lose() -> None:
        way.loses += 1

    tenant = Tenant(unique=False, fault=at_creates([*range(1, 30, 4)], lose))
    async with PostgresStore(through(way, cluster, address)) as store:
        store._session.give_up_after = LONG
        await Job(tenant, store, settle=0.0, lease=LONG, concurrency=2).run(made(ROWS))
        assert await store.counts() == {("create", "DONE"): ROWS}
        assert {row.attempts for row in await rows(store)} == {1}
    assert way.lost >= 4
    check(tenant)


async def test_86_a_lost_answer_to_each_kind_of_write(cluster: Cluster, address: str, way: Wire) -> None:
    async with PostgresStore(through(way, cluster, address)) as store:
        store._session.give_up_after = LONG
        await begin(store, made(4000), shards=4)
        way.loses = 1
        assert await store.acquire(LONG, 1) == [0]
        way.loses = 1
        await store.mark_in_flight([1, 2], 1.0)
        way.loses = 1
        await store.record([Change([1], "TODO", attempts=-1), Change([2], "DONE", step=1)], 2.0)
        way.loses = 1
        await store.renew(LONG)
        way.loses = 1
        await store.note("finished_at", 1.5)
        assert way.lost == 5
        one, two = (await rows(store))[:2]
        assert (one.state, one.attempts, two.state, two.attempts) == ("TODO", 0, "DONE", 1)
        assert await store.notes() == {"finished_at": 1.5}
        way.loses = 1
        await store.release()
        assert await store.workers() == []


async def test_a_lost_answer_to_the_beginning_stops_and_is_no_second_job(
    cluster: Cluster, address: str, way: Wire
) -> None:
    wanted = made(ROWS)
    header = JobHeader.of(wanted, made_at=1.0)
    async with PostgresStore(through(way, cluster, address)) as store:

        def lose(_connection: Any, _job: int) -> None:
            way.loses = 1

        with pytest.raises(JobInterrupted):
            await store.begin(header, wanted.actions(), also=lose)
    async with PostgresStore(address) as store:
        await begin(store, wanted)
        assert await store.counts() == {("create", "TODO"): ROWS}


async def test_85_a_partition_stops_the_job_before_its_lease_ends(cluster: Cluster, address: str, way: Wire) -> None:
    tenant = Tenant(unique=False, fault=at_creates([5], way.open.clear))
    async with PostgresStore(through(way, cluster, address)) as store:
        job = Job(tenant, store, settle=0.0, lease=3.0, concurrency=4)
        with pytest.raises(JobInterrupted, match="no answer for 1 s"):
            await job.run(made(ROWS))
        sent = len(tenant.creates)
        assert sent < ROWS / 20
        async with PostgresStore(address) as other:
            assert len(await other.workers()) == 1
        way.open.set()
    assert len(tenant.creates) == sent
    tenant.fault = lambda _number, _users: ""
    await job_done(tenant, address)


async def test_a_partition_that_heals_in_time_is_not_noticed(cluster: Cluster, address: str, way: Wire) -> None:
    def cut() -> None:
        way.open.clear()
        asyncio.get_running_loop().call_later(0.3, way.open.set)

    tenant = Tenant(unique=False, fault=at_creates([5, 10], cut))
    async with PostgresStore(through(way, cluster, address)) as store:
        store._session.give_up_after = LONG
        await Job(tenant, store, settle=0.0, lease=LONG, concurrency=4).run(made(ROWS))
        assert {row.attempts for row in await rows(store)} == {1}
    check(tenant)


async def test_a_failover_under_a_running_job_stops_it(cluster: Cluster, address: str) -> None:
    async with PostgresStore(address) as store:
        await begin(store)
        await store.acquire(60)
        store._session.lineage = "another/00000001"
        cluster.execute(f"SELECT pg_terminate_backend(pid) {BACKENDS}")
        with pytest.raises(
            JobInterrupted, match="was restored or failed over, and may have lost what was written last"
        ):
            await store.mark_in_flight([1], 1.0)
        with pytest.raises(JobInterrupted):
            await store.mark_in_flight([2], 1.0)
    async with PostgresStore(address) as store:
        assert await store.counts() == {("create", "TODO"): 3}


async def test_85_a_failover_between_two_runs_is_noticed(
    cluster: Cluster, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = Tenant(unique=False)
    async with PostgresStore(address) as store:
        await begin(store, made(ROWS))
        await store.acquire(60)
        await store.mark_in_flight([*range(1, 21)], 1.0)
        await store.record([Change([*range(1, 21)], "TODO", attempts=-1)], 2.0)
        await store.release()
    cluster.become_standby()
    async with PostgresStore(address, read_only=True) as store:
        assert await store.counts() == {("create", "TODO"): ROWS}
        assert await store.workers() == []
    with pytest.raises(JobRefused, match="is a standby, so no job can be written there: name the primary"):
        await PostgresStore(address).open()
    # What was sent meanwhile did not reach the standby.
    sent = [row.values for row in await read(address)][:20]
    await tenant.create(sent)
    cluster.execute("SELECT pg_promote()")
    await job_done(tenant, address)
    assert f"the {ROWS} rows that are to do are looked up before they are sent" in caplog.text


async def read(address: str) -> list[JobRow]:
    async with PostgresStore(address, read_only=True) as store:
        return await rows(store)
