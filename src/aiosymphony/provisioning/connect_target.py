"""A sponsored company as a target of provisioning, through the facade."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..codes import ConnectCode
from ..errors import ApiError, JobError
from .actual import ActualUser
from .patience import pages_patiently
from .planning import Step
from .rows import ConnectUser, Kind, User, keys_of
from .target import Created, Refused, Result, Unclear

if TYPE_CHECKING:
    from aiosymphony_api.connect.models import User as ApiUser

    from ..connect.client import ConnectClient
    from ..connect.users import UserResult

__all__ = ["ConnectTarget"]


class ConnectTarget:
    """The users of one company.

    Args:
        connect: An open client.
        company_id: The company, which must be ``COMPLETED``.
    """

    kind: Kind = "connect"
    batch = 20
    # Connect looks nobody up by address: whoever is looked for, the whole company is listed. So better once for many.
    look_up_batch = 10_000
    look_up_limit = 0

    def __init__(self, connect: ConnectClient, company_id: str) -> None:
        self._connect = connect
        self._company = company_id
        self.name = f"{connect.base_url}/companies/{company_id}"

    async def everyone(self) -> AsyncIterator[Sequence[ActualUser]]:
        """All users of the company, a hundred at a time."""
        async for page in pages_patiently(self._connect.users.list(self._company)):
            yield [_actual(user) for user in page if user.id is not None]

    async def look_up(self, users: Sequence[User]) -> Sequence[ActualUser]:
        """Users found by address, in a listing of the company."""
        wanted = {key for user in users for key in user.identities()}
        return [
            there
            async for page in self.everyone()
            for there in page
            if not wanted.isdisjoint(keys_of(there.values, ConnectUser))
        ]

    async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
        """Create up to 20 users in one request."""
        try:
            # The columns of a row are named as the API names them: it is sent as it stands.
            results = await self._connect.users.create_objects(self._company, rows)
        except ApiError as error:
            if error.company_not_ready:
                raise JobError(f"the company {self._company} does not exist or is not complete yet") from None
            raise
        return [Created(result) if isinstance(result, str) else _result(result) for result in results]

    async def take_step(self, user_id: str, step: Step) -> None:
        """Enable or disable."""
        if step["do"] != "active":
            msg = f"no step of a company: {step}"
            raise ValueError(msg)
        await self._connect.users.set_active(self._company, user_id, step["active"])


def _result(result: UserResult) -> Result:
    error = result.error
    if error is None:
        if result.user is None or result.user.id is None:
            return Unclear("the answer has no id")
        return Created(result.user.id)
    if error.may_have_acted or error.throttled:
        return Unclear(error.message)
    code = error.code if error.code is not None else result.status
    return Refused("" if code is None else str(code), error.message, exists=error.code == ConnectCode.EMAIL_EXISTS)


def _actual(user: ApiUser) -> ActualUser:
    columns = ConnectUser.columns()
    values = {name: value for name, value in user.to_dict().items() if name in columns and name != "active"}
    return ActualUser(str(user.id), values, user.active)
