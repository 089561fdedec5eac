"""What the page shows, read from a database of jobs or from the journal of one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from ..auth.secrets import Secret, keeps_arguments_secret
from ..errors import ConfigError
from ..provisioning.journal.base import JobRow
from ..provisioning.journal.registry import NEEDS_POSTGRES, is_address, open_store
from ..provisioning.journal.states import FAILURES, FINISHED
from ..provisioning.reports.causes import Causes

__all__ = ["Reading", "State", "reading_of"]

State = dict[str, Any]
"""What the page shows, as JSON values."""

_CAUSES_OF: Final = 1000
"""Rows of a job whose causes are told apart."""
_CAUSES_EVERY: Final = 10.0
"""Seconds between two readings of a job's causes."""
_SHOWN: Final = 10
_WINDOW: Final = 15.0
"""Seconds that the pace of a job looks back."""

_WORKERS: Final = """
SELECT worker, host, pid, egress, version, draining, extract(epoch FROM began_at)::float8,
  extract(epoch FROM aiosymphony.clock() - seen_at)::float8
FROM aiosymphony.worker ORDER BY began_at
"""
_SHARDS: Final = """
SELECT job, shard, owner, epoch,
  CASE WHEN owner IS NOT NULL THEN extract(epoch FROM lease_until - aiosymphony.clock())::float8 END,
  extract(epoch FROM aiosymphony.clock() - seen_at)::float8, finished, last - first + 1,
  (SELECT coalesce(sum((each->>2)::bigint), 0) FROM json_array_elements(
    CASE WHEN owner IS NULL AND counts IS NOT NULL THEN counts ELSE aiosymphony.counted(job, first, last) END) AS each
   WHERE each->>1 IN ('TODO', 'IN_FLIGHT'))::bigint
FROM aiosymphony.shard WHERE job = ANY (%s) ORDER BY job, shard
"""
_TAKEOVERS: Final = """
SELECT extract(epoch FROM t.at)::float8, j.name, t.shard, t.epoch, t.owner_before, t.owner, t.cause
FROM aiosymphony.takeover AS t JOIN aiosymphony.job AS j USING (job) ORDER BY t.takeover DESC LIMIT 50
"""


class Reading(Protocol):
    """Where jobs are read from."""

    async def read(self) -> State:
        """How everything stands.

        Raises:
            JobError: It cannot be read.
        """
        ...

    async def close(self) -> None:
        """Let go."""
        ...


@keeps_arguments_secret
def reading_of(where: str) -> Reading:
    """How to read the jobs at an address or in a file.

    Raises:
        ConfigError: There is no such file, or the extra is missing.
    """
    if is_address(where):
        try:
            import psycopg  # noqa: F401, PLC0415 - the extra
        except ImportError:
            raise ConfigError(NEEDS_POSTGRES) from None
        return _Database(where)
    if not Path(where).is_file():
        raise ConfigError(f"{where} is no file, and no address like postgresql://…")
    return _File(where)


class _Pace:
    """How fast jobs are finished, by what was read lately."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def of(self, job: str, done: int) -> float | None:
        """Rows per second."""
        now = time.monotonic()
        seen = self._seen.setdefault(job, deque())
        seen.append((now, done))
        while seen[0][0] < now - _WINDOW and len(seen) > 1:
            seen.popleft()
        began, first = seen[0]
        return (done - first) / (now - began) if now - began >= 1.0 else None


class _Database:
    @keeps_arguments_secret
    def __init__(self, address: str) -> None:
        from ..postgres.address import Address  # noqa: PLC0415 - the extra
        from ..provisioning.journal.postgres.session import Session  # noqa: PLC0415

        self._address = Secret(address)
        self._shown = Address.parse(address).database
        self._session = Session(Address.parse(address), read_only=True)
        self._pace = _Pace()
        self._causes: dict[int, tuple[int, float, list[State]]] = {}

    async def read(self) -> State:
        state = await asyncio.to_thread(self._read)
        for job in state["jobs"][:_SHOWN]:
            job["causes"] = await self._causes_of(job)
        return state

    async def close(self) -> None:
        await asyncio.to_thread(self._session.close)

    def _read(self) -> State:
        from ..provisioning.journal.owner import Owner  # noqa: PLC0415
        from ..provisioning.journal.postgres.jobs import read_jobs  # noqa: PLC0415
        from ..provisioning.journal.postgres.session import Connection  # noqa: PLC0415

        def who(text: str | None) -> str | None:
            return None if text is None else Owner.parse(text).described()

        def ask(connection: Connection) -> State:
            with connection.transaction():
                connection.execute("SET TRANSACTION READ ONLY")
                connection.execute("SET LOCAL statement_timeout = '5s'")
                jobs = [job.to_dict() for job in read_jobs(connection, 200)]
                shown = [job["number"] for job in jobs[:_SHOWN]]
                shards = connection.execute(_SHARDS, [shown]).fetchall()
                workers = connection.execute(_WORKERS).fetchall()
                takeovers = connection.execute(_TAKEOVERS).fetchall()
            for job in jobs:
                job["rate"] = self._pace.of(job["name"], job["done"])
                job["shard_list"] = [
                    dict(zip(_SHARD, (shard, who(owner), *rest), strict=True))
                    for number, shard, owner, *rest in shards
                    if number == job["number"]
                ]
            return {
                "where": self._shown,
                "jobs": jobs,
                "workers": [dict(zip(_WORKER, worker, strict=True)) for worker in workers],
                "takeovers": [
                    dict(zip(_TAKEOVER, (*facts, who(before), who(owner), cause), strict=True))
                    for *facts, before, owner, cause in takeovers
                ],
            }

        return self._session.ask(ask)

    async def _causes_of(self, job: State) -> list[State]:
        known, again_at, causes = self._causes.get(job["number"], (0, 0.0, []))
        if job["failures"] != known and time.monotonic() >= again_at:
            async with open_store(self._address.reveal(), job=job["name"], read_only=True) as store:
                causes = _causes(await store.fetch(FAILURES, limit=_CAUSES_OF, own=False))
            self._causes[job["number"]] = job["failures"], time.monotonic() + _CAUSES_EVERY, causes
        return causes


_SHARD: Final = ("shard", "owner", "epoch", "lease_left", "seen_ago", "finished", "rows", "left")
_WORKER: Final = ("worker", "host", "pid", "egress", "version", "draining", "began_at", "seen_ago")
_TAKEOVER: Final = ("at", "job", "shard", "epoch", "before", "owner", "cause")


class _File:
    """One journal of one machine. It has no workers, and nobody notes who took over."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pace = _Pace()
        self._causes: tuple[int, list[State]] = (0, [])

    async def read(self) -> State:
        async with open_store(self._path, read_only=True) as store:
            header, counts, notes = await store.header(), await store.counts(), await store.notes()
            working = [worker for worker in await store.workers() if worker.alive]
            rows: dict[str, int] = {}
            for (_, state), count in counts.items():
                rows[state] = rows.get(state, 0) + count
            done = sum(rows.get(state, 0) for state in FINISHED)
            failures = done - rows.get("DONE", 0)
            if failures != self._causes[0]:
                self._causes = failures, _causes(await store.fetch(FAILURES, limit=_CAUSES_OF, own=False))
        if header is None:
            return {"where": self._path, "jobs": [], "workers": None, "takeovers": None}
        ended = notes.get("finished_at")
        job = {
            "number": 1,
            "name": header.input_name,
            "kind": header.kind,
            "target": header.target,
            "input_name": header.input_name,
            "made_at": header.made_at,
            "finished_at": ended,
            "stopped": None,
            "state": "finished" if ended is not None else "running" if working else "stopped",
            "rows": rows,
            "total": sum(rows.values()),
            "done": done,
            "failures": failures,
            "shards": header.shards,
            "owners": [worker.described() for worker in working],
            "seen_ago": min((time.time() - worker.seen_at for worker in working), default=None),
            "rate": self._pace.of("", done),
            "shard_list": [],
            "causes": self._causes[1],
        }
        return {"where": self._path, "jobs": [job], "workers": None, "takeovers": None}

    async def close(self) -> None:
        """Nothing is held open."""


def _causes(rows: Sequence[JobRow]) -> list[State]:
    causes = Causes()
    for row in rows:
        causes.add(row)
    return [
        {"headline": cause.headline, "count": cause.count, "advice": cause.advice} for cause in causes.sorted()[:20]
    ]
