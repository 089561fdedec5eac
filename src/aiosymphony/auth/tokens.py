"""Holds a token and renews it with one login for all callers.

=========  ==================================================  =========================================================
state      when                                                what a caller gets
=========  ==================================================  =========================================================
fresh      inside its known life, or its life is not known     the token, at once
stale      the last 20 % of its life, at most 15 minutes,      the token, at once, while one refresh runs; if that
           plus up to a random minute                          fails, the next one waits for 30 seconds
expired    past its life, refused with a 401, or never had     the result of one login that all callers share
=========  ==================================================  =========================================================

If a waiting caller is cancelled, the login goes on for the others. When the server refuses a login (4xx), the error is
remembered for a minute and raised again without a request, so that a wrong key does not lock the account. Life is
measured on the monotonic clock and on the wall clock, and the one that is further ahead counts: a suspended machine or
a clock that was set costs one login at most.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import attrs

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ApiError, AuthError, SymphonyError
from ..health import TokenHealth
from .base import Grant, Source
from .secrets import HeaderSecret
from .store import BestEffortStore, StoredToken

logger = logging.getLogger("aiosymphony.auth")

STALE_SHARE = 0.2
STALE_AT_MOST = 15 * 60.0
STALE_JITTER = 60.0
QUIET_AFTER_FAILED_REFRESH = 30.0
REFUSAL_REMEMBERED = 60.0

_NEVER = float("inf")


@attrs.frozen(eq=False)
class IssuedToken:
    """A token with its times. It is frozen, so that no reader sees parts of an old and a new one."""

    secret: HeaderSecret
    issued_at: float
    stale_at: float
    expires_at: float
    wall_stale_at: float
    wall_expires_at: float
    source: Source
    authorization: HeaderSecret | None

    def is_fresh(self, since: float) -> bool:
        """Whether the server itself issued it at this moment of the monotonic clock or later."""
        return self.source is Source.LOGIN and self.issued_at >= since


Login = Callable[[], Awaitable[Grant]]


@attrs.frozen
class SharedToken:
    """Where the token is in a store that other processes use too."""

    store: BestEffortStore
    key: str


class TokenCache:
    """Holds the current token and runs one login at a time; see the table of this module."""

    def __init__(
        self,
        login: Login,
        *,
        name: str,
        shared: SharedToken | None = None,
        clock: Clock = SYSTEM_CLOCK,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Begin without a token.

        Args:
            login: Asks the server for a token.
            name: What logs and errors call the token.
            shared: Where other processes find the same token; None for no sharing.
            clock: Time, for tests.
            jitter: Random numbers from 0 to 1, for tests.
        """
        self._login = login
        self._name = name
        self._shared = shared
        self._last_refused: HeaderSecret | None = None
        self._clock = clock
        self._jitter = jitter
        self._current: IssuedToken | None = None
        self._task: asyncio.Task[IssuedToken] | None = None
        self._quiet_until = float("-inf")
        self._refusal: AuthError | None = None
        self._refused_at = float("-inf")
        self.logins = 0
        """Logins begun so far."""

    def __repr__(self) -> str:
        return f"TokenCache({self._name}, logins={self.logins})"

    def ready(self) -> IssuedToken | None:
        """The token if it can be used without waiting, else None. Begins the refresh of one that is stale."""
        token = self._current
        if token is None:
            return None
        if token.stale_at == _NEVER:
            return token
        now = self._clock.monotonic()
        if now < token.stale_at and self._clock.time() < token.wall_stale_at:
            return token
        if now >= token.expires_at or self._clock.time() >= token.wall_expires_at:
            return None
        if self._task is None and now >= self._quiet_until and not self._is_refused(now):
            self._start()
        return token

    async def get(self) -> IssuedToken:
        """The token, after a login if there is none that can be used.

        Raises:
            AuthError: The login was refused, now or within the last minute.
            SymphonyError: The login failed otherwise; the next call tries again.
        """
        return self.ready() or await self._fetch()

    async def renew(self, rejected: IssuedToken) -> IssuedToken:
        """A token in place of one that the server answered with 401.

        If there is a newer one already, it is returned. The rejected one is never used again.
        """
        if self._current is rejected:
            self._current = None
            self._last_refused = rejected.secret
        return self.ready() or await self._fetch()

    async def in_place_of(self, refused: HeaderSecret) -> IssuedToken:
        """A token in place of one that another client was refused; the current one, if it is newer already."""
        current = self._current
        return await (self.get() if current is None or current.secret != refused else self.renew(current))

    async def replace(self, suspect: IssuedToken) -> IssuedToken:
        """A newer token than one that may be why a request was refused.

        As :meth:`renew`, except that the suspect stays in use until there is a newer one.
        """
        current = self.ready()
        return current if current is not None and current is not suspect else await self._fetch()

    def health(self) -> TokenHealth:
        """How the token stands. Nothing is sent."""
        now, token = self._clock.monotonic(), self._current
        left = None if token is None or token.expires_at == _NEVER else token.expires_at - now
        refusal = self._refusal if self._is_refused(now) else None
        return TokenHealth(
            scheme=self._name,
            held=token is not None and (left is None or left > 0),
            age=None if token is None else now - token.issued_at,
            expires_in=left,
            refused="" if refusal is None else str(refusal),
        )

    def now(self) -> float:
        """The present time, by the clock of ``issued_at``."""
        return self._clock.monotonic()

    def discard(self) -> HeaderSecret | None:
        """Forget the token, as after a logout, and return it."""
        token, self._current = self._current, None
        return None if token is None else token.secret

    async def close(self) -> None:
        """Stop a login that is under way and wait until it has stopped."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def _fetch(self) -> IssuedToken:
        if self._is_refused(self._clock.monotonic()) and self._refusal is not None:
            raise self._refusal.copy()
        task = self._task or self._start()
        # Shielded: the login outlives a caller that is cancelled. Each caller raises a copy of a failure of its own,
        # since one exception object raised in many tasks collects all their tracebacks.
        try:
            return await asyncio.shield(task)
        except SymphonyError as error:
            failure = error.copy()
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if not task.cancelled() or (waiter is not None and waiter.cancelling()):
                raise
            failure = AuthError(f"the client was closed during the login for the {self._name}")
        raise failure

    def _start(self) -> asyncio.Task[IssuedToken]:
        self.logins += 1
        task = asyncio.get_running_loop().create_task(self._run(), name=f"aiosymphony login ({self._name})")
        self._task = task
        task.add_done_callback(self._finished)
        return task

    async def _run(self) -> IssuedToken:
        try:
            return await (self._log_in() if self._shared is None else self._share(self._shared))
        except BaseException as error:  # noqa: BLE001 - raised below
            failure = error.with_traceback(None)  # the frames below hold the login's request and answer
        if isinstance(failure, ApiError) and 400 <= failure.status < 500 and failure.status not in (408, 429):
            refusal = AuthError(f"the login for the {self._name} was refused: {failure.message}", status=failure.status)
            refusal.copy_request_from(failure)
            self._refusal, self._refused_at = refusal, self._clock.monotonic()
            failure = refusal
        raise failure

    async def _log_in(self) -> IssuedToken:
        token = self._issue(await self._login())
        self._refusal = None
        return token

    async def _share(self, shared: SharedToken) -> IssuedToken:
        """Take the token that another process has stored, or log in and store the token for the others."""
        async with shared.store.exclusive(shared.key) as alone:
            kept = await shared.store.load(shared.key) if alone else None
            # What this process already has, or was refused, is what it wants to replace.
            current = None if self._current is None else self._current.secret
            if kept is not None and kept.token not in (current, self._last_refused):
                left = None if kept.expires_at is None else kept.expires_at - self._clock.time()
                if left is None or left > 0:
                    return self._issue(Grant(kept.token, left, Source.STORE, kept.authorization))
            token = await self._log_in()
            if alone and token.source is Source.LOGIN:
                expires_at = None if token.wall_expires_at == _NEVER else token.wall_expires_at
                stored = StoredToken(token.secret, self._clock.time(), expires_at, token.authorization)
                await shared.store.save(shared.key, stored)
            return token

    def _finished(self, task: asyncio.Task[IssuedToken]) -> None:
        if self._task is task:
            self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._current = task.result()
            logger.info("logged in for the %s", self._name)
        else:
            self._quiet_until = self._clock.monotonic() + QUIET_AFTER_FAILED_REFRESH
            logger.warning("login for the %s failed: %s", self._name, error)

    def _issue(self, grant: Grant) -> IssuedToken:
        now, wall = self._clock.monotonic(), self._clock.time()
        life = grant.expires_in if grant.expires_in is not None else _hinted_life(grant.token, wall)
        if life is None:
            life = _NEVER
        early = min(STALE_SHARE * life, STALE_AT_MOST)
        # Jitter spreads the refreshes of many processes; it must not eat the window of a short-lived token.
        early += self._jitter() * min(STALE_JITTER, early)
        return IssuedToken(
            secret=grant.token,
            issued_at=now,
            stale_at=now + life - early,
            expires_at=now + life,
            wall_stale_at=wall + life - early,
            wall_expires_at=wall + life,
            source=grant.source,
            authorization=grant.authorization,
        )

    def _is_refused(self, now: float) -> bool:
        return now - self._refused_at < REFUSAL_REMEMBERED


def _hinted_life(token: HeaderSecret, wall: float) -> float | None:
    """The life that an unverified JWT's ``exp`` claims: a hint for refreshing early, and no proof."""
    if token.reveal().count(".") != 2:
        return None  # no JWT
    import jwt  # noqa: PLC0415 - it loads cryptography, which clients with tokens of other kinds do not need

    try:
        claims = jwt.decode(token.reveal(), options={"verify_signature": False, "verify_exp": False})
        expires = float(claims["exp"])
        issued = float(claims.get("iat", wall))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    # Where it says when it was issued, its length counts and not its end: the clocks of two machines differ.
    life = expires - issued
    return life if life > 0 else None
