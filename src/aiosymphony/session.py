"""The one call path: limit, token, send, 401 once, classify, retry, parse.

Every request of every client passes :meth:`Session.execute`; nothing else retries, waits or puts on a token.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, Self, TypeVar

import attrs

from ._version import __version__
from .auth.tokens import Grant, IssuedToken, TokenCache
from .clock import SYSTEM_CLOCK, Clock
from .context import SENDS
from .errors import ApiError, AuthError, ConfigError, OutcomeUnknown, SymphonyError, TransportError, Unauthorized
from .limits import Limit, Limiter, Limits
from .operation import Caller, Operation, Request
from .retry import Failure, RetryBudget, RetryPolicy, classify, delay
from .transport import MAX_BYTES, RequestHeaders, Response, Transport

__all__ = ["Attempt", "Auth", "Session"]

T = TypeVar("T")

logger = logging.getLogger("aiosymphony.session")

LOGIN_API: Final = "login"
"""Operations of this API obtain tokens: they carry their own and wait in no queue, as the queue may wait for them."""

BEARER: Final = "bearer"
"""The security scheme whose token travels as ``Authorization: Bearer``; all others name their header."""


class Auth(Protocol):
    """How a client gets its tokens: :class:`RsaAuth`, :class:`ClientCredentials` and the others."""

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """Obtain the token of a security scheme (``sessionToken``, ``keyManagerToken`` or ``bearer``).

        Raises:
            ConfigError: This kind of authentication has no such token.
            SymphonyError: The login failed.
        """
        ...


@attrs.frozen
class Attempt:
    """One send of a request, as an observer sees it. It holds no URL, no header and no body.

    Attributes:
        operation: What was called.
        number: 1 for the first send of a call, 2 for its first retry, and so on.
        status: The status of the answer; None if none arrived.
        duration: Seconds from taking a place in the limiter to the whole answer.
        bytes_sent: Size of the request's body.
        bytes_received: Size of the answer's body, after decompression.
        error: What failed, or None.
        trace_id: The ``X-Trace-Id`` sent.
    """

    operation: Operation[..., Any]
    number: int
    status: int | None
    duration: float
    bytes_sent: int
    bytes_received: int
    error: SymphonyError | None
    trace_id: str


Observer = Callable[[Attempt], None]


class Session:
    """Sends requests with tokens, limits and retries; a :class:`~aiosymphony.operation.Caller`."""

    def __init__(
        self,
        *,
        hosts: Callable[[Operation[..., Any]], str],
        auth: Auth,
        transport: Transport,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
        timeout: float = 30.0,
        max_bytes: int = MAX_BYTES,
        observer: Observer | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Wire the parts; nothing is sent.

        Args:
            hosts: Gives the base URL of the server that an operation belongs to.
            auth: Where tokens come from.
            transport: Carries the requests; :meth:`close` closes it.
            limits: Bounds on concurrency and rate.
            retry: Bounds on retries.
            timeout: Seconds for each send with its whole answer.
            max_bytes: The largest answer that is read.
            observer: Called after each send; it must neither block nor raise.
            clock: Time, for tests.
        """
        limits = Limits() if limits is None else limits
        self._core = _Core(hosts, auth, transport, _Limiters(limits, clock), clock)
        self._retry = RetryPolicy() if retry is None else retry
        self._timeout = _positive(timeout, "timeout")
        self._max_bytes = max_bytes
        self._observer = observer

    def with_options(
        self, *, timeout: float | None = None, retry: RetryPolicy | None = None, max_bytes: int | None = None
    ) -> Self:
        """A copy with other options that shares connections, tokens and limits with this one."""
        other = copy.copy(self)
        if timeout is not None:
            other._timeout = _positive(timeout, "timeout")
        if retry is not None:
            other._retry = retry
        if max_bytes is not None:
            other._max_bytes = max_bytes
        return other

    def with_auth(self, auth: Auth) -> Self:
        """A copy with other tokens that shares connections and limits with this one."""
        other = copy.copy(self)
        core = self._core
        other._core = _Core(core.hosts, auth, core.transport, core.limiters, core.clock)
        return other

    async def execute(self, request: Request[T]) -> T:
        """Send a request until it succeeds or cannot, and return its parsed answer.

        Raises:
            ApiError: The server answered with an error that retrying does not help.
            TransportError: No answer arrived, and retrying did not help.
            OutcomeUnknown: The server may have acted, and the operation must not be sent twice.
            AuthError: No token could be had, or a fresh one was refused.
            DecodeError: The answer could not be read.
            ConfigError: The session is closed, or belongs to another event loop or process.
        """
        core, operation, clock = self._core, request.operation, self._core.clock
        core.enter()
        try:
            trace_id = f"{random.getrandbits(24):06x}"
            started = clock.monotonic()
            sends = attempts = 0
            first_refusal: float | None = None
            while True:
                sends += 1
                attempts += 1
                used: list[tuple[TokenCache, IssuedToken]] = []
                try:
                    result = await self._attempt(request, trace_id, sends, used)
                except SymphonyError as error:
                    failure = error
                else:
                    core.limiters.budget.deposit()
                    core.limiters.main.succeeded()
                    return result
                if not failure.operation:
                    failure.about(operation, trace_id)
                if isinstance(failure, Unauthorized) and used:
                    # A token that was issued after the first refusal, and refused too, will not improve by another.
                    if first_refusal is not None and all(token.issued_at >= first_refusal for _, token in used):
                        raise _refused(failure) from failure
                    if first_refusal is None:
                        first_refusal = clock.monotonic()
                    for cache, token in used:
                        await cache.renew(token)
                    attempts -= 1  # turned away at the door: nothing was done, and nothing is wrong with the server
                    continue
                wait = self._wait_before_retry(failure, operation, attempts, clock.monotonic() - started)
                if wait is None:
                    raise _final(failure, operation)
                logger.info("%s: attempt %d failed, next in %.2f s: %s", operation.id, attempts, wait, failure)
                if wait:
                    await clock.sleep(wait)
        finally:
            core.leave()

    async def _attempt(
        self, request: Request[T], trace_id: str, number: int, used: list[tuple[TokenCache, IssuedToken]]
    ) -> T:
        """Wait for a place in the limits, send once, give the place back, parse."""
        operation, limiters = request.operation, self._core.limiters
        if operation.api == LOGIN_API:
            return await self._send(request, trace_id, number, used)
        family = limiters.families.get(operation.family) if operation.family is not None else None
        if family is not None and not family.try_acquire():
            await family.acquire()
        try:
            if not limiters.main.try_acquire():
                await limiters.main.acquire()
            try:
                return await self._send(request, trace_id, number, used)
            finally:
                limiters.main.release()
        finally:
            if family is not None:
                family.release()

    async def _send(
        self, request: Request[T], trace_id: str, number: int, used: list[tuple[TokenCache, IssuedToken]]
    ) -> T:
        """Put on headers and tokens, send, parse; ``used`` receives the tokens."""
        core, operation = self._core, request.operation
        headers = RequestHeaders(_COMMON_HEADERS)
        headers["X-Trace-Id"] = trace_id
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        if request.headers is not None:
            headers.update(request.headers)
        if operation.api != LOGIN_API:
            for scheme in operation.auth:
                cache = core.tokens.get(scheme) or core.token_cache(scheme, self)
                token = cache.ready() or await cache.get()
                used.append((cache, token))
                _put_on(headers, scheme, token)
        url = core.base_url(operation) + request.path
        if request.query:
            url += "?" + request.query
        if (counter := SENDS.get()) is not None and operation.api != LOGIN_API:
            counter[0] += 1
        started = core.clock.monotonic()
        response: Response | None = None
        failure: SymphonyError | None = None
        try:
            response = await core.transport.send(
                operation.method, url, headers, request.body, timeout=self._timeout, max_bytes=self._max_bytes
            )
            return operation.parse(response.status, response.headers, response.content)
        except SymphonyError as error:
            failure = error
            raise
        finally:
            if self._observer is not None:
                self._observer(
                    Attempt(
                        operation=operation,
                        number=number,
                        status=None if response is None else response.status,
                        duration=core.clock.monotonic() - started,
                        bytes_sent=0 if request.body is None else len(request.body),
                        bytes_received=0 if response is None else len(response.content),
                        error=failure,
                        trace_id=trace_id,
                    )
                )

    def _wait_before_retry(
        self, failure: SymphonyError, operation: Operation[..., Any], attempt: int, elapsed: float
    ) -> float | None:
        """Seconds until the next attempt, None for none. Tells the limiter and the budget."""
        kind = classify(failure)
        retry_after = failure.retry_after if isinstance(failure, ApiError) else None
        wait = delay(
            self._retry,
            kind,
            idempotent=operation.idempotent,
            attempt=attempt,
            elapsed=elapsed,
            retry_after=retry_after,
            jitter=random.random(),
            permanent=isinstance(failure, TransportError) and failure.permanent,
        )
        limiters = self._core.limiters
        if kind is Failure.THROTTLED:
            pause = retry_after if retry_after is not None else wait or 0.0
            # A wait that nobody will sit out (hours, by mistake or malice) must not stop everybody else either.
            pause = pause if pause <= self._retry.retry_after_cap else 0.0
            limiters.main.throttled(pause)
            if operation.family is not None and operation.family in limiters.families:
                limiters.families[operation.family].throttled(pause)
        if wait is None or not limiters.budget.withdraw(kind):
            return None
        return wait

    def base_url(self, operation: Operation[..., Any]) -> str:
        """The base URL that an operation is sent to."""
        return self._core.base_url(operation)

    def reset_connections(self) -> None:
        """Use no open connection again: one of them delivered an answer to another request."""
        self._core.transport.reset()

    @property
    def in_flight(self) -> int:
        """Requests that hold a place in the limiter."""
        return self._core.limiters.main.in_flight

    @property
    def limiter(self) -> Limiter:
        """The limiter that all operations share."""
        return self._core.limiters.main

    @property
    def tokens(self) -> Mapping[str, TokenCache]:
        """The tokens held, by security scheme."""
        return self._core.tokens

    async def close(self, *, close_transport: bool = True) -> None:
        """Take no more calls, wait for those under way, stop logins, close connections."""
        await self._core.close(close_transport=close_transport)


class _Limiters:
    """The client's limiter, those of its families, and its retry budget."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.main = Limiter(Limit(concurrency=limits.concurrency, rate=limits.rate), clock=clock)
        self.families = {name: Limiter(limit, clock=clock) for name, limit in limits.families.items()}
        self.budget = RetryBudget()


class _Core:
    """What a session and its copies with other options share."""

    def __init__(
        self,
        hosts: Callable[[Operation[..., Any]], str],
        auth: Auth,
        transport: Transport,
        limiters: _Limiters,
        clock: Clock,
    ) -> None:
        self.hosts = hosts
        self.auth = auth
        self.transport = transport
        self.limiters = limiters
        self.clock = clock
        self.tokens: dict[str, TokenCache] = {}
        self._bases: dict[str, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._active = 0
        self._closed = False
        self._idle: asyncio.Event | None = None

    def enter(self) -> None:
        """Begin a call, if this is the loop and the process of the first one."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop or os.getpid() != self._pid:
            if self._loop is None:
                self._loop, self._pid = loop, os.getpid()
            elif os.getpid() != self._pid:
                raise ConfigError("this client was opened before the process forked: open a new one in the child")
            else:
                raise ConfigError("this client belongs to another event loop: open one client per event loop")
        if self._closed:
            raise ConfigError("this client is closed")
        self._active += 1

    def leave(self) -> None:
        """End a call."""
        self._active -= 1
        if self._active == 0 and self._idle is not None:
            self._idle.set()

    def base_url(self, operation: Operation[..., Any]) -> str:
        base = self._bases.get(operation.id)
        if base is None:
            base = self._bases[operation.id] = self.hosts(operation)
        return base

    def token_cache(self, scheme: str, session: Session) -> TokenCache:
        """The cache of a scheme's token, made when an operation first needs that token."""

        async def login() -> Grant:
            return await self.auth.login(scheme, session)

        cache = self.tokens[scheme] = TokenCache(login, name=scheme, clock=self.clock)
        return cache

    async def close(self, *, close_transport: bool) -> None:
        if not self._closed:
            self._closed = True
            if self._active:
                self._idle = asyncio.Event()
                await self._idle.wait()
            for cache in self.tokens.values():
                await cache.close()
        if close_transport:
            await self.transport.close()


_COMMON_HEADERS: Final = {"Accept": "application/json", "User-Agent": f"aiosymphony/{__version__}"}


def _put_on(headers: RequestHeaders, scheme: str, token: IssuedToken) -> None:
    if scheme == BEARER:
        headers["Authorization"] = "Bearer " + token.secret.reveal()
    else:
        headers[scheme] = token.secret.reveal()


def _refused(failure: Unauthorized) -> AuthError:
    error = AuthError(
        f"a token that was issued a moment ago was refused as well: {failure.message}", status=failure.status
    )
    error.about_same_as(failure)
    return error


def _final(failure: SymphonyError, operation: Operation[..., Any]) -> SymphonyError:
    """The error to raise when there is no further attempt."""
    if operation.idempotent or operation.method == "GET" or classify(failure) is not Failure.AMBIGUOUS:
        return failure
    unknown = OutcomeUnknown(failure.message)
    unknown.about_same_as(failure)
    unknown.__cause__ = failure
    return unknown


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise ConfigError(f"{name} must be greater than 0 seconds, not {value!r}")
    return value
