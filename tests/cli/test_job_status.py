"""What ``provision status`` says of a job: from the times in its journal, whoever works on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import attrs
import pytest

from aiosymphony.cli.job_status import Status
from aiosymphony.provisioning import Desired, JobStore, SqliteStore
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.journal.base import Change, JobHeader
from aiosymphony.provisioning.journal.memory import MemoryJournal, MemoryStore
from aiosymphony.provisioning.plans.decide import plan
from tests.provisioning.stepped import SteppedClock

ROWS = 100


@attrs.define
class Standing:
    """A job of 100 creates that a process began at 1000, and the journal as another one sees it."""

    clock: SteppedClock
    worker: JobStore
    reader: JobStore

    async def status(self) -> Status:
        return await Status.of(self.reader, clock=self.clock)

    async def send(self, first: int, last: int, *, takes: float) -> None:
        numbers = [*range(first, last + 1)]
        await self.worker.mark_in_flight(numbers, self.clock.time())
        self.clock.passed += takes
        await self.worker.record([Change(numbers, "DONE", ids=[f"id{n}" for n in numbers])], self.clock.time())


@pytest.fixture(params=["sqlite", "memory"])
async def job(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Standing]:
    clock, journal = SteppedClock(), MemoryJournal()
    opened: Callable[[], SqliteStore | MemoryStore] = (
        (lambda: SqliteStore(tmp_path / "job.journal", clock=clock))
        if request.param == "sqlite"
        else (lambda: MemoryStore(journal, clock=clock))
    )
    async with AsyncExitStack() as stack:
        worker, reader = [await stack.enter_async_context(opened()) for _ in range(2)]
        people = [{"email": f"u{n}@acme.com", "firstName": "Ann", "lastName": "Lee"} for n in range(ROWS)]
        wanted = plan(Desired.of(people, "connect"), Actual("connect"), target="memory")
        await worker.begin(JobHeader.of(wanted, made_at=clock.time()), wanted.actions())
        await worker.acquire(60)
        yield Standing(clock, worker, reader)


async def test_rate_and_time_left_come_from_the_times_in_the_journal(job: Standing) -> None:
    status = await job.status()
    assert (status.exit_code, status.rate, status.seconds_left) == (4, None, None), "nothing was sent yet"
    job.clock.passed += 5
    await job.send(1, 20, takes=10)
    # 20 rows in the ten seconds since the first one left; that the process runs for fifteen does not count.
    status = await job.status()
    assert (status.rate, status.seconds_left) == (2.0, 40.0)
    (worker,) = status.running
    assert (worker.since, worker.seen_at, status.now) == (1000.0, 1000.0, 1015.0)
    await job.worker.renew(60)
    job.clock.passed += 35
    await job.send(21, 80, takes=1)
    status = await job.status()
    # The last half minute: what came before it is forgotten.
    assert (status.rate, status.seconds_left) == (60 / 30, 10.0)
    assert status.running[0].seen_at == 1015.0
    assert status.to_dict()["running"] == [
        {"host": worker.host, "pid": worker.pid, "since": 1000.0, "seen_at": 1015.0, "gone": False}
    ]


async def test_what_an_earlier_process_did_counts_for_nothing(job: Standing) -> None:
    await job.send(1, 50, takes=5)
    await job.worker.release()
    status = await job.status()
    assert (status.exit_code, status.rate, status.seconds_left, status.running) == (75, None, None, [])
    job.clock.passed += 1
    await job.worker.acquire(60)
    status = await job.status()
    assert (status.exit_code, status.rate, status.running[0].since) == (4, None, 1006.0)
    await job.send(51, 60, takes=2)
    assert (await job.status()).rate == 5.0


async def test_a_process_that_shows_no_sign_of_life(job: Standing, capsys: pytest.CaptureFixture[str]) -> None:
    await job.send(1, 50, takes=5)
    job.clock.passed += 70
    status = await job.status()
    assert (status.exit_code, status.running, status.rate) == (75, [], None)
    status.print()
    told = capsys.readouterr().out
    assert "shows no sign of life any more; the last one was 1:15 ago" in told
    assert "Next: 50 rows are not finished: run the same command to resume." in told


async def test_a_job_that_was_cut_off_before_its_audit_is_not_done(
    job: Standing, capsys: pytest.CaptureFixture[str]
) -> None:
    await job.send(1, ROWS, takes=5)
    await job.worker.release()
    status = await job.status()
    assert (status.exit_code, status.report.exit_code) == (75, 75)
    status.print()
    assert "Next: every row is finished, but the audit is not: run the same command again." in capsys.readouterr().out
    await job.worker.note("finished_at", job.clock.time())
    assert (await job.status()).exit_code == 0
