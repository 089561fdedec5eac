"""Handlers: the call that they get, the answer that they give, and their registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import define, evolve, frozen

from .auth import Auth, ClientCredentials, Session
from .documents import Operation
from .state import Database, Json, Member, Options, State, Stream, User, now_ms
from .tables import Rows

__all__ = ["HANDLERS", "NO_CONTENT", "Answer", "Call", "Handler", "HttpError", "reads", "writes"]

R = TypeVar("R")


class HttpError(Exception):
    """Answers the request with an error; nothing was changed."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@frozen
class Answer:
    """An answer with a status of its own, not the first documented 2xx."""

    status: int
    body: Any = None


NO_CONTENT = Answer(204)


@define
class Call:
    """One request, checked and read."""

    operation: Operation
    state: State
    auth: Auth
    db: Database
    """The current state for writes; for reads the replica, which may lag behind."""
    path: dict[str, Any]
    query: dict[str, Any]
    body: Any
    headers: Mapping[str, str]
    peer: str
    certificate: str | None
    """Common name of the client certificate."""
    session: Session | None
    credentials: ClientCredentials
    """Credentials of the Connect partner."""

    @property
    def options(self) -> Options:
        """The sandbox's options."""
        return self.state.options

    @property
    def caller(self) -> User:
        """The user who is calling; 401 if there is none."""
        user = None if self.session is None else self.state.db.users.get(self.session.user)
        if user is None:
            raise HttpError(401, "the session belongs to no user")
        return user

    def window(self, default: int, maximum: int) -> tuple[int, int]:
        """The query parameters `skip` and `limit`. Like real servers, lower a limit above the maximum silently."""
        skip, limit = self.query.get("skip", 0), self.query.get("limit", default)
        if skip < 0:
            raise HttpError(400, "query parameter skip is negative")
        return skip, self.capped(limit, maximum)

    def capped(self, limit: int, maximum: int) -> int:
        """A page size within the maximum of the operation and of the sandbox."""
        if limit < 1:
            raise HttpError(400, "query parameter limit is less than 1")
        return min(limit, maximum, self.options.page_cap or maximum)

    def user(self, uid: int, *, local: bool = True, status: int = 400) -> User:
        """The user with this id; an error if there is none."""
        user = self.db.users.get(uid)
        if user is None or (local and user.external):
            raise HttpError(status, f"user {uid} does not exist")
        return user

    def save_user(self, user: User) -> User:
        """Store a changed user with the time of the change; returns what was stored."""
        user = evolve(user, updated=now_ms())
        self.db.users.put(user)
        return user

    def stream(self, stream_id: str, *types: str, status: int = 400) -> Stream:
        """The stream with this id; an error if there is none of these types."""
        stream = self.db.streams.get(stream_id)
        if stream is None or (types and stream.type not in types):
            raise HttpError(status, f"stream {stream_id} does not exist")
        return stream

    def member(self, stream: Stream, uid: int) -> Member | None:
        """The membership of a user in a stream."""
        return self.db.members.get((stream.id, uid))

    def cursor_page(self, rows: Sequence[R] | Rows[Any, R], default: int = 100) -> tuple[list[R], Json]:
        """The page that the query parameters `before`, `after` and `limit` ask for, and its `pagination`."""
        limit = self.capped(self.query.get("limit", default), 1000)
        start = 0
        if "after" in self.query:
            start = _position(self.query["after"])
        elif "before" in self.query:
            start = max(0, _position(self.query["before"]) - limit)
        page = rows.slice(start, limit) if isinstance(rows, Rows) else list(rows[start : start + limit])
        end = start + len(page)
        pagination: Json = {"cursors": {"before": f"c{start}"}}
        base = f"{self.operation.path}?limit={limit}"
        if start > 0:
            pagination["previous"] = f"{base}&before=c{start}"
        if end < len(rows):
            pagination["cursors"]["after"] = f"c{end}"
            pagination["next"] = f"{base}&after=c{end}"
        return page, pagination


def _position(cursor: str) -> int:
    if cursor.startswith("c") and cursor[1:].isdecimal():
        return int(cursor[1:])
    raise HttpError(400, "the cursor is unknown or has expired")


Handler = Callable[[Call], Any]
"""Returns the body of the first documented 2xx, or an Answer. Raises HttpError."""

HANDLERS: dict[str, tuple[Handler, bool]] = {}
"""Operation id -> its handler, and whether it only reads."""


def reads(*operations: str) -> Callable[[Handler], Handler]:
    """Register the handler of operations that change nothing. It reads the replica, which may lag behind."""
    return _register(operations, reads_only=True)


def writes(*operations: str) -> Callable[[Handler], Handler]:
    """Register the handler of operations that change something. It reads the current state."""
    return _register(operations, reads_only=False)


def _register(operations: tuple[str, ...], *, reads_only: bool) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for operation in operations:
            if operation in HANDLERS:
                msg = f"two handlers for {operation}"
                raise ValueError(msg)
            HANDLERS[operation] = (handler, reads_only)
        return handler

    return register


def success(message: str) -> Json:
    """A SuccessResponse."""
    return {"format": "TEXT", "message": message}
