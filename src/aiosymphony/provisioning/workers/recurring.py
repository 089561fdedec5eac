"""The job of a schedule's time: a worker reads the file, plans, and brings the job in."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, TypeVar

from ...auth.secrets import Secret
from ...errors import JobRefused
from ..desired import Desired
from ..journal.postgres.begin import write_note
from ..journal.postgres.session import Connection, ask_once
from ..journal.postgres.store import PostgresStore
from ..plans.file import Plan
from ..preparing import make_plan
from ..targets.base import Target
from .handing_over import hand_over
from .schedules import Due, move_on

__all__ = ["make_job"]

T = TypeVar("T")

_UNFINISHED: Final = """
SELECT j.name FROM aiosymphony.job AS j JOIN aiosymphony.note AS s ON s.job = j.job AND s.name = 'schedule'
WHERE s.value #>> '{}' = %(schedule)s AND j.name <> %(job)s
  AND NOT EXISTS (SELECT FROM aiosymphony.note AS f WHERE f.job = j.job AND f.name = 'finished_at')
LIMIT 1
"""
_FORGET: Final = """
DELETE FROM aiosymphony.job WHERE job IN (
  SELECT j.job FROM aiosymphony.job AS j JOIN aiosymphony.note AS s ON s.job = j.job AND s.name = 'schedule'
  WHERE s.value #>> '{}' = %s AND EXISTS (
    SELECT FROM aiosymphony.note AS f WHERE f.job = j.job AND f.name = 'finished_at')
  ORDER BY j.job DESC OFFSET %s)
"""


async def make_job(address: Secret, target: Callable[[], AbstractAsyncContextManager[Target]], due: Due) -> None:
    """Make the job of a time, unless there is nothing to do, or the job of an earlier time has not ended.

    It runs in a thread of its own, with a client of its own: a large file takes seconds of the processor, and the
    leases of the jobs that go on meanwhile have to be renewed.

    Args:
        address: Of the database.
        target: Opens where the users are provisioned.
        due: The schedule, and the time.

    Raises:
        SymphonyError: The tenant could not be read, or the database written. It can be tried again.
    """
    await _in_thread(lambda: asyncio.run(_make(address, target, due)))


async def _make(address: Secret, target: Callable[[], AbstractAsyncContextManager[Target]], due: Due) -> None:
    schedule = due.schedule

    def unfinished(connection: Connection) -> str | None:
        asked = {"schedule": schedule.name, "job": due.job}
        found = connection.execute(_UNFINISHED, asked).fetchone()
        return None if found is None else str(found[0])

    def end(result: str) -> None:
        ask_once(address.reveal(), lambda connection: move_on(connection, due, result), read_only=False)

    if (earlier := ask_once(address.reveal(), unfinished, read_only=False)) is not None:
        end(f"left out, as {earlier} has not ended")
        return
    async with target() as where:
        try:
            plan = await _plan(where, due)
        except JobRefused as error:
            end(f"no job was made: {error}")
            return
    if plan.rows == plan.counts["skip"]:
        end("there was nothing to do")
        return

    def also(connection: Connection, job: int) -> None:
        write_note(connection, job, "schedule", schedule.name)
        connection.execute(_FORGET, (schedule.name, schedule.keep))
        if not move_on(connection, due, "handed over to workers", due.job):
            raise JobRefused(f"another worker has dealt with {due.job}")

    async with PostgresStore(address.reveal(), job=due.job) as journal:
        await hand_over(journal, plan, schedule.work, shards=schedule.shards, also=also)


async def _plan(target: Target, due: Due) -> Plan:
    schedule, planning = due.schedule, due.schedule.planning
    with tempfile.TemporaryDirectory(prefix="aiosymphony-") as folder:
        file = Path(folder) / Path(schedule.input_name).name
        file.write_bytes(schedule.input)
        desired = Desired.read(
            file,
            schedule.kind,
            columns=planning.columns,
            encoding=planning.encoding,
            sheet=planning.sheet,
            strict=planning.strict,
        )
        plan = await make_plan(
            target,
            desired,
            disable_missing=planning.disable_missing,
            include_service_accounts=planning.include_service_accounts,
            trust_keys=planning.trust_keys,
            strict=planning.strict,
        )
    plan.input_path = ""
    plan.allow(force=planning.force)
    return plan


async def _in_thread(function: Callable[[], T]) -> T:
    """What a function gives. Unlike asyncio's threads, this one does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if result.cancelled():
            return
        if error is None:
            result.set_result(value)  # type: ignore[arg-type]
        else:
            result.set_exception(error)

    def run() -> None:
        value: T | None = None
        failure: BaseException | None = None
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            failure = error
        # The worker may have left meanwhile, and its loop with it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=run, name="aiosymphony planning", daemon=True).start()
    return await result
