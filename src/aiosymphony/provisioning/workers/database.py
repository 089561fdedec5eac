"""What a worker asks the database besides its engine and its journals: signs of life, and what nobody works on."""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import attrs

from ..._version import __version__
from ...postgres.address import Address
from ..journal.postgres.begin import write_note
from ..journal.postgres.engine import check_engine
from ..journal.postgres.session import Connection, Session
from ..rows.base import Kind
from .schedules import Due, read_due
from .tasks import Task, queue_of, task_of, task_of_schedule

__all__ = ["Database", "HandedOver"]

T = TypeVar("T")

_KEPT_DAYS: Final = 90
"""How long it is remembered who took over from whom."""

_SIGN: Final = """
INSERT INTO aiosymphony.worker (worker, host, pid, egress, version, queues, draining)
VALUES (%(worker)s, %(host)s, %(pid)s, %(egress)s, %(version)s, %(queues)s, %(draining)s)
ON CONFLICT (worker) DO UPDATE SET seen_at = aiosymphony.clock(), draining = EXCLUDED.draining
"""
_HANDED_OVER: Final = """
SELECT j.name, j.header->>'kind', j.header->>'target', w.value
FROM aiosymphony.job AS j JOIN aiosymphony.note AS w ON w.job = j.job AND w.name = 'work' WHERE j.job = %s
"""
_TURN: Final = """
UPDATE aiosymphony.reconciliation SET at = aiosymphony.clock()
WHERE at <= aiosymphony.clock() - make_interval(secs => %s::float8) RETURNING 1
"""
# Shards with rows left that nobody owns, and, as shard NULL, jobs without any row left that did not end.
_LEFT: Final = """
WITH handed AS (
  SELECT j.job, j.header->>'kind' AS kind, j.header->>'target' AS target
  FROM aiosymphony.job AS j JOIN aiosymphony.note AS w ON w.job = j.job AND w.name = 'work'
  WHERE j.wish <> 'pause'
    AND NOT EXISTS (SELECT FROM aiosymphony.note AS f WHERE f.job = j.job AND f.name = 'finished_at')
), open AS (
  SELECT s.job, s.shard, s.lease_until <= aiosymphony.clock() AS free FROM handed AS h
  JOIN aiosymphony.shard AS s ON s.job = h.job AND NOT s.finished
  WHERE aiosymphony.has_open_rows(s.job, s.first, s.last)
)
SELECT h.job, o.shard, h.kind, h.target FROM handed AS h JOIN open AS o ON o.job = h.job AND o.free
UNION ALL
SELECT h.job, NULL, h.kind, h.target FROM handed AS h WHERE NOT EXISTS (SELECT FROM open AS o WHERE o.job = h.job)
"""
_DUE: Final = """
SELECT name, kind, target FROM aiosymphony.schedule WHERE NOT paused AND next_at <= aiosymphony.clock()
"""
_TIDY: Final = """
DELETE FROM aiosymphony.worker WHERE seen_at < aiosymphony.clock() - interval '1 day';
DELETE FROM aiosymphony.takeover WHERE at < aiosymphony.clock() - interval '%d days'
"""


@attrs.frozen
class HandedOver:
    """A job that workers carry out.

    Attributes:
        name: Its name.
        kind, target: Where.
        options: How, as arguments of :class:`~aiosymphony.provisioning.Job`.
    """

    name: str
    kind: Kind
    target: str
    options: Mapping[str, Any]


class Database:
    """A connection of the worker's own, in a thread of its own.

    Args:
        address: Of the database.
        egress: Names the address that the worker's requests come from.
    """

    def __init__(self, address: Address, *, egress: str) -> None:
        self._address = address
        self._session = Session(address, read_only=False)
        self._thread = ThreadPoolExecutor(1, "aiosymphony worker")
        self._me: dict[str, Any] = {
            "worker": f"{platform.node()}/{os.getpid()}/{secrets.token_hex(4)}",
            "host": platform.node(),
            "pid": os.getpid(),
            "egress": egress,
            "version": __version__,
        }

    @property
    def worker(self) -> str:
        """What tells this process from all others."""
        return str(self._me["worker"])

    async def open(self) -> None:
        """Connect.

        Raises:
            JobError: The database cannot be reached or used, or was not prepared for this release.
        """
        await self._run(self._session.open)
        await self._ask(lambda connection: check_engine(connection, self._address.database))

    async def close(self) -> None:
        await self._run(self._session.close)
        self._thread.shutdown()

    async def give_sign(self, queues: Sequence[str], *, draining: bool) -> None:
        """Say that this worker lives, and what it can reach."""
        asked = {**self._me, "queues": [*queues], "draining": draining}
        await self._ask(lambda connection: connection.execute(_SIGN, asked) and None)

    async def leave(self) -> None:
        """This worker is no more."""
        statement = "DELETE FROM aiosymphony.worker WHERE worker = %s"
        await self._ask(lambda connection: connection.execute(statement, [self.worker]) and None)

    async def handed_over(self, job: int) -> HandedOver | None:
        """A job that workers carry out; None if there is no such job any more."""

        def ask(connection: Connection) -> HandedOver | None:
            found = connection.execute(_HANDED_OVER, [job]).fetchone()
            return None if found is None else HandedOver(*found)

        return await self._ask(ask)

    async def has_ended(self, job: int) -> bool:
        """Whether a job was audited and ended."""
        statement = "SELECT 1 FROM aiosymphony.note WHERE job = %s AND name = 'finished_at'"
        return await self._ask(lambda connection: connection.execute(statement, [job]).fetchone() is not None)

    async def has_rows_left(self, job: int) -> bool:
        """Whether any shard of a job still has rows to deal with."""
        statement = """
        SELECT 1 FROM aiosymphony.shard AS s
        WHERE s.job = %s AND NOT s.finished AND aiosymphony.has_open_rows(s.job, s.first, s.last) LIMIT 1
        """
        return await self._ask(lambda connection: connection.execute(statement, [job]).fetchone() is not None)

    async def without_task(self, every: float) -> list[Task] | None:
        """The tasks that have to be there: for shards with rows left that nobody owns, jobs to end, and schedules.

        None if another worker looked within ``every`` seconds.
        """

        def ask(connection: Connection) -> list[Task] | None:
            if connection.execute(_TURN, [every]).fetchone() is None:
                return None
            connection.execute((_TIDY % _KEPT_DAYS).encode())
            left, due = connection.execute(_LEFT).fetchall(), connection.execute(_DUE).fetchall()
            return [
                *(task_of(job, shard, queue_of(kind, target)) for job, shard, kind, target in left),
                *(task_of_schedule(name, queue_of(kind, target)) for name, kind, target in due),
            ]

        return await self._ask(ask)

    async def due(self, schedule: str) -> Due | None:
        """A schedule whose time has come; None if it has not, or another worker has dealt with it."""
        return await self._ask(lambda connection: read_due(connection, schedule))

    async def note(self, job: int, name: str, value: object) -> None:
        """Keep a JSON value with a job."""
        await self._ask(lambda connection: write_note(connection, job, name, value))

    async def _ask(self, function: Callable[[Connection], T]) -> T:
        return await self._run(lambda: self._session.ask(function))

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)
