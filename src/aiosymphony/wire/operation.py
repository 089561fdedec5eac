"""Operations and requests.

A generated operation is an :class:`Operation`: its facts (method, path, token, whether it may be repeated), a builder
that makes a :class:`Request` from arguments, and a parser that makes a result from an answer. What can send a request
is a :class:`Caller`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import attrs

from .models import know_types

__all__ = ["Caller", "Operation", "Operations", "Request"]

P = ParamSpec("P")
T = TypeVar("T")
_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Operation(Generic[P, T]):
    """One operation of an API: its facts, its builder and its parser.

    Attributes:
        id: The operation's id, such as ``v2_user_get``; unique within an API.
        api: Which host serves it: ``pod``, ``agent``, ``login`` or ``connect``.
        method: The HTTP method, upper case.
        path: The path from the host's root with placeholders, such as ``/pod/v1/admin/user/{uid}``.
        tag: The tag the API's document files it under.
        auth: Names of the security schemes it needs, such as ``("sessionToken",)``; empty for none. If the document
            lists alternatives, the one with the fewest schemes.
        other_auth: The other alternatives, fewest schemes first; for servers that refuse ``auth``.
        kind: What it does: ``read``, ``put`` (sets a state), ``make``, ``end`` or ``take`` (takes something out); None
            if that is not stated.
        idempotent: Whether sending it twice has the effect of sending it once; False unless a reviewer has stated it.
        deprecated: Whether the document marks it as deprecated.
        paging: The name of its paging strategy; None if it answers in one piece.
        family: The family of operations that share a limit (``search``, ``conversation``, ``membership``), or None.
        build: Makes a request from arguments; raises :class:`ConfigError` for what cannot be sent.
        parse: Makes a result from status, headers and content; raises :class:`ApiError` or :class:`DecodeError`.
    """

    id: str
    api: str
    method: str
    path: str
    tag: str
    auth: tuple[str, ...] = ()
    other_auth: tuple[tuple[str, ...], ...] = ()
    kind: str | None = None
    idempotent: bool = False
    deprecated: bool = False
    paging: str | None = None
    family: str | None = None
    build: Callable[P, Request[T]]
    parse: Callable[[int, Mapping[str, str], bytes], T]

    def __repr__(self) -> str:
        return f"<Operation {self.id}: {self.method} {self.path}>"

    @property
    def reads(self) -> bool:
        """Whether it changes nothing: by its kind, or by its method if the kind is not stated."""
        return self.method in _READ_METHODS if self.kind is None else self.kind == "read"


class Request(Generic[T]):
    """One request, complete but for its host and its token. Its repr shows no argument.

    Attributes:
        operation: The operation.
        path: The percent-encoded path from the host's root; starts with a slash.
        query: The percent-encoded query string without the question mark; empty for none.
        headers: Headers from the arguments; they hold no token unless ``carries_token`` is true.
        body: The body, None for none.
        content_type: The body's media type, None if there is no body.
        carries_token: Whether the headers hold a token, as in some logins; no error may repeat it.
    """

    __slots__ = ("body", "carries_token", "content_type", "headers", "operation", "path", "query")

    def __init__(
        self,
        operation: Operation[..., T],
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
        *,
        carries_token: bool = False,
    ) -> None:
        self.operation = operation
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.content_type = content_type
        self.carries_token = carries_token

    def with_token(self, headers: Mapping[str, str]) -> Request[T]:
        """The same request with its own token in its headers, so that the session adds none."""
        return Request(self.operation, self.path, self.query, headers, self.body, self.content_type, carries_token=True)

    def as_operation(self, operation: Operation[..., T]) -> Request[T]:
        """The same request with other facts, such as that it may be repeated."""
        return Request(
            operation,
            self.path,
            self.query,
            self.headers,
            self.body,
            self.content_type,
            carries_token=self.carries_token,
        )

    @property
    def target(self) -> str:
        """The path with the query, as it goes on the wire."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __repr__(self) -> str:
        return f"<Request {self.operation.method} {self.operation.path}>"


class Caller(Protocol):
    """Anything that can send a request, such as ``PodClient`` and ``ConnectClient``."""

    def execute(self, request: Request[T], /) -> Coroutine[Any, Any, T]:
        """Send the request and return its result, as its operation's parser makes it."""
        ...


class Operations(Mapping[str, Operation[..., Any]]):
    """The operations of one API by id. An operation's module is imported when it is first used."""

    __slots__ = ("_modules", "_package")

    def __init__(self, package: str, modules: Mapping[str, str]) -> None:
        self._package = package
        self._modules = modules

    def __getitem__(self, operation_id: str) -> Operation[..., Any]:
        operation: Operation[..., Any] = import_module(self._modules[operation_id], self._package).OPERATION
        return operation

    def __contains__(self, operation_id: object) -> bool:
        return operation_id in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __repr__(self) -> str:
        return f"<{len(self)} operations of {self._package}>"


know_types(Operation, globals())
