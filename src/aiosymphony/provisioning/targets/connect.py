"""A sponsored company as a target of provisioning, through the facade."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from aiosymphony_api.connect.models import CompanyState

from ...codes import ConnectCode
from ...connect.users import MAX_BATCH, id_of
from ...errors import ApiError, ConfigError, JobError, JobInterrupted, NotFound, PaginationError, SymphonyError
from ...text import clean_text
from ...wire.models import or_none
from ..actual import ActualUser
from ..plans.actions import Step
from ..plans.rules import Rules
from ..rows.base import Kind, User, keys_of
from ..rows.connect import ConnectUser
from .base import Connection, Created, Held, InDoubt, Rejected, Result, TargetKind
from .reading_rules import read_if_told
from .retrying import pages_retrying, retrying

if TYPE_CHECKING:
    from aiosymphony_api.connect.models import User as ApiUser

    from ...connect.client import ConnectClient
    from ...connect.users import UserResult

__all__ = ["KIND", "ConnectTarget"]


class ConnectTarget:
    """The users of one company.

    Args:
        connect: An open client.
        company_id: The company, which must be ``COMPLETED``.
    """

    kind: Kind = "connect"
    batch = MAX_BATCH
    # Connect looks nobody up by address: whoever is looked for, the whole company is listed. So better once for many.
    look_up_batch = 10_000
    look_up_limit = 0

    def __init__(self, connect: ConnectClient, company_id: str) -> None:
        self._connect = connect
        self._company = company_id
        self.name = f"{connect.base_url}/companies/{company_id}"
        self.limiter = connect.limiter

    async def own_id(self) -> str | None:
        """None: an app asks, and no user of the company."""
        return None

    async def rules(self, columns: Collection[str]) -> Rules:
        """The e-mail domains of the company. It is a warning that nobody can be created in it yet."""
        del columns  # Every row has an address.
        warnings: list[str] = []
        company = await read_if_told("e-mail domains", lambda: self._connect.companies.get(self._company), warnings)
        if company is None:
            return Rules(self.kind, warnings=warnings)
        domains = [domain for domain in or_none(lambda: company.email_domains) or () if isinstance(domain, str)]
        if not domains:
            warnings.append("e-mail domains were not checked, because the company does not tell its own")
        if (state := or_none(lambda: company.state)) not in (None, CompanyState.COMPLETED):
            why = f" ({clean_text(company.error_message)})" if company.error_message else ""
            warnings.append(
                f"the company is {clean_text(state)}{why}, and nobody can be created in it before it is COMPLETED"
            )
        return Rules(self.kind, domains, warnings=warnings)

    async def everyone(self) -> AsyncIterator[Sequence[ActualUser]]:
        """All users of the company, a hundred at a time."""
        with self._ready():
            async for page in pages_retrying(self._connect.users.list(self._company)):
                yield [_actual(user) for user in page if id_of(user) is not None]

    async def look_up(self, users: Sequence[User]) -> Sequence[ActualUser]:
        """Users found by address, in a listing of the company."""
        wanted = {key for user in users for key in user.identities()}
        return [
            existing
            async for page in self.everyone()
            for existing in page
            if not wanted.isdisjoint(keys_of(existing.values, ConnectUser))
        ]

    async def get(self, user_id: str) -> ActualUser | None:
        """The user of this company with this id."""
        try:
            with self._ready():
                return _actual(await retrying(lambda: self._connect.users.get(self._company, user_id)))
        except NotFound:
            return None

    async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
        """Create up to 20 users in one request."""
        with self._ready():
            # The columns of a row are named as the API names them: it is sent as it stands.
            results = await self._connect.users.create_objects(self._company, rows)
        return [Created(result) if isinstance(result, str) else self._result(result) for result in results]

    async def take_step(self, user_id: str, step: Step) -> None:
        """Enable or disable."""
        if step["do"] != "active":
            msg = f"no step of a company: {step}"
            raise ValueError(msg)
        with self._ready():
            await self._connect.users.set_active(self._company, user_id, step["active"])

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """Around each request: whatever is asked of a company that is not there yet, all rows would fare alike.

        Raises:
            JobError: Connect says so.
        """
        try:
            yield
        except SymphonyError as error:
            cause = error.__cause__ if isinstance(error, PaginationError) else error
            if isinstance(cause, ApiError) and cause.company_not_ready:
                raise self._not_ready() from None
            raise

    def _not_ready(self) -> JobError:
        return JobInterrupted(
            f"the company {self._company} does not exist or is not complete yet, which takes about 20 minutes; "
            "run the same command later"
        )

    def _result(self, result: UserResult) -> Result:
        error = result.error
        if error is None:
            made = None if result.user is None else id_of(result.user)
            return InDoubt("the answer has no id") if made is None else Created(made)
        if error.may_have_acted:
            return InDoubt(error.message)
        code = str(next((each for each in (error.code, result.status) if each is not None), ""))
        if error.company_not_ready:
            return Held(code, error.message, stops=self._not_ready())
        if error.throttled:
            return Held(code, error.message)
        return Rejected(code, error.message, exists=error.code == ConnectCode.EMAIL_EXISTS)


def _actual(user: ApiUser) -> ActualUser:
    columns = ConnectUser.columns()
    values = {name: value for name, value in user.to_dict().items() if name in columns and name != "active"}
    return ActualUser(id_of(user) or "", values, user.active)


def _check(where: Connection) -> None:
    if not where.company:
        raise ConfigError("--target connect needs --company ID")
    if where.config is not None:
        raise ConfigError("--config is for pods; Connect's credentials come from the environment")


def _client(where: Connection) -> ConnectClient:
    from ...connect.client import ConnectClient  # noqa: PLC0415 - brings a client and its transport

    return ConnectClient.from_env(where.variables, **where.options)


KIND: Final = TargetKind(
    "connect",
    _check,
    _client,
    lambda client, where: ConnectTarget(client, where.company or ""),
    saved=lambda name: Connection(company=name.rpartition("/")[2]),
    server=lambda name: name.rpartition("/companies/")[0],
)
