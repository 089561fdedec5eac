"""What a job tells of itself is what its journal holds and what the clock says, at every moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from aiosymphony.cli.progress_view import Traffic, duration, first_line, second_line
from aiosymphony.errors import JobInterrupted, OutcomeUnknown, RateLimited, SymphonyError, TransportError
from aiosymphony.limits import Limit, Limiter
from aiosymphony.observer import Attempt
from aiosymphony.provisioning import Desired, Job, Progress, make_plan
from aiosymphony.provisioning.actual import ActualUser
from aiosymphony.provisioning.journal.memory import MemoryJournal, MemoryStore
from aiosymphony.provisioning.journal.states import FINISHED
from aiosymphony.provisioning.rows.base import User
from aiosymphony_api.pod.api.users import v2_user_get

from .clock import SkippingClock
from .test_25_to_37_jobs import person, planned
from .test_68_stopping import Limited


@attrs.define
class Truth:
    """Compares what a job tells with what its journal, its tenant and the clock say."""

    job: Job
    journal: MemoryJournal
    tenant: Limited
    clock: SkippingClock
    under_way: int = 0
    since: float | None = None
    looks: int = 0
    rates: list[float] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)

    def look(self) -> None:
        progress, now = self.job.progress, self.clock.now
        rows = [*self.journal.rows.values()]
        by_state = Counter(row.state for row in rows)
        assert progress.finished == sum(row.state in FINISHED for row in rows)
        assert {state: count for state, count in progress.counts.items() if count} == by_state
        assert progress.in_flight == by_state["IN_FLIGHT"]
        assert 0 <= progress.in_doubt <= progress.in_flight
        assert progress.requests == self.under_way
        if progress.phase != "sending":
            self.since = None
        if self.since is None or now - self.since < 1.0:
            assert progress.rate is None
        else:
            finished = [row for row in rows if row.state in FINISHED and self._at(row.sent_at) > self.since - 0.01]
            lately = sum(self._at(row.done_at) > now - 30 for row in finished)
            assert progress.rate == pytest.approx(lately / min(now - self.since, 30))
            self.rates.append(progress.rate)
        if progress.seconds_left is not None:
            assert progress.rate is not None
            assert progress.seconds_left == pytest.approx((len(rows) - progress.finished) / progress.rate)
        self.looks += 1
        self.told.append(first_line(progress)[0])

    def _at(self, wall: float | None) -> float:
        return -1.0 if wall is None else wall - (self.clock.time() - self.clock.now)

    def sends(self, _number: int) -> None:
        """A request of this job leaves."""
        if self.job.progress.phase == "sending":
            self.under_way += 1
            self.since = self.clock.now if self.since is None else self.since
        self.look()

    def answered(self) -> None:
        if self.job.progress.phase == "sending":
            self.under_way -= 1


def watched(job: Job, journal: MemoryJournal, tenant: Limited, clock: SkippingClock) -> Truth:
    truth = Truth(job, journal, tenant, clock)
    tenant.on_request = truth.sends
    limited, sleep = tenant._limited, clock.sleep

    async def answering(call: Any) -> Any:
        try:
            return await limited(call)
        finally:
            truth.answered()

    async def sleeping(seconds: float) -> None:
        truth.look()
        await sleep(seconds)
        truth.look()

    tenant._limited = answering  # type: ignore[method-assign]
    clock.sleep = sleeping  # type: ignore[method-assign]
    return truth


def trouble(number: int, _users: Sequence[User]) -> str | SymphonyError:
    match number:
        case 4:
            return "lost"
        case 12:
            return RateLimited("answered 429", status=429, retry_after=12.0)
        case 9:
            return OutcomeUnknown("answered 504 Gateway Timeout")
        case 15:
            return TransportError("the connection was refused", sent=False)
        case _:
            return ""


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("steps", [False, True], ids=["creates", "with steps"])
async def test_each_figure_is_what_the_journal_and_the_clock_say(concurrency: int, steps: bool) -> None:
    """600 rows; stopped after 8 requests and resumed, with a lost answer, a hold, a doubt and a refused connection."""
    journal, tenant = MemoryJournal(), Limited(takes=0.3)
    people = [person(f"u{n}", **({"active": False} if steps and n % 50 == 0 else {})) for n in range(600)]
    wanted = planned(tenant, people)
    tenant.fault = trouble
    for stop_at in (8, None):
        clock = tenant.clock = SkippingClock()
        clock.now += 5000.0 if stop_at is None else 0.0
        tenant.limiter = Limiter(Limit(concurrency=32, rate=2.0, burst=1.0), clock=clock)
        tenant.__dict__.pop("_limited", None)
        async with MemoryStore(journal, clock=clock) as store:
            job = Job(tenant, store, settle=10, concurrency=concurrency, clock=clock, audit=False)
            truth = watched(job, journal, tenant, clock)
            if stop_at is not None:
                sends = truth.sends

                def stop(number: int, job: Job = job, sends: Any = sends, at: int = stop_at) -> None:
                    sends(number)
                    if number == at:
                        job.drain()

                tenant.on_request = stop
                with pytest.raises(JobInterrupted):
                    await job.run(wanted)
                tenant.requests.clear()
            else:
                await job.run()
        assert truth.looks > 20
        assert truth.rates
        # 20 rows a request, two requests a second; three of them fall into the first 1.3 seconds.
        assert max(truth.rates) <= 60 / 1.3
    assert Counter(row.state for row in journal.rows.values()) == {"DONE": 600}
    told = "\n".join(truth.told)
    assert "settling: 10 s, as late writes may still land, then" in told
    assert "waiting 12 s: the server asked to; sending:" in told
    assert "waiting 5 s: the server did not act; sending:" in told


async def test_rows_that_ended_as_unknown_are_counted_as_what_they_become() -> None:
    journal, tenant = MemoryJournal(), Limited(takes=0.3, per_second=20.0)
    wanted = planned(tenant, [person(f"u{n}") for n in range(300)])
    tenant.fault = lambda number, _: OutcomeUnknown("answered 504 Gateway Timeout") if number % 3 == 0 else ""
    async with MemoryStore(journal, clock=tenant.clock) as store:
        await Job(tenant, store, settle=5, attempts=1, concurrency=2, clock=tenant.clock, audit=False).run(wanted)
    assert Counter(row.state for row in journal.rows.values()) == {"DONE": 200, "UNKNOWN": 100}
    tenant.fault = lambda _number, _users: ""
    clock = tenant.clock = SkippingClock()
    tenant.limiter = Limiter(Limit(concurrency=32, rate=20.0, burst=1.0), clock=clock)
    async with MemoryStore(journal, clock=clock) as store:
        job = Job(tenant, store, settle=5, concurrency=2, clock=clock, audit=False)
        truth = watched(job, journal, tenant, clock)
        counts = store.counts

        async def counted_anew() -> Any:
            if job.progress.total:
                truth.look()
            return await counts()

        store.counts = counted_anew  # type: ignore[method-assign]
        await job.run()
    assert truth.looks > 20
    assert "settling: 5 s, as late writes may still land, then 100 rows in doubt to look up" in truth.told
    assert Counter(row.state for row in journal.rows.values()) == {"DONE": 300}


async def test_a_job_that_goes_on_counts_nothing_that_was_done_before_it() -> None:
    """1000 rows, 600 of them done yesterday: from the first second on, the rate is of what is sent today."""
    journal, tenant = MemoryJournal(), Limited()
    wanted = planned(tenant, [person(f"u{n}") for n in range(1000)])
    async with MemoryStore(journal, clock=tenant.clock) as store:
        job = Job(tenant, store, settle=0, concurrency=1, clock=tenant.clock)
        tenant.on_request = lambda number: job.drain() if number == 30 else None
        with pytest.raises(JobInterrupted):
            await job.run(wanted)
    assert Counter(row.state for row in journal.rows.values())["DONE"] == 600
    told: list[tuple[float | None, float | None]] = []
    async with MemoryStore(journal, clock=tenant.clock) as store:
        job = Job(tenant, store, settle=0, concurrency=1, clock=tenant.clock, audit=False)
        tenant.on_request = lambda _: told.append((job.progress.rate, job.progress.seconds_left))
        assert (job.progress.rate, job.progress.seconds_left) == (None, None)
        await job.run()
    # A request each half second, 20 rows in each; the first second says nothing yet.
    assert told[:2] == [(None, None)] * 2
    assert [rate for rate, _ in told[2:]] == [pytest.approx(40, rel=1e-4)] * 18
    assert [left for _, left in told[2:6]] == [None] * 4, "and the first three seconds not how many are left"
    assert [left for _, left in told[6:]] == [pytest.approx((400 - 20 * n) / 40, rel=1e-4) for n in range(6, 20)]


async def test_time_left_follows_the_last_half_minute() -> None:
    clock = SkippingClock()
    progress = Progress(clock=clock)
    progress.counts = Counter(TODO=10_000)
    progress.begin("sending")
    progress.begin_sending()
    for _ in range(60):
        clock.now += 1.0
        progress.moved("TODO", "DONE", 100)
    assert (progress.rate, progress.seconds_left) == (pytest.approx(100), pytest.approx(40))
    for _ in range(30):
        clock.now += 1.0
        progress.moved("TODO", "DONE", 10)
    assert (progress.rate, progress.seconds_left) == (pytest.approx(10), pytest.approx(370))
    clock.now += 31.0
    assert (progress.rate, progress.seconds_left) == (0.0, None)


def test_time_left_is_not_told_while_nobody_can_know_it() -> None:
    clock = SkippingClock()
    progress = Progress(clock=clock)
    progress.counts = Counter(TODO=100)
    progress.begin("sending")
    progress.begin_sending()
    clock.now += 2.0
    progress.moved("TODO", "DONE", 10)
    assert (progress.rate, progress.seconds_left) == (5.0, None), "it is too soon"
    clock.now += 2.0
    assert progress.seconds_left == pytest.approx(36)
    progress.pause_for(12.0, "the server asked to")
    assert progress.seconds_left is None
    clock.now += 12.0
    assert progress.seconds_left is not None
    progress.shared = True
    assert progress.seconds_left is None, "others carry out rows that this process does not see"


def test_a_pause_of_the_limiter_is_told_too() -> None:
    clock = SkippingClock()
    limiter = Limiter(Limit(rate=100.0), clock=clock)
    progress = Progress(clock=clock)
    progress.counts = Counter(TODO=100)
    progress.begin("sending")
    progress.watch(limiter)
    assert (progress.pause, limiter.pause) == (None, 0.0)
    limiter.throttled(7.5)
    assert limiter.pause == 7.5
    assert first_line(progress) == [
        "waiting 8 s: the server asked to; sending: 0 of 100 rows",
        "waiting 8 s: the server asked to",
        "waiting 8 s",
    ]
    clock.now += 7.0
    assert progress.pause is None, "half a second is not worth a word"


async def test_planning_tells_what_it_reads_and_decides(tmp_path: Path) -> None:
    progress = Progress()
    told: list[str] = []

    class Telling(Limited):
        async def everyone(self) -> AsyncIterator[Sequence[ActualUser]]:
            async for page in super().everyone():
                told.append(first_line(progress)[0])
                yield page

    people = [person(f"u{n}") for n in range(250)]
    file = tmp_path / "people.csv"
    file.write_text(
        "email,firstName,lastName\n" + "".join(f"u{n}@acme.com,U{n},Lee\n" for n in range(250)) + "wrong,A,B\n"
    )
    each = Progress.each

    def telling(self: Progress, items: Any) -> Iterator[Any]:
        for number, item in enumerate(each(self, items)):
            if number in (0, 200):
                told.append(first_line(self)[0])
            yield item

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "each", telling)
        desired = Desired.read(file, "connect", progress=progress)
        assert first_line(progress) == ["checking the file: 251 rows"] * 4
        tenant = Telling()
        for each_person in Desired.of(people, "connect").rows():
            tenant.add(each_person.user)
        made = await make_plan(tenant, desired, progress=progress)
    assert made.counts == {"skip": 250, "invalid": 1}
    assert told == [
        "checking the file",
        "checking the file: 200 rows",
        "checking the file",  # of the records that the tenant is made of
        "checking the file: 200 rows",
        "reading the tenant",
        "reading the tenant: 100 users",
        "reading the tenant: 200 users",
        "deciding: 0 of 251 rows",
        "deciding: 200 of 251 rows",
    ]


async def test_planning_by_looking_up_tells_of_how_many() -> None:
    tenant, progress, told = Limited(per_second=1000.0), Progress(), []
    tenant.look_up_limit = 1000
    tenant.on_request = lambda _: told.append(first_line(progress)[0])
    await make_plan(tenant, Desired.of([person(f"u{n}") for n in range(250)], "connect"), progress=progress)
    assert told == [f"reading the tenant: {n} of 250 rows" for n in (0, 100, 200)]


async def test_the_audit_tells_what_it_reads() -> None:
    journal, tenant = MemoryJournal(), Limited(per_second=1000.0)
    wanted = planned(tenant, [person(f"u{n}") for n in range(250)])
    told: list[str] = []
    async with MemoryStore(journal, clock=tenant.clock) as store:
        job = Job(tenant, store, settle=0, concurrency=1, clock=tenant.clock)
        everyone = tenant.everyone

        async def telling() -> AsyncIterator[Sequence[ActualUser]]:
            async for page in everyone():
                told.append(first_line(job.progress)[0])
                yield page

        tenant.everyone = telling  # type: ignore[method-assign]
        await job.run(wanted)
        assert told == ["auditing", "auditing: 100 users", "auditing: 200 users"]
        assert job.progress.phase == "finished"


async def test_what_is_still_to_finish_is_what_the_server_has_not_answered() -> None:
    journal, tenant = MemoryJournal(), Limited(per_second=1000.0)
    tenant.limiter = None
    wanted = planned(tenant, [person(f"u{n}") for n in range(1000)])
    answer, sent = asyncio.Event(), asyncio.Event()
    create = tenant.create

    async def held(rows: Any) -> Any:
        if len(tenant.creates) + progress.requests == 3:
            sent.set()
        await answer.wait()
        return await create(rows)

    tenant._limited = lambda call: call()  # type: ignore[method-assign,assignment]
    tenant.create = held  # type: ignore[method-assign]
    async with MemoryStore(journal) as store:
        job = Job(tenant, store, settle=0, concurrency=3)
        progress = job.progress
        running = asyncio.create_task(job.run(wanted))
        await sent.wait()
        job.drain()
        assert (progress.requests, progress.in_flight, progress.in_doubt) == (3, 60, 0)
        assert first_line(progress)[0] == "stopping: 3 requests still to finish; 0 of 1,000 rows"
        answer.set()
        with pytest.raises(JobInterrupted):
            await running
        assert (progress.requests, progress.finished, progress.in_flight) == (0, 60, 0)


def test_the_lines_are_short_where_there_is_no_room_and_empty_of_what_is_unknown() -> None:
    clock = SkippingClock()
    progress = Progress(clock=clock)
    progress.counts = Counter(DONE=600, TODO=400)
    progress.begin("sending")
    assert first_line(progress)[0] == "sending: 600 of 1,000 rows"
    progress.begin_sending()
    clock.now += 4.0
    progress.moved("TODO", "IN_FLIGHT", 80)
    progress.under_way = 60
    progress.moved("IN_FLIGHT", "DONE", 40)
    progress.under_way -= 40
    traffic = Traffic()
    assert first_line(progress) == [
        "sending: 640 of 1,000 rows, 10 rows/s, about 0:36 left",
        "sending: 640 of 1,000 rows, about 0:36 left",
        "640 of 1,000 rows, about 0:36 left",
        "sending: 640 of 1,000 rows",
    ]
    assert second_line(progress, traffic) == "40 rows in flight, 20 of them in doubt"
    traffic.retries = 3
    assert second_line(progress, traffic) == "40 rows in flight, 20 of them in doubt, 3 retried"
    assert (duration(0.2), duration(59.2), duration(3600)) == ("0:01", "1:00", "1:00:00")


def test_it_tells_why_the_latest_request_failed_until_one_does_not() -> None:
    """A pod that is not reached is retried for most of a minute: whoever waits wants to know what for."""
    progress, traffic = Progress(), Traffic()
    progress.begin("reading the tenant", 1)
    refused = TransportError("cannot connect to pod.example:443: connection refused")

    def attempt(number: int, error: TransportError | None) -> Attempt:
        return Attempt(v2_user_get.OPERATION, "https://pod.example", number, None, 0.1, 0, 0, error, "trace")

    traffic.see(attempt(1, refused))
    traffic.see(attempt(2, refused))
    assert first_line(progress)[0] == "reading the tenant: 0 of 1 row"
    told = "1 retried, the latest request: cannot connect to pod.example:443: connection refused"
    assert second_line(progress, traffic) == told
    traffic.see(attempt(3, None))
    assert second_line(progress, traffic) == "2 retried"
