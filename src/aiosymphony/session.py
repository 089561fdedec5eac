"""The one call path: limit, token, send, 401 once, classify, retry, parse.

Every request of every client passes :meth:`Session.execute`; nothing else retries, waits or puts on a token.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import random
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Self, TypeVar
from weakref import WeakSet

import attrs

from .auth.base import LOGIN_API, Auth, Grant, OwnLoginTransport, Source
from .auth.store import PatientStore, TokenStore
from .auth.tokens import IssuedToken, SharedToken, TokenCache
from .clock import SYSTEM_CLOCK, Clock
from .context import REPEATS, SENDS, Repeats
from .errors import ApiError, AuthError, ConfigError, OutcomeUnknown, SymphonyError, TransportError, Unauthorized
from .limits import Limit, Limiter, Limits
from .observer import Attempt, Observer
from .retry import Failure, RetryBudget, RetryPolicy, classify, delay
from .transport import MAX_BYTES, RequestHeaders, Response, Transport
from .wire.operation import Operation, Request

__all__ = ["Session"]

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

logger = logging.getLogger("aiosymphony.session")


_MOST_FROM_STORE: Final = 3
"""How many tokens that others put into a store may be refused to one call before it fails."""

_HEADERS: Final = {"bearer": ("Authorization", "Bearer "), "appToken": ("sessionToken", "")}
"""The header and its prefix for security schemes that are not named like their header."""


class Session:
    """Sends requests with tokens, limits and retries; a :class:`~aiosymphony.wire.operation.Caller`."""

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
        token_store: TokenStore | None = None,
        token_namespace: str = "",
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
            token_store: Keeps tokens where other processes find them.
            token_namespace: What tells tokens of this server from those of others in the store.
            clock: Time, for tests.
        """
        limits = Limits() if limits is None else limits
        main = Limiter(Limit(concurrency=limits.concurrency, rate=limits.rate), clock=clock)
        families = {name: Limiter(limit, parent=main, clock=clock) for name, limit in limits.families.items()}
        patient = None if token_store is None else PatientStore(token_store)
        self._core = _Core(
            hosts=hosts,
            auth=auth,
            transport=transport,
            limiter=main,
            families=families,
            token_store=patient,
            token_namespace=token_namespace,
            clock=clock,
        )
        self._routes = self._core.routes
        self._owner = True
        self._retry = RetryPolicy() if retry is None else retry
        self._timeout = _positive(timeout, "timeout")
        self._max_bytes = max_bytes
        self._observer = observer

    def with_options(
        self, *, timeout: float | None = None, retry: RetryPolicy | None = None, max_bytes: int | None = None
    ) -> Self:
        """A copy with other options that shares connections, tokens and limits; closing it closes nothing."""
        other = copy.copy(self)
        other._owner = False
        if timeout is not None:
            other._timeout = _positive(timeout, "timeout")
        if retry is not None:
            other._retry = retry
        if max_bytes is not None:
            other._max_bytes = max_bytes
        return other

    def with_auth(self, auth: Auth) -> Self:
        """A copy with other tokens that shares connections and limits; closing it leaves this one open."""
        other = copy.copy(self)
        other._core = self._core.with_auth(auth)
        other._routes = other._core.routes
        other._owner = True
        return other

    def without_tokens(self) -> Self:
        """A copy for logins and logouts: its requests carry the tokens that they bring, and no other.

        They bypass the limiter: a queued request may be waiting for this login.
        """
        other = copy.copy(self)
        other._routes = self._core.bare_routes
        other._owner = False
        return other

    async def execute(self, request: Request[T]) -> T:
        """Send a request until it succeeds or cannot, and return its parsed answer.

        Raises:
            ApiError: The server answered with an error that retrying does not help.
            TransportError: No answer arrived, and retrying did not help.
            OutcomeUnknown: The server may have acted, and the operation must not be sent twice.
            AuthError: No token could be obtained, or a fresh one was refused.
            DecodeError: The answer could not be read.
            ConfigError: The session is closed, or belongs to another event loop or process.
        """
        core, operation = self._core, request.operation
        # All in one function, as every call passes: each further one costs more than what it would do.
        if core.closed or core.loop is not asyncio.get_running_loop() or core.pid != os.getpid():
            core.check_usable(is_login=self._routes is core.bare_routes)
        call = _Call(core.clock.monotonic())
        core.calls[call] = asyncio.current_task()
        try:
            route = self._routes.get(operation) or core.route(operation, self, self._routes)
            limiter = route.limiter
            while True:
                has_place = False
                try:
                    # Tokens before the place: a request that waited for a login in it would begin later than counted.
                    for _, _, cache in route.tokens:
                        if cache.ready() is None:
                            await cache.get()
                    if limiter is not None:
                        has_place = limiter.try_acquire() or await core.wait_in_line(limiter, route, call)
                    if call.repeats is not None and not core.may_repeat():
                        raise call.repeats
                    # Held by the call and not by a local, which would show in tracebacks with locals.
                    call.headers = RequestHeaders({"X-Trace-Id": call.trace_id})
                    if request.content_type is not None:
                        call.headers["Content-Type"] = request.content_type
                    if request.headers is not None:
                        call.headers.update(request.headers)
                    for header, prefix, cache in route.tokens:
                        token = cache.ready() or await cache.get()
                        call.used.append((cache, token))
                        call.headers[header] = prefix + token.secret.reveal()
                    if (counter := SENDS.get()) is not None and limiter is not None:
                        counter[0] += 1
                    call.sent_at = core.clock.monotonic()
                    call.response = response = await route.transport.send(
                        operation.method,
                        route.base_url + request.target,
                        call.headers,
                        request.body,
                        timeout=self._timeout,
                        max_bytes=self._max_bytes,
                        repeatable=operation.idempotent,
                    )
                    result = operation.parse(response.status, response.headers, response.content)
                except SymphonyError as error:
                    call.failure = call.attach_request(error, request)
                else:
                    if core.budget.spent:
                        core.budget.deposit()
                    if limiter is not None and limiter.reduced:
                        limiter.succeeded()
                    if not route.proven:
                        self._routes[operation] = attrs.evolve(route, proven=True)
                    return result
                finally:
                    if has_place and limiter is not None:
                        limiter.release()
                    if self._observer is not None and call.sent_at is not None:
                        self._observer(call.attempt(request, route.base_url, core.clock.monotonic() - call.sent_at))
                route = await self._prepare_next(operation, route, call, call.failure)
                call.begin_again()
        except SymphonyError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised below
            ended = error
        finally:
            del core.calls[call]
            if core.idle is not None and not core.calls:
                core.idle.set()
        # Raised here, not in the handler, which would make what was caught the __context__ of what is raised.
        raise call.end(ended, request)

    async def _prepare_next(
        self, operation: Operation[..., Any], route: _Route, call: _Call, failure: SymphonyError
    ) -> _Route:
        """Do what the next attempt needs (a new token, a wait) and return its route; raise if there is none.

        No refusal of a later attempt takes back what an earlier one may have done.
        """
        call.outcome_unknown |= failure.may_have_acted
        try:
            return await self._make_ready(operation, route, call, failure)
        except SymphonyError as error:
            if call.outcome_unknown:
                error.after_unknown_outcome()
            raise

    async def _make_ready(
        self, operation: Operation[..., Any], route: _Route, call: _Call, failure: SymphonyError
    ) -> _Route:
        if failure.operation != operation.id:
            raise failure  # the login failed: it has had its own retries, and nothing of this request was sent
        core, clock = self._core, self._core.clock
        if isinstance(failure, Unauthorized) and call.used:
            call.repeats = None
            return await self._after_refusal(route, call, failure)
        if not core.may_repeat():
            raise _final(failure, operation)
        call.failures += 1
        elapsed = clock.monotonic() - call.started
        wait = self._wait_before_retry(failure, operation, route.limiter, call.failures, elapsed)
        if wait is None:
            raise _final(failure, operation)
        logger.info("%s: attempt %d failed, next in %.2f s: %s", operation.id, call.failures, wait, failure)
        if wait:
            await core.while_repeating(clock.sleep(wait))
        call.repeats = failure
        return route

    async def _after_refusal(self, route: _Route, call: _Call, failure: Unauthorized) -> _Route:
        """The route for a call whose tokens were answered with a 401: other tokens, or newer ones; raise if none help.

        Where it is not known yet which of an operation's ways in this server takes, the next way is tried before the
        tokens are renewed: it costs no login of the pod.
        """
        old = [each for each in call.used if each[1].source is not Source.GIVEN]
        if call.refused_at is None:
            call.refused_at = self._core.clock.monotonic()
            call.from_store, call.ways, call.missing = 0, list(route.others), []
        else:
            old = [each for each in old if not each[1].is_fresh(call.refused_at)]
        # A token that was issued after the first refusal, and refused as well, will not improve by another; neither
        # will one that was given. One from a store may be old, but there is no end to what others may put there.
        call.from_store += any(token.source is Source.STORE for _, token in call.used)
        can_renew = bool(old) and call.from_store <= _MOST_FROM_STORE
        while call.ways and not (can_renew and route.proven):
            other = call.ways.pop(0)
            try:
                for _, _, cache in other.tokens:
                    await cache.get()
            except SymphonyError as error:
                call.missing.append(f"{' and '.join(other.schemes)}, which could not be obtained: {error.message}")
                continue
            return other
        if not can_renew:
            raise _refused_again(failure, call) from failure
        for cache, token in old:
            await cache.renew(token)
        return route

    def _wait_before_retry(
        self,
        failure: SymphonyError,
        operation: Operation[..., Any],
        limiter: Limiter | None,
        attempt: int,
        elapsed: float,
    ) -> float | None:
        """Seconds until the next attempt, None for none. Tells the limiter and the budget."""
        core, kind = self._core, classify(failure)
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
        if kind is Failure.THROTTLED and limiter is not None:
            pause = retry_after if retry_after is not None else wait or 0.0
            # A wait that nobody will sit out (hours, by mistake or malice) must not stop everybody else either.
            limiter.throttled(pause if pause <= self._retry.retry_after_cap else 0.0)
        return wait if wait is not None and core.budget.withdraw(kind) else None

    def reset_connections(self) -> None:
        """Drop all open connections: one of them delivered an answer to another request."""
        self._core.transport.reset()

    @property
    def limiter(self) -> Limiter:
        """The limiter that all operations share."""
        return self._core.limiter

    @property
    def clock(self) -> Clock:
        """The session's clock, for callers that wait between calls."""
        return self._core.clock

    @property
    def tokens(self) -> Mapping[str, TokenCache]:
        """The caches of the tokens that were needed so far, by security scheme."""
        return self._core.tokens

    def token_cache(self, scheme: str) -> TokenCache:
        """The cache of a scheme's token; the token is fetched when it is first asked for."""
        return self._core.token_cache(scheme, self)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - how long it waits for others
        """Take no more calls, wait for those under way, stop logins, close the connections.

        A call under way is not repeated from now on: if its present attempt fails, that is its end, and one that waits
        for its next attempt ends at once. After a 401 it still gets a new token and is sent once more.

        Args:
            timeout: Seconds after which calls that are still under way are broken off; None waits for them. Such a
                call raises ``OutcomeUnknown`` if the server may have acted, else ``TransportError``.
        """
        if self._owner:
            await self._core.close(timeout)


class _Call:
    """What is known of one call from its first attempt to its last."""

    __slots__ = (
        "cut",
        "failure",
        "failures",
        "from_store",
        "headers",
        "missing",
        "outcome_unknown",
        "refused_at",
        "repeats",
        "response",
        "sends",
        "sent_at",
        "started",
        "trace_id",
        "used",
        "ways",
    )

    # What a refused call knows is set when it is first refused: most calls never are.
    from_store: int
    missing: list[str]
    ways: list[_Route]

    def __init__(self, started: float) -> None:
        self.started = started
        self.trace_id = f"{random.getrandbits(24):06x}"
        self.sends = 1
        self.failures = 0
        self.outcome_unknown = False
        self.refused_at: float | None = None
        self.used: list[tuple[TokenCache, IssuedToken]] = []
        self.headers: RequestHeaders | None = None
        self.sent_at: float | None = None
        self.response: Response | None = None
        self.failure: SymphonyError | None = None
        self.repeats: SymphonyError | None = None
        """The failure because of which it is sent again."""
        self.cut = False
        """Whether closing the client broke it off."""

    def begin_again(self) -> None:
        """Forget the attempt that failed."""
        self.sends += 1
        self.used.clear()
        self.sent_at = self.response = self.failure = None

    def attempt(self, request: Request[Any], server: str, duration: float) -> Attempt:
        """The attempt that has just ended, for an observer."""
        response = self.response
        return Attempt(
            operation=request.operation,
            server=server,
            number=self.sends,
            status=None if response is None else response.status,
            duration=duration,
            bytes_sent=0 if request.body is None else len(request.body),
            bytes_received=0 if response is None else len(response.content),
            error=self.failure,
            trace_id=self.trace_id,
        )

    def attach_request(self, error: SymphonyError, request: Request[Any]) -> SymphonyError:
        """Name the request in an error, and take out what must not be seen.

        That is a token which the server repeated, and the frames below, whose locals hold bodies and answers.
        """
        operation = request.operation
        if not error.operation:
            error.attach_request(operation)
        error.trace_id = error.trace_id or self.trace_id
        if operation.api == LOGIN_API:
            error.may_have_acted = False  # whether a login took effect or not, it may simply be repeated
        for _, token in self.used:
            error.redact(token.secret.reveal())
        if request.carries_token and request.headers is not None:
            for value in request.headers.values():
                error.redact(value)
        return _bare(error)

    def end(self, error: BaseException, request: Request[Any]) -> BaseException:
        """What to raise for a cancellation, an interrupt or a fault that ended this call: without what is below."""
        task, operation = asyncio.current_task(), request.operation
        if self.cut and isinstance(error, asyncio.CancelledError) and task is not None and task.uncancel() == 0:
            was_sent = self.sent_at is not None and self.failure is None
            closed = TransportError("the client was closed before the call had ended", sent=was_sent)
            failure = _final(self.attach_request(closed, request), operation)
            if self.outcome_unknown:
                failure.after_unknown_outcome()
            return failure
        if isinstance(error, Exception):
            # A fault, of a transport or of ours: say where, as the traceback no longer does. Lines of code alone.
            error.add_note(f"Raised below {operation.id}, at:\n{''.join(traceback.format_tb(error.__traceback__))}")
        return _bare(error)


@attrs.frozen
class _Route:
    """What an operation always takes: its host, its limiter, and the tokens it needs, each with its header.

    ``others`` are the ways in with other tokens. ``proven`` tells whether this is the one that the server takes, or the
    only one.
    """

    base_url: str
    transport: Transport
    limiter: Limiter | None
    tokens: tuple[tuple[str, str, TokenCache], ...]
    schemes: tuple[str, ...] = ()
    others: tuple[_Route, ...] = ()
    proven: bool = True


@attrs.define(kw_only=True, eq=False)
class _Core:
    """What a session and its copies with other options share."""

    hosts: Callable[[Operation[..., Any]], str]
    auth: Auth
    transport: Transport
    limiter: Limiter
    families: Mapping[str, Limiter]
    budget: RetryBudget = attrs.field(factory=RetryBudget)
    token_store: PatientStore | None
    token_namespace: str
    clock: Clock
    parent: _Core | None = None
    children: WeakSet[_Core] = attrs.field(factory=WeakSet, init=False)
    login_transport: Transport = attrs.field(
        default=attrs.Factory(lambda core: _login_transport(core.auth, core.transport), takes_self=True), init=False
    )
    routes: dict[Operation[..., Any], _Route] = attrs.field(factory=dict, init=False)
    bare_routes: dict[Operation[..., Any], _Route] = attrs.field(factory=dict, init=False)
    tokens: dict[str, TokenCache] = attrs.field(factory=dict, init=False)
    loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)
    pid: int = attrs.field(default=0, init=False)
    calls: dict[_Call, asyncio.Task[Any] | None] = attrs.field(factory=dict, init=False)
    repeats: Repeats = attrs.field(factory=Repeats, init=False)
    closed: bool = attrs.field(default=False, init=False)
    idle: asyncio.Event | None = attrs.field(default=None, init=False)

    def with_auth(self, auth: Auth) -> _Core:
        """Other tokens over the same connections and limits."""
        child = attrs.evolve(self, auth=auth, parent=self)
        child.closed = self.closed
        self.children.add(child)
        return child

    def check_usable(self, *, is_login: bool) -> None:
        """Raise unless a call may begin: in the loop and the process of the first one, before the client is closed."""
        loop, pid = asyncio.get_running_loop(), os.getpid()
        if self.loop is None:
            self.loop, self.pid = loop, pid
        if self.pid != pid:
            raise ConfigError("this client was opened before the process forked: open a new one in the child")
        if self.loop is not loop:
            raise ConfigError("this client belongs to another event loop: open one client per event loop")
        # Closing waits for the calls under way, and they may need a login to end well; those for users, one of the app.
        is_awaited = self.calls or any(child.calls for child in self.children)
        if self.closed and not (is_awaited and is_login):
            raise ConfigError("this client is closed")

    def route(
        self, operation: Operation[..., Any], session: Session, routes: dict[Operation[..., Any], _Route]
    ) -> _Route:
        """Make the route of an operation that is called for the first time."""
        base_url = self.hosts(operation)
        transport = self.login_transport if operation.api == LOGIN_API else self.transport
        if routes is self.bare_routes:
            route = _Route(base_url, transport, None, ())
        else:
            limiter = self.families.get(operation.family or "", self.limiter)
            route, *others = [
                _Route(
                    base_url,
                    transport,
                    limiter,
                    tuple((*_HEADERS.get(scheme, (scheme, "")), self.token_cache(scheme, session)) for scheme in way),
                    way,
                    proven=not operation.other_auth,
                )
                for way in (operation.auth, *operation.other_auth)
            ]
            route = attrs.evolve(route, others=tuple(others))
        routes[operation] = route
        return route

    def token_cache(self, scheme: str, session: Session) -> TokenCache:
        cache = self.tokens.get(scheme)
        if cache is None:
            bare, identity = session.without_tokens(), self.auth.identity
            shared = (
                SharedToken(self.token_store, f"{self.token_namespace} {identity} {scheme}")
                if self.token_store and identity
                else None
            )

            async def login() -> Grant:
                return await self.auth.login(scheme, bare)

            cache = self.tokens[scheme] = TokenCache(login, name=scheme, shared=shared, clock=self.clock)
        return cache

    async def wait_in_line(self, limiter: Limiter, route: _Route, call: _Call) -> bool:
        """Take a place; whether one was taken. A call leaves the line when it may not be repeated any more."""
        line = _wait_in_line(limiter, route)
        if call.repeats is not None:
            return await self.while_repeating(line)
        await line
        return True

    def may_repeat(self) -> bool:
        """Whether a call of this context may be sent once more."""
        own = REPEATS.get()
        return not self.closed and (own is None or own.allowed)

    async def while_repeating(self, waiting: Awaitable[None]) -> bool:
        """Wait for something, as long as the call may be repeated; whether it has come."""
        rest = asyncio.timeout(None if self.may_repeat() else 0.0)
        told_by = [self.repeats] if (own := REPEATS.get()) is None else [self.repeats, own]
        try:
            async with rest:
                for each in told_by:
                    each.waits.add(rest)
                await waiting
        except TimeoutError:
            return False
        finally:
            for each in told_by:
                each.waits.discard(rest)
        return True

    async def close(self, seconds: float | None) -> None:
        """Refuse further calls, wait for those under way, stop logins, close the connections if they are ours."""
        cores = list(self._family())
        for core in cores:
            core.stop_taking()
        try:
            async with asyncio.timeout(seconds):
                for core in cores:
                    await core.until_idle()
        except TimeoutError:
            for core in cores:
                core.cut()
            for core in cores:
                await core.until_idle()
        for core in cores:
            await core.let_go()

    def _family(self) -> Iterator[_Core]:
        """Those with other tokens, then this one, which they may need to end well."""
        for child in list(self.children):
            yield from child._family()
        yield self

    def stop_taking(self) -> None:
        """Refuse further calls, and let none be repeated."""
        self.closed = True
        self.repeats.forbid()

    async def until_idle(self) -> None:
        """Wait until no call is under way."""
        while self.calls:
            self.idle = self.idle or asyncio.Event()
            self.idle.clear()
            await self.idle.wait()

    def cut(self) -> None:
        """Break off what is under way."""
        for call in self.calls:
            call.cut = True
        for task in {task for task in self.calls.values() if task is not None}:
            task.cancel()

    async def let_go(self) -> None:
        """Stop logins and close the connections."""
        for cache in self.tokens.values():
            await cache.close()
        if self.parent is None:
            await self.transport.close()
        if self.login_transport is not self.transport:
            await self.login_transport.close()


def _login_transport(auth: Auth, transport: Transport) -> Transport:
    return auth.login_transport if isinstance(auth, OwnLoginTransport) else transport


async def _wait_in_line(limiter: Limiter, route: _Route) -> None:
    """Take a place with the tokens at hand: one that is refused meanwhile is renewed without a place."""
    while True:
        await limiter.acquire()
        missing = [cache for _, _, cache in route.tokens if cache.ready() is None]
        if not missing:
            return
        limiter.release()
        for cache in missing:
            await cache.get()


def _bare(error: E) -> E:
    """The error without frames and without errors behind it: those below hold headers, tokens and bodies."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            _bare(part)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _refused_again(failure: Unauthorized, call: _Call) -> AuthError:
    """The error for tokens that were refused and that no others can stand in for."""
    sources = {token.source for _, token in call.used}
    if Source.LOGIN in sources:
        message = f"a token that was issued a moment ago was refused as well: {failure.message}"
    elif Source.STORE in sources:
        message = f"one token after another from the store was refused: {failure.message}"
    else:
        message = f"the token that was given was refused, and it cannot be renewed: {failure.message}"
    error = AuthError(message, status=failure.status)
    error.copy_request_from(failure)
    for missing in call.missing:
        error.explain(f"Some servers want {missing}")
    return error


def _final(failure: SymphonyError, operation: Operation[..., Any]) -> SymphonyError:
    """The error to raise when there is no further attempt."""
    if operation.idempotent or classify(failure) is not Failure.OUTCOME_UNKNOWN:
        return failure
    unknown = OutcomeUnknown(failure.message)
    unknown.copy_request_from(failure)
    unknown.__cause__ = failure
    return unknown


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise ConfigError(f"{name} must be greater than 0 seconds, not {value!r}")
    return value
