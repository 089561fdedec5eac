"""One rate for all processes that send to a server from the same address, kept in PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

import psycopg

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError
from ..limits import RateLease, RateSource
from .address import Address
from .tokens import parsed

__all__ = ["PostgresRate"]

_log = logging.getLogger("aiosymphony.limits")

_WAIT: Final = 2.0
"""Seconds that an answer of the database may take."""
_AGAIN: Final = 5.0
"""Seconds until a database that is away is tried again."""
_CHANNEL: Final = "aiosymphony_rate"


class PostgresRate:
    """The rate of a server, shared through PostgreSQL: ``Limits(rate=400, shared=PostgresRate(…))``.

    Requests are leased in blocks of a twentieth of a second, evenly spaced, so that no second sees more than the rate
    from all processes together. A server that throttles one of them pauses all. A process that ends wastes what it
    leased, and no more. The database is prepared by ``aiosymphony store init``.

    While the database is away, each process goes on with its part of the rate, and says so once.

    Args:
        address: ``postgresql://USER@HOST:PORT/DATABASE``.
        egress: Names the address that requests come from: a pod counts by that. Machines behind one address give the
            same name; machines with addresses of their own give different ones.
        share: The part of the rate that is used while the database is away.

    Raises:
        ConfigError: The address cannot be read, or the share is not between 0 and 1.
    """

    @keeps_arguments_secret
    def __init__(self, address: str, *, egress: str = "", share: float = 0.25) -> None:
        self._address = parsed(address)
        if not 0 < share <= 1:
            raise ConfigError(f"the share of the rate must be above 0 and at most 1, not {share!r}")
        self._egress = egress
        self._share = share

    def __repr__(self) -> str:
        return f"PostgresRate({self._address.database!r}, egress={self._egress!r})"

    def source(self, server: str) -> RateSource:
        """What a client leases from, for a server at this base URL."""
        return _Source(self._address, f"{server} {self._egress}", self._share)


class _Source:
    """Leases requests from the database, or, while that is away, from a part of the rate."""

    def __init__(self, address: Address, key: str, share: float) -> None:
        self._address = address
        self._key = key
        self._share = share
        self._connection: psycopg.AsyncConnection | None = None
        self._listening: asyncio.Task[None] | None = None
        self._pausing: set[asyncio.Task[None]] = set()
        self._paused: Callable[[float], None] | None = None
        self._away_until = 0.0
        self._is_away = False
        self._due = 0.0

    def on_pause(self, paused: Callable[[float], None]) -> None:
        self._paused = paused

    async def lease(self, wanted: int, rate: float) -> RateLease:
        if time.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(_WAIT):
                    wait = await self._ask(wanted, rate)
            except (psycopg.Error, OSError, TimeoutError) as error:
                await self._lose(error)
            else:
                if self._is_away:
                    self._is_away = False
                    _log.warning("the shared rate of %s is kept again", self._key.partition(" ")[0])
                return RateLease(wanted, max(0.0, wait), 1.0 / rate)
        spacing = 1.0 / (rate * self._share)
        now = time.monotonic()
        begin = max(now, self._due)
        self._due = begin + wanted * spacing
        return RateLease(wanted, begin - now, spacing)

    def pause(self, seconds: float) -> None:
        task = asyncio.get_running_loop().create_task(self._pause(seconds), name="aiosymphony shared rate")
        self._pausing.add(task)
        task.add_done_callback(self._pausing.discard)

    async def close(self) -> None:
        for task in [*self._pausing, *filter(None, [self._listening])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _ask(self, wanted: int, rate: float) -> float:
        connection = self._connection
        if connection is None or connection.closed:
            connection = await self._connect()
            # What a crash of the database loses, it would have had to wait for.
            await connection.execute("SET synchronous_commit = off")
            self._connection = connection
            if self._listening is None or self._listening.done():
                self._listening = asyncio.create_task(self._listen(), name="aiosymphony shared rate")
        statement = "SELECT aiosymphony.lease_rate(%s, %s::float8, %s)"
        found = await (await connection.execute(statement, (self._key, rate, wanted))).fetchone()
        return 0.0 if found is None else float(found[0])

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(autocommit=True, **self._address.parameters())

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(psycopg.Error, OSError):
            async with await self._connect() as connection:
                await connection.execute("SELECT aiosymphony.pause_rate(%s, %s::float8)", (self._key, seconds))

    async def _listen(self) -> None:
        """Hear of the pauses of others. It ends with its connection, and is begun again with the next lease."""
        with contextlib.suppress(psycopg.Error, OSError):
            async with await self._connect() as connection:
                await connection.execute(f"LISTEN {_CHANNEL}".encode())
                async for notice in connection.notifies():
                    seconds, _, key = notice.payload.partition(" ")
                    if key == self._key and self._paused is not None:
                        self._paused(float(seconds))

    async def _lose(self, error: Exception) -> None:
        connection, self._connection = self._connection, None
        self._away_until = time.monotonic() + _AGAIN
        if not self._is_away:
            self._is_away = True
            _log.warning(
                "the shared rate of %s is away (%s): going on with %g of the rate",
                self._key.partition(" ")[0],
                type(error).__name__,
                self._share,
            )
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()
