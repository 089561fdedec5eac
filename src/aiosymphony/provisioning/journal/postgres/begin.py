"""How a job comes into the database: one transaction, whatever its size, in flat memory."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson
import psycopg

from ...plans.actions import ONE_CREATE, Action
from ..base import JobHeader, first_state
from .changes import plain
from .session import transaction

if TYPE_CHECKING:
    from .session import Connection

__all__ = ["begin_job", "shard_size", "write_note"]

_CHUNK: Final = 5000
"""Rows that are held in memory."""
_WANTED: Final = 'COPY aiosymphony.wanted (job, number, line, label, "values") FROM STDIN'
_ENTRY: Final = "COPY aiosymphony.entry (job, number, action, state, id, done_at, code, message, steps) FROM STDIN"
_SHARDS: Final = """
INSERT INTO aiosymphony.shard (job, shard, first, last, lineage, counts)
SELECT %(job)s, k, first, last, aiosymphony.lineage(), aiosymphony.counted(%(job)s, first, last)
FROM generate_series(0, %(shards)s - 1) AS k CROSS JOIN LATERAL (
  SELECT k * %(size)s + 1 AS first, CASE k WHEN %(shards)s - 1 THEN 2147483647 ELSE (k + 1) * %(size)s END AS last
) AS range
"""
_NOTE: Final = """
INSERT INTO aiosymphony.note VALUES (%s, %s, %s::json)
ON CONFLICT (job, name) DO UPDATE SET value = EXCLUDED.value
"""
_ONE_CREATE = orjson.dumps(ONE_CREATE).decode()


def begin_job(
    connection: Connection,
    name: str,
    header: JobHeader,
    actions: Iterable[Action],
    now: float,
    also: Callable[[Connection, int], None] | None,
) -> None:
    """Put a job into the database, unless one of that name is there."""
    with transaction(connection):
        made = connection.execute(
            "INSERT INTO aiosymphony.job (name, header) VALUES (%s, %s::json) ON CONFLICT DO NOTHING RETURNING job",
            (plain(name), as_json(attrs.asdict(header))),
        ).fetchone()
        if made is None:
            return  # Another process was faster.
        (job,) = made
        rows = enumerate(actions, 1)
        while chunk := [*itertools.islice(rows, _CHUNK)]:
            _copy(connection, job, chunk, now)
        connection.execute(_SHARDS, {"job": job, "size": shard_size(header), "shards": header.shards})
        if also is not None:
            also(connection, job)
    with contextlib.suppress(psycopg.Error):  # It makes reading fast, and the job is there all the same.
        connection.execute("ANALYZE aiosymphony.wanted, aiosymphony.entry")


def shard_size(header: JobHeader) -> int:
    """How many rows a shard has: neighbours share a batch and a page, so they stay together."""
    return max(1, -(-header.rows // header.shards))


def write_note(connection: Connection, job: int, name: str, value: object) -> None:
    """Keep a JSON value with a job."""
    connection.execute(_NOTE, (job, name, as_json(value)))


def as_json(value: object) -> str:
    """JSON for a column."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _copy(connection: Connection, job: int, chunk: Iterable[tuple[int, Action]], now: float) -> None:
    with connection.cursor().copy(_WANTED) as copy:
        for number, action in chunk:
            copy.write_row((job, number, action.line, plain(action.label), as_json(action.values)))
    with connection.cursor().copy(_ENTRY) as copy:
        for number, action in chunk:
            copy.write_row(_entry(job, number, action, now))


def _entry(job: int, number: int, action: Action, now: float) -> tuple[Any, ...]:
    state, code, done_at = first_state(action, now)
    steps = as_json(action.steps)
    kept = None if steps == _ONE_CREATE else steps
    return job, number, action.do, state, action.id and plain(action.id), done_at, code, plain(action.reason), kept
