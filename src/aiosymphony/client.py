"""The base of PodClient and ConnectClient: a session, its life, and calls of any operation."""

from __future__ import annotations

import copy
import ssl
from collections.abc import Callable, Coroutine
from functools import cached_property
from types import TracebackType
from typing import Any, ClassVar, ParamSpec, Self, TypedDict, TypeVar

from .auth.base import Auth
from .auth.secrets import HeaderSecret
from .auth.store import TokenStore
from .errors import ConfigError
from .health import Health
from .limits import Limiter, Limits
from .observer import Observer
from .retry import RetryPolicy
from .session import Session
from .transport import MAX_BYTES, Transport
from .transport.choice import new_transport
from .wire.operation import Operation, Request

P = ParamSpec("P")
T = TypeVar("T")


class ClientOptions(TypedDict, total=False):
    """What every client takes, beside its server and its login."""

    limits: Limits | None
    retry: RetryPolicy | None
    timeout: float
    observer: Observer | None
    token_store: TokenStore | None


class Client:
    """An API client: a :class:`~aiosymphony.wire.operation.Caller` with resources on it.

    Use it as an async context manager, in one event loop. Opening sends nothing; the first call logs in.
    """

    _SCHEME: ClassVar[str]
    """The security scheme of the token that every call needs."""

    def __init__(
        self,
        *,
        hosts: Callable[[Operation[..., Any]], str],
        auth: Auth,
        limits: Limits | None,
        retry: RetryPolicy | None,
        timeout: float,
        max_bytes: int,
        transport: Transport | None,
        observer: Observer | None,
        token_store: TokenStore | None,
        token_namespace: str,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if ssl_context is not None and transport is not None:
            raise ConfigError("the transport knows whom to trust: give it the ssl_context, and not the client")
        if not callable(getattr(auth, "login", None)):
            # Not shown: what was given instead may be a token.
            kinds = "RsaAuth, CertificateAuth, OnBehalfOf, CertificateOnBehalfOf, ClientCredentials or StaticToken"
            raise ConfigError(f"auth must be one of {kinds}, not {type(auth).__name__}")
        limits = Limits() if limits is None else limits
        if transport is None:
            transport = new_transport(limit=connections_for(limits), ssl_context=ssl_context)
        self._session = Session(
            hosts=hosts,
            auth=auth,
            transport=transport,
            limits=limits,
            retry=retry,
            timeout=timeout,
            max_bytes=max_bytes,
            observer=observer,
            token_store=token_store,
            token_namespace=token_namespace,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - how long it waits for others
        """Refuse further calls, wait for those under way, and close the connections.

        Calls under way are not repeated any more. A copy made by :meth:`with_options` closes nothing.

        Args:
            timeout: Seconds after which calls still under way are broken off; None waits for them. A call that was
                broken off raises ``OutcomeUnknown`` if the server may have acted, else ``TransportError``.
        """
        await self._session.close(timeout=timeout)

    def execute(self, request: Request[T], /) -> Coroutine[Any, Any, T]:
        """Send a request that an operation's ``build`` made. Raises what :meth:`Session.execute` raises."""
        return self._session.execute(request)

    def call(self, operation: Operation[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        """Call any generated operation with the same tokens, limits and retries as the resources' methods.

        Args:
            operation: Such as ``aiosymphony_api.pod.OPERATIONS["v1_podcert_get"]``, or ``OPERATION`` of its module,
                whose arguments type-checkers know.
            *args: Arguments of the operation's ``build``.
            **kwargs: The same, by name.

        Raises:
            ConfigError: It is no operation, or an argument cannot be sent. Nothing was sent.
            SymphonyError: See :meth:`~aiosymphony.session.Session.execute`.
        """
        if not isinstance(operation, Operation):
            raise ConfigError(
                f"call takes an operation, such as aiosymphony_api.pod.OPERATIONS['v2_user_get'], "
                f"not {f'the text {operation!r}' if isinstance(operation, str) else type(operation).__name__}. "
                "Nothing was sent."
            )
        return self._session.execute(operation.build(*args, **kwargs))

    async def token(self, scheme: str | None = None, *, refused: HeaderSecret | None = None) -> HeaderSecret:
        """The token of this client, for requests that something else sends. It logs in if there is none yet.

        It shows as ``***``; ``reveal()`` gives the text. Ask for it before each request, and do not keep it: it is
        renewed before it expires. If a server refuses it with a 401, ask once more::

            token = await pod.token()
            ...  # answered with 401
            token = await pod.token(refused=token)

        Args:
            scheme: ``sessionToken`` or ``keyManagerToken`` of a pod, ``bearer.<scope>`` for one of its services,
                ``bearer`` of Connect; by default the token that every call needs.
            refused: The token that was refused. It is renewed, unless that was done meanwhile; all callers share one
                login.

        Raises:
            ConfigError: The login gives no such token.
            AuthError: The login was refused, now or within the last minute.
            SymphonyError: The login failed otherwise.
        """
        cache = self._session.token_cache(self._SCHEME if scheme is None else scheme)
        return (await (cache.get() if refused is None else cache.in_place_of(refused))).secret

    def with_options(
        self, *, timeout: float | None = None, retry: RetryPolicy | None = None, max_bytes: int | None = None
    ) -> Self:
        """A copy of this client with other options for its calls; connections, tokens and limits are shared.

        Args:
            timeout: Seconds for each attempt, including the whole answer.
            retry: Bounds on retries; ``RetryPolicy(attempts=1)`` for none.
            max_bytes: The largest answer that is read, after decompression.
        """
        return self._with_session(self._session.with_options(timeout=timeout, retry=retry, max_bytes=max_bytes))

    def _with_session(self, session: Session) -> Self:
        other = copy.copy(self)
        # A resource holds the session that it was made with: the copy makes its own.
        for name in [name for name in vars(other) if isinstance(getattr(type(other), name, None), cached_property)]:
            del other.__dict__[name]
        other._session = session
        return other

    def health(self) -> Health:
        """How this client fares: its tokens, its limiter, its last success and failure. Nothing is sent."""
        return self._session.health()

    @property
    def limiter(self) -> Limiter:
        """The limiter of all calls: requests under way, requests waiting, and the present concurrency."""
        return self._session.limiter


def connections_for(limits: Limits | None) -> int:
    """How many connections a client with these limits needs at most.

    Waiting for a connection counts against a request's time, and logins pass the limiter by: there are spare ones.
    """
    return (Limits() if limits is None else limits).concurrency + 8


DEFAULT_TIMEOUT = 30.0
"""Seconds for one attempt, including the whole answer."""

DEFAULT_MAX_BYTES = MAX_BYTES
