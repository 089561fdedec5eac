"""Case 68: a job is asked to stop while rows wait for the rate, a hold or a look-up; and what it tells meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from aiosymphony.clock import SYSTEM_CLOCK, Clock
from aiosymphony.errors import JobError, JobInterrupted, RateLimited
from aiosymphony.limits import Limit, Limiter
from aiosymphony.provisioning.actual import ActualUser
from aiosymphony.provisioning.job.run import Job
from aiosymphony.provisioning.journal.sqlite import SqliteStore
from aiosymphony.provisioning.plans.actions import Step
from aiosymphony.provisioning.rows.base import User
from aiosymphony.provisioning.targets.base import Result

from .clock import SkippingClock
from .tenant import Tenant
from .test_25_to_37_jobs import ALL_ONCE, PEOPLE, person, planned, rows, run, states


@attrs.define(slots=False)
class Limited(Tenant):
    """A tenant behind a limiter, as a client's requests are: each waits for its turn, wherever it was waited before."""

    clock: Clock = attrs.field(factory=SkippingClock)
    per_second: float = 2.0
    takes: float = 0.0
    on_request: Callable[[int], None] = lambda _number: None
    requests: list[float] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.limiter = Limiter(Limit(concurrency=32, rate=self.per_second, burst=1.0), clock=self.clock)

    async def _limited(self, call: Callable[[], Awaitable[Any]]) -> Any:
        assert self.limiter is not None
        if not self.limiter.try_acquire():
            await self.limiter.acquire()
        try:
            self.requests.append(self.clock.monotonic())
            self.on_request(len(self.requests))
            if self.takes:
                await self.clock.sleep(self.takes)
            return await call()
        finally:
            self.limiter.release()

    async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
        create = super().create
        result: Sequence[Result] = await self._limited(lambda: create(rows))
        return result

    async def take_step(self, user_id: str, step: Step) -> None:
        take_step = super().take_step
        await self._limited(lambda: take_step(user_id, step))

    async def get(self, user_id: str) -> ActualUser | None:
        get = super().get
        found: ActualUser | None = await self._limited(lambda: get(user_id))
        return found

    async def look_up(self, users: Sequence[User]) -> Sequence[ActualUser]:
        look_up = super().look_up
        found: Sequence[ActualUser] = await self._limited(lambda: look_up(users))
        return found


MANY = [person(f"u{n}") for n in range(1000)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


async def stopped(job: Job, wanted: Any = None) -> JobError:
    with pytest.raises(JobError, match="stopped as asked") as caught:
        await job.run(wanted)
    assert isinstance(caught.value, JobInterrupted)
    assert job.progress.in_flight == 0
    return caught.value


@pytest.mark.parametrize("disabled", [False, True], ids=["creates", "with steps"])
@pytest.mark.parametrize("at", [1, 3, 7, 12])
async def test_68_no_request_follows_once_it_was_asked_to_stop(journal: Path, at: int, disabled: bool) -> None:
    people = [person(f"u{n}", active=False) for n in range(100)] if disabled else MANY
    tenant = Limited()
    wanted = planned(tenant, people)
    async with SqliteStore(journal) as store:
        job = Job(tenant, store, settle=0, concurrency=32, clock=tenant.clock)
        tenant.on_request = lambda number: job.drain() if number == at else None
        await stopped(job, wanted)
        assert len(tenant.requests) == at
        assert tenant.limiter is not None
        assert (tenant.limiter.in_flight, tenant.limiter.waiting) == (0, 0)
        found = states(await rows(store))
        assert found["IN_FLIGHT"] == 0, "what was not sent is as if it had not been tried"
    tenant.on_request = lambda _: None
    tenant.limiter = None
    tenant._limited = lambda call: call()  # type: ignore[method-assign,assignment]
    found = states(await run(tenant, journal, wanted, audit=False))
    assert found == {"DONE": len(people)}
    assert set(tenant.there().values()) == {1}
    assert len(tenant.there()) == len(people)


async def test_68_only_rows_whose_turn_has_come_are_in_flight(journal: Path) -> None:
    """32 workers and a slow rate: a request that waits for it is not sent, and its rows are not marked IN_FLIGHT."""
    places = 0

    class Counting(Limiter):
        def release(self) -> None:
            nonlocal places
            places += 1
            super().release()

    tenant = Limited(clock=SYSTEM_CLOCK, takes=0.01)
    limiter = tenant.limiter = Counting(Limit(concurrency=32, rate=50.0, burst=1.0))
    wanted = planned(tenant, MANY)
    waiting: list[int] = []
    async with SqliteStore(journal) as store:
        job = Job(tenant, store, settle=0, concurrency=32, audit=False)

        def look(_number: int) -> None:
            # Whoever has a place may still be writing its mark into the journal.
            assert job.progress.in_flight <= 20 * limiter.in_flight
            waiting.append(limiter.waiting)

        tenant.on_request = look
        await job.run(wanted)
        assert states(await rows(store)) == {"DONE": 1000}
    assert len(waiting) == 50
    assert max(waiting) > 0
    assert places == 50, "a place that was waited for is not waited for twice"


async def test_68_the_next_rows_are_marked_while_every_place_is_taken_and_put_back_if_none_is_freed(
    journal: Path,
) -> None:
    """So that no place is idle while a mark is written. An eighth more rows are in flight, and no request more."""
    opened, under_way, most = asyncio.Event(), 0, 0

    class Gated(Tenant):
        async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            if len(self.creates) >= 16:
                await opened.wait()
            result = await super().create(rows)
            under_way -= 1
            return result

    tenant = Gated()
    wanted = planned(tenant, MANY)
    async with SqliteStore(journal) as store:
        job = Job(tenant, store, settle=0, concurrency=16, audit=False)

        async def stop_when_all_are_marked() -> None:
            while job.progress.in_flight < 18 * 20:
                await asyncio.sleep(0.001)
            assert states(await rows(store))["IN_FLIGHT"] == 18 * 20
            job.drain()
            opened.set()

        stopping = asyncio.create_task(stop_when_all_are_marked())
        await stopped(job, wanted)
        await stopping
        assert most == 16
        sent = 20 * len(tenant.creates)
        assert states(await rows(store)) == {"DONE": sent, "TODO": 1000 - sent}
        assert {row.attempts for row in await rows(store) if row.state == "TODO"} == {0}
    assert states(await run(tenant, journal, wanted, audit=False)) == {"DONE": 1000}
    assert set(tenant.there().values()) == {1}


async def test_68_a_job_that_is_asked_to_stop_waits_for_no_hold(journal: Path) -> None:
    clock = SkippingClock()
    tenant = Tenant()
    wanted = planned(tenant, PEOPLE)

    async with SqliteStore(journal) as store:
        job = Job(tenant, store, settle=0, concurrency=4, clock=clock)
        sleep = clock.sleep

        async def sleep_and_stop(seconds: float) -> None:
            if seconds > 100:
                job.drain()
            await sleep(seconds)

        clock.sleep = sleep_and_stop  # type: ignore[method-assign]
        tenant.fault = lambda _number, _users: RateLimited("answered 429", status=429, retry_after=200.0)
        await stopped(job, wanted)
        assert len(tenant.creates) <= 4
        assert states(await rows(store)) == {"TODO": 200}


@pytest.mark.parametrize("place", ["before the audit", "in the audit"])
async def test_68_a_job_that_is_asked_to_stop_does_not_go_on_with_the_audit(journal: Path, place: str) -> None:
    tenant = Limited(per_second=100.0)
    wanted = planned(tenant, PEOPLE)
    tenant.look_up_limit = 1000
    async with SqliteStore(journal) as store:
        job = Job(tenant, store, settle=0, concurrency=4, clock=tenant.clock)
        last = 10 if place == "before the audit" else 11
        loop = asyncio.get_running_loop()
        # As a signal does: not from within the task that reads.
        tenant.on_request = lambda number: loop.call_soon(job.drain) and None if number == last else None
        error = await stopped(job, wanted)
        assert len(tenant.requests) == last
        assert "audit" not in await store.notes()
        assert ("before the audit" in str(error)) == (place == "in the audit")
    tenant.on_request = lambda _: None
    found = await run(tenant, journal, wanted, clock=tenant.clock)
    assert states(found) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


async def test_68_a_job_that_is_asked_to_stop_leaves_a_look_up_where_it_is(journal: Path) -> None:
    tenant = Limited(fault=lambda number, _: "lost" if number == 1 else "")
    wanted = planned(tenant, PEOPLE[:20])
    async with SqliteStore(journal) as store:
        job = Job(tenant, store, settle=0, clock=tenant.clock)
        look_up = tenant.look_up

        async def stop_at_the_look_up(users: Sequence[User]) -> Sequence[ActualUser]:
            job.drain()
            return await look_up(users)

        tenant.look_up = stop_at_the_look_up  # type: ignore[method-assign]
        await stopped(job, wanted)
        # The drain came from within, so this one request was let pass; its answer is not lost.
        assert states(await rows(store)) == {"DONE": 20}
