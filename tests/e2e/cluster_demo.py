"""Four workers provision 20,000 users of three companies and a pod, while one thing after another fails.

``make demo-cluster`` runs it, on a fresh machine too: it brings its own PostgreSQL, or uses the binaries of an
installed one. The sandbox accepts keys that are taken, so that nothing but the jobs' own care stands between a crash
and a double. One worker is killed, one is stopped until others have taken over and then woken, and the database is
restarted. The exit code is 0 only if the sandbox holds, by its own state, each wanted user once and nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import attrs
import orjson
from rich.console import Console
from rich.table import Table

from aiosymphony import ClientCredentials, ConnectClient, JobError
from aiosymphony.demo.onboarding import NewCompany, create_company
from aiosymphony.demo.server import Server, sandbox_process
from aiosymphony.provisioning.journal.postgres.jobs import JobState, list_jobs
from tests.provisioning import cluster as clusters
from tests.provisioning.cluster import Cluster

COMPANIES: Final = ("Harbour Bank", "Lumen Funds", "Quarry Capital")
OF_A_COMPANY: Final = 6000
OF_THE_POD: Final = 2000
WORKERS: Final = 4
LEASE: Final = 12.0
FAULTS: Final = {
    "rate_429": 0.01,
    "rate_503": 0.01,
    "rate_drop": 0.01,
    "after_acting": 0.5,
    "rate_delay": 1.0,
    "delay_seconds": 0.15,
}
LONGEST: Final = 600.0

out = Console(highlight=False)


@attrs.frozen
class Tenant:
    """A company or the pod, and who shall be there.

    Attributes:
        name: For people.
        file: Its users.
        target: The options that name it.
        wanted: The key of each user.
        company: Its id; None for the pod.
    """

    name: str
    file: Path
    target: tuple[str, ...]
    wanted: frozenset[str]
    company: str | None = None

    def there(self, state: Any, before: frozenset[str]) -> Counter[str]:
        """Who is there, and how often, by the sandbox's own state."""
        if self.company is not None:
            return Counter(each["email"] for each in state["connect_users"] if each["company"] == self.company)
        return Counter(each["username"] for each in state["pod_users"] if each["username"] not in before)


@attrs.define
class Work:
    """A worker's process.

    Attributes:
        number: Which one it is.
        process: Its process.
    """

    number: int
    process: asyncio.subprocess.Process

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.process.pid})"


@attrs.define
class Cast:
    """All that takes part.

    Attributes:
        folder: Where the files are.
        server: The sandbox.
        database: PostgreSQL.
        workers: The workers that live.
        told: What happened, with its second.
    """

    folder: Path
    server: Server
    database: Cluster
    workers: list[Work] = attrs.field(factory=list)
    told: list[tuple[float, str]] = attrs.field(factory=list)
    began: float = attrs.field(factory=time.monotonic)

    def say(self, what: str) -> None:
        self.told.append((time.monotonic() - self.began, what))
        out.print(f"{self.told[-1][0]:6.1f} s  {what}")

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SYMPHONY_")}
        return kept | {
            "SYMPHONY_CONNECT_URL": self.server.url,
            "SYMPHONY_TOKEN_URL": self.server.token_url,
            "SYMPHONY_CLIENT_ID": self.server.client_id,
            "SYMPHONY_CLIENT_SECRET": self.server.client_secret,
            "SYMPHONY_POD_URL": self.server.url,
            "SYMPHONY_BOT_USERNAME": self.server.username,
            "SYMPHONY_PRIVATE_KEY": str(self.server.private_key),
            "AIOSYMPHONY_STORE": self.database.url(),
        }

    async def aiosymphony(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> bytes:
        """Run a command; what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aiosymphony.cli", *arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, errors = await process.communicate()
        if process.returncode not in codes:
            raise SystemExit(f"aiosymphony {arguments[0]} ended with {process.returncode}: {errors.decode()}")
        return printed

    async def start(self, number: int) -> Work:
        options = ("--store", self.database.url(), "--concurrency", "3", "--lease", f"{LEASE:g}")
        with (self.folder / f"worker-{number}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "aiosymphony.cli", "worker", *options),
                cwd=self.folder,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.workers.append(work := Work(number, process))
        return work

    def jobs(self) -> list[JobState] | None:
        """How the jobs stand; None while the database is away."""
        with contextlib.suppress(JobError):
            return list_jobs(self.database.url())
        return None

    def takeovers(self) -> int:
        ((count,),) = self.database.execute("SELECT count(*) FROM aiosymphony.takeover")
        return int(count)


async def prepare(cast: Cast) -> list[Tenant]:
    """Make the companies and the files."""
    credentials = ClientCredentials(cast.server.client_id, cast.server.client_secret, token_url=cast.server.token_url)
    tenants = []
    async with ConnectClient(credentials, base_url=cast.server.url) as connect:
        for name in COMPANIES:
            word = name.partition(" ")[0].lower()
            new = NewCompany(name, word, (f"{word}.example",))
            company, _ = await create_company(connect, new, stage=lambda _name, _size: lambda _step: None)
            emails = [f"user{number:05}@{word}.example" for number in range(OF_A_COMPANY)]
            lines = [
                "email,firstName,lastName",
                *(f"{email},{name.split()[0]},{n:05}" for n, email in enumerate(emails)),
            ]
            file = cast.folder / f"{word}.csv"
            file.write_text("\n".join(lines) + "\n")
            tenants.append(
                Tenant(name, file, ("--target", "connect", "--company", company), frozenset(emails), company)
            )
    names = [f"desk{number:05}" for number in range(OF_THE_POD)]
    header = "userName,emailAddress,firstName,lastName,displayName"
    lines = [header, *(f"{name},{name}@pod.example,Desk,{n:05},Desk {n:05}" for n, name in enumerate(names))]
    file = cast.folder / "pod.csv"
    file.write_text("\n".join(lines) + "\n")
    return [*tenants, Tenant("the pod", file, ("--target", "pod"), frozenset(names))]


async def disturb(cast: Cast) -> Work:
    """Kill, stop and restart, as the jobs get on.

    Returns:
        The worker that was stopped.
    """
    await until(cast, 0.15)
    killed = cast.workers.pop(0)
    killed.process.kill()
    await killed.process.wait()
    cast.say(f"killed {killed}")
    await until(cast, 0.35)
    stopped = cast.workers.pop(0)
    stopped.process.send_signal(signal.SIGSTOP)
    cast.say(f"stopped {stopped}, as a machine that hangs")
    await until(cast, 0.55)
    # Not in a thread: the database ends with the thread that started it.
    cast.database.stop("immediate")
    cast.say("stopped the database, at once")
    await asyncio.sleep(2)
    cast.database.start()
    cast.say("started the database")
    return stopped


async def until(cast: Cast, share: float) -> None:
    """Wait until so much of all jobs is done."""
    said = 0.0
    while True:
        jobs = await asyncio.to_thread(cast.jobs)
        if jobs:
            done, total = sum(job.done for job in jobs), sum(job.total for job in jobs)
            if done >= share * total and (share < 1 or all(job.finished_at is not None for job in jobs)):
                return
            if time.monotonic() - said > 5:
                said = time.monotonic()
                out.print(f"          {done:,} of {total:,} rows, {cast.takeovers()} takeovers", style="dim")
        if time.monotonic() - cast.began > LONGEST:
            raise SystemExit(f"the jobs have not ended after {LONGEST:g} s")
        await asyncio.sleep(0.2)


async def play(cast: Cast) -> bool:
    """The whole of it; whether all is as it was wanted."""
    await cast.aiosymphony("store", "init", cast.database.url())
    tenants = await prepare(cast)
    before = frozenset(each["username"] for each in (await cast.server.state())["pod_users"])
    for tenant in tenants:
        at_once = "4" if tenant.company else "16"  # the pod takes one user a request
        options = ("--settle", "1", "--concurrency", at_once, "--shards", "4")
        command = ("provision", "apply", tenant.file.name, *tenant.target, *options)
        await cast.aiosymphony(*command, "--store", cast.database.url(), "--detach")
        cast.say(f"handed over {len(tenant.wanted):,} users of {tenant.name}")
    for number in range(1, WORKERS + 1):
        await cast.start(number)
    cast.say(f"started {WORKERS} workers")
    stopped = await disturb(cast)
    await until(cast, 1.0)
    cast.say("every job has ended")
    held = await cast.server.state()
    woke_at = next(at for at, what in cast.told if what.startswith("stopped worker")) + 1.5 * LEASE
    await asyncio.sleep(max(0.0, woke_at - (time.monotonic() - cast.began)))
    stopped.process.send_signal(signal.SIGCONT)
    cast.say(f"woke {stopped}")
    ends = {str(stopped): await asyncio.wait_for(stopped.process.wait(), 60)}
    cast.say(f"{stopped} ended with {ends[str(stopped)]}: it was replaced, and sent nothing")
    await asyncio.sleep(1)
    state = await cast.server.state()
    for work in cast.workers:
        work.process.terminate()
    for work in cast.workers:
        ends[str(work)] = await work.process.wait()
    wrong = [f"{who} ended with {code}" for who, code in ends.items() if code != (75 if who == str(stopped) else 0)]
    if {each["email"] for each in state["connect_users"]} != {each["email"] for each in held["connect_users"]}:
        wrong.append("the worker that was woken created users")
    return await judge(cast, tenants, state, before, wrong)


async def judge(cast: Cast, tenants: list[Tenant], state: Any, before: frozenset[str], wrong: list[str]) -> bool:
    """Compare, and show it."""
    table = Table(title=f"After {time.monotonic() - cast.began:.0f} s", title_justify="left", box=None, pad_edge=False)
    for heading in ("", "wanted", "there", "missing", "doubled", "unexpected", "looked up", "exit code"):
        table.add_column(heading, justify="right" if heading else "left")
    for tenant in tenants:
        command = ("provision", "report", tenant.file.name, "--store", cast.database.url(), "--json")
        report = orjson.loads(await cast.aiosymphony(*command, codes=(0, 2, 3)))
        there = tenant.there(state, before)
        faults = {
            "missing": len(tenant.wanted - there.keys()),
            "doubled": sum(count > 1 for count in there.values()),
            "unexpected": len(there.keys() - tenant.wanted),
        }
        wrong += [f"{tenant.name}: {count} users are {what}" for what, count in faults.items() if count]
        if report["exit_code"] != 0:
            wrong.append(f"{tenant.name}: the job ended with {report['exit_code']}")
        table.add_row(
            tenant.name,
            f"{len(tenant.wanted):,}",
            f"{sum(there.values()):,}",
            *map(str, faults.values()),
            f"{report['looked_up']:,}",
            str(report["exit_code"]),
        )
    out.print(table)
    out.print(f"{cast.takeovers()} shards were taken over; {(await cast.server.stats())['requests']:,} requests")
    for each in wrong:
        out.print(each, style="red")
    if not wrong:
        out.print("Each user that was wanted is there once, and nobody else.")
    return not wrong


@contextlib.contextmanager
def database() -> Iterator[Cluster]:
    """An empty PostgreSQL."""
    where = clusters.binaries()
    if where is None:
        raise SystemExit(f"there is {clusters.NONE}")
    made = Cluster(where)
    try:
        made.start()
        made.execute("CREATE DATABASE journals", database="postgres")
        yield made
    finally:
        made.remove()


async def main(made: Cluster) -> bool:
    async with sandbox_process(token_ttl=20.0, faults=FAULTS, unique=False) as server:
        with TemporaryDirectory(prefix="aiosymphony-cluster-") as folder:
            cast = Cast(Path(folder), server, made)
            try:
                return await play(cast)
            finally:
                for work in cast.workers:
                    _end(work.process.kill)


def _end(kill: Callable[[], None]) -> None:
    with contextlib.suppress(ProcessLookupError):
        kill()


if __name__ == "__main__":
    with database() as running:
        sys.exit(0 if asyncio.run(main(running)) else 1)
