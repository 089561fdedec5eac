"""Limits how many requests are under way at once and how many begin per second: one limiter for all calls of a client.

The concurrency limit adapts. Throttling (429) multiplies it by 0.7, at most once per window. Each window that used at
least half of it raises it by one, up to what was asked for. A 429 also pauses all requests for as long as the server
asked, so that a hundred workers are not throttled one by one.

Some families of operations have limits of their own in a pod: searches, conversations, room membership. Each has a
limiter of its own in front of the client's.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import attrs

from .clock import SYSTEM_CLOCK, Clock
from .errors import ConfigError

WINDOW = 1.0
"""Seconds. The concurrency limit changes at most once per window in each direction."""

DECREASE = 0.7

_NEVER = float("-inf")
_SHORTEST_SLEEP = 0.001
"""Seconds. Timers of event loops are no finer; uvloop rounds what is shorter down to nothing, and would spin."""
_MOST_TIMES = 1024
"""How many times of beginning a limiter remembers at most; at a higher rate it remembers each second one, or third."""


def _at_least_one(instance: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if value < 1:
        raise ConfigError(f"{type(instance).__name__}.{attribute.name} must be at least 1, not {value!r}")


def _positive(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise ConfigError(f"{type(instance).__name__}.{attribute.name} must be greater than 0 or None, not {value!r}")


@attrs.frozen(kw_only=True)
class Limit:
    """One limit.

    The rate holds for any second, wherever it begins, also after a pause. If the rate is not a whole number, a single
    second may see the next whole number of requests, and longer spans keep the rate: at 2.5, any 1.2 seconds see at
    most 3 requests begin; at 0.5, any two seconds see one.

    Attributes:
        concurrency: Requests under way at once.
        rate: Requests begun per second; None for no bound.
        burst: Requests that may begin at once within the rate, after a pause or to make up for a late timer. Default:
            one, plus what the rate allows in a twentieth of a second. A much smaller burst cannot make up for late
            timers, so that the rate is not reached.
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


def _read_only(families: Mapping[str, Limit]) -> Mapping[str, Limit]:
    return MappingProxyType(dict(families))


@attrs.frozen
class RateLease:
    """Requests that may begin, evenly spaced.

    Attributes:
        count: How many.
        wait: Seconds until the first of them may begin.
        spacing: Seconds from one to the next.
    """

    count: int
    wait: float
    spacing: float


class RateSource(Protocol):
    """Where a client leases requests to a server from, beside other processes."""

    async def lease(self, wanted: int, rate: float) -> RateLease:
        """Lease so many requests of so many per second. It waits for no place, and raises nothing."""
        ...

    def pause(self, seconds: float) -> None:
        """Tell all processes that the server asked for a pause."""
        ...

    def on_pause(self, paused: Callable[[float], None]) -> None:
        """Call this with the seconds when another process was asked for a pause."""
        ...

    async def close(self) -> None:
        """Lease nothing more."""
        ...


class SharedRate(Protocol):
    """A rate that processes share, such as :class:`aiosymphony.postgres.PostgresRate`."""

    def source(self, server: str) -> RateSource:
        """What a client leases from, for a server at this base URL."""
        ...


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of a client. The defaults are what Symphony documents for a pod.

    Attributes:
        concurrency: Requests under way at once, over all operations.
        rate: Requests begun per second, over all operations; a pod allows 400 per source address.
        families: Limits of operation families, in addition: ``search`` (50 at once), ``conversation`` (200 at once)
            and ``membership`` of rooms (3 users per second). A family that is not named has no limit of its own.
        shared: Shares the rate with other processes; None for a rate of this client's own.

    See :class:`Limit` for what a rate promises.
    """

    concurrency: int = attrs.field(default=200, validator=_at_least_one)
    rate: float | None = attrs.field(default=400.0, validator=_positive)
    families: Mapping[str, Limit] = attrs.field(default=_FAMILIES, converter=_read_only)
    shared: SharedRate | None = None

    def __attrs_post_init__(self) -> None:
        if self.shared is not None and self.rate is None:
            raise ConfigError("Limits.shared shares a rate: give Limits.rate, too")

    def limiter(self, server: str, *, clock: Clock = SYSTEM_CLOCK) -> Limiter:
        """What all operations of a client for this server wait for."""
        limit = Limit(concurrency=self.concurrency, rate=self.rate)
        if self.shared is None:
            return Limiter(limit, clock=clock)
        return SharedLimiter(limit, self.shared.source(server), clock=clock)

    def __reduce__(
        self,
    ) -> tuple[Callable[..., Limits], tuple[int, float | None, dict[str, Limit], SharedRate | None]]:
        # A read-only view of a dict can be neither pickled nor copied.
        return _limits, (self.concurrency, self.rate, dict(self.families), self.shared)


def _limits(concurrency: int, rate: float | None, families: Mapping[str, Limit], shared: SharedRate | None) -> Limits:
    return Limits(concurrency=concurrency, rate=rate, families=families, shared=shared)


class Limiter:
    """Lets requests through in the order of arrival.

    :meth:`try_acquire` is the fast path and never waits; :meth:`acquire` waits. Call :meth:`release` once for each
    that succeeded. A cancelled wait takes no place. A limiter with a parent takes a place in both.

    Two rules keep the rate. A request begins at least one second after the one ``rate`` requests before it, which
    bounds every second. Within the second, a bucket of ``burst`` spreads them. Both are computed when a request begins,
    and leave one number: the earliest time at which the next may begin.
    """

    __slots__ = (
        "_begun",
        "_chunk",
        "_clock",
        "_decreased_at",
        "_due",
        "_freed",
        "_grown_at",
        "_in_flight",
        "_interval",
        "_left",
        "_limit",
        "_parent",
        "_passed_on",
        "_paused_until",
        "_peak",
        "_queue",
        "_roof",
        "_scheduled",
        "_slack",
        "_waiting",
        "_window",
        "reduced",
    )

    def __init__(self, limit: Limit, *, parent: Limiter | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._parent = parent
        self._clock = clock
        self._roof = float(limit.concurrency)
        self._limit = self._roof
        self._in_flight = 0
        self._passed_on = 0
        self._peak = 0
        self._decreased_at = self._grown_at = _NEVER
        self._waiting = 0
        self.reduced = False
        """Whether throttling has lowered the concurrency, so that :meth:`succeeded` has an effect."""
        self._queue = asyncio.Lock()
        self._freed: asyncio.Future[None] | None = None
        # The pause and the rate in one: the time before which nothing begins.
        self._due = self._paused_until = _NEVER
        rate = limit.rate
        self._interval = 0.0 if rate is None else 1.0 / rate
        if rate is not None:
            burst = 1.0 + rate / 20.0 if limit.burst is None else max(1.0, limit.burst)
            # The bucket: when the next request would begin if all came evenly, and how far ahead of that it may. A
            # microsecond more, lest rounding take one out of a burst.
            self._scheduled = _NEVER
            self._slack = (burst - 1.0) / rate + 1e-6
            # The times at which the last requests began, or of each so many the last one.
            whole = math.ceil(rate)
            self._window = whole / rate
            self._chunk = self._left = math.ceil(whole / _MOST_TIMES)
            length = whole // self._chunk
            self._begun = deque([_NEVER] * length, length)

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return self._waiting

    @property
    def concurrency(self) -> int:
        """How many may be under way now."""
        return int(self._limit)

    @property
    def pause(self) -> float:
        """Seconds for which nothing more is let through, because the server asked for that; 0 if it did not."""
        return max(0.0, self._paused_until - self._clock.monotonic())

    def try_acquire(self) -> bool:
        """Take a place if one is free now and nobody is waiting for it."""
        if self._passed_on:
            self._passed_on -= 1
            return True
        return not self._waiting and self._take(self._clock.monotonic(), self._parent)

    async def close(self) -> None:
        """Let go of what it shares with other processes, if anything."""

    async def acquire(self) -> None:
        """Wait for a place and take it."""
        await self._acquire()

    async def wait(self) -> None:
        """Wait until there is a place, without taking it."""
        self._waiting += 1
        try:
            async with self._queue:
                await self._ready()
        finally:
            self._waiting -= 1

    def release(self) -> None:
        """Give a place back."""
        self._in_flight -= 1
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)
        if self._parent is not None:
            self._parent.release()

    def pass_on(self) -> None:
        """Give a held place to the next caller that asks, ahead of the queue.

        This allows waiting for a place first, and then calling what takes it. Call :meth:`take_back` once for each.
        """
        self._passed_on += 1

    def take_back(self) -> None:
        """Give back a place that was passed on, if it was not taken."""
        if self._passed_on:
            self._passed_on -= 1
            self.release()

    def succeeded(self) -> None:
        """Note a request that was not throttled: raise the limit if it is what holds requests back."""
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
        """Note that the server throttled: lower the limit, once per window, and pause for ``pause`` seconds."""
        now = self._clock.monotonic()
        self._paused_until = max(self._paused_until, now + pause)
        self._due = max(self._due, self._paused_until)
        if now - self._decreased_at >= WINDOW:
            self._decreased_at = now
            self._limit = max(1.0, self._limit * DECREASE)
            self._peak = 0
        self.reduced = True
        if self._parent is not None:
            self._parent.throttled(pause)

    def _take(self, now: float, parent: Limiter | None) -> bool:
        """Begin a request at this time if there is a place for it, here and in ``parent``, and it is due."""
        in_flight = self._in_flight + 1
        if in_flight > self._limit or now < self._due:
            return False
        if parent is not None:
            if parent._passed_on:
                parent._passed_on -= 1
            elif parent._waiting or not parent._take(now, parent._parent):
                return False
        self._in_flight = in_flight
        if in_flight > self._peak:
            self._peak = in_flight
        if interval := self._interval:
            scheduled = self._scheduled
            self._scheduled = scheduled = (scheduled if scheduled > now else now) + interval
            self._due = due = scheduled - self._slack
            if self._left > 1:
                self._left -= 1
            else:
                self._left = self._chunk
                begun = self._begun
                begun.append(now)
                if (window_over := begun[0] + self._window) > due:
                    self._due = window_over
        return True

    async def _acquire(self) -> float:
        """Wait for a place and take it; returns the time at which the request began."""
        parent = self._parent
        self._waiting += 1
        try:
            # The lock is the queue: it is fair, and whoever is cancelled in it just leaves it.
            async with self._queue:
                now = await self._ready()
                if parent is not None and self._interval:
                    # It stays at the head of its queue: its rate counts requests when they begin, in both.
                    now = await parent._acquire()
                    while not self._take(now, None):  # throttled meanwhile
                        parent.release()
                        await self._ready()
                        now = await parent._acquire()
                    return now
                self._take(now, None)
        finally:
            self._waiting -= 1
        if parent is not None:
            try:
                return await parent._acquire()
            except BaseException:
                self._in_flight -= 1
                self._wake()
                raise
        return now

    async def _ready(self) -> float:
        """Wait, at the head of the queue, until a request may begin; returns the time that was read for it.

        One reading of the clock decides both whether it may and how long to wait. A place is waited for only if one is
        missing: then a request is under way, and its end will wake this.
        """
        while True:
            if self._in_flight + 1 > self._limit:
                self._freed = asyncio.get_running_loop().create_future()
                try:
                    await self._freed
                finally:
                    self._freed = None
                continue
            now = self._clock.monotonic()
            if now >= self._due:
                return now
            # A microsecond more: what is left of a time after its subtraction may be a little too short.
            await self._clock.sleep(max(self._due - now + 1e-6, _SHORTEST_SLEEP))

    def _wake(self) -> None:
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)


_BLOCK: Final = 0.05
"""Seconds: how much of a shared rate is leased at once at most."""
_GRACE: Final = 0.005
"""Seconds: how late a leased request may begin. Later ones would be too many beside those that others lease."""


class SharedLimiter(Limiter):
    """A limiter whose rate other processes share: a request needs a place here, and one that was leased.

    What was leased and is not begun in time is lost, as another process may use that time by now.
    """

    __slots__ = ("_at", "_leased", "_rate", "_source", "_spacing")

    def __init__(self, limit: Limit, source: RateSource, *, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(limit, clock=clock)
        assert limit.rate is not None  # noqa: S101 - Limits has checked it
        self._rate = limit.rate
        self._source = source
        self._leased = 0
        self._at = self._spacing = 0.0
        source.on_pause(self._paused)

    async def close(self) -> None:
        """Lease nothing more."""
        await self._source.close()

    def throttled(self, pause: float) -> None:
        """As :meth:`Limiter.throttled`; all other processes pause, too."""
        super().throttled(pause)
        if pause > 0:
            self._leased = 0
            self._source.pause(pause)

    def _paused(self, pause: float) -> None:
        super().throttled(pause)
        self._leased = 0

    def _take(self, now: float, parent: Limiter | None) -> bool:
        if not self._leased or now < self._at or not super()._take(now, parent):
            return False
        self._leased -= 1
        self._at += self._spacing
        return True

    async def _ready(self) -> float:
        while True:
            now = await super()._ready()
            # Those whose time is over.
            while self._leased and now > self._at + self._spacing + _GRACE:
                self._leased -= 1
                self._at += self._spacing
            if not self._leased:
                wanted = max(1, min(math.ceil(self._rate * _BLOCK), self._waiting))
                paused_until = self._paused_until
                lease = await self._source.lease(wanted, self._rate)
                now = self._clock.monotonic()
                if self._paused_until == paused_until:
                    self._leased, self._at, self._spacing = lease.count, now + lease.wait, lease.spacing
                continue
            if now >= self._at:
                return now
            await self._clock.sleep(max(self._at - now + 1e-6, _SHORTEST_SLEEP))
