"""The journal: cases 29 (two processes), 31 (disk full, read-only), 32 (truncated, corrupt, another version), 33."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from aiosymphony.errors import JobError, JobInterrupted, JobRefused
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.journal.base import Change, Fenced, JobHeader
from aiosymphony.provisioning.journal.sqlite import SqliteStore
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan

from .stepped import SteppedClock


def made(names: Sequence[str] = ("ann", "bob", "cat"), *, target: str = "acme") -> Plan:
    people = [{"email": f"{name}@acme.com", "firstName": name, "lastName": "Lee"} for name in names]
    return plan(Desired.of(people, "connect"), Actual("connect"), target=target)


async def begin(store: SqliteStore, wanted: Plan | None = None, *, shards: int = 1) -> None:
    wanted = wanted or made()
    await store.begin(JobHeader.of(wanted, made_at=1.0, shards=shards), wanted.actions())


async def begun(path: Path, wanted: Plan | None = None) -> None:
    async with SqliteStore(path) as store:
        await begin(store, wanted)


async def test_a_row_goes_its_way_and_the_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    async with SqliteStore(path) as store:
        assert await store.header() is None
        await begin(store)
        await store.acquire(60)
        rows = await store.fetch(["TODO"])
        assert [(row.number, row.label, list(row.steps), row.values["firstName"]) for row in rows] == [
            (1, "ann@acme.com", [{"do": "create"}], "ann"),
            (2, "bob@acme.com", [{"do": "create"}], "bob"),
            (3, "cat@acme.com", [{"do": "create"}], "cat"),
        ]
        await store.mark_in_flight([1, 2], 10.0)
        await store.record(
            [
                Change([1], "DONE", ids=["u1"], step=1),
                Change([2], "TODO", attempts=-1, code="503", message="turned away"),
            ],
            11.0,
        )
    for suffix in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        assert not beside.exists() or beside.stat().st_mode & 0o777 == 0o600
    async with SqliteStore(path, read_only=True) as store:
        ann, bob, cat = await store.fetch(["TODO", "DONE"], own=False)
        assert (ann.state, ann.id, ann.step, ann.attempts, ann.sent_at, ann.done_at) == ("DONE", "u1", 1, 1, 10.0, 11.0)
        assert (bob.state, bob.attempts, bob.code, bob.message) == ("TODO", 0, "503", "turned away")
        assert cat.state == "TODO"
        assert await store.counts() == {("create", "DONE"): 1, ("create", "TODO"): 2}


async def test_what_arrives_during_a_commit_shares_the_next_one(tmp_path: Path) -> None:
    class Counting(SqliteStore):
        commits = 0

        def _commit(self, db: sqlite3.Connection) -> None:
            Counting.commits += 1
            super()._commit(db)

    names = [f"u{n}" for n in range(1000)]
    async with Counting(tmp_path / "job.journal") as store:
        await begin(store, made(names))
        await store.acquire(60)
        Counting.commits = 0
        await asyncio.gather(*(store.mark_in_flight([n], 1.0) for n in range(1, 1001)))
        assert Counting.commits < 20
        assert await store.counts() == {("create", "IN_FLIGHT"): 1000}


async def test_outcomes_that_share_a_commit_keep_their_order_their_ids_and_their_times(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "job.journal") as store:
        await begin(store)
        await store.acquire(60)
        await store.mark_in_flight([1, 2, 3], 10.0)
        await asyncio.gather(
            store.record([Change([1], "DONE", step=1, ids=["u1"])], 11.25),
            store.record([Change([3], "DONE", step=1, ids=["u3"])], 12.5),
            store.record([Change([2], "IN_FLIGHT", step=1, ids=["u2"])], 13.0),
            store.record([Change([2], "DONE", step=1)], 14.75),
        )
        rows = await store.fetch(["DONE", "IN_FLIGHT"])
        assert [(row.state, row.id, row.done_at) for row in rows] == [
            ("DONE", "u1", 11.25),
            ("DONE", "u2", 14.75),
            ("DONE", "u3", 12.5),
        ]


async def test_29_a_second_process_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    await begun(path)
    script = (
        "import asyncio, sys\n"
        "from aiosymphony.provisioning.journal.sqlite import SqliteStore\n"
        "async def main():\n"
        "    async with SqliteStore(sys.argv[1]) as store:\n"
        "        await store.acquire(60)\n"
        "        print('mine', flush=True)\n"
        "        sys.stdin.read()\n"
        "asyncio.run(main())\n"
    )
    other = subprocess.Popen(  # noqa: ASYNC220 - it only starts, and is read line by line
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        async with SqliteStore(path) as store:
            with pytest.raises(JobError, match=f"process {other.pid} on .* is running the job") as caught:
                await store.acquire(60)
            assert isinstance(caught.value, JobInterrupted)
            # Killed, it is known to be gone at once, however long its lease.
            other.kill()
            other.wait()
            assert await store.acquire(60) == [0]


async def test_30_who_slept_past_the_lease_can_write_nothing_more(tmp_path: Path) -> None:
    clock = SteppedClock()
    now = clock.time()
    path = tmp_path / "job.journal"
    async with SqliteStore(path, clock=clock) as first, SqliteStore(path, clock=clock) as second:
        await begin(first)
        await first.acquire(60)
        await first.mark_in_flight([1], now)
        with pytest.raises(JobError, match="its lease runs out in 60 s"):
            await second.acquire(60)
        clock.passed += 61
        assert await second.acquire(60) == [0]
        for attempt in (
            lambda: first.mark_in_flight([2], now),
            lambda: first.record([Change([1], "DONE")], now),
            lambda: first.renew(60),
        ):
            with pytest.raises(Fenced, match="another process took over the job"):
                await attempt()
        assert [row.number for row in await second.fetch(["IN_FLIGHT"])] == [1]
        await second.record([Change([1], "TODO")], now)


OWNER = (
    "import asyncio, sys\n"
    "from aiosymphony.provisioning.journal.sqlite import SqliteStore\n"
    "async def main():\n"
    "    async with SqliteStore(sys.argv[1]) as store:\n"
    "        print(await store.acquire(60), flush=True)\n"
    "        sys.stdin.read()\n"
)
AN_HOUR_AHEAD = "import time\nreal = time.time\ntime.time = lambda: real() + 3600\n"


async def test_67_a_process_whose_clock_is_ahead_throws_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    await begun(path)
    run = "try:\n    asyncio.run(main())\nexcept Exception as error:\n    print(error)\n"
    async with SqliteStore(path) as first:
        await first.acquire(60)
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", AN_HOUR_AHEAD + OWNER + run, str(path),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await other.communicate(b"")
        assert f"process {os.getpid()} on" in said.decode()
        assert "let it finish or stop it (Ctrl-C); if it hangs, end it, or wait" in said.decode()
        await first.mark_in_flight([1], 1.0)
        await first.renew(60)


class Elsewhere(SqliteStore):
    """A store in a process on another machine, which shares the folder and not the clock."""

    async def open(self) -> None:
        await super().open()
        self._shards.owner = attrs.evolve(
            self._shards.owner, machine="other", host="elsewhere", clock="other", pid=4711
        )


async def test_67_an_owner_on_another_machine_is_watched_for_as_long_as_its_lease(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    slept: list[float] = []

    class Watching(SteppedClock):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            self.passed += seconds
            if renews:
                await there.renew(30)

    # The two clocks have nothing to do with each other.
    clock = Watching(start=5_000_000.0)
    async with Elsewhere(path) as there, SqliteStore(path, clock=clock) as here:
        await begin(there)
        await there.acquire(30)
        renews = True
        with pytest.raises(JobError, match=r"process 4711 on elsewhere is running the job .* stop it there"):
            await here.acquire(60)
        assert sum(slept) < 30
        renews = False
        slept.clear()
        assert await here.acquire(60) == [0]
        assert 30 <= sum(slept) < 32
        with pytest.raises(Fenced):
            await there.mark_in_flight([1], 1.0)


async def test_29_shards_are_shared_out_and_each_sees_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    names = [f"u{n}" for n in range(2500)]
    async with SqliteStore(path) as first, SqliteStore(path) as second, SqliteStore(path) as third:
        await begin(first, made(names), shards=2)
        assert await first.acquire(60, max_shards=1) == [0]
        with pytest.raises(JobError, match="is running the job"):
            await second.acquire(60)
        assert await second.acquire(60, max_shards=1) == [1]
        with pytest.raises(JobError, match="is running the job"):
            await third.acquire(60, max_shards=1)
        mine = {row.number for row in await first.fetch(["TODO"], limit=5000)}
        others = {row.number for row in await second.fetch(["TODO"], limit=5000)}
        assert mine | others == set(range(1, 2501))
        assert not mine & others
        await second.release()
        assert await third.acquire(60, max_shards=5) == [1]


async def test_31_a_full_disk_fails_the_mark_and_everything_after_it(tmp_path: Path) -> None:
    class Full(SqliteStore):
        def _connect(self, make: bool) -> sqlite3.Connection | None:
            db = super()._connect(make)
            assert db is not None
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
            return db

    path = tmp_path / "job.journal"
    names = [f"u{n}" for n in range(300)]
    await begun(path, made(names))
    async with Full(path) as store:
        await store.acquire(60)
        await store.mark_in_flight([*range(1, 10)], 1.0)
        long = "x" * 500
        with pytest.raises(JobError, match=r"cannot be written \(database or disk is full\)") as caught:
            await store.record([Change([n], "TODO", message=f"{n} {long}") for n in range(1, 301)], 2.0)
        assert isinstance(caught.value, JobInterrupted)
        with pytest.raises(JobError, match="disk is full"):
            await store.mark_in_flight([10], 3.0)
    async with SqliteStore(path) as store:
        assert await store.counts() == {("create", "IN_FLIGHT"): 9, ("create", "TODO"): 291}


async def test_31_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    await begun(path)
    async with SqliteStore(path, read_only=True) as store:
        with pytest.raises(JobError, match=r"cannot be written \(attempt to write a readonly database\)") as caught:
            await store.acquire(60)
        assert isinstance(caught.value, JobInterrupted)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: content[: len(content) // 2], "is damaged"),
        (lambda content: content[:4096] + b"\x5a" * 4096 + content[8192:], "is damaged"),
        (lambda _: b"email,firstName,lastName\n" * 100, "is not a journal of a provisioning job"),
        (lambda content: content[:60] + (9).to_bytes(4) + content[64:], "by a newer release of aiosymphony"),
        (lambda content: content[:60] + (1).to_bytes(4) + content[64:], "by an older release of aiosymphony"),
        (lambda content: content[:68] + bytes(4) + content[72:], "is not a journal of a provisioning job"),
    ],
    ids=["truncated", "corrupt", "no database", "newer", "older", "another program's"],
)
async def test_32_a_journal_that_is_none_is_refused(tmp_path: Path, damage: object, said: str) -> None:
    path = tmp_path / "job.journal"
    await begun(path, made([f"u{n}" for n in range(500)]))
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(JobError, match=said) as caught:
        await SqliteStore(path).open()
    assert isinstance(caught.value, JobRefused)
    assert "\n" not in str(caught.value)


async def test_33_a_changed_input_target_or_wish_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    await begun(path)
    async with SqliteStore(path) as store:
        await begin(store)
        for other, said in (
            (made(["ann", "bob"]), "records was changed since the job in"),
            (made(target="other"), "is the journal of a job for acme, not for other"),
        ):
            with pytest.raises(JobError, match=said) as caught:
                await begin(store, other)
            assert isinstance(caught.value, JobRefused)
        assert await store.counts() == {("create", "TODO"): 3}


async def test_a_job_that_is_refused_leaves_no_file_behind(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    async with SqliteStore(path) as store, SqliteStore(path) as other:
        assert await store.header() is None
        assert [*tmp_path.iterdir()] == []
        # Whoever has looked finds the job that another one began meanwhile.
        await begin(other)
        header = await store.header()
        assert header is not None
        assert header.rows == 3
        with pytest.raises(JobRefused, match="records was changed since the job in"):
            await begin(store, made(["ann", "bob"]))
    async with SqliteStore(path, read_only=True) as store:
        assert await store.counts() == {("create", "TODO"): 3}


@pytest.mark.parametrize("times", range(5))
async def test_of_two_that_begin_at_once_one_makes_the_file(tmp_path: Path, times: int) -> None:
    path = tmp_path / f"{times}.journal"
    async with SqliteStore(path) as one, SqliteStore(path) as two:
        assert (await one.header(), await two.header()) == (None, None)
        began = await asyncio.gather(begin(one), begin(two, made(["ann", "bob"])), return_exceptions=True)
        (refused,) = [each for each in began if each is not None]
        assert isinstance(refused, JobRefused)
        assert (await one.header()) == (await two.header())


async def test_a_journal_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="there is no journal") as caught:
        await SqliteStore(tmp_path / "none", read_only=True).open()
    assert isinstance(caught.value, JobRefused)
    with pytest.raises(JobError, match="cannot be opened: No such file or directory"):
        await SqliteStore(tmp_path / "nowhere" / "job.journal").open()
