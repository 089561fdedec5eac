"""The database of workers goes, comes back, fills up, is cut off or is full: nobody is lost, and nobody is doubled."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest

from . import cluster as clusters
from .cluster import Cluster
from .partition import is_allowed, partition
from .test_28_crashes import FAULTS, LATE, ROWS, SLOW, WANTED
from .test_postgres_crashes import unfenced  # noqa: F401 - a fixture
from .test_workers import LEASE, SHARDS, Handed, case, handed, jobs  # noqa: F401 - fixtures
from .wire import wire

BACKENDS = (
    "FROM pg_stat_activity WHERE datname = 'journals' AND pid <> pg_backend_pid() AND backend_type LIKE 'client%'"
)


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, which runs again afterwards, as it was."""
    yield cluster
    cluster.stop()
    (cluster.folder / "data" / "standby.signal").unlink(missing_ok=True)
    cluster.start()


async def quick_again(handed: Handed) -> None:  # noqa: F811
    handed.case.sandbox.faults = FAULTS
    await handed.ends_well()


async def drained(handed: Handed, *pids: int) -> None:  # noqa: F811
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
        assert await handed.jobs.wait(pid) == 0


@pytest.mark.parametrize(("how", "seconds"), [("fast", 0.0), ("immediate", 5.0), ("fast", LEASE + 2)])
async def test_the_database_is_away(handed: Handed, how: str, seconds: float) -> None:  # noqa: F811
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    pids = [await handed.start(), await handed.start()]
    await handed.until(200)
    handed.cluster.stop(how)
    await asyncio.sleep(seconds / 2)  # what was under way when it stopped is answered
    before = handed.case.there()
    await asyncio.sleep(seconds / 2)
    there = handed.case.there()
    handed.cluster.start()
    assert set(there.values()) == {1}
    if seconds > LEASE:
        assert there == before, "nothing is sent without a journal"
    await quick_again(handed)
    await drained(handed, *pids)


async def test_each_connection_is_ended_again_and_again(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    pids = [await handed.start(), await handed.start()]
    await handed.until(100)
    ended = 0
    while ended < 60:
        found = handed.ask(f"SELECT pid {BACKENDS} ORDER BY random() LIMIT 1")
        ended += len(handed.ask(f"SELECT pg_terminate_backend({found[0][0]})")) if found else 0
        await asyncio.sleep(0.02)
    await quick_again(handed)
    await drained(handed, *pids)


async def test_no_connection_is_left(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    pid = await handed.start()
    await handed.until(100)
    with ExitStack() as taken:
        first = taken.enter_context(psycopg.connect(handed.cluster.url("postgres"), autocommit=True))
        take_all(handed, taken)
        first.execute(f"SELECT pg_terminate_backend(pid) {BACKENDS}")
        take_all(handed, taken)
        await asyncio.sleep(2)
        assert await handed.jobs.run(handed.order) == 75, "one that starts now is to be started again"
    await quick_again(handed)
    await drained(handed, pid)


def take_all(handed: Handed, taken: ExitStack) -> None:  # noqa: F811
    """Take all connections that are left."""
    with suppress(psycopg.OperationalError):
        while True:
            taken.enter_context(psycopg.connect(handed.cluster.url("postgres"), autocommit=True))


async def test_the_primary_becomes_a_standby_and_is_promoted(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    pid = await handed.start()
    await handed.until(200)
    handed.cluster.become_standby()
    await asyncio.sleep(2)
    there = handed.case.there()
    await asyncio.sleep(1)
    assert handed.case.there() == there, "nothing is sent that cannot be written"
    handed.ask("SELECT pg_promote()")
    await quick_again(handed)
    await drained(handed, pid)


@pytest.mark.parametrize("seconds", [LEASE / 6, LEASE + 2])
async def test_nothing_passes_between_a_worker_and_the_database(handed: Handed, seconds: float) -> None:  # noqa: F811
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    async with wire(handed.cluster.port) as way:
        cut = await handed.start(store=handed.cluster.url().replace(f":{handed.cluster.port}/", f":{way.port}/"))
        await handed.until(200)
        way.open.clear()
        await asyncio.sleep(seconds)
        other = await handed.start()
        way.open.set()
        await quick_again(handed)
        # It was replaced while it was cut off, or went on where it was.
        with suppress(ProcessLookupError):
            os.kill(cut, signal.SIGTERM)
        assert await handed.jobs.wait(cut) in (0, 75)
        await drained(handed, other)


@pytest.mark.skipif(not is_allowed(), reason="needs root, ip and network namespaces")
@pytest.mark.parametrize("seconds", [LEASE / 6, LEASE + 2])
async def test_the_network_between_a_worker_and_the_database_is_cut(handed: Handed, seconds: float) -> None:  # noqa: F811
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    with partition(handed.cluster) as link:
        cut = await handed.start(store=link.url(handed.cluster))
        await handed.until(200)
        link.cut()
        # Whoever has not heard of the database for as long as a lease sends nothing more.
        await asyncio.sleep(seconds)
        if seconds > LEASE:
            await asyncio.sleep(2 * LATE)
            before = handed.case.there()
            await asyncio.sleep(1)
            assert handed.case.there() == before
        other = await handed.start()
        if seconds > LEASE:
            await quick_again(handed)
        link.heal()
        await quick_again(handed)
        with suppress(ProcessLookupError):
            os.kill(cut, signal.SIGTERM)
        assert await handed.jobs.wait(cut) in (0, 75)
        await drained(handed, other)


async def test_answers_of_the_database_are_lost(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    async with wire(handed.cluster.port) as way:
        store = handed.cluster.url().replace(f":{handed.cluster.port}/", f":{way.port}/")
        pids = [await handed.start(store=store), await handed.start(store=store)]
        await handed.until(100)
        for _ in range(30):
            way.loses += 1
            await asyncio.sleep(0.05)
        handed.case.sandbox.faults = FAULTS
        await handed.ends_well()
        assert way.lost >= 20
        await drained(handed, *pids)


@pytest.mark.parametrize("hours", [1, -1])
async def test_clocks_of_hosts_decide_nothing(handed: Handed, hours: int) -> None:  # noqa: F811
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    first = await handed.start(hours_ahead=hours)
    await handed.until(200)
    os.kill(first, signal.SIGSTOP)
    handed.case.sandbox.faults = FAULTS
    await handed.start()
    await handed.ended()
    await asyncio.sleep(2 * LATE)
    os.kill(first, signal.SIGCONT)
    assert await handed.jobs.wait(first) == 75
    assert handed.case.there() == WANTED


async def test_an_event_loop_that_hangs_beyond_the_lease(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    first = await handed.start(die_at="after mark", die_after=10, hang=1.5 * LEASE)
    while not handed.ask("SELECT 1 FROM entry WHERE state = 'IN_FLIGHT'"):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    await handed.start()
    await handed.ends_well()
    assert await handed.jobs.wait(first) == 75
    await asyncio.sleep(2 * LATE)
    assert handed.case.there() == WANTED


async def test_a_shard_that_takes_many_leases_is_not_taken_over(handed: Handed) -> None:  # noqa: F811
    """Two workers hold the shards, one request at a time, and a third waits for whatever is free."""
    handed.case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=0.4)
    await handed.hand_over(concurrency=1, shards=2)
    pids = [await handed.start(lease=5.0) for _ in range(3)]
    clock = asyncio.get_running_loop()
    held: dict[tuple[int, str], list[float]] = {}
    while not handed.ask("SELECT 1 FROM note WHERE name = 'finished_at'"):
        for each in handed.ask("SELECT shard, owner FROM shard WHERE owner IS NOT NULL"):
            held.setdefault(each, []).append(clock.time())
        await asyncio.sleep(0.2)
        if max((times[-1] - times[0] for times in held.values()), default=0.0) > 4 * LEASE:
            handed.case.sandbox.faults = FAULTS  # that is long enough
    assert max(times[-1] - times[0] for times in held.values()) > 3 * 5.0
    assert handed.ask("SELECT count(*) FROM takeover") == [(0,)]
    await handed.ends_well()
    await drained(handed, *pids)


async def test_a_woken_zombie_ends_its_successors_task_and_the_successor_dies(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    first = await handed.half_way()
    os.kill(first, signal.SIGSTOP)
    successor = await handed.start()
    before = sum(handed.case.there().values())
    await handed.until(before + 100)
    # What the zombie tells the engine closes the tasks of others, as every engine believes it.
    handed.ask("DELETE FROM procrastinate_jobs")
    os.kill(successor, signal.SIGKILL)
    await handed.jobs.wait(successor)
    os.kill(first, signal.SIGKILL)
    await handed.start()
    await quick_again(handed)


@pytest.mark.parametrize("place", ["after mark", "after send", "after reply", "in a commit", "after a commit"])
async def test_a_worker_is_killed_at_a_place(handed: Handed, place: str) -> None:  # noqa: F811
    await handed.hand_over()
    if place == "after send":
        handed.case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=0.2)
    first = await handed.start(die_at=place, die_after=10)
    assert await handed.jobs.wait(first) == -signal.SIGKILL
    await handed.start()
    await quick_again(handed)


async def test_a_process_is_killed_while_it_hands_over(handed: Handed) -> None:  # noqa: F811
    assert await handed.jobs.run({**handed.order, "hand_over": handed.name, "die_at": "enqueued"}) == -signal.SIGKILL
    for table in ("job", "shard", "entry", "wanted", "note", "procrastinate_jobs"):
        assert handed.ask(f"SELECT count(*) FROM {table}") == [(0,)]
    assert await handed.jobs.run({**handed.order, "hand_over": handed.name}) == 0
    assert handed.ask("SELECT count(*) FROM procrastinate_jobs") == [(SHARDS,)]
    await handed.start()
    await handed.ends_well()


async def stopped_before_it_sends(handed: Handed, **options: Any) -> int:  # noqa: F811
    """A worker stops itself when rows are marked and not sent, and is woken when others have ended the job; its pid."""
    await handed.hand_over()
    first = await handed.start(die_at="after mark", die_after=10, stop=True, **options)
    while "\nState:\tT" not in await asyncio.to_thread(Path(f"/proc/{first}/status").read_text):
        await asyncio.sleep(0.01)
    await handed.start()
    await handed.ended()
    os.kill(first, signal.SIGCONT)
    return first


async def test_a_worker_that_wakes_when_it_is_about_to_send_sends_nothing(handed: Handed) -> None:  # noqa: F811
    first = await stopped_before_it_sends(handed)
    assert await handed.jobs.wait(first) == 75
    await asyncio.sleep(2 * LATE)
    assert handed.case.there() == WANTED


async def test_without_the_fence_and_the_guard_the_same_worker_doubles(
    unfenced: str,  # noqa: F811
    handed: Handed,  # noqa: F811
) -> None:
    handed.database = unfenced
    await stopped_before_it_sends(handed, unguarded=True)
    until = asyncio.get_running_loop().time() + 20
    while max(handed.case.there().values()) == 1:
        assert asyncio.get_running_loop().time() < until, "no double was found"
        await asyncio.sleep(0.05)
    assert set(handed.case.there()) == set(WANTED)


@asynccontextmanager
async def full_disk(folder: Path) -> AsyncIterator[None]:
    """Nothing more fits on the disk of a folder."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster on a disk of its own, which is small."""
    where = clusters.binaries()
    if where is None:
        pytest.skip(clusters.NONE)
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=96m,mode=755", "tmpfs", str(disk)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("needs root, and a disk of its own")
    try:
        for parent in (tmp_path, *tmp_path.parents[:3]):
            with suppress(PermissionError):
                parent.chmod(parent.stat().st_mode | 0o011)
        made = Cluster(where, folder=disk)
        try:
            made.start(max_wal_size="32MB", min_wal_size="32MB", wal_recycle="off")
            made.make()
            yield made
        finally:
            made.remove()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_the_disk_of_the_database_is_full(small: Cluster, handed: Handed) -> None:  # noqa: F811
    handed.cluster = small
    await handed.hand_over()
    handed.case.sandbox.faults = SLOW
    pid = await handed.start()
    await handed.until(200)
    async with full_disk(small.folder):
        await asyncio.sleep(3)
        there = handed.case.there()
        await asyncio.sleep(1)
        stuck = handed.case.there()
    small.stop("immediate")
    small.start()
    handed.case.sandbox.faults = FAULTS
    await handed.ends_well()
    assert set(there.values()) == {1}
    assert sum(stuck.values()) < ROWS
    await drained(handed, pid)
    handed.cluster.execute("SELECT 1")
