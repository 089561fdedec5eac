"""``connect.users``: the users of sponsored companies."""

from __future__ import annotations

import builtins
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import attrs
import orjson

from aiosymphony_api.connect.api.users import (
    api_v2_companies_company_id_users_get,
    api_v2_companies_company_id_users_post,
    api_v2_companies_company_id_users_user_id_get,
    api_v2_companies_company_id_users_user_id_patch,
)
from aiosymphony_api.connect.models import ProblemDetail, User, UserUpdate

from .._bulk import Ok, bulk
from ..codes import ConnectCode, leaves_outcome_unknown
from ..errors import ApiError, ConfigError, OutcomeUnknown, RateLimited, SymphonyError
from ..paging import CurrentPage, Page, Pager, Query
from ..resource import Resource, mismatch
from ..text import clean_text, fold
from ..wire.encoding import JSON, json_body, path_segment
from ..wire.models import or_none
from ..wire.operation import Operation, Request
from ..wire.responses import error_type, read_code

T = TypeVar("T")

MAX_BATCH = 20
"""Users that one request may create."""

_CREATED = range(200, 300)


@attrs.frozen
class NotCreated:
    """Why a user was not created, or why that is not known.

    Attributes:
        code: Connect's code as a :class:`~aiosymphony.codes.ConnectCode` has it, such as 40001 (email domain not
            allowed) or 40002 (email exists). Digits in text become a number; other text stays; None if there is none.
        message: What happened, in Connect's words if it has any.
        may_have_acted: True if the user may have been created nevertheless: look for it before trying again.
        cause: The error of the request as a whole; None if the request went through and only this user failed.
        throttled: True if the server throttled this user: it was not created, and can be sent again later.
    """

    code: int | str | None
    message: str
    may_have_acted: bool = False
    cause: SymphonyError | None = None
    throttled: bool = False

    @property
    def company_not_ready(self) -> bool:
        """Whether the company does not exist or is not COMPLETED (code 40102), so that all of its users fail."""
        return self.code == ConnectCode.COMPANY_NOT_READY and not self.may_have_acted


@attrs.frozen
class UserResult:
    """The result of one user in a create.

    Attributes:
        asked: The user as it was sent.
        user: The user as Connect returned it, with its id if it was created; None if it returned none.
        status: The status for this user, such as 201 or 409; None if there is none.
        error: Why it was not created; None if it was.
    """

    asked: User
    user: User | None
    status: int | None
    error: NotCreated | None

    @property
    def ok(self) -> bool:
        """Whether the user was created."""
        return self.error is None


class Users(Resource):
    """Users of sponsored companies. Ids are those of Connect, not Symphony's numeric ones.

    Besides the errors that each method names, all raise those of :meth:`Session.execute`.
    """

    async def create(
        self, company_id: str, users: Iterable[User], *, batch_size: int = MAX_BATCH, concurrency: int = 4
    ) -> list[UserResult]:
        """Create any number of users (``POST /api/v2/companies/{companyId}/users``), in several requests if needed.

        Never raises once started; each result carries its own error.

        Args:
            company_id: The company, which must be ``COMPLETED``.
            users: The users, each with at least email, first name and last name.
            batch_size: Users per request, 1 to 20.
            concurrency: Requests under way at once.

        Returns:
            One result per user, in the order of ``users``.

        Raises:
            ConfigError: ``batch_size`` or ``concurrency`` is out of range.
        """
        if not 1 <= batch_size <= MAX_BATCH:
            raise ConfigError(f"batch_size must be 1 to {MAX_BATCH}, not {batch_size!r}. Nothing was sent.")

        async def create_one(batch: Sequence[User]) -> list[UserResult]:
            try:
                return await self.create_batch(company_id, batch)
            except SymphonyError as error:
                return _all_failed(batch, error)

        results: list[UserResult] = []
        async with bulk(_batches(users, batch_size), create_one, concurrency=concurrency, ordered=True) as run:
            async for outcome in run:
                if not isinstance(outcome, Ok):
                    raise outcome.error
                results.extend(outcome.value)
        return results

    async def create_one(
        self,
        company_id: str,
        *,
        email: str,
        first_name: str,
        last_name: str,
        display_name: str | None = None,
        phone_number: str | None = None,
        department: str | None = None,
        title: str | None = None,
        location: str | None = None,
    ) -> User:
        """Create one user (``POST /api/v2/companies/{companyId}/users``).

        Args:
            company_id: The company, which must be ``COMPLETED``.
            email: The address, of one of the company's domains.
            first_name: First name.
            last_name: Last name.
            display_name: Name as shown to others.
            phone_number: Phone number.
            department: Department.
            title: Job title.
            location: Place of work.

        Returns:
            The user, with its id.

        Raises:
            BadRequest: The address is of another domain (code 40001), or a value is not acceptable.
            Conflict: There is a user with this address (code 40002).
            NotFound: There is no such company, or it is not ``COMPLETED`` (code 40102, with any status).
            OutcomeUnknown: The user may have been created: look for it with :meth:`list` before trying again.
        """
        user = User(
            email=email,
            first_name=first_name,
            last_name=last_name,
            display_name=display_name,
            phone_number=phone_number,
            department=department,
            title=title,
            location=location,
        )
        [result] = await self.create_batch(company_id, [user])
        if result.error is not None:
            raise _refusal(result.error, result.status)
        assert result.user is not None  # noqa: S101 - a result without an error has one
        return result.user

    async def create_batch(self, company_id: str, users: Sequence[User]) -> list[UserResult]:
        """Create 1 to 20 users in one request (``POST /api/v2/companies/{companyId}/users``).

        Args:
            company_id: The company, which must be ``COMPLETED``.
            users: The users.

        Returns:
            One result per user, in the order of ``users``. The others are created even if one is refused.

        Raises:
            ConfigError: No users, or more than 20.
            BadRequest: Connect refused the request as a whole.
            NotFound: There is no such company, or it is not ``COMPLETED`` (code 40102, with any status).
            OutcomeUnknown: Any of them may have been created: look for them with :meth:`list` before trying again.
        """
        _check_size(users)
        request = api_v2_companies_company_id_users_post.build(company_id, body=list(users))
        rows = await self._session.execute(request)
        return self._results(request.operation, users, rows)

    async def create_objects(
        self, company_id: str, users: Sequence[Mapping[str, Any]]
    ) -> builtins.list[str] | builtins.list[UserResult]:
        """Create 1 to 20 users from JSON objects (``POST /api/v2/companies/{companyId}/users``).

        As :meth:`create_batch`, at half the cost: objects are sent as they are, and no models are made of the answer if
        all users were created.

        Args:
            company_id: The company, which must be ``COMPLETED``.
            users: The users' fields as the API names them; each must have ``email``.

        Returns:
            The users' ids in the order of ``users`` if all were created; otherwise one result per user.

        Raises:
            ConfigError: No users, or more than 20.
            BadRequest: Connect refused the request as a whole.
            NotFound: There is no such company, or it is not ``COMPLETED`` (code 40102, with any status).
            OutcomeUnknown: Any of them may have been created: look for them with :meth:`list` before trying again.
        """
        _check_size(users)
        path = f"/api/v2/companies/{path_segment('company_id', company_id)}/users"
        answer = await self._session.execute(Request(_CREATE, path, body=json_body(users), content_type=JSON))
        if isinstance(answer, _AllCreated):
            if answer.emails == [user["email"] for user in users]:
                return answer.ids
            answer = [
                User(email=email, first_name="", last_name="", id=user_id, status=201)
                for email, user_id in zip(answer.emails, answer.ids, strict=True)
            ]
        return self._results(_CREATE, [User.from_dict(user) for user in users], answer)

    def list(self, company_id: str, *, page_size: int = 100) -> Pager[User]:
        """All users of a company in the order of their creation (``GET /api/v2/companies/{companyId}/users``).

        We assume that the list includes disabled users: the documents do not say.

        Args:
            company_id: The company.
            page_size: Users per request, at most 100.
        """

        async def fetch(query: Query) -> Page[User]:
            answer = await self._session.execute(api_v2_companies_company_id_users_get.build(company_id, **query))
            return Page(answer.users or (), total=answer.total, number=answer.current_page)

        return Pager(fetch, lambda: CurrentPage(page_size), key=lambda user: user.id)

    async def get(self, company_id: str, user_id: str) -> User:
        """A user of a company (``GET /api/v2/companies/{companyId}/users/{userId}``).

        Raises:
            NotFound: There is no such user in this company (code 40106).
        """
        return await self._session.execute(api_v2_companies_company_id_users_user_id_get.build(company_id, user_id))

    async def set_active(self, company_id: str, user_id: str, active: bool) -> None:
        """Enable or disable a user (``PATCH /api/v2/companies/{companyId}/users/{userId}``).

        Raises:
            NotFound: There is no such user in this company (code 40106).
        """
        body = UserUpdate(active=active)
        await self._session.execute(
            api_v2_companies_company_id_users_user_id_patch.build(company_id, user_id, body=body)
        )

    async def enable(self, company_id: str, user_id: str) -> None:
        """Let a user log in again (``PATCH /api/v2/companies/{companyId}/users/{userId}``)."""
        await self.set_active(company_id, user_id, active=True)

    async def disable(self, company_id: str, user_id: str) -> None:
        """Stop a user from logging in and end its tie to the partner; its conversations are kept
        (``PATCH /api/v2/companies/{companyId}/users/{userId}``).
        """
        await self.set_active(company_id, user_id, active=False)

    def _results(
        self, operation: Operation[..., Any], users: Sequence[User], rows: Sequence[User | None]
    ) -> builtins.list[UserResult]:
        return [_result(asked, row) for asked, row in zip(users, self._matched(operation, users, rows), strict=True)]

    def _matched(
        self, operation: Operation[..., Any], users: Sequence[User], rows: Sequence[User | None]
    ) -> Sequence[User | None]:
        """The row of the answer for each user, by address; None if no row can be matched to a user.

        Raises:
            OutcomeUnknown: The answer is empty, or about a user that was not sent.
        """
        if not rows:
            raise mismatch(self._session, operation, "it mentions no user")
        by_email: defaultdict[str, deque[User]] = defaultdict(deque)
        for row in rows:
            if row is not None and isinstance(email := or_none(_email_of, row), str):
                by_email[fold(email)].append(row)
        matched = [mine.popleft() if (mine := by_email[fold(user.email)]) else None for user in users]
        for left in by_email.values():
            if left:
                why = f"it is about {clean_text(left[0].email, 80)!r}, who was not in the request"
                raise mismatch(self._session, operation, why)
        if len(rows) > len(users):
            raise mismatch(self._session, operation, f"it has {len(rows)} rows for {len(users)} users")
        # If two rows have the same id, it belongs to neither.
        ids = [None if row is None else id_of(row) for row in matched]
        often = Counter(ids)
        return [None if each is not None and often[each] > 1 else row for each, row in zip(ids, matched, strict=True)]


class _AllCreated(NamedTuple):
    """An answer that every user was created and that holds nothing else."""

    emails: list[str]
    ids: list[str]


def _parse(status: int, headers: Mapping[str, str], content: bytes) -> _AllCreated | list[User]:
    """The answer to a create. An unusual answer is decoded in the usual way."""
    if status == 201:
        try:
            rows = orjson.loads(content)
            emails = [row["email"] for row in rows if row["status"] == 201 and row.get("error") is None]
            ids = [row["id"] for row in rows]
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
        else:
            texts = {str} == {type(text) for text in (*emails, *ids)}
            if rows and texts and len(emails) == len(set(ids)) == len(rows):
                return _AllCreated(emails, ids)
    return api_v2_companies_company_id_users_post.parse(status, headers, content)


_OPERATION: Operation[..., Any] = api_v2_companies_company_id_users_post.OPERATION
_CREATE: Operation[..., _AllCreated | list[User]] = attrs.evolve(_OPERATION, parse=_parse)


def id_of(user: User) -> str | None:
    """The id of a user; None if the server has left it out or sent what is none, as for one it refused."""
    came: Any = or_none(lambda: user.id)
    return came if isinstance(came, str) else None


def _email_of(user: User) -> str:
    return user.email


def _check_size(users: Sequence[object]) -> None:
    if not 1 <= len(users) <= MAX_BATCH:
        raise ConfigError(f"one request creates 1 to {MAX_BATCH} users, not {len(users)}. Nothing was sent.")


def _result(asked: User, row: User | None) -> UserResult:
    if row is None:
        return UserResult(
            asked, None, None, NotCreated(None, "the answer does not say whether this user was created", True)
        )
    problem = row.error
    if problem is None:
        problem = ProblemDetail()
        if row.status is None or row.status in _CREATED:
            return UserResult(asked, row, row.status, None)
    status = problem.status if row.status is None else row.status
    code = read_code(problem.detail_error_code)
    if not isinstance(status, int):
        status = 0
    kind = error_type(status, code)
    # An error of no known code, with no status or with one of success, does not tell.
    unknown = leaves_outcome_unknown(status, None) or (kind is ApiError and not 300 <= status < 500)
    message = clean_text(problem.detail or problem.title or f"status {clean_text(row.status)}")
    why = NotCreated(code, message, unknown, throttled=kind is RateLimited)
    return UserResult(asked, row, row.status, why)


def _refusal(error: NotCreated, status: int | None) -> SymphonyError:
    """The error for a user that was not created, as if it had been refused by a request of its own."""
    if error.may_have_acted:
        return OutcomeUnknown(error.message, operation=_OPERATION)
    status = 0 if status is None else status
    kind = RateLimited if error.throttled else error_type(status, error.code)
    return kind(error.message, status=status, code=error.code, server_message=error.message, operation=_OPERATION)


def _all_failed(users: Sequence[User], error: SymphonyError) -> list[UserResult]:
    status, code = (error.status, error.code) if isinstance(error, ApiError) else (None, None)
    why = NotCreated(code, str(error), error.may_have_acted, error, isinstance(error, RateLimited))
    return [UserResult(user, None, status, why) for user in users]


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
