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
from typing import Any, Final, Self, TypeVar

import attrs

from .auth.base import Auth, Source
from .auth.store import BestEffortStore, TokenStore
from .auth.tokens import TokenCache
from .call import Call, final_error
from .clock import SYSTEM_CLOCK, Clock
from .context import SENDS
from .errors import ApiError, ConfigError, SymphonyError, TransportError, Unauthorized
from .health import Health
from .lifecycle import Lifecycle
from .limits import Limiter, Limits
from .logs import log
from .observer import Attempt, Observer
from .retry import Failure, RetryBudget, RetryPolicy, classify, delay
from .routes import Route, Router
from .transport import MAX_BYTES, RequestHeaders, Transport
from .wire.operation import Operation, Request

__all__ = ["Session"]

T = TypeVar("T")

logger = logging.getLogger("aiosymphony.session")


_MOST_FROM_STORE: Final = 3
"""How many tokens that others put into a store may be refused to one call before it fails."""


@attrs.define(eq=False)
class _Lately:
    """What became of requests lately; shared by all copies of a session."""

    sent_at: float | None = None
    """When the last one was sent that succeeded."""
    failed_at: float | None = None
    failure: str = ""
    """What the last one failed with. As text: an error would keep the frames alive that raised it."""


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
            token_namespace: What tells this server from others, where its tokens are stored and its rate is shared.
            clock: Time, for tests.
        """
        limits = Limits() if limits is None else limits
        main = limits.limiter(token_namespace, clock=clock)
        families = {name: Limiter(limit, parent=main, clock=clock) for name, limit in limits.families.items()}
        shared = None if token_store is None else BestEffortStore(token_store)
        self._router = Router(
            hosts=hosts,
            auth=auth,
            transport=transport,
            limiter=main,
            families=families,
            token_store=shared,
            token_namespace=token_namespace,
            clock=clock,
        )
        self._routes = self._router.routes
        self._life = Lifecycle(self._router.close)
        self._owner = True
        self._clock = clock
        self._budget = RetryBudget()
        self._lately = _Lately()
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

    def with_auth(self, auth: Auth, *, same_logins: bool = False) -> Self:
        """A copy with other tokens that shares connections and limits; closing it leaves this one open.

        With ``same_logins``, it logs in over the connections that this one logs in over.
        """
        other = copy.copy(self)
        other._router = self._router.with_auth(auth, same_logins=same_logins)
        other._routes = other._router.routes
        other._life = self._life.new_child(other._router.close)
        other._owner = True
        return other

    def without_tokens(self) -> Self:
        """A copy for logins and logouts: its requests carry the tokens that they bring, and no other.

        They bypass the limiter: a queued request may be waiting for this login.
        """
        other = copy.copy(self)
        other._routes = self._router.bare_routes
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
        life, clock, operation = self._life, self._clock, request.operation
        # All in one function, as every call passes: each further one costs more than what it would do.
        if not life.repeats.allowed or life.loop is not asyncio.get_running_loop() or life.pid != os.getpid():
            life.check_usable(is_login=self._routes is self._router.bare_routes)
        call = Call(clock.monotonic())
        life.calls[call] = asyncio.current_task()
        try:
            route = self._routes.get(operation) or self._router.add(operation, self._routes, self.without_tokens())
            limiter = route.limiter
            while True:
                has_place = False
                try:
                    # Tokens before the place: a request that waited for a login in it would begin later than counted.
                    for _, _, cache in route.tokens:
                        if cache.ready() is None:
                            await cache.get()
                    if limiter is not None:
                        has_place = limiter.try_acquire() or await self._wait_in_line(limiter, route, call)
                    if call.repeats is not None and not life.may_repeat():
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
                    call.sent_at = clock.monotonic()
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
                    if self._budget.spent:
                        self._budget.deposit()
                    if limiter is not None and limiter.reduced:
                        limiter.succeeded()
                    if not route.proven:
                        self._routes[operation] = attrs.evolve(route, proven=True)
                    self._lately.sent_at = call.sent_at
                    return result
                finally:
                    if has_place and limiter is not None:
                        limiter.release()
                    if call.sent_at is not None and (self._observer is not None or logger.isEnabledFor(logging.DEBUG)):
                        self._tell(call.attempt(request, route.base_url, clock.monotonic() - call.sent_at))
                route = await self._prepare_next(operation, route, call, call.failure)
                call.begin_again()
        except SymphonyError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised below
            ended = error
        finally:
            del life.calls[call]
            if life.idle is not None and not life.calls:
                life.idle.set()
        # Raised here, not in the handler, which would make what was caught the __context__ of what is raised.
        raise call.end(ended, request)

    def _tell(self, attempt: Attempt) -> None:
        """Tell the observer and the log of an attempt that has just ended."""
        if self._observer is not None:
            self._observer(attempt)
        if logger.isEnabledFor(logging.DEBUG):
            outcome = attempt.error or attempt.status or "broken off"
            log(
                logger,
                logging.DEBUG,
                "%s: attempt %d: %s in %.3f s",
                attempt.operation.id,
                attempt.number,
                outcome,
                attempt.duration,
                operation=attempt.operation.id,
                status=attempt.status,
                duration=attempt.duration,
                trace_id=attempt.trace_id,
                attempt=attempt.number,
            )

    async def _wait_in_line(self, limiter: Limiter, route: Route, call: Call) -> bool:
        """Take a place; whether one was taken. A call leaves the line when it may not be repeated any more."""
        line = _wait_for_place(limiter, route)
        if call.repeats is not None:
            return await self._life.while_repeating(line)
        await line
        return True

    async def _prepare_next(
        self, operation: Operation[..., Any], route: Route, call: Call, failure: SymphonyError
    ) -> Route:
        """Do what the next attempt needs (a new token, a wait) and return its route; raise if there is none.

        No refusal of a later attempt takes back what an earlier one may have done.
        """
        call.outcome_unknown |= failure.may_have_acted
        self._lately.failed_at, self._lately.failure = self._clock.monotonic(), str(failure)
        try:
            return await self._make_ready(operation, route, call, failure)
        except SymphonyError as error:
            if call.outcome_unknown:
                error.after_unknown_outcome()
            raise

    async def _make_ready(
        self, operation: Operation[..., Any], route: Route, call: Call, failure: SymphonyError
    ) -> Route:
        if failure.operation != operation.id:
            raise failure  # the login failed: it has had its own retries, and nothing of this request was sent
        life, clock = self._life, self._clock
        if isinstance(failure, Unauthorized) and call.used:
            call.repeats = None
            return await self._after_refusal(route, call, failure)
        if not life.may_repeat():
            raise final_error(failure, operation)
        call.failures += 1
        elapsed = clock.monotonic() - call.started
        wait = self._wait_before_retry(failure, operation, route.limiter, call.failures, elapsed)
        if wait is None:
            raise final_error(failure, operation)
        log(
            logger,
            logging.INFO,
            "%s: attempt %d failed, next in %.2f s: %s",
            operation.id,
            call.failures,
            wait,
            failure,
            operation=operation.id,
            status=getattr(failure, "status", None),
            trace_id=call.trace_id,
            attempt=call.sends,
        )
        if wait:
            await life.while_repeating(clock.sleep(wait))
        call.repeats = failure
        return route

    async def _after_refusal(self, route: Route, call: Call, failure: Unauthorized) -> Route:
        """The route for a call whose tokens were answered with a 401: other tokens, or newer ones; raise if none help.

        Where it is not known yet which of an operation's ways in this server takes, the next way is tried before the
        tokens are renewed: it costs no login of the pod.
        """
        old = [each for each in call.used if each[1].source is not Source.GIVEN]
        if call.refused_at is None:
            call.refused_at = self._clock.monotonic()
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
            raise call.refused_again(failure) from failure
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
        if kind is Failure.THROTTLED and limiter is not None:
            pause = retry_after if retry_after is not None else wait or 0.0
            # A wait that nobody will sit out (hours, by mistake or malice) must not stop everybody else either.
            limiter.throttled(pause if pause <= self._retry.retry_after_cap else 0.0)
        return wait if wait is not None and self._budget.withdraw(kind, self._clock.monotonic()) else None

    def reset_connections(self) -> None:
        """Drop all open connections: one of them delivered an answer to another request."""
        self._router.transport.reset()

    @property
    def limiter(self) -> Limiter:
        """The limiter that all operations share."""
        return self._router.limiter

    def health(self) -> Health:
        """How it fares. Nothing is sent."""
        now, lately, limiter = self._clock.monotonic(), self._lately, self._router.limiter
        return Health(
            is_closed=self._life.is_closed,
            tokens=[cache.health() for cache in self._router.tokens.values()],
            in_flight=limiter.in_flight,
            waiting=limiter.waiting,
            concurrency=limiter.concurrency,
            paused_for=limiter.pause,
            success_ago=None if lately.sent_at is None else now - lately.sent_at,
            failure_ago=None if lately.failed_at is None else now - lately.failed_at,
            failure=lately.failure,
        )

    @property
    def clock(self) -> Clock:
        """The session's clock, for callers that wait between calls."""
        return self._clock

    @property
    def is_closed(self) -> bool:
        """Whether calls are refused because the client was closed."""
        return self._life.is_closed

    async def pause(self, seconds: float) -> bool:
        """Wait between calls; False, at once, when the client is closed."""
        return await self._life.while_repeating(self._clock.sleep(seconds)) and not self._life.is_closed

    def host_of(self, operation: Operation[..., Any]) -> str:
        """The base URL of the server that an operation is sent to."""
        return self._router.hosts(operation)

    @property
    def tokens(self) -> Mapping[str, TokenCache]:
        """The caches of the tokens that were needed so far, by security scheme."""
        return self._router.tokens

    def token_cache(self, scheme: str) -> TokenCache:
        """The cache of a scheme's token; the token is fetched when it is first asked for."""
        return self._router.token_cache(scheme, self.without_tokens())

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - how long it waits for others
        """Take no more calls, wait for those under way, stop logins, close the connections.

        A call under way is not repeated from now on: if its present attempt fails, that is its end, and one that waits
        for its next attempt ends at once. After a 401 it still gets a new token and is sent once more.

        Args:
            timeout: Seconds after which calls that are still under way are broken off; None waits for them. Such a
                call raises ``OutcomeUnknown`` if the server may have acted, else ``TransportError``.
        """
        if self._owner:
            await self._life.close(timeout)


async def _wait_for_place(limiter: Limiter, route: Route) -> None:
    """Take a place with the tokens at hand: one that is refused meanwhile is renewed without a place."""
    while True:
        await limiter.acquire()
        missing = [cache for _, _, cache in route.tokens if cache.ready() is None]
        if not missing:
            return
        limiter.release()
        for cache in missing:
            await cache.get()


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise ConfigError(f"{name} must be greater than 0 seconds, not {value!r}")
    return value
