"""Case 28: kill -9 at every labelled place and at random moments, against a sandbox that loses replies and writes late.

The sandbox refuses no duplicates here, so that nothing but the job's own care stands between a crash and a double.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from aiosymphony.sandbox import Faults, Sandbox

from . import driver

ROWS = 2000
LATE = 0.1
SETTLE = 0.5
"""Much longer than any write takes here, so that a machine that stalls for a moment makes no write later than it."""
FAULTS = Faults(rate_drop=0.05, after_acting=1.0, rate_504=0.03, late_seconds=LATE, lookup_lag=0.05, seed=1)
SLOW = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=0.2)
"""So slow that a job is still under way when it is stopped, however slow this machine is."""
KILLS = int(os.environ.get("AIOSYMPHONY_TEST_KILLS", "100"))


@attrs.define
class Driver:
    """The process that forks the jobs."""

    process: asyncio.subprocess.Process

    async def start(self, order: dict[str, Any]) -> int:
        return int(await self._ask(order))

    async def wait(self, pid: int) -> int:
        """How the child ended: its exit code, or the negative signal."""
        return int(await self._ask({"wait": pid}))

    async def run(self, order: dict[str, Any]) -> int:
        return await self.wait(await self.start(order))

    async def _ask(self, order: dict[str, Any]) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return (await self.process.stdout.readline()).decode()


@pytest.fixture
async def jobs() -> AsyncIterator[Driver]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",
        driver.__file__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    yield Driver(process)
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


@attrs.define
class Case:
    """A tenant, a file of people, and what makes one like the other."""

    sandbox: Sandbox
    order: dict[str, Any]

    def there(self) -> Counter[str]:
        """How often each wanted user is there."""
        if self.order["kind"] == "connect":
            everyone = (user.attributes["email"] for user in self.sandbox.state.connect_users(self.order["company"]))
        else:
            everyone = (user.attributes["emailAddress"] for user in self.sandbox.state.users())
        return Counter(email for email in everyone if email.startswith("row"))


WANTED = Counter({f"row{n}@acme.com": 1 for n in range(ROWS)})


@pytest.fixture
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    kind = getattr(request, "param", "connect")
    async with Sandbox(uniqueness=False, token_ttl=1.0, users=5) as sandbox:
        file = tmp_path / "people.csv"
        order = {
            "kind": kind,
            "url": sandbox.url,
            "file": str(file),
            "journal": str(tmp_path / "people.csv.journal"),
            "settle": SETTLE,
        }
        if kind == "connect":
            company = sandbox.state.add_company("Acme", "acme", ("acme.com",), age=1e6).id
            given = sandbox.client_credentials
            order |= {"company": company, "client_id": given.client_id, "client_secret": given.client_secret}
            lines = ["email,firstName,lastName", *(f"row{n}@acme.com,Row,N{n}" for n in range(ROWS))]
        else:
            order |= {"username": sandbox.bot.username, "private_key": sandbox.bot.private_key}
            lines = [
                "userName,emailAddress,firstName,lastName,displayName",
                *(f"row{n},row{n}@acme.com,Row,N{n},Row {n}" for n in range(ROWS)),
            ]
        file.write_text("\n".join(lines) + "\n")
        sandbox.faults = FAULTS
        yield Case(sandbox, order)


async def finish(jobs: Driver, case: Case) -> None:
    """Start the job until it says that it is done."""
    for _ in range(10):
        code = await jobs.run(case.order)
        if code == 0:
            return
    raise AssertionError(f"the job ends with {code} again and again")


@pytest.mark.parametrize("after", [1, 40])
@pytest.mark.parametrize("place", ["after mark", "after send", "after reply", "in a commit", "after a commit"])
async def test_killed_at_a_place(jobs: Driver, case: Case, place: str, after: int) -> None:
    if place == "after send":
        case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=0.2)
    code = await jobs.run({**case.order, "die_at": place, "die_after": after})
    assert code == -signal.SIGKILL
    case.sandbox.faults = FAULTS
    await finish(jobs, case)
    assert case.there() == WANTED


async def kill_at_random(jobs: Driver, case: Case, kills: int, **options: Any) -> int:
    """Kill the job again and again; how many of the kills hit it while it ran."""
    chance = random.Random(7)
    hit = 0
    for _ in range(kills):
        pid = await jobs.start({**case.order, "concurrency": 4, **options})
        # Half of the lives end early, while the one before is being looked up; the others get to send.
        await asyncio.sleep(chance.uniform(0, SETTLE) if chance.random() < 0.3 else SETTLE + chance.uniform(0, 0.3))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        hit += await jobs.wait(pid) == -signal.SIGKILL
    return hit


@pytest.mark.parametrize("case", ["connect", "pod"], indirect=True)
async def test_killed_at_random_moments(jobs: Driver, case: Case) -> None:
    # Slowed down, so that there is something left to be killed at.
    case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=0.05)
    kills = KILLS if case.order["kind"] == "pod" else KILLS // 4
    hit = await kill_at_random(jobs, case, kills)
    assert hit > kills // 4
    case.sandbox.faults = FAULTS
    await finish(jobs, case)
    assert case.there() == WANTED


async def test_without_the_look_up_the_same_doubles(jobs: Driver, case: Case) -> None:
    case.sandbox.faults = attrs.evolve(FAULTS, rate_delay=1.0, delay_seconds=0.05)
    await kill_at_random(jobs, case, 10, look_up=False, audit=False)
    case.sandbox.faults = FAULTS
    for _ in range(10):
        if await jobs.run({**case.order, "look_up": False, "audit": False}) == 0:
            break
    assert set(case.there()) == set(WANTED)
    assert sum(case.there().values()) > ROWS


async def test_30_stopped_past_its_lease_and_woken(jobs: Driver, case: Case) -> None:
    order = {**case.order, "lease": 5.0, "concurrency": 4}
    case.sandbox.faults = SLOW
    first = await jobs.start(order)
    try:
        while sum(case.there().values()) < 300:
            await asyncio.sleep(0.01)
        await stop_outside_a_commit(first, order["journal"])
        assert await jobs.run(order) == 75, "a live lease is refused"
        before = case.there()
        case.sandbox.faults = FAULTS
        while (code := await jobs.run(order)) == 75:  # until the lease has ended
            await asyncio.sleep(0.1)
        assert code == 0
        # What the first had sent before it was stopped had landed by then; awake again, it sends nothing.
        os.kill(first, signal.SIGCONT)
        assert await jobs.wait(first) == 75
        await asyncio.sleep(2 * LATE)
        assert case.there() == WANTED
        assert sum(before.values()) < ROWS
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)


async def stop_outside_a_commit(pid: int, journal: str) -> None:
    """Stop a process, but not in a transaction: as long as it holds that, nobody can take the journal over."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(journal, timeout=0, isolation_level=None)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(0.003)
            else:
                return


async def test_29_two_processes_share_by_shards_and_one_is_killed(jobs: Driver, case: Case) -> None:
    order = {**case.order, "shards": 2, "max_shards": 1, "concurrency": 4}
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
    await jobs.wait(second)
    case.order |= {"max_shards": 2}
    await finish(jobs, case)
    assert case.there() == WANTED
