"""Targets: what a plan and a job need of the place where users are provisioned."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import attrs

from ...auth.store import TokenStore
from ...client import Client, ClientOptions
from ...errors import JobError
from ...limits import Limiter, Limits
from ...observer import Observer
from ..actual import Actual, ActualUser
from ..plans.actions import Step
from ..plans.rules import Rules
from ..progress import Progress
from ..rows.base import Kind, User

__all__ = [
    "Connection",
    "Created",
    "Held",
    "InDoubt",
    "Rejected",
    "Result",
    "RuledTarget",
    "Target",
    "TargetKind",
    "read_actual",
]


@attrs.define(eq=False)
class Created:
    """The user was created and has this id."""

    id: str


@attrs.frozen
class Rejected:
    """The user was surely not created.

    Attributes:
        code: The server's code, or the status.
        message: What it said.
        exists: Whether it says that there is such a user already - which may be one that this job created.
    """

    code: str
    message: str
    exists: bool = False


@attrs.frozen
class InDoubt:
    """The answer does not tell whether the user was created."""

    message: str


@attrs.frozen
class Held:
    """The user was surely not created, and may be another time.

    Attributes:
        code: The server's code, or the status.
        message: What it said.
        stops: Why no other user can be created either for now; None if it is about this one.
    """

    code: str
    message: str
    stops: JobError | None = None


Result = Created | Rejected | Held | InDoubt


class Target(Protocol):
    """A tenant. Methods raise the errors of :mod:`aiosymphony.errors`, which say whether the server may have acted.

    One may also be a :class:`RuledTarget`.

    Attributes:
        kind: Which rows it takes.
        name: Which one it is, such as ``connect:https://…/companies/ID``; a journal is bound to it.
        batch: How many users one create request carries at most.
        look_up_batch: How many users are looked up at once.
        look_up_limit: Up to how many rows are looked up to make a plan; more are compared with a whole listing.
        limiter: Where its requests wait for their turn; None if they never do.
    """

    @property
    def kind(self) -> Kind: ...
    @property
    def name(self) -> str: ...
    @property
    def batch(self) -> int: ...
    @property
    def look_up_batch(self) -> int: ...
    @property
    def look_up_limit(self) -> int: ...
    @property
    def limiter(self) -> Limiter | None: ...

    async def own_id(self) -> str | None:
        """The id of the account that asks; None if it is none of the tenant's users."""
        ...

    def everyone(self) -> AsyncIterator[Sequence[ActualUser]]:
        """All users, in pages, active or not."""
        ...

    async def look_up(self, users: Sequence[User]) -> Sequence[ActualUser]:
        """Those that are there with any key of these users, more than one for a user if there are."""
        ...

    async def get(self, user_id: str) -> ActualUser | None:
        """The user with this id; None if there is none."""
        ...

    async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
        """Create users from their rows' columns in one request; the results in the order of the rows.

        Raises:
            OutcomeUnknown: All, some or none of them may have been created.
            SymphonyError: None of them was.
        """
        ...

    async def take_step(self, user_id: str, step: Step) -> None:
        """Change a user that is there; repeating it changes nothing more."""
        ...


@runtime_checkable
class RuledTarget(Protocol):
    """An optional part of :class:`Target`: it says what it takes, so that a plan tells what it would refuse."""

    async def rules(self, columns: Collection[str]) -> Rules:
        """What it takes now; what it does not tell is among the warnings.

        Args:
            columns: The columns that are going to be checked.
        """
        ...


async def read_actual(
    target: Target, users: Sequence[User] | None = None, *, progress: Progress | None = None
) -> Actual:
    """Read the users of a tenant: all of them, or those that have a key of these.

    Args:
        target: The tenant.
        users: None for everybody.
        progress: Told how many were read, or looked up.
    """
    progress = Progress() if progress is None else progress
    progress.watch(target.limiter)
    actual = Actual(target.kind, whole=users is None)
    if users is None:
        progress.begin("reading the tenant", unit="user")
        async for page in target.everyone():
            actual.add(page)
            progress.step += len(page)
        return actual
    progress.begin("reading the tenant", len(users))
    for start in range(0, len(users), target.look_up_batch):
        batch = users[start : start + target.look_up_batch]
        actual.add(await target.look_up(batch))
        progress.step += len(batch)
    return actual


@attrs.frozen
class Connection:
    """How the command line reaches a target.

    Attributes:
        company: The company's id.
        config: A configuration file.
        limits: The client's limits; None for its own.
        observer: Is told of every attempt.
        token_store: Shares tokens with other processes.
        environment: The variables that tell what the configuration file does not; None for the process's own.
    """

    company: str | None = None
    config: Path | None = None
    environment: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    limits: Limits | None = None
    observer: Observer | None = None
    token_store: TokenStore | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """What to read a login from."""
        return os.environ if self.environment is None else self.environment

    @property
    def options(self) -> ClientOptions:
        """The arguments of the client."""
        return {"limits": self.limits, "observer": self.observer, "token_store": self.token_store}


@attrs.frozen
class TargetKind:
    """A kind of target that the command line knows.

    Attributes:
        kind: Its name, as in ``--target``, and that of its rows.
        check: Raises :class:`~aiosymphony.ConfigError` if the connection does not fit.
        client: Makes a client from the environment or a configuration file.
        over: The target over such a client.
        saved: The connection to a target that a plan names.
        server: The address of the server, from the name of a target.
    """

    kind: Kind
    check: Callable[[Connection], None]
    client: Callable[[Connection], Client]
    over: Callable[[Any, Connection], Target]
    saved: Callable[[str], Connection]
    server: Callable[[str], str]

    @asynccontextmanager
    async def open(self, where: Connection) -> AsyncIterator[Target]:
        """The target over a client of its own, which is closed at the end."""
        async with self.client(where) as client:
            yield self.over(client, where)
