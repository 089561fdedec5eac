"""A job is asked to stop while most of its rows wait for the rate of the client."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from aiosymphony import Limits
from aiosymphony.errors import JobError
from aiosymphony.provisioning import ConnectTarget, Desired, Job, make_plan
from tests.faults.server import Exchange, FaultServer, Step, reply

from .company import ID, Company, Store, client, people, provision, rows_of

AT = 45
"""Past what a client lets through at once: from here on, everybody waits for the rate."""


@pytest.fixture
def may_block() -> bool:
    return True


@pytest.mark.parametrize("steps", [False, True], ids=["creates", "steps"])
async def test_68_no_request_follows(server: FaultServer, tmp_path: Path, steps: bool) -> None:
    company = Company(server)
    records = people(300, active=False) if steps else people(1500)
    loop = asyncio.get_running_loop()
    asked = 0
    async with client(server, limits=Limits(rate=40.0)) as connect, Store(tmp_path / "job.journal") as store:
        target = ConnectTarget(connect, ID)
        plan = await make_plan(target, Desired.of(records, "connect"))
        job = Job(target, store, concurrency=32, settle=0)

        def script(_exchange: Exchange) -> None:
            nonlocal asked
            asked += 1
            if asked == AT:
                # While the answer is on its way, as a signal would.
                loop.call_soon(job.drain)

        company.script = script
        with pytest.raises(JobError, match="stopped as asked"):
            await job.run(plan)
        assert asked <= AT + 3, "those whose turn had come at that very moment, and nobody else"
        assert job.progress.in_flight == 0
        assert (connect.limiter.in_flight, connect.limiter.waiting) == (0, 0)
        found = Counter(row.state for row in await rows_of(store))
        assert found["IN_FLIGHT"] == 0
        if not steps:
            assert found["DONE"] == len(company.users)
    company.script = lambda _: None
    found = Counter(row.state for row in await provision(server, tmp_path / "job.journal", records))
    assert found == {"DONE": len(records)}
    assert set(company.there().values()) == {1}
    assert set(company.active().values()) == {not steps}


@pytest.mark.parametrize("steps", [False, True], ids=["creates", "steps"])
async def test_68_a_call_that_waits_to_be_repeated_is_not_sent_again(
    server: FaultServer, tmp_path: Path, steps: bool
) -> None:
    """The server said 429, and to come again in 20 s: nothing was carried out, so the row stays to do."""
    company = Company(server)
    records = people(30, active=False) if steps else people(100)
    loop = asyncio.get_running_loop()
    throttled = 0
    async with client(server) as connect, Store(tmp_path / "job.journal") as store:
        target = ConnectTarget(connect, ID)
        plan = await make_plan(target, Desired.of(records, "connect"))
        job = Job(target, store, concurrency=4, settle=0)

        def too_fast(exchange: Exchange) -> Step | None:
            nonlocal throttled
            if exchange.request.method != ("PATCH" if steps else "POST") or exchange.request.path == "/oauth/token":
                return None
            throttled += 1
            loop.call_later(1.0, job.drain)
            return reply(429, {"title": "Too fast"}, {"Retry-After": "20"})

        company.script = too_fast
        began = loop.time()
        with pytest.raises(JobError, match="stopped as asked"):
            await job.run(plan)
        assert loop.time() - began < 5.0, "nobody waited for the 20 s"
        assert throttled <= 4, "each call that was under way was sent once"
        found = Counter(row.state for row in await rows_of(store))
        assert found["IN_FLIGHT"] == 0
