"""What the engine, procrastinate, hands to workers: a task for each shard of a job, one that ends the job, and one
for each time of a schedule.

A task is a hint, and no more: it may come twice, late, or never. The journal's epochs decide who may write, and the
reconciler makes a task again wherever one is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procrastinate import App, JobContext, PsycopgConnector, SyncPsycopgConnector
from procrastinate.jobs import Job as Task
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from ..journal.postgres.engine import SEARCH_PATH
from ..rows.base import Kind
from ..targets.registry import target_kind

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from psycopg import AsyncConnection

    from ...postgres.address import Address
    from ..journal.postgres.session import Connection

__all__ = ["PutBack", "Task", "enqueue", "make_app", "queue_of", "task_of", "task_of_schedule", "waiting"]

CARRY_OUT: Final = "carry_out"
MAKE_JOB: Final = "make_job"
_WAITING: Final = """
SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY (%s)
"""
_POOL: Final = 4
"""Connections of the engine: what it fetches, finishes and hears of needs no more."""


class PutBack(Exception):
    """The task is not done: somebody is to take it up again.

    Attributes:
        seconds: Not before so many seconds.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"put back for {seconds:g} s")
        self.seconds = seconds


class _PuttingBack(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Task) -> RetryDecision | None:
        del job
        if not isinstance(exception, PutBack):
            return None
        return RetryDecision(retry_in={"milliseconds": round(exception.seconds * 1000)})


def queue_of(kind: Kind, target: str) -> str:
    """The queue of a target's server: a worker listens to those that it has credentials for.

    It is short, as the engine makes the name of a channel of it.
    """
    server = target_kind(kind).server(target)
    return f"{kind}-{hashlib.sha256(server.encode()).hexdigest()[:16]}"


def task_of(job: int, shard: int | None, queue: str) -> Task:
    """The task to carry out a shard of a job; without a shard, to audit the job and to end it."""
    return Task(
        queue=queue,
        task_name=CARRY_OUT,
        lock=None,
        queueing_lock=f"{job}/{'end' if shard is None else shard}",
        task_kwargs={"job": job, "shard": shard},
    )


def task_of_schedule(schedule: str, queue: str) -> Task:
    """The task to make the job of a schedule whose time has come."""
    lock = hashlib.sha256(schedule.encode()).hexdigest()[:32]
    return Task(
        queue=queue,
        task_name=MAKE_JOB,
        lock=None,
        queueing_lock=f"schedule/{lock}",
        task_kwargs={"schedule": schedule},
    )


def enqueue(connection: Connection, job: int, shards: int, queue: str) -> None:
    """Make the tasks of a job, within the caller's transaction, but for those that wait already."""
    connection.execute(f"SET LOCAL search_path = {SEARCH_PATH}".encode())
    manager = JobManager(SyncPsycopgConnector())
    locks = [task_of(job, shard, queue).queueing_lock for shard in range(shards)]
    found = connection.execute(_WAITING, [locks]).fetchall()
    there = {lock for (lock,) in found}
    if missing := [task_of(job, shard, queue) for shard, lock in enumerate(locks) if lock not in there]:
        manager.batch_defer_jobs(missing, connection=connection)


def make_app(
    address: Address,
    carry_out: Callable[[int, int | None], Awaitable[None]],
    make_job: Callable[[str], Awaitable[None]],
) -> App:
    """The engine over a database, with the two tasks that there are."""

    async def configure(connection: AsyncConnection) -> None:
        await connection.set_autocommit(True)
        await connection.execute(f"SET search_path = {SEARCH_PATH}".encode())

    connector = PsycopgConnector(
        kwargs=address.parameters(), configure=configure, min_size=1, max_size=_POOL, timeout=10.0
    )
    app = App(connector=connector)

    @app.task(name=CARRY_OUT, retry=_PuttingBack(), pass_context=True)
    async def run(context: JobContext, job: int, shard: int | None) -> None:
        del context
        await carry_out(job, shard)

    @app.task(name=MAKE_JOB, retry=_PuttingBack(), pass_context=True)
    async def make(context: JobContext, schedule: str) -> None:
        del context
        await make_job(schedule)

    del run, make
    return app


async def waiting(app: App) -> set[str]:
    """The queueing locks of all tasks that wait or are being carried out: what has a task already."""
    found: set[str] = set()
    for status in ("todo", "doing"):
        tasks = await app.job_manager.list_jobs_async(status=status)
        found |= {task.queueing_lock for task in tasks if task.queueing_lock is not None}
    return found
