"""Files that are provisioned again and again: a time is one job, whoever takes it up and whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony import ConfigError, JobRefused
from aiosymphony.provisioning.journal.postgres.jobs import list_jobs
from aiosymphony.provisioning.journal.postgres.store import PostgresStore
from aiosymphony.provisioning.progress import Progress
from aiosymphony.provisioning.workers.handing_over import Options, follow
from aiosymphony.provisioning.workers.schedules import (
    Planning,
    Schedule,
    ScheduleState,
    change_schedule,
    list_schedules,
    next_time,
    save_schedule,
)

from .test_28_crashes import FAULTS, ROWS, SETTLE, SLOW, WANTED
from .test_workers import Handed, case, handed, jobs  # noqa: F401 - fixtures

NIGHTLY = "0 2 * * *"


@attrs.define
class Scheduled:
    """A schedule in a database, of the people of a case."""

    handed: Handed

    @property
    def address(self) -> str:
        return self.handed.cluster.url()

    def save(self, people: str | None = None, **changes: Any) -> None:
        order = self.handed.case.order
        file = Path(order["file"])
        schedule = Schedule(
            self.handed.name,
            "connect",
            f"{order['url']}/companies/{order['company']}",
            NIGHTLY,
            "UTC",
            file.name,
            file.read_bytes() if people is None else people.encode(),
            work=Options(concurrency=8, settle=SETTLE, attempts=20),
            shards=4,
        )
        save_schedule(self.address, attrs.evolve(schedule, **changes))

    def come(self, at: str = "2026-11-02 02:00Z") -> None:
        """Its time has come."""
        self.handed.cluster.execute("UPDATE aiosymphony.schedule SET next_at = %s::timestamptz", at)

    def state(self) -> ScheduleState:
        (state,) = list_schedules(self.address)
        return state

    async def dealt_with(self) -> ScheduleState:
        while (state := self.state()).next_at < datetime.now(UTC).timestamp():
            await asyncio.sleep(0.05)
        return state

    async def ended(self, job: str) -> None:
        async with PostgresStore(self.address, job=job) as store:
            await follow(store, Progress(), every=0.1)

    def jobs(self) -> list[str]:
        """Those that it made: other tests have left theirs."""
        name = self.handed.name
        return [job.name.removeprefix(name) for job in list_jobs(self.address) if job.name.startswith(f"{name}/")]


@pytest.fixture
def scheduled(handed: Handed) -> Any:  # noqa: F811
    yield Scheduled(handed)
    handed.ask("DELETE FROM schedule")


async def test_each_time_is_one_job_and_only_what_differs_is_carried_out(scheduled: Scheduled) -> None:
    handed = scheduled.handed  # noqa: F811
    scheduled.save()
    assert scheduled.state().next_at > datetime.now(UTC).timestamp()
    scheduled.come()
    for _ in range(3):
        await handed.start()
    state = await scheduled.dealt_with()
    assert state.last_job == f"{handed.name}/2026-11-02T02:00Z"
    assert state.last_result == "handed over to workers"
    await scheduled.ended(state.last_job)
    assert handed.case.there() == WANTED
    scheduled.come("2026-11-03 02:00Z")
    assert (await scheduled.dealt_with()).last_result == "there was nothing to do"
    assert scheduled.jobs() == ["/2026-11-02T02:00Z"]
    # Another file in its place: whoever is new is created, nobody twice.
    header, *rest = Path(handed.case.order["file"]).read_text().splitlines()
    scheduled.save("\n".join([header, *rest, "rownew@acme.com,Row,New"]) + "\n")
    scheduled.come("2026-11-04 02:00Z")
    await scheduled.ended((await scheduled.dealt_with()).last_job or "")
    assert handed.case.there() == {**WANTED, "rownew@acme.com": 1}
    assert scheduled.jobs() == ["/2026-11-04T02:00Z", "/2026-11-02T02:00Z"]


async def test_a_time_is_left_out_while_the_job_of_an_earlier_one_has_not_ended(scheduled: Scheduled) -> None:
    handed = scheduled.handed  # noqa: F811
    handed.case.sandbox.faults = SLOW
    scheduled.save()
    scheduled.come()
    await handed.start()
    first = await scheduled.dealt_with()
    scheduled.come("2026-11-03 02:00Z")
    second = await scheduled.dealt_with()
    assert second.last_result == f"left out, as {first.last_job} has not ended"
    assert second.last_job == first.last_job
    handed.case.sandbox.faults = FAULTS
    await scheduled.ended(first.last_job or "")
    assert handed.case.there() == WANTED


async def test_a_worker_that_dies_while_it_plans_is_replaced(scheduled: Scheduled) -> None:
    handed = scheduled.handed  # noqa: F811
    handed.case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=30.0)
    scheduled.save()
    scheduled.come()
    first = await handed.start()
    while not handed.ask("SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'"):
        await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    await handed.jobs.wait(first)
    handed.case.sandbox.faults = FAULTS
    await handed.start()
    await scheduled.ended((await scheduled.dealt_with()).last_job or "")
    assert handed.case.there() == WANTED
    assert len(scheduled.jobs()) == 1


async def test_what_may_not_be_done_without_force_is_told(scheduled: Scheduled) -> None:
    handed = scheduled.handed  # noqa: F811
    scheduled.save()
    scheduled.come()
    await handed.start()
    await scheduled.ended((await scheduled.dealt_with()).last_job or "")
    few = "\n".join(Path(handed.case.order["file"]).read_text().splitlines()[:2]) + "\n"
    scheduled.save(few, planning=Planning(disable_missing=True))
    scheduled.come("2026-11-03 02:00Z")
    state = await scheduled.dealt_with()
    assert state.last_result is not None
    assert state.last_result.startswith(f"no job was made: the plan disables {ROWS - 1} of {ROWS} active users")
    assert "without --force" in state.last_result
    assert len(scheduled.jobs()) == 1


async def test_a_schedule_that_rests_makes_no_job_and_one_that_is_resumed_makes_up_for_none(
    scheduled: Scheduled,
) -> None:
    scheduled.save()
    name = scheduled.handed.name
    assert change_schedule(scheduled.address, name, "pause") == name
    scheduled.come()
    await scheduled.handed.start()
    while not scheduled.handed.ask("SELECT 1 FROM worker"):
        await asyncio.sleep(0.05)
    await asyncio.sleep(3)
    assert scheduled.state().last_at is None
    change_schedule(scheduled.address, name, "resume")
    assert scheduled.state().next_at > datetime.now(UTC).timestamp()
    change_schedule(scheduled.address, name, "remove")
    assert list_schedules(scheduled.address) == []
    with pytest.raises(JobRefused, match="there is no schedule"):
        change_schedule(scheduled.address, name, "pause")


async def test_jobs_that_ended_are_forgotten_in_time(scheduled: Scheduled) -> None:
    handed = scheduled.handed  # noqa: F811
    header, *rest = Path(handed.case.order["file"]).read_text().splitlines()
    await handed.start()
    for day in range(1, 5):
        scheduled.save("\n".join([header, *rest[: 2 * day]]) + "\n", keep=2, shards=1)
        scheduled.come(f"2026-11-0{day} 02:00Z")
        await scheduled.ended((await scheduled.dealt_with()).last_job or "")
    assert scheduled.jobs() == [f"/2026-11-0{day}T02:00Z" for day in (4, 3, 2)]


def test_a_schedule_is_for_one_target(scheduled: Scheduled) -> None:
    scheduled.save()
    with pytest.raises(JobRefused, match="is for another target"):
        scheduled.save(target="https://elsewhere.example/companies/x")


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 2 * * *", "UTC", "2026-11-26T01:59:59+00:00", "2026-11-26T02:00:00+00:00"),
        ("0 2 * * *", "UTC", "2026-11-26T02:00:00+00:00", "2026-11-27T02:00:00+00:00"),
        ("0 9 * * 1-5", "Europe/Zurich", "2026-11-27T12:00:00+00:00", "2026-11-30T08:00:00+00:00"),
        ("0 9 * * *", "Europe/Zurich", "2026-10-24T12:00:00+00:00", "2026-10-25T08:00:00+00:00"),
        ("0 9 * * *", "Europe/Zurich", "2026-03-28T12:00:00+00:00", "2026-03-29T07:00:00+00:00"),
        # In the hour that a night lacks it comes an hour later, and in the one that a night has twice, once.
        ("30 2 * * *", "Europe/Zurich", "2026-03-29T00:00:00+00:00", "2026-03-29T01:30:00+00:00"),
        ("30 2 * * *", "Europe/Zurich", "2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"),
    ],
)
def test_the_next_time(cron: str, zone: str, after: str, expected: str) -> None:
    assert next_time(cron, zone, datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_next_time_lies_ahead_and_within_a_day(after: datetime) -> None:
    found = next_time("30 2 * * *", "Europe/Zurich", after)
    assert 0 < (found - after).total_seconds() <= 26 * 3600


@pytest.mark.parametrize(
    ("cron", "zone", "why"),
    [
        ("0 2 * *", "UTC", "five fields"),
        ("0 2 * * * *", "UTC", "five fields"),
        ("61 2 * * *", "UTC", "is no cron expression"),
        ("0 2 31 2 *", "UTC", "is no cron expression"),
        ("@daily", "UTC", "five fields"),
        ("0 2 * * *", "Mars/Olympus", "there is no time zone"),
        ("0 2 * * *", "../../etc/passwd", "there is no time zone"),
    ],
)
def test_what_is_no_time_is_one_sentence(cron: str, zone: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        next_time(cron, zone, datetime(2026, 1, 1, tzinfo=UTC))
