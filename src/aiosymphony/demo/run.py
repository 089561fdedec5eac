"""The demo, from the file to the report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import attrs

from ..auth.oauth import ClientCredentials
from ..auth.rsa import RsaAuth
from ..connect.client import ConnectClient
from ..errors import JobRefused
from ..limits import Limits
from ..pod.client import PodClient
from ..provisioning import Desired
from ..provisioning.rows.wanted import WantedRow
from ..provisioning.sources.content import Content
from . import onboarding, populating, state
from .commands import Commands, Say
from .comparing import differences
from .onboarding import NewCompany, create_company
from .populating import Populated, Population, populate
from .progress import Progress, stages
from .provisioning import Provisioned, provision
from .report import Count, DemoReport, Traffic
from .server import Server, sandbox_process

COMPANY: Final = NewCompany(
    name="Northwind Capital",
    vanity_name="northwind-capital",
    email_domains=("northwind-capital.example", "northwind.example"),
)

KIND: Final = "connect"

FAULTS: Final[Mapping[str, Any]] = {
    "rate_429": 0.02,
    "rate_503": 0.01,
    "after_acting": 0.5,
    # Every answer takes its time, as over a network.
    "rate_delay": 1.0,
    "delay_seconds": 0.05,
}


@attrs.frozen(kw_only=True)
class DemoOptions:
    """What the demo does.

    Attributes:
        file: The people, as a CSV file for Connect.
        rows: How many of the file's rows are taken; all if None.
        pod_users: How many of them become users of the pod as well.
        rooms: How many rooms are created in the pod.
        token_ttl: Seconds until tokens expire; None if they never do.
        faults: What goes wrong in the sandbox, as in its option ``--faults``.
    """

    file: Path
    rows: int | None = None
    pod_users: int = 200
    rooms: int = 10
    token_ttl: float | None = 3.0
    faults: Mapping[str, Any] = FAULTS


def users_file() -> Path:
    """The thousand people that come with the package."""
    packaged = Path(__file__).parent / "users.csv"
    return packaged if packaged.exists() else Path(__file__).parents[3] / "examples" / "users.csv"


async def run_demo(
    options: DemoOptions, *, progress: Progress, say: Say = lambda _line: None, server: Server | None = None
) -> DemoReport:
    """Run the demo.

    Args:
        options: What to do.
        progress: Called with the progress of each stage.
        say: Called with each command and each result, a line each.
        server: A sandbox that runs already; if None, one is started with the options' tokens and faults, and stopped
            at the end.

    Raises:
        ConfigError: The sandbox does not start.
        JobError: The file is missing, or is no file of Connect users.
        SymphonyError: Something failed that retries and look-ups did not mend.
    """
    with TemporaryDirectory(prefix="aiosymphony-demo-") as folder:
        file = Path(folder) / f"people{options.file.suffix}"
        await asyncio.to_thread(_copy, options, file)
        if server is not None:
            return await _against(server, options, file, progress, say)
        progress("Sandbox", 0, 1)
        async with sandbox_process(token_ttl=options.token_ttl, faults=options.faults) as started:
            progress("Sandbox", 1, 1)
            return await _against(started, options, file, progress, say)


async def _against(server: Server, options: DemoOptions, file: Path, progress: Progress, say: Say) -> DemoReport:
    traffic = Traffic()
    started = time.monotonic()

    stage = stages(progress)
    credentials = ClientCredentials(server.client_id, server.client_secret, token_url=server.token_url)
    connect = ConnectClient(credentials, base_url=server.url, observer=traffic)
    pod = PodClient(
        server.url,
        RsaAuth(server.username, server.private_key),
        # The sandbox has no limit on changes of members. A pod has, of three a second, which clients keep to by
        # default: filling the rooms would take a minute of waiting, which is nothing to look at.
        limits=Limits(families={}),
        observer=traffic,
    )
    async with connect, pod:
        company_id, looked_up = await create_company(connect, COMPANY, stage=stage)
        provisioned = await provision(Commands(server, file.parent, say), file.name, company_id, progress=progress)
        # What to expect is read from the file and not from the job: it must not judge itself.
        rows = [row for row in await asyncio.to_thread(_usable, file) if COMPANY.takes(row)]
        people = Population(
            users=rows[: options.pod_users],
            rooms=[f"Desk {number:02}" for number in range(1, options.rooms + 1)],
        )
        populated = await populate(pod, people, stage=stage)
        expected = [*onboarding.things(rows), *people.things(populated.owner)]
        compared = stage("Read back", 2)
        sources = onboarding.read_back(connect, company_id), populating.read_back(pod, populated)
        found = [thing for source in sources async for thing in source]
        wrong = [*provisioned.complaints(len(rows)), *differences(expected, found, source="the APIs")]
        compared(1)
    held = state.things(await server.state(), company_id=company_id, users_before=populated.before)
    wrong += differences(expected, held, source="the sandbox's state")
    compared(1)
    seconds = time.monotonic() - started
    stats = await server.stats()
    return DemoReport(
        plan=provisioned.plan,
        job=provisioned.report,
        killed=provisioned.killed,
        counts=tuple(_counts(provisioned, people, populated)),
        rejections=provisioned.rejections,
        differences=tuple(wrong),
        retries=traffic.retries + provisioned.report["traffic"]["retries"],
        looked_up=looked_up + populated.looked_up,
        logins=stats["logins"],
        requests=stats["requests"],
        faults=stats["faults"],
        seconds=seconds,
    )


def _counts(provisioned: Provisioned, people: Population, populated: Populated) -> Iterator[Count]:
    yield Count("Company", 1, 1)
    rows = provisioned.report["rows"]
    yield Count("Connect users", rows["total"], provisioned.done, rows["failed"])
    yield Count("Pod users", len(people.users), len(populated.users))
    yield Count("Rooms", len(people.rooms), len(populated.rooms))
    yield Count("Members", len(list(people.memberships())), populated.memberships)
    yield Count("Presences", len(people.users), populated.presences)


# Of these, the first lines are a file as well.
_LINES: Final = {("CSV", "UTF-8"), ("JSON Lines", None)}


def _copy(options: DemoOptions, target: Path) -> None:
    """Copy the file, or as many of its rows as the options ask for."""
    desired = Desired.read(options.file, KIND)  # refuses what is no such file, by the name that it was given by
    begins = (item.line for item in desired.checked_rows())
    after = next(islice(begins, options.rows, None), None) if options.rows is not None else None
    read_as = desired.read_as
    if after is not None and (read_as is None or (read_as.format, read_as.encoding) not in _LINES):
        raise JobRefused(f"{options.file} is {read_as}, of which no part can be copied: leave out --rows")
    with Content(options.file).open() as source, target.open("wb") as copy:
        copy.writelines(islice(source, None if after is None else after - 1))


def _usable(file: Path) -> list[WantedRow]:
    return [row for row in Desired.read(file, KIND).rows() if not row.user.missing(row.user.to_dict())]
