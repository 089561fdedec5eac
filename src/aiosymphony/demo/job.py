"""The demo, from the file to the report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from ..auth.oauth import ClientCredentials
from ..auth.rsa import RsaAuth
from ..connect.client import ConnectClient
from ..limits import Limits
from ..pod.client import PodClient
from ..provisioning import Desired
from ..provisioning.desired import WantedRow
from . import onboarding, populating, state
from .comparing import differences
from .onboarding import NewCompany, Onboarded, onboard
from .populating import Populated, Population, populate
from .progress import Progress, stages
from .report import Count, DemoReport, Rejection, Traffic
from .server import Server, sandbox_process

COMPANY: Final = NewCompany(
    name="Northwind Capital",
    vanity_name="northwind-capital",
    email_domains=("northwind-capital.example", "northwind.example"),
)

FAULTS: Final[Mapping[str, Any]] = {"rate_429": 0.02, "rate_503": 0.01, "after_acting": 0.5}


@attrs.frozen(kw_only=True)
class DemoOptions:
    """What the demo does.

    Attributes:
        file: The people, as a CSV file for Connect.
        rows: How many of the file's rows are taken; all if None.
        pod_users: How many of them become users of the pod as well.
        rooms: How many rooms are created in the pod.
        token_ttl: Seconds that tokens live; None for ever.
        faults: What goes wrong in the sandbox, as its option ``--faults`` has it.
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


async def run_demo(options: DemoOptions, *, progress: Progress, server: Server | None = None) -> DemoReport:
    """Do it all.

    Args:
        options: What to do.
        progress: Told how it goes.
        server: A sandbox that runs already; if None, one is started with the options' tokens and faults, and stopped
            at the end.

    Raises:
        ConfigError: The sandbox does not start.
        JobError: The file is missing, or is no file of Connect users.
        SymphonyError: Something failed that retries and look-ups did not mend.
    """
    rows, rejections = await asyncio.to_thread(_read, options)
    if server is not None:
        return await _against(server, options, rows, rejections, progress)
    progress("Sandbox", 0, 1)
    async with sandbox_process(token_ttl=options.token_ttl, faults=options.faults) as started:
        progress("Sandbox", 1, 1)
        return await _against(started, options, rows, rejections, progress)


async def _against(
    server: Server,
    options: DemoOptions,
    rows: Sequence[WantedRow],
    rejections: Sequence[Rejection],
    progress: Progress,
) -> DemoReport:
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
        onboarded = await onboard(connect, COMPANY, rows, stage=stage)
        people = Population(
            users=sorted(onboarded.created, key=lambda row: row.line)[: options.pod_users],
            rooms=[f"Desk {number:02}" for number in range(1, options.rooms + 1)],
        )
        populated = await populate(pod, people, stage=stage)
        wanted = [*onboarding.things(onboarded.created), *people.things(populated.owner)]
        compared = stage("Read back", 2)
        sources = onboarding.read_back(connect, onboarded.company_id), populating.read_back(pod, populated)
        found = [thing for source in sources async for thing in source]
        wrong = [*differences(wanted, found, source="the APIs")]
        compared(1)
    held = state.things(await server.state(), company_id=onboarded.company_id, users_before=populated.before)
    wrong += differences(wanted, held, source="the sandbox's state")
    compared(1)
    seconds = time.monotonic() - started
    stats = await server.stats()
    refused = sorted([*rejections, *onboarded.rejections], key=lambda rejection: rejection.line)
    return DemoReport(
        counts=tuple(_counts(len(rows) + len(rejections), len(refused), onboarded, people, populated)),
        rejections=tuple(refused),
        differences=tuple(wrong),
        retries=traffic.retries,
        looked_up=onboarded.looked_up + populated.looked_up,
        logins=stats["logins"],
        requests=stats["requests"],
        faults=stats["faults"],
        seconds=seconds,
    )


def _counts(
    rows: int, rejected: int, onboarded: Onboarded, people: Population, populated: Populated
) -> Iterator[Count]:
    yield Count("Company", 1, 1)
    yield Count("Connect users", rows, len(onboarded.created), rejected)
    yield Count("Pod users", len(people.users), len(populated.users))
    yield Count("Rooms", len(people.rooms), len(populated.rooms))
    yield Count("Members", len(list(people.memberships())), populated.memberships)
    yield Count("Presences", len(people.users), populated.presences)


def _read(options: DemoOptions) -> tuple[list[WantedRow], list[Rejection]]:
    """The file's usable rows, and the others with what is wrong with them."""
    rows: list[WantedRow] = []
    rejections: list[Rejection] = []
    for item in Desired.read(options.file, "connect").both():
        if options.rows is not None and len(rows) + len(rejections) == options.rows:
            break
        if isinstance(item, WantedRow):
            rows.append(item)
        else:
            reasons = "; ".join(f"{problem.column} {problem.reason}".strip() for problem in item)
            rejections.append(Rejection(item[0].line, "", reasons, "check"))
    return rows, rejections
