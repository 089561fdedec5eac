"""Handing a job over to workers, and watching them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import JobRefused
from ..job.lease import SECONDS
from ..journal.base import JobHeader
from ..journal.postgres.begin import write_note
from ..journal.postgres.session import Connection
from ..journal.postgres.store import PostgresStore
from ..journal.states import State
from ..plans.file import Plan
from ..progress import Progress
from ..rows.base import Kind
from .tasks import enqueue, queue_of

__all__ = ["SHARD_SIZE", "WORK", "Options", "follow", "hand_over", "living_workers", "shards_for"]

WORK: Final = "work"
"""The note of a job that was handed to workers: how they carry it out."""
SHARD_SIZE: Final = 10_000
"""Rows of a shard, unless the operator says otherwise."""

_ENDED: Final = "DELETE FROM aiosymphony.note WHERE job = %s AND name IN ('finished_at', 'stopped')"
_LIVING: Final = """
SELECT count(*) FROM aiosymphony.worker
WHERE %s = ANY (queues) AND NOT draining AND seen_at > aiosymphony.clock() - make_interval(secs => %s::float8)
"""


@attrs.frozen
class Options:
    """How workers carry a job out, as for :class:`~aiosymphony.provisioning.Job`."""

    concurrency: int = 32
    settle: float = 30.0
    attempts: int = 4
    audit: bool = True


def shards_for(rows: int) -> int:
    """Into how many parts a job of so many rows is divided."""
    return max(1, -(-rows // SHARD_SIZE))


async def hand_over(
    store: PostgresStore,
    plan: Plan | None,
    options: Options,
    *,
    shards: int | None = None,
    also: Callable[[Connection, int], None] | None = None,
    progress: Progress | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> JobHeader:
    """Put a job and its tasks into the database, in one transaction; or the tasks of the job that is there.

    Args:
        store: The journal.
        plan: Of a new job; None to have workers go on with the job that the store holds.
        options: How workers carry it out.
        shards: Into how many parts to divide a new job; by default one for each 10,000 rows.
        also: Run within the transaction that brings a new job in, with its number.
        progress: Told how it gets on.
        clock: Time, for tests.

    Returns:
        The job.

    Raises:
        JobError: The store holds another job or none, or cannot be written.
    """
    if plan is not None:
        progress = Progress() if progress is None else progress
        progress.begin("writing the journal", plan.rows)
        header = JobHeader.of(plan, made_at=clock.time(), shards=shards or shards_for(plan.rows))
        begun: list[int] = []

        def complete(connection: Connection, job: int) -> None:
            write_note(connection, job, WORK, attrs.asdict(options))
            enqueue(connection, job, header.shards, queue_of(header.kind, header.target))
            if also is not None:
                also(connection, job)
            begun.append(job)

        await store.begin(header, progress.each(plan.actions()), also=complete)
        if begun:
            return header
    there = await store.header()
    if there is None:
        raise JobRefused(f"{store.name} holds no job to resume")

    def again(connection: Connection, job: int) -> None:
        write_note(connection, job, WORK, attrs.asdict(options))
        connection.execute(_ENDED, [job])
        enqueue(connection, job, there.shards, queue_of(there.kind, there.target))

    await store.within(again)
    return there


async def follow(
    store: PostgresStore, progress: Progress, *, every: float = 1.0, clock: Clock = SYSTEM_CLOCK
) -> dict[str, Any]:
    """Watch a job until workers ended it.

    Args:
        store: The journal.
        progress: Told how it stands.
        every: Seconds between two looks; more, if a look takes long.
        clock: Time, for tests.

    Returns:
        The notes of the job, as it ended.

    Raises:
        JobError: The database cannot be read.
    """
    while True:
        asked = clock.monotonic()
        counts: Counter[State] = Counter()
        for (_, state), count in (await store.counts()).items():
            counts[state] += count
        notes = await store.notes()
        progress.saw(counts)
        if notes.get("finished_at") is not None:
            progress.begin("finished")
            return dict(notes)
        await clock.sleep(max(every, 10 * (clock.monotonic() - asked)))


async def living_workers(store: PostgresStore, kind: Kind, target: str, *, lease: float = SECONDS) -> int:
    """How many workers live that can reach a target."""

    def ask(connection: Connection, _job: int) -> int:
        found = connection.execute(_LIVING, (queue_of(kind, target), lease / 2)).fetchone()
        return 0 if found is None else int(found[0])

    return await store.within(ask)
