"""A provisioning job with its journal, against a script that posts the same batches and remembers nothing.

Both create users of a company in a sandbox of its own process, in batches of 20, as many at once. What is compared is
the sending: the script reads no file, makes no plan and audits nothing. Once every answer takes as long as over a
network, once it comes as fast as the sandbox can, at several times the rate that Symphony allows. The last run is a job
from the file to the audited end, for its memory and for what the rest takes.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from aiosymphony import ClientCredentials, ConnectClient, Limits
from aiosymphony.provisioning import ConnectTarget, Desired, Job, Report, SqliteStore, make_plan
from aiosymphony.provisioning.journal.base import JobHeader

from .bulk import resident_mib

ROWS = 100_000
ROUNDS = 6
DELAYS = (0.05, 0.0)
CONCURRENCY = 32
BATCH = 20


@contextmanager
def sandbox(delay: float = 0.0) -> Iterator[dict[str, Any]]:
    faults = json.dumps({"rate_delay": 1.0 if delay else 0.0, "delay_seconds": delay})
    command = [sys.executable, "-m", "aiosymphony.sandbox", "--port", "0", "--company-seconds", "0.05", "--json"]
    command += ["--faults", faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


@asynccontextmanager
async def client(facts: dict[str, Any]) -> AsyncIterator[ConnectClient]:
    auth = ClientCredentials(facts["client_id"], facts["client_secret"], token_url=facts["token_url"])
    limits = Limits(concurrency=CONCURRENCY, rate=1_000_000)
    async with ConnectClient(auth, base_url=facts["url"], limits=limits) as connect:
        yield connect


async def company(connect: ConnectClient, name: str) -> str:
    made = await connect.companies.create(name=name, vanity_name=name, email_domains=[f"{name}.com"])
    assert made.id is not None
    await connect.companies.wait_until_completed(made.id, interval=0.05)
    return made.id


def person(name: str, number: int) -> dict[str, str]:
    return {
        "email": f"user{number}@{name}.com",
        "firstName": f"First{number}",
        "lastName": f"Last{number}",
        "displayName": f"First{number} Last{number}",
        "department": "Sales",
        "title": "Analyst",
        "location": "Paris",
    }


def write(path: Path, name: str, rows: int) -> None:
    with path.open("w") as file:
        file.write(",".join(person(name, 0)) + "\n")
        file.writelines(",".join(person(name, number).values()) + "\n" for number in range(rows))


async def by_hand(facts: dict[str, Any], company_id: str, people: list[dict[str, str]]) -> None:
    """What one would write without this package: N workers, orjson, and no thought of what may go wrong."""
    url = f"{facts['url']}/api/v2/companies/{company_id}/users"
    batches = (people[start : start + BATCH] for start in range(0, len(people), BATCH))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY + 8)) as session:
        credentials = {name: facts[name] for name in ("client_id", "client_secret")}
        login = {**credentials, "audience": "https://api.symphony.com/partners", "grant_type": "client_credentials"}
        async with session.post(facts["token_url"], json=login) as response:
            token = (await response.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

        async def work() -> None:
            for batch in batches:
                async with session.post(url, data=orjson.dumps(batch), headers=headers) as response:
                    results = orjson.loads(await response.read())
                    assert all(result["status"] == 201 for result in results)

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def by_job(connect: ConnectClient, company_id: str, file: Path, journal: Path) -> float:
    """Seconds that the job takes without its audit; it was planned and put into the journal before."""
    target = ConnectTarget(connect, company_id)
    async with SqliteStore(journal) as store:
        plan = await make_plan(target, Desired.read(file, "connect"))
        await store.begin(JobHeader.of(plan, made_at=time.time()), plan.actions())
        job = Job(target, store, concurrency=CONCURRENCY, audit=False)
        began = time.perf_counter()
        await job.run()
        took = time.perf_counter() - began
        assert (await Report.of(store, rows=False)).exit_code == 0
    return took


async def run() -> None:
    for delay in DELAYS:
        with tempfile.TemporaryDirectory() as folder, sandbox(delay) as facts:
            await compared(facts, Path(folder), delay)
    with tempfile.TemporaryDirectory() as folder, sandbox() as facts:
        await whole(facts, Path(folder))


async def compared(facts: dict[str, Any], folder: Path, delay: float) -> None:
    """Both sides in turns, each with companies of its own."""
    rows = ROWS // 10
    ratios, rates = [], []
    async with client(facts) as connect:
        for number in range(ROUNDS):
            ours, theirs = (f"{side}{number}" for side in ("ours", "theirs"))
            companies = {name: await company(connect, name) for name in (ours, theirs)}
            file = folder / f"{ours}.csv"
            write(file, ours, rows)
            people = [person(theirs, each) for each in range(rows)]
            took = {}
            for side in (ours, theirs) if number % 2 else (theirs, ours):
                if side == ours:
                    took[ours] = await by_job(connect, companies[ours], file, file.with_suffix(".journal"))
                else:
                    began = time.perf_counter()
                    await by_hand(facts, companies[theirs], people)
                    took[theirs] = time.perf_counter() - began
            ratios.append(took[theirs] / took[ours])
            rates.append(rows / took[ours])
    print(
        f"provision, {ROUNDS} times {rows:,} rows, {CONCURRENCY} at once, answers after {delay * 1000:g} ms: "
        f"{statistics.median(ratios):.2f} of the rows/s of a script without a journal ({min(ratios):.2f} to "
        f"{max(ratios):.2f}); {statistics.median(rates):,.0f} rows/s"
    )


async def whole(facts: dict[str, Any], folder: Path) -> None:
    """One job from the file to the audit."""
    async with client(facts) as connect:
        target = ConnectTarget(connect, await company(connect, "whole"))
        write(folder / "whole.csv", "whole", ROWS)
        async with SqliteStore(folder / "whole.journal") as store:
            before = peak = resident_mib()

            async def watch() -> None:
                nonlocal peak
                while True:
                    peak = max(peak, resident_mib())
                    await asyncio.sleep(0.05)

            watching = asyncio.create_task(watch())
            began = time.perf_counter()
            plan = await make_plan(target, Desired.read(folder / "whole.csv", "connect"))
            planned = time.perf_counter()
            await Job(target, store, concurrency=CONCURRENCY).run(plan)
            ended = time.perf_counter()
            report = await Report.of(store)
            page = report.to_html()
            watching.cancel()
            assert report.exit_code == 0
            print(
                f"provision, {ROWS:,} rows from file to audit: planned in {planned - began:.1f} s, sent and audited in "
                f"{ended - planned:.1f} s; memory grew by {peak - before:.1f} MiB; report of {len(page) / 1024:.0f} kB"
            )
