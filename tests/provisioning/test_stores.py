"""What every store promises to a job: the same tests over each of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest

from aiosymphony.errors import JobInterrupted, JobRefused
from aiosymphony.provisioning import Desired, Job, JobStore, Plan, Report, SqliteStore
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.journal.base import Change, Fenced, JobHeader, JobRow, Pace
from aiosymphony.provisioning.journal.memory import MemoryJournal, MemoryStore
from aiosymphony.provisioning.journal.postgres.store import PostgresStore
from aiosymphony.provisioning.plans.decide import plan

from .cluster import Cluster, DatabaseClock
from .stepped import SteppedClock
from .tenant import Tenant

EVERY = ["TODO", "IN_FLIGHT", "DONE", "FAILED", "UNKNOWN", "CONFLICT"]


def made(count: int = 3, *, target: str = "memory") -> Plan:
    people = [{"email": f"u{n}@acme.com", "firstName": "Ann", "lastName": "Lee"} for n in range(count)]
    return plan(Desired.of(people, "connect"), Actual("connect"), target=target)


class Place:
    """Opens stores over one journal, each as a process of its own would."""

    def __init__(self, kind: str, folder: Path, stack: AsyncExitStack, database: Cluster | None) -> None:
        self.clock = SteppedClock()
        self._stack = stack
        self._open: Callable[[], AbstractAsyncContextManager[JobStore]]
        if database is not None:
            self.clock = DatabaseClock(stack, database.url("stepped"))
            name = f"{folder.parent.name}/{folder.name}"
            self._open = lambda: PostgresStore(database.url("stepped"), job=name, clock=self.clock)
        elif kind == "sqlite":
            self._open = lambda: SqliteStore(folder / "job.journal", clock=self.clock)
        else:
            journal = MemoryJournal()
            self._open = lambda: MemoryStore(journal, clock=self.clock)

    async def store(self) -> JobStore:
        return await self._stack.enter_async_context(self._open())


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def database(request: pytest.FixtureRequest) -> Cluster | None:
    return request.getfixturevalue("cluster") if request.param == "postgres" else None


@pytest.fixture
async def place(request: pytest.FixtureRequest, tmp_path: Path, database: Cluster | None) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield Place(request.node.callspec.params["database"], tmp_path, stack, database)


async def begin(store: JobStore, wanted: Plan | None = None, *, shards: int = 1) -> None:
    wanted = made() if wanted is None else wanted
    await store.begin(JobHeader.of(wanted, made_at=1.0, shards=shards), wanted.actions())


async def rows(store: JobStore) -> list[JobRow]:
    return await store.fetch(EVERY, limit=10_000, own=False)


async def test_it_is_empty_until_it_takes_a_job_in(place: Place) -> None:
    store = await place.store()
    assert await store.header() is None
    assert await store.counts() == {}
    with pytest.raises(JobRefused, match="holds no job"):
        await store.acquire(60)
    await begin(store)
    header = await (await place.store()).header()
    assert header is not None
    assert (header.rows, header.target, header.shards) == (3, "memory", 1)
    assert [(row.number, row.line, row.label, row.action, row.state, [*row.steps]) for row in await rows(store)] == [
        (n, n, f"u{n - 1}@acme.com", "create", "TODO", [{"do": "create"}]) for n in (1, 2, 3)
    ]


async def test_what_needs_nothing_is_dealt_with_from_the_start(place: Place) -> None:
    store = await place.store()
    tenant = Tenant()
    desired = Desired.of([{"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"}, {"email": "?"}], "connect")
    for item in desired.rows():
        tenant.add(item.user)
    await begin(store, plan(desired, Actual.of("connect", tenant.users.values()), target="memory"))
    ann, wrong = await rows(store)
    assert (ann.action, ann.state, ann.code, ann.done_at) == ("skip", "DONE", "", place.clock.time())
    assert (wrong.action, wrong.state, wrong.code) == ("invalid", "FAILED", "invalid")


async def test_it_keeps_to_its_job(place: Place) -> None:
    store = await place.store()
    await begin(store)
    await begin(store)
    for other in (made(2), made(target="other")):
        with pytest.raises(JobRefused):
            await begin(store, other)
    assert await store.counts() == {("create", "TODO"): 3}


async def test_rows_go_their_way(place: Place) -> None:
    store = await place.store()
    await begin(store)
    await store.acquire(60)
    await store.mark_in_flight([1, 2, 3], 10.0)
    await store.record(
        [
            Change([1], "DONE", step=1, ids=["u1"]),
            Change([2], "TODO", attempts=-1, code="503", message="turned away"),
            Change([3], "IN_FLIGHT", step=1, ids=["u3"], steps=[{"do": "create"}, {"do": "active", "active": False}]),
        ],
        11.0,
    )
    one, two, three = await rows(await place.store())
    assert (one.state, one.id, one.step, one.attempts, one.sent_at, one.done_at) == ("DONE", "u1", 1, 1, 10.0, 11.0)
    assert (two.state, two.id, two.attempts, two.code, two.message) == ("TODO", None, 0, "503", "turned away")
    assert (three.state, three.id, three.step, len(three.steps)) == ("IN_FLIGHT", "u3", 1, 2)
    await store.mark_in_flight([2], 12.0)
    await store.record([Change([3], "DONE")], 13.0)
    _, two, three = await rows(store)
    assert (two.state, two.code, two.message, two.attempts, two.sent_at) == ("IN_FLIGHT", "", "", 1, 12.0)
    assert (three.state, three.id, three.step, len(three.steps)) == ("DONE", "u3", 1, 2)
    assert await store.counts() == {("create", "DONE"): 2, ("create", "IN_FLIGHT"): 1}


async def test_outcomes_keep_the_order_in_which_they_were_recorded(place: Place) -> None:
    store = await place.store()
    await begin(store)
    await store.acquire(60)
    await store.mark_in_flight([1], 10.0)
    await asyncio.gather(
        store.record([Change([1], "IN_FLIGHT", step=1, ids=["u1"])], 11.0),
        store.record([Change([1], "DONE", step=2)], 12.0),
    )
    first = (await rows(store))[0]
    assert (first.state, first.step, first.id, first.done_at) == ("DONE", 2, "u1", 12.0)


async def test_only_a_row_that_is_to_do_can_be_sent(place: Place) -> None:
    store = await place.store()
    await begin(store)
    await store.acquire(60)
    await store.mark_in_flight([1], 10.0)
    with pytest.raises(Fenced):
        await store.mark_in_flight([2, 1], 11.0)
    assert [row.state for row in await rows(await place.store())] == ["IN_FLIGHT", "TODO", "TODO"]


async def test_what_is_fetched_is_in_order_and_of_the_states_asked_for(place: Place) -> None:
    store = await place.store()
    await begin(store, made(10))
    await store.acquire(60)
    await store.mark_in_flight([2, 4], 10.0)
    assert [row.number for row in await store.fetch(["TODO"], limit=3)] == [1, 3, 5]
    assert [row.number for row in await store.fetch(["TODO"], after=5, limit=3)] == [6, 7, 8]
    assert [row.number for row in await store.fetch(["IN_FLIGHT"])] == [2, 4]
    await store.release()
    assert await store.fetch(["TODO"]) == []
    assert len(await store.fetch(["TODO"], own=False)) == 8


async def test_one_owner_at_a_time_and_the_next_one_after_its_lease(place: Place) -> None:
    first, second = await place.store(), await place.store()
    await begin(first)
    assert await first.acquire(60) == [0]
    (worker,) = await second.workers()
    assert (worker.alive, worker.since, worker.seen_at) == (True, place.clock.time(), place.clock.time())
    with pytest.raises(JobInterrupted):
        await second.acquire(60)
    place.clock.passed += 50
    await first.renew(60)
    place.clock.passed += 50
    with pytest.raises(JobInterrupted):
        await second.acquire(60)
    await first.mark_in_flight([1], 1.0)
    # A store may take a write as a sign of life.
    place.clock.passed += 61
    assert await second.acquire(60) == [0]
    attempts = (
        lambda: first.mark_in_flight([2], 1.0),
        lambda: first.record([Change([1], "DONE")], 1.0),
        lambda: first.renew(60),
        lambda: first.acquire_next(60),
    )
    for attempt in attempts:
        with pytest.raises(Fenced):
            await attempt()
    assert [row.state for row in await rows(second)] == ["IN_FLIGHT", "TODO", "TODO"]
    await second.release()
    assert await second.workers() == []


async def test_who_works_on_it_and_since_when(place: Place) -> None:
    first, second = await place.store(), await place.store()
    await begin(first, made(2500), shards=3)
    assert await second.workers() == []
    await first.acquire(60, 2)
    place.clock.passed += 20
    await first.renew(60)
    (worker,) = await second.workers()
    assert (worker.pid, worker.since, worker.seen_at) == (os.getpid(), 1000.0, 1020.0)
    assert (worker.alive, worker.gone) == (True, False)
    await second.acquire(60, 1)
    assert [each.since for each in await first.workers()] == [1000.0, 1020.0]
    place.clock.passed += 61
    assert [each.alive for each in await first.workers()] == [False, False]
    await second.acquire(60)
    assert [(each.since, each.alive) for each in await first.workers()] == [(1081.0, True)]


async def test_how_fast_it_gets_on(place: Place) -> None:
    store = await place.store()
    await begin(store, made(10))
    await store.acquire(60)
    assert await store.pace(0.0, 0.0) == Pace(None, None, 0)
    await store.mark_in_flight([1, 2, 3, 4, 5], 10.0)
    assert await store.pace(0.0, 0.0) == Pace(10.0, None, 0)
    await store.record([Change([1], "DONE"), Change([2], "TODO"), Change([3], "IN_FLIGHT", step=1)], 11.0)
    await store.record([Change([4], "FAILED"), Change([5], "UNKNOWN")], 13.0)
    await store.mark_in_flight([6], 12.0)
    assert await store.pace(0.0, 5.0) == Pace(10.0, 13.0, 3)
    assert await store.pace(0.0, 11.0) == Pace(10.0, 13.0, 2)
    assert await store.pace(11.0, 5.0) == Pace(12.0, None, 0)


async def test_shards_are_shared_out(place: Place) -> None:
    first, second, third = await place.store(), await place.store(), await place.store()
    await begin(first, made(2500), shards=2)
    assert await first.acquire(60, 1) == [0]
    assert await second.acquire(60, 1) == [1]
    with pytest.raises(JobInterrupted):
        await third.acquire(60, 1)
    mine = {row.number for row in await first.fetch(["TODO"], limit=5000)}
    others = {row.number for row in await second.fetch(["TODO"], limit=5000)}
    assert not mine & others
    assert mine | others == set(range(1, 2501))


async def test_who_has_finished_takes_the_next_shards_that_have_rows_left(place: Place) -> None:
    store, other = await place.store(), await place.store()
    await begin(store, made(4000), shards=4)
    assert await store.acquire(60, 1) == [0]
    assert await other.acquire(60, 1) == [1]
    # What it lets go of is free for others, whatever is left of it.
    assert await store.acquire_next(60, 2) == [2, 3]
    assert {row.shard for row in await store.fetch(["TODO"], limit=5000)} == {2, 3}
    assert await other.acquire_next(60, 1) == [0]
    numbers = [row.number for row in await store.fetch(["TODO"], limit=5000)]
    await store.mark_in_flight(numbers, 1.0)
    await store.record([Change(numbers, "DONE", step=1)], 2.0)
    assert await store.acquire_next(60, 1) == [1]
    await other.renew(60)
    assert await store.acquire_next(60, 1) == []
    assert {row.shard for row in await store.fetch(["TODO"], limit=5000)} == {1}


async def test_notes_are_json_and_stay(place: Place) -> None:
    store = await place.store()
    await begin(store)
    counts = {"missing": 0, "doubled": 0, "different": 0}
    await store.note(
        "audit", {"at": 1.5, "checked": 2, "counts": counts, "missing": (), "doubled": (), "different": ()}
    )
    await store.note("finished_at", 2.5)
    found = await (await place.store()).notes()
    assert found["finished_at"] == 2.5
    assert found["audit"]["missing"] == []


@pytest.mark.parametrize("max_shards", [1, 2, 4, None])
async def test_one_process_alone_carries_out_every_shard(place: Place, max_shards: int | None) -> None:
    store = await place.store()
    tenant = Tenant(unique=False, fault=lambda number, _: "lost" if number % 50 == 1 else "")
    await Job(tenant, store, max_shards=max_shards, settle=0.0, clock=place.clock).run(made(4000), shards=4)
    assert await store.counts() == {("create", "DONE"): 4000}
    assert set(tenant.there().values()) == {1}
    report = await Report.of(store)
    assert (report.exit_code, report.found("doubled"), report.finished_at is not None) == (0, 0, True)


async def test_several_processes_carry_out_more_shards_than_they_hold(place: Place) -> None:
    tenant = Tenant(unique=False)
    stores: Sequence[JobStore] = [await place.store() for _ in range(3)]
    await begin(stores[0], made(6000), shards=6)
    jobs = [Job(tenant, store, max_shards=1, settle=0.0, clock=place.clock) for store in stores]
    await asyncio.gather(*(job.run() for job in jobs))
    assert await stores[0].counts() == {("create", "DONE"): 6000}
    assert set(tenant.there().values()) == {1}
    assert "audit" in await stores[0].notes()


async def test_a_job_is_put_away_only_by_who_owns_all_of_it(place: Place) -> None:
    store, other = await place.store(), await place.store()
    await begin(store, shards=2, wanted=made(1500))
    await store.acquire(60, 1)
    with pytest.raises(JobInterrupted):
        await store.archive(5.0)
    await other.acquire(60, 1)
    with pytest.raises(JobInterrupted):
        await other.archive(5.0)
    assert await other.header() is not None


async def test_it_is_empty_when_its_job_is_put_away(place: Place) -> None:
    store = await place.store()
    await begin(store, made(2))
    await store.acquire(60)
    await store.note("finished_at", 5.0)
    kept = await store.archive(5.0)
    assert kept
    assert (await store.header(), await store.counts(), await store.notes()) == (None, {}, {})
    await store.renew(60)
    await begin(store, made(3, target="other"))
    await store.acquire(60)
    await store.mark_in_flight([1, 2, 3], 6.0)
    assert await store.archive(5.0) != kept
