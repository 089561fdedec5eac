"""The connection pool of the fast transport, with the same rules as the default one for which connections are used.

* A connection that received bytes while idle is closed: they belong to nobody.
* A request that must not be sent twice gets a new connection, or one that was used a moment ago and on whose socket
  nothing waits. On a connection that the server has just closed, it would be lost with an unknown outcome.
* The connections in all, and those to one server, are bounded; whoever finds no place waits in line.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, Final

from .deadlines import Deadlines
from .fast_connection import Connection
from .fast_origin import Origin
from .idle import MOMENT

Dial = Callable[[Origin, Callable[[Connection], None]], Coroutine[Any, Any, Connection]]

_KEEP: Final = 15.0
"""Seconds that a connection stays open without being used."""


class Pool:
    """The connections of one event loop, and the deadlines of the requests on them."""

    def __init__(self, *, limit: int, limit_per_host: int, dial: Dial) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._dial = dial
        # By origin, with the time of their last use: the one used last comes last.
        self._idle: dict[Origin, dict[Connection, float]] = {}
        self._open: set[Connection] = set()
        self._places: Counter[Origin] = Counter()
        self._taken = 0
        self._line: deque[tuple[Origin, asyncio.Future[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_retired = False
        self._emptied: asyncio.Future[None] | None = None
        self.deadlines = Deadlines()

    @property
    def in_use(self) -> int:
        """How many connections are made or carry a request at present."""
        return self._taken - sum(map(len, self._idle.values()))

    @property
    def is_empty(self) -> bool:
        """Whether no connection is open and none is being made."""
        return not self._taken

    def take(self, origin: Origin, *, repeatable: bool) -> Connection | None:
        """An idle connection that is fit for the request; None if there is none."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        now = monotonic()
        oldest = now - (_KEEP if repeatable else MOMENT)
        while idle:
            connection, since = idle.popitem()
            if since < oldest and not repeatable:
                # What was used before this one is older still. The oldest is closed for the new one to come, so that
                # the pool does not grow with each pause.
                idle[connection] = since
                next(iter(idle)).close()
                return None
            if since >= oldest and connection.is_usable and (repeatable or connection.is_quiet):
                return connection
            connection.close()
        return None

    async def connect(self, origin: Origin, *, repeatable: bool) -> Connection:
        """A new connection, or one that becomes idle while there is no place for a new one.

        Raises:
            TransportError: There is none; nothing was sent.
        """
        is_first = False
        while not self._has_place(origin):
            await self._wait_in_line(origin, is_first=is_first)
            is_first = True  # somebody who came later may have been quicker: no reason to wait behind everybody
            if (connection := self.take(origin, repeatable=repeatable)) is not None:
                return connection
        self._taken += 1
        self._places[origin] += 1
        try:
            connection = await self._dial(origin, self._discard)
        except BaseException:
            self._free_place(origin)
            raise
        connection.holds_place = True
        self._open.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Take a connection back when its request has ended, however it ended."""
        if not connection.end_exchange() or self._is_retired:
            connection.close()
            return
        self._idle.setdefault(connection.origin, {})[connection] = monotonic()
        if self._timer is None:
            self._timer = self._loop.call_later(_KEEP, self._close_expired)
        if self._line:
            self._wake()

    def retire(self) -> None:
        """Close what is idle now, and the others when their requests have ended."""
        self._is_retired = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for idle in list(self._idle.values()):
            for connection in list(idle):
                connection.close()

    async def close(self) -> None:
        """Close every connection, and return when their sockets are closed."""
        if self._loop.is_closed():
            return  # it has closed them
        self.retire()
        for connection in list(self._open):
            connection.close()
        if self._open and self._loop is asyncio.get_running_loop():
            self._emptied = self._emptied or self._loop.create_future()
            await asyncio.shield(self._emptied)

    # Places and the line.

    def _has_place(self, origin: Origin) -> bool:
        if self._places[origin] >= self._limit_per_host:
            return False
        if self._taken < self._limit:
            return True
        for idle in self._idle.values():  # of another origin: its own would have been taken
            if idle:
                next(iter(idle)).close()
                return self._taken < self._limit
        return False

    async def _wait_in_line(self, origin: Origin, *, is_first: bool) -> None:
        waiter = self._loop.create_future()
        (self._line.appendleft if is_first else self._line.append)((origin, waiter))
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # the place goes to the next
            else:
                self._line.remove((origin, waiter))
            raise

    def _wake(self) -> None:
        """Let the first go on for whom there is a connection or a place."""
        for entry in self._line:
            origin, waiter = entry
            if self._idle.get(origin) or (self._taken < self._limit and self._places[origin] < self._limit_per_host):
                self._line.remove(entry)
                waiter.set_result(None)
                return

    def _discard(self, connection: Connection) -> None:
        """Forget a connection that has ended, or ends now."""
        if connection.holds_place:
            connection.holds_place = False
            if (idle := self._idle.get(connection.origin)) is not None:
                idle.pop(connection, None)
                if not idle:
                    del self._idle[connection.origin]
            self._free_place(connection.origin)
        if connection.is_closed:
            self._open.discard(connection)
            if self._emptied is not None and not self._open and not self._emptied.done():
                self._emptied.set_result(None)

    def _free_place(self, origin: Origin) -> None:
        self._taken -= 1
        self._places[origin] -= 1
        if not self._places[origin]:
            del self._places[origin]
        if self._line:
            self._wake()

    def _close_expired(self) -> None:
        self._timer = None
        now = monotonic()
        first = now
        for idle in list(self._idle.values()):
            for connection, since in list(idle.items()):
                if now - since >= _KEEP:
                    connection.close()
                else:
                    first = min(first, since)
                    break
        self._idle = {origin: idle for origin, idle in self._idle.items() if idle}
        if self._idle:
            self._timer = self._loop.call_later(max(first + _KEEP - now, 1.0), self._close_expired)
