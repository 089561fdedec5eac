"""How many requests are under way at once, and how many start per second: one limiter a client, shared by all.

The concurrency limit adapts: throttling (429) lowers it by 0.7, at most once per window, and each window in which at
least half of it was used raises it by one, up to what was asked for. A 429 also pauses everybody for as long as the
server asked, so that a hundred workers do not each have to be told.

Operation families that a pod limits by themselves (searches, conversations, room membership) have a limiter of their
own in front of the client's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from .clock import SYSTEM_CLOCK, Clock
from .errors import ConfigError

WINDOW = 1.0
"""Seconds in which the concurrency limit changes at most once in each direction."""

DECREASE = 0.7


def _at_least_one(instance: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if value < 1:
        raise ConfigError(f"{type(instance).__name__}.{attribute.name} must be at least 1, not {value!r}")


def _positive(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise ConfigError(f"{type(instance).__name__}.{attribute.name} must be greater than 0 or None, not {value!r}")


@attrs.frozen(kw_only=True)
class Limit:
    """One limit.

    Attributes:
        concurrency: Requests under way at once.
        rate: Requests begun per second; None for no bound.
        burst: Requests that may begin at once after a pause; a second's worth by default.
    """

    concurrency: int = attrs.field(default=200, validator=_at_least_one)
    rate: float | None = attrs.field(default=None, validator=_positive)
    burst: float | None = attrs.field(default=None, validator=_positive)


_FAMILIES: Mapping[str, Limit] = MappingProxyType(
    {
        "search": Limit(concurrency=50),
        "conversation": Limit(concurrency=200),
        "membership": Limit(concurrency=3, rate=3.0, burst=3.0),
    }
)


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of a client; the defaults are those that Symphony documents for a pod.

    Attributes:
        concurrency: Requests under way at once, over all operations.
        rate: Requests begun per second, over all operations; a pod allows 400 per source address.
        families: Limits of operation families, in addition: ``search`` (50 at once), ``conversation`` (200 at once)
            and ``membership`` of rooms (3 users per second). A family that is not named has no limit of its own.
    """

    concurrency: int = attrs.field(default=200, validator=_at_least_one)
    rate: float | None = attrs.field(default=400.0, validator=_positive)
    families: Mapping[str, Limit] = _FAMILIES


class Limiter:
    """Lets requests through, in the order in which they came.

    :meth:`try_acquire` is the fast path and never waits; :meth:`acquire` waits. Each that succeeds is paired with one
    :meth:`release`. A wait that is cancelled takes nothing. A limiter with a parent takes a place in both.
    """

    __slots__ = (
        "_burst",
        "_clock",
        "_decreased_at",
        "_freed",
        "_grown_at",
        "_in_flight",
        "_limit",
        "_parent",
        "_passed_on",
        "_paused_until",
        "_peak",
        "_queue",
        "_rate",
        "_refilled_at",
        "_roof",
        "_tokens",
        "_waiting",
        "reduced",
    )

    def __init__(self, limit: Limit, *, parent: Limiter | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._parent = parent
        self._clock = clock
        now = clock.monotonic()
        self._roof = float(limit.concurrency)
        self._limit = self._roof
        self._rate = limit.rate
        self._burst = 0.0 if limit.rate is None else max(1.0, limit.burst or limit.rate)
        self._tokens = self._burst
        self._refilled_at = now
        self._in_flight = 0
        self._passed_on = 0
        self._peak = 0
        self._paused_until = now
        self._decreased_at = self._grown_at = now - WINDOW
        self._waiting = 0
        self.reduced = False
        """Whether throttling has lowered the concurrency, so that there is a point in :meth:`succeeded`."""
        self._queue = asyncio.Lock()
        self._freed: asyncio.Future[None] | None = None

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Requests that wait to be let through."""
        return self._waiting

    @property
    def concurrency(self) -> int:
        """How many may be under way now."""
        return int(self._limit)

    def try_acquire(self) -> bool:
        """Take a place if one is free now and nobody is waiting for it."""
        if self._passed_on:
            self._passed_on -= 1
            return True
        if self._waiting or not self._take():
            return False
        if self._parent is None or self._parent.try_acquire():
            return True
        self._give_back()
        return False

    async def acquire(self) -> None:
        """Wait for a place and take it."""
        self._waiting += 1
        try:
            # The lock is the queue: it is fair, and whoever is cancelled in it just leaves it.
            async with self._queue:
                while not self._take():
                    if wait := self._wait_time():
                        await self._clock.sleep(wait)
                        continue
                    self._freed = asyncio.get_running_loop().create_future()
                    try:
                        await self._freed
                    finally:
                        self._freed = None
        finally:
            self._waiting -= 1
        if self._parent is not None:
            try:
                await self._parent.acquire()
            except BaseException:
                self._give_back()
                raise

    def release(self) -> None:
        """Give a place back."""
        self._in_flight -= 1
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)
        if self._parent is not None:
            self._parent.release()

    def pass_on(self) -> None:
        """Leave a place that one holds to whoever asks next, ahead of all who wait.

        So one can wait for a place first, and then call what takes it. Each is paired with one :meth:`take_back`.
        """
        self._passed_on += 1

    def take_back(self) -> None:
        """Give a place back that was passed on, if nobody took it."""
        if self._passed_on:
            self._passed_on -= 1
            self.release()

    def succeeded(self) -> None:
        """A request was answered without throttling: grow, if the limit is what holds requests back."""
        if self._limit < self._roof:
            now = self._clock.monotonic()
            if now - max(self._grown_at, self._decreased_at) >= WINDOW:
                if self._peak * 2 >= self._limit:
                    self._limit = min(self._roof, self._limit + 1.0)
                self._grown_at = now
                self._peak = self._in_flight
        if self._parent is not None:
            self._parent.succeeded()
        self.reduced = self._limit < self._roof or (self._parent is not None and self._parent.reduced)

    def throttled(self, pause: float) -> None:
        """The server said "too fast": lower the limit, once per window, and let nothing through for ``pause`` s."""
        now = self._clock.monotonic()
        self._paused_until = max(self._paused_until, now + pause)
        if now - self._decreased_at >= WINDOW:
            self._decreased_at = now
            self._limit = max(1.0, self._limit * DECREASE)
            self._peak = 0
        self.reduced = True
        if self._parent is not None:
            self._parent.throttled(pause)

    def _take(self) -> bool:
        """Take a place of this limiter, if there is one now."""
        in_flight = self._in_flight + 1
        if in_flight > self._limit:
            return False
        now = self._clock.monotonic()
        if now < self._paused_until:
            return False
        if self._rate is not None:
            tokens = self._tokens + (now - self._refilled_at) * self._rate
            self._refilled_at = now
            # The tolerance absorbs rounding: a sleep of exactly the missing time may leave 0.9999999 of a token.
            if tokens < 1.0 - 1e-9:
                self._tokens = tokens
                return False
            self._tokens = (tokens if tokens < self._burst else self._burst) - 1.0
        self._in_flight = in_flight
        if in_flight > self._peak:
            self._peak = in_flight
        return True

    def _give_back(self) -> None:
        """Undo a take whose request never began."""
        self._in_flight -= 1
        self._tokens += 1.0
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)

    def _wait_time(self) -> float:
        """Seconds until the pause is over and the rate allows one more; 0 if only a place is missing."""
        now = self._clock.monotonic()
        if now < self._paused_until:
            return self._paused_until - now
        if self._rate is None:
            return 0.0
        tokens = self._tokens + (now - self._refilled_at) * self._rate
        return 0.0 if tokens >= 1.0 - 1e-9 else (1.0 - tokens) / self._rate
