"""The Connect part: a company, and its users from the rows of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

import attrs

from aiosymphony_api.connect.models import Company, User

from ..bulk import Failed, bulk
from ..connect.client import ConnectClient
from ..connect.users import MAX_BATCH, NotCreated, UserResult
from ..provisioning import ConnectUser
from ..provisioning.desired import WantedRow
from .comparing import Thing
from .doubt import ATTEMPTS, create_once
from .progress import Stage
from .report import Rejection

KIND = "Connect user"
BATCHES_AT_ONCE = 16


@attrs.frozen
class NewCompany:
    """The company to create."""

    name: str
    vanity_name: str
    email_domains: tuple[str, ...]


@attrs.define
class Onboarded:
    """What the Connect part brought about.

    Attributes:
        company_id: The company.
        created: The rows whose users are there.
        rejections: The rows that Connect refused.
        looked_up: Creates whose answer was lost.
    """

    company_id: str = ""
    created: list[WantedRow] = attrs.field(factory=list)
    rejections: list[Rejection] = attrs.field(factory=list)
    looked_up: int = 0


async def onboard(
    connect: ConnectClient,
    wanted: NewCompany,
    rows: Sequence[WantedRow],
    *,
    stage: Stage,
) -> Onboarded:
    """Create the company, wait until it is completed, and create its users in batches of 20, 16 at once.

    Args:
        connect: The partner's client.
        wanted: The company.
        rows: Its users.
        stage: Told how it goes.

    Raises:
        SymphonyError: The company cannot be created, or cannot be completed.
    """
    done = Onboarded()
    advance = stage("Company", 1)

    async def find() -> Company | None:
        done.looked_up += 1
        found = await connect.companies.list(vanity_name=wanted.vanity_name)
        return found[0] if found else None

    company = await create_once(
        lambda: connect.companies.create(
            name=wanted.name, vanity_name=wanted.vanity_name, email_domains=wanted.email_domains
        ),
        find,
    )
    done.company_id = company.id or ""
    await connect.companies.wait_until_completed(done.company_id, timeout=60.0, interval=0.1)
    advance(1)
    advance = stage("Connect users", len(rows))
    async with bulk(_batches(rows), lambda batch: _create(connect, done, batch), concurrency=BATCHES_AT_ONCE) as run:
        async for outcome in run:
            if isinstance(outcome, Failed):
                raise outcome.error
            for row, result in outcome.value:
                if result.error is None:
                    done.created.append(row)
                else:
                    done.rejections.append(Rejection(row.line, row.user.label, _reason(result.error), "Connect"))
            advance(len(outcome.value))
    return done


async def _create(
    connect: ConnectClient, done: Onboarded, batch: Sequence[WantedRow]
) -> list[tuple[WantedRow, UserResult]]:
    """Create the users of one batch; those that are in doubt are looked up before they are sent again."""
    settled: list[tuple[WantedRow, UserResult]] = []
    left = list(batch)
    for _ in range(ATTEMPTS):
        results = await connect.users.create(done.company_id, [_user(row) for row in left])
        doubtful = []
        for row, result in zip(left, results, strict=True):
            if result.error is not None and result.error.may_have_acted:
                doubtful.append((row, result))
            else:
                settled.append((row, result))
        if not doubtful:
            return settled
        done.looked_up += 1
        # Connect finds users by nothing but their ids: all pages are read. New users come at the end of the list, so
        # that nobody who was created before is missed, although others are being created meanwhile.
        there = {_folded(user.email): user async for user in connect.users.list(done.company_id)}
        left = []
        for row, result in doubtful:
            if (user := there.get(_folded(row.user.label))) is not None:
                settled.append((row, UserResult(result.asked, user, None, None)))
            else:
                left.append(row)
        if not left:
            return settled
    unknown = NotCreated(None, "the answer was lost time and again", may_have_acted=True)
    return settled + [(row, UserResult(_user(row), None, None, unknown)) for row in left]


async def read_back(connect: ConnectClient, company_id: str) -> AsyncIterator[Thing]:
    """The company's users, page by page."""
    async for user in connect.users.list(company_id):
        yield Thing(KIND, _folded(user.email), user.to_dict())


def things(rows: Iterable[WantedRow]) -> Iterator[Thing]:
    """What rows ask for."""
    for row in rows:
        yield Thing(KIND, _folded(row.user.label), row.user.to_dict())


def _user(row: WantedRow) -> User:
    # The email address is the key: a row that has passed has one.
    user = row.user if isinstance(row.user, ConnectUser) else ConnectUser.from_dict(row.user.to_dict())
    return User.from_dict(user.to_dict())


def _reason(error: NotCreated) -> str:
    return error.message if error.code is None else f"{error.message} (code {error.code})"


def _folded(email: str | None) -> str:
    return (email or "").strip().casefold()


def _batches(rows: Sequence[WantedRow]) -> Iterator[Sequence[WantedRow]]:
    for start in range(0, len(rows), MAX_BATCH):
        yield rows[start : start + MAX_BATCH]
