"""The company of the Connect part, its users as they are and as they are expected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

import attrs

from aiosymphony_api.connect.models import Company

from .._create_once import create_once
from ..connect.client import ConnectClient
from ..provisioning.rows.wanted import WantedRow
from ..text import fold
from .comparing import Thing
from .progress import Stage

KIND = "Connect user"


@attrs.frozen
class NewCompany:
    """The company to create."""

    name: str
    vanity_name: str
    email_domains: tuple[str, ...]

    def takes(self, row: WantedRow) -> bool:
        """Whether the row's user may belong to it: Connect refuses those of other domains."""
        return fold(row.user.label.rpartition("@")[2]) in self.email_domains


async def create_company(connect: ConnectClient, new: NewCompany, *, stage: Stage) -> tuple[str, int]:
    """Create the company and wait until it is completed.

    Args:
        connect: The partner's client.
        new: The company.
        stage: Gives the progress of the stage.

    Returns:
        Its id, and how often it had to be looked up because the answer to its create was lost.

    Raises:
        SymphonyError: It cannot be created, or cannot be completed.
    """
    advance = stage("Company", 1)
    looked_up = 0

    async def find() -> Company | None:
        nonlocal looked_up
        looked_up += 1
        found = await connect.companies.list(vanity_name=new.vanity_name)
        return found[0] if found else None

    company = await create_once(
        lambda: connect.companies.create(name=new.name, vanity_name=new.vanity_name, email_domains=new.email_domains),
        find,
    )
    company_id = company.id
    await connect.companies.wait_until_completed(company_id, timeout=60.0, interval=0.1)
    advance(1)
    return company_id, looked_up


async def read_back(connect: ConnectClient, company_id: str) -> AsyncIterator[Thing]:
    """The company's users, page by page."""
    async for user in connect.users.list(company_id):
        yield Thing(KIND, fold(user.email), user.to_dict())


def things(rows: Iterable[WantedRow]) -> Iterator[Thing]:
    """What rows ask for."""
    for row in rows:
        yield Thing(KIND, fold(row.user.label), row.user.to_dict())
