"""Processes that share a job in PostgreSQL are killed, stopped and woken, against a sandbox that refuses no duplicates.

The last tests take the fence and the guard away, and find that the same harness then sees what they prevent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs
import psycopg
import pytest

from aiosymphony.provisioning.journal.postgres import schema

from .cluster import Cluster
from .test_28_crashes import (
    FAULTS,
    KILLS,
    LATE,
    ROWS,
    SLOW,
    WANTED,
    Case,
    Driver,
    finish,
    jobs,  # noqa: F401 - a fixture
    kill_at_random,
)
from .test_28_crashes import case as sqlite_case  # noqa: F401 - the fixture that this one changes

FENCE = "AND s.epoch = mine.epoch AND s.seq = mine.seq - 1"
FROM_TODO = "AND e.state = 'TODO'"


@pytest.fixture
async def case(sqlite_case: Case, cluster: Cluster, tmp_path: Path) -> Case:  # noqa: F811
    sqlite_case.order["journal"] = cluster.url(job=tmp_path.name)
    return sqlite_case


@pytest.fixture
def unfenced(cluster: Cluster) -> Iterator[str]:
    """A database whose statements write whatever they are asked to, for whoever asks."""
    script = (Path(schema.__file__).parent / "migrations" / "001_journal.sql").read_text()
    assert FENCE in script
    assert FROM_TODO in script
    cluster.make("unfenced")
    write = script[script.index("CREATE FUNCTION aiosymphony.write") :].partition("END $$;")[0] + "END $$;"
    write = write.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(FENCE, "")
    write = write.replace("_count <> cardinality(_sending)", "false").replace(FROM_TODO, "")
    renew = "CREATE OR REPLACE FUNCTION aiosymphony.renew(integer, _shards integer[], bigint[], double precision) "
    renew += "RETURNS bigint LANGUAGE sql AS 'SELECT cardinality(_shards)'"
    with psycopg.connect(cluster.url("unfenced"), autocommit=True) as connection:
        connection.execute("DROP FUNCTION aiosymphony.renew")
        connection.execute(write.encode())
        connection.execute(renew.encode())
    yield "unfenced"
    cluster.execute("DROP DATABASE unfenced WITH (FORCE)", database="postgres")


@pytest.mark.parametrize("after", [1, 20])
@pytest.mark.parametrize("place", ["after mark", "after send", "after reply", "in a commit", "after a commit"])
async def test_killed_at_a_place(jobs: Driver, case: Case, place: str, after: int) -> None:  # noqa: F811
    if place == "after send":
        case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=0.2)
    code = await jobs.run({**case.order, "die_at": place, "die_after": after})
    assert code == -signal.SIGKILL
    case.sandbox.faults = FAULTS
    await finish(jobs, case)
    assert case.there() == WANTED


async def test_killed_at_random_moments(jobs: Driver, case: Case) -> None:  # noqa: F811
    case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=0.05)
    kills = KILLS // 2
    hit = await kill_at_random(jobs, case, kills)
    assert hit > kills // 4
    case.sandbox.faults = FAULTS
    await finish(jobs, case)
    assert case.there() == WANTED


async def test_two_processes_share_by_shards_and_one_is_killed(jobs: Driver, case: Case) -> None:  # noqa: F811
    order = {**case.order, "shards": 4, "max_shards": 1, "concurrency": 4}
    case.sandbox.faults = SLOW
    first = await jobs.start(order)
    while not case.there():
        await asyncio.sleep(0.01)
    second = await jobs.start(order)
    while sum(case.there().values()) < ROWS // 4:
        await asyncio.sleep(0.01)
    os.kill(first, signal.SIGKILL)
    assert await jobs.wait(first) == -signal.SIGKILL
    case.sandbox.faults = FAULTS
    # The second takes over what the first let fall, as it is known to be gone.
    assert await jobs.wait(second) == 0
    assert case.there() == WANTED


async def take_over_a_stopped_one(jobs: Driver, case: Case, **options: object) -> tuple[int, int]:  # noqa: F811
    """Stop a process when rows of its are marked and not sent, let another finish the job, and wake the first.

    Returns:
        How the first ended, and how many users it created after it was woken.
    """
    order = {**case.order, "lease": 4.0, "concurrency": 4}
    first = await jobs.start({**order, "die_at": "after a commit", "die_after": 12, "stop": True, **options})
    try:
        await stopped(first)
        assert await jobs.run(order) == 75, "a live lease is refused"
        while (code := await jobs.run(order)) == 75:  # until the lease has ended
            await asyncio.sleep(0.1)
        assert code == 0
        await asyncio.sleep(2 * LATE)
        before = sum(case.there().values())
        os.kill(first, signal.SIGCONT)
        ended = await jobs.wait(first)
        await asyncio.sleep(2 * LATE)
        return ended, sum(case.there().values()) - before
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)


async def stopped(pid: int) -> None:
    """Wait until a process has stopped itself."""
    while "\nState:\tT" not in Path(f"/proc/{pid}/status").read_text():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("hours", [0, 1, -1])
async def test_stopped_past_its_lease_and_woken(jobs: Driver, case: Case, hours: int) -> None:  # noqa: F811
    ended, sent = await take_over_a_stopped_one(jobs, case, hours_ahead=hours)
    assert (ended, sent) == (75, 0)
    assert case.there() == WANTED


async def test_a_woken_process_writes_nothing_even_if_it_sends(
    jobs: Driver,  # noqa: F811
    case: Case,
    cluster: Cluster,
) -> None:
    """The guard of the lease fails: what was about to leave leaves, and the fence lets none of it be written."""
    ended, sent = await take_over_a_stopped_one(jobs, case, unguarded=True)
    assert ended == 75
    assert 0 < sent <= 4 * 20
    name = case.order["journal"].rpartition("=")[2]
    assert cluster.execute(
        "SELECT count(*) FROM aiosymphony.entry JOIN aiosymphony.job USING (job) WHERE name = %s AND state = 'DONE'",
        name,
    ) == [(ROWS,)]


async def test_without_the_fence_and_the_guard_the_same_doubles(
    jobs: Driver,  # noqa: F811
    case: Case,
    cluster: Cluster,
    unfenced: str,
) -> None:
    case.order["journal"] = cluster.url(unfenced, job="unfenced")
    _, sent = await take_over_a_stopped_one(jobs, case, unguarded=True)
    assert sent > 4 * 20
    assert set(case.there()) == set(WANTED)
    assert max(Counter(case.there()).values()) > 1
