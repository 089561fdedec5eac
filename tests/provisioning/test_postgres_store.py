"""What the journal in PostgreSQL promises beyond what every store does: many jobs, one transaction, fences."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from aiosymphony.errors import JobInterrupted, JobRefused
from aiosymphony.provisioning.journal.base import Change, Fenced, JobHeader
from aiosymphony.provisioning.journal.group_commit import Mark, Outcome
from aiosymphony.provisioning.journal.postgres import begin as beginning
from aiosymphony.provisioning.journal.postgres.changes import Group
from aiosymphony.provisioning.journal.postgres.store import PostgresStore
from aiosymphony.provisioning.plans.actions import Action

from .cluster import Cluster
from .stepped import SteppedClock
from .test_stores import begin, made, rows

Open = Callable[..., Any]


@pytest.fixture
async def opened(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Opens stores over one job of this test's own."""
    async with AsyncExitStack() as stack:

        async def opened(job: str | None = request.node.name, **options: Any) -> PostgresStore:
            return await stack.enter_async_context(PostgresStore(cluster.url(), job=job, **options))

        yield opened


async def test_many_jobs_share_a_database(cluster: Cluster, opened: Open) -> None:
    one, other = await opened("people.csv@one"), await opened("people.csv@other")
    await begin(one)
    await begin(other, made(5))
    await one.acquire(60)
    await other.acquire(60)
    await one.mark_in_flight([1], 1.0)
    assert await one.counts() == {("create", "IN_FLIGHT"): 1, ("create", "TODO"): 2}
    assert await other.counts() == {("create", "TODO"): 5}
    assert one.name == f"postgresql://postgres@127.0.0.1:{cluster.port}/journals?job=people.csv%40one"
    again = PostgresStore(one.name.replace("postgres@", f"postgres:{cluster.password}@"))
    async with again:
        assert await again.counts() == await one.counts()


async def test_who_reads_need_not_know_the_whole_name(opened: Open) -> None:
    await begin(await opened("hr.csv@one"), made(5))
    store = await opened("hr.csv", read_only=True)
    assert await store.counts() == {("create", "TODO"): 5}
    assert await (await opened("hr", read_only=True)).header() is None
    assert await (await opened("hr.csv")).header() is None
    await begin(await opened("hr.csv@two"), made(6))
    store = await opened("hr.csv", read_only=True)
    with pytest.raises(JobRefused, match=r"holds several jobs: name one as .*\?job=NAME: hr.csv@two, hr.csv@one$"):
        await store.header()
    assert await (await opened("hr.csv@one", read_only=True)).counts() == {("create", "TODO"): 5}


async def test_without_a_name_no_job_begins(opened: Open) -> None:
    with pytest.raises(JobRefused, match=r"^name the job: postgresql://postgres@127.0.0.1:\d+/journals\?job=NAME$"):
        await begin(await opened(None))


@pytest.mark.parametrize("where", ["in the middle", "at the end"])
async def test_a_job_begins_wholly_or_not_at_all(
    opened: Open, cluster: Cluster, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "_CHUNK", 3)
    wanted, store = made(10), await opened()
    actions = [*wanted.actions()]

    def broken() -> Iterator[Action]:
        yield from actions[:7] if where == "in the middle" else actions
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await store.begin(JobHeader.of(wanted, made_at=1.0), broken())
    assert await store.header() is None
    for table in ("job", "wanted", "entry", "shard"):
        count = (
            f"SELECT count(*) FROM aiosymphony.{table} WHERE job > (SELECT coalesce(max(job), 0) FROM aiosymphony.job)"
        )
        assert cluster.execute(count) == [(0,)]
    await begin(store, wanted)
    assert await store.counts() == {("create", "TODO"): 10}
    assert [row.label for row in await rows(store)] == [f"u{n}@acme.com" for n in range(10)]


async def test_what_goes_along_with_the_beginning_is_there_if_the_job_is(opened: Open, cluster: Cluster) -> None:
    cluster.execute("CREATE TABLE IF NOT EXISTS task (job integer)")
    wanted, store = made(3), await opened()
    header = JobHeader.of(wanted, made_at=1.0)

    def enqueue(connection: psycopg.Connection[Any], job: int) -> None:
        connection.execute("INSERT INTO public.task VALUES (%s)", [job])

    def fail(connection: psycopg.Connection[Any], job: int) -> None:
        enqueue(connection, job)
        raise RuntimeError("crashed after the enqueue")

    with pytest.raises(RuntimeError):
        await store.begin(header, wanted.actions(), also=fail)
    assert await store.header() is None
    assert cluster.execute("SELECT * FROM task") == []
    await store.begin(header, wanted.actions(), also=enqueue)
    await store.begin(header, wanted.actions(), also=enqueue)
    assert cluster.execute("SELECT * FROM task") == cluster.execute("SELECT max(job) FROM aiosymphony.job")


async def test_several_processes_begin_the_same_job(opened: Open) -> None:
    stores = [await opened() for _ in range(4)]
    await asyncio.gather(*(begin(store, made(500)) for store in stores))
    assert await stores[0].counts() == {("create", "TODO"): 500}


async def test_text_of_every_kind_comes_back(opened: Open) -> None:
    store = await opened()
    await begin(store)
    await store.acquire(60)
    strange = 'NULL, "quoted" \\ {braces} \t\n é 🙂 \u2028'
    await store.mark_in_flight([1, 2, 3], 1.0)
    steps = [{"do": "create"}, {"do": "active", "active": False}]
    await store.record(
        [
            Change([1, 2], "FAILED", ids=[strange, None], code="NULL", message=strange, steps=steps),
            Change([3], "FAILED", ids=["a\0b"], message="a\0b"),
        ],
        2.0,
    )
    one, two, three = await rows(store)
    assert (one.id, one.code, one.message, one.steps) == (strange, "NULL", strange, steps)
    assert (two.id, two.message) == (None, strange)
    assert (three.id, three.message) == ("a\N{REPLACEMENT CHARACTER}b", "a\N{REPLACEMENT CHARACTER}b")


def test_outcomes_of_one_row_become_one() -> None:
    first = Change([1, 2], "IN_FLIGHT", step=1, ids=["u1", "u2"], steps=[{"do": "create"}], attempts=-1, code="503")
    group = Group([Outcome([first], 10.0), Mark([3], 11.0), Outcome([Change([1], "DONE", attempts=-1)], 12.0)])
    arguments = group.arguments()
    assert {
        name: arguments[name] for name in ("number", "state", "step", "code", "attempts", "id", "at", "sending")
    } == {
        "number": "{1,2}",
        "state": "{DONE,IN_FLIGHT}",
        "step": "{1,1}",
        "code": '{"","503"}',
        "attempts": "{-2,-1}",
        "id": '{"u1","u2"}',
        "at": "{12.0,10.0}",
        "sending": "{3}",
    }
    assert Group([]).arguments()["number"] == "{}"


async def test_a_group_that_is_sent_again_is_applied_once(opened: Open) -> None:
    store = await opened()
    await begin(store)
    await store.acquire(60)
    send = store._send

    def send_twice(connection: Any, asked: Any) -> None:
        send(connection, asked)
        send(connection, asked)

    store._send = send_twice
    await store.mark_in_flight([1, 2], 1.0)
    await store.record([Change([1], "TODO", attempts=-1), Change([2], "DONE", step=1)], 2.0)
    await store.mark_in_flight([1], 3.0)
    assert [(row.state, row.attempts, row.step) for row in await rows(store)] == [
        ("IN_FLIGHT", 1, 0),
        ("DONE", 1, 1),
        ("TODO", 0, 0),
    ]


@pytest.mark.parametrize("lost", ["the group before", "the row"])
async def test_what_does_not_match_is_not_written(opened: Open, cluster: Cluster, lost: str) -> None:
    store = await opened()
    await begin(store)
    await store.acquire(60)
    await store.mark_in_flight([1, 2], 1.0)
    if lost == "the row":
        cluster.execute("DELETE FROM aiosymphony.entry WHERE number = 2 AND job = %s", store._job)
    else:  # as when the database was put back
        cluster.execute("UPDATE aiosymphony.shard SET seq = seq - 1 WHERE job = %s", store._job)
    with pytest.raises(Fenced):
        await store.record([Change([1, 2], "DONE", step=1)], 2.0)
    assert (await rows(await opened()))[0].state == "IN_FLIGHT"


async def test_only_rows_of_own_shards_are_sent(opened: Open) -> None:
    store, other = await opened(), await opened()
    await begin(store, made(4), shards=2)
    assert (await store.acquire(60, 1), await other.acquire(60, 1)) == ([0], [1])
    with pytest.raises(Fenced):
        await store.mark_in_flight([2, 3], 1.0)
    third = await opened()
    with pytest.raises(Fenced):
        await third.mark_in_flight([1], 1.0)
    assert [row.state for row in await rows(await opened())] == ["TODO"] * 4


async def test_the_audit_of_one_process_finds_rows_of_others_to_be_done(opened: Open) -> None:
    store, other = await opened(), await opened()
    await begin(store, made(4), shards=2)
    await store.acquire(60, 1)
    await other.acquire(60, 1)
    await other.mark_in_flight([4], 1.0)
    await other.record([Change([4], "UNKNOWN")], 2.0)
    await store.record([Change([4], "DONE", ids=["u4"], code="looked up")], 3.0)
    assert ((await rows(store))[3].state, (await rows(store))[3].id) == ("DONE", "u4")


async def test_who_wrote_nothing_yet_is_fenced_too(opened: Open, cluster: Cluster) -> None:
    """Both count their groups from nought: the epoch alone tells them apart."""
    first, second = await opened(), await opened()
    await begin(first)
    await first.acquire(60)
    cluster.execute("UPDATE aiosymphony.shard SET lease_until = '-infinity' WHERE job = %s", first._job)
    await second.acquire(60)
    with pytest.raises(Fenced):
        await first.mark_in_flight([1], 1.0)
    await second.mark_in_flight([1], 1.0)
    assert [row.attempts for row in await rows(second)] == [1, 0, 0]


async def test_shards_are_neighbours_and_cover_every_row(opened: Open) -> None:
    store = await opened()
    await begin(store, made(10), shards=4)
    await store.acquire(60)
    assert [(row.number, row.shard) for row in await store.fetch(["TODO"])] == [(n, (n - 1) // 3) for n in range(1, 11)]
    assert store._shards.ranges() == [(1, 2**31 - 1)]


async def test_more_shards_than_rows(opened: Open) -> None:
    store = await opened()
    await begin(store, made(2), shards=5)
    assert await store.acquire(60) == [0, 1, 2, 3, 4]
    await store.mark_in_flight([1, 2], 1.0)
    await store.record([Change([1, 2], "DONE", step=1)], 2.0)
    await store.release()
    assert await store.acquire(60, 1) == [0]
    assert await store.acquire_next(60) == []


async def test_a_job_that_is_put_away_makes_room_and_is_found_by_its_address(opened: Open, cluster: Cluster) -> None:
    store, other = await opened("left.csv@one"), await opened("left.csv@one")
    await begin(store, made(4), shards=2)
    await store.acquire(60, 1)
    with pytest.raises(JobInterrupted, match="another process works on the job"):
        await store.archive(5.0)
    assert await other.acquire(60, 1) == [1]
    await other.release()
    await store.release()
    await store.acquire(60)
    kept = await store.archive(5.0)
    assert kept.partition("?")[2] == f"job=1970-01-01T000005Z-{kept.split('-')[-1].partition('%')[0]}%20left.csv%40one"
    assert (await store.header(), await store.counts(), await store.notes()) == (None, {}, {})
    await store.renew(60)
    await store.release()
    await begin(store, made(5))
    assert await (await opened("left.csv", read_only=True)).counts() == {("create", "TODO"): 5}
    async with PostgresStore(kept.replace("postgres@", f"postgres:{cluster.password}@")) as again:
        assert await again.counts() == {("create", "TODO"): 4}
        assert await again.acquire(60) == [0, 1]


async def test_a_database_that_was_restored_puts_what_is_to_do_in_doubt(
    opened: Open, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opened()
    await begin(store)
    await store.acquire(60)
    await store.mark_in_flight([1], 1.0)
    await store.record([Change([1], "DONE", step=1)], 2.0)
    await store.release()
    assert await store.acquire(60) == [0]
    assert [row.state for row in await rows(store)] == ["DONE", "TODO", "TODO"]
    await store.release()
    cluster.execute("UPDATE aiosymphony.shard SET lineage = 'another/00000001' WHERE job = %s", store._job)
    with caplog.at_level(logging.WARNING):
        assert await store.acquire(60) == [0]
    assert "restored or failed over since" in caplog.text
    assert "the 2 rows that are to do are looked up before they are sent" in caplog.text
    assert [row.state for row in await rows(store)] == ["DONE", "IN_FLIGHT", "IN_FLIGHT"]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_the_clock_of_a_host_decides_nothing(opened: Open, hours: int) -> None:
    first, second = await opened(), await opened(clock=SteppedClock(start=3600.0 * hours + 1e9))
    await begin(first)
    await first.acquire(60)
    with pytest.raises(JobInterrupted, match=r"is running the job .*: its lease runs out in (59|60) s unless"):
        await second.acquire(60)
    await first.mark_in_flight([1], 1.0)
    await first.release()
    await second.acquire(60)
    with pytest.raises(JobInterrupted, match="its lease runs out in"):
        await first.acquire(60)


async def test_reading_goes_along_the_keys_however_the_states_changed(opened: Open, cluster: Cluster) -> None:
    """The plan that PostgreSQL would choose by what it knew at the beginning reads every row for each."""
    store = await opened()
    await begin(store, made(2000))
    await store.acquire(60)
    numbers = [*range(1, 2001)]
    await store.mark_in_flight(numbers, 1.0)
    await store.record([Change(numbers, "DONE", step=1)], 2.0)
    ((body, settings),) = cluster.execute(
        "SELECT prosrc, proconfig FROM pg_proc WHERE oid = 'aiosymphony.rows'::regproc"
    )
    for number, name in enumerate(("_job", "_first", "_last", "_states", "_limit"), 1):
        body = re.sub(rf"\b{name}\b", f"${number}", body)
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        for each in (*settings, "plan_cache_mode=force_generic_plan"):
            connection.execute("SELECT set_config(%s, %s, false)", each.split("=", 1))
        connection.execute(f"PREPARE chosen (int, int, int, text[], int) AS {body}".encode())
        asked = f"({store._job}, 1, 2000, '{{DONE}}', 500)"
        explained = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE chosen {asked}".encode())
        lines = "\n".join(line for (line,) in explained)
    assert "Seq Scan" not in lines
    assert "JIT" not in lines
    assert "Rows Removed by Join Filter" not in lines
    assert re.search(r"Index Scan using wanted_pkey .*rows=1(\.00)? loops=500", lines)
