"""A worker: takes tasks from the engine, carries out shards of jobs, and brings back what was lost.

The engine says which process works on what. What is true stands in the journal: whoever does not own a shard by its
epoch and its lease can write nothing to it, and so sends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, ProcrastinateException
from procrastinate.worker import Worker as EngineWorker
from psycopg_pool import PoolTimeout

from ...auth.secrets import Secret, keeps_arguments_secret
from ...clock import SYSTEM_CLOCK, Clock
from ...errors import ConfigError, JobError, JobInterrupted, JobRefused, SymphonyError
from ...postgres.address import Address
from ...text import visible
from ..job.lease import SECONDS
from ..job.run import Job
from ..journal.base import Fenced, JobPaused, LeaseHeld
from ..journal.postgres.store import PostgresStore
from .credentials import Targets
from .database import Database, HandedOver
from .recurring import make_job
from .tasks import PutBack, make_app, queue_of, task_of, waiting

if TYPE_CHECKING:
    from ..telemetry import JobTelemetry

__all__ = ["Worker"]

_log = logging.getLogger("aiosymphony.provisioning")

_AGAIN: Final = 60.0
"""Seconds until a shard is taken up again that could not be carried out."""
_PAUSE: Final = 1.0
"""Seconds until the engine is started again."""
_UNREACHABLE: Final = (ConnectorException, psycopg.Error, PoolTimeout, OSError)


class Worker:
    """Carries out the jobs of a database, next to any number of others.

    Args:
        address: ``postgresql://…``, prepared by ``aiosymphony store init``.
        targets: What it can reach.
        concurrency: Shards at once.
        egress: Names the address that its requests come from, for workers behind one address.
        lease: Seconds after which another worker takes a shard over, if this one shows no sign of life.
        telemetry: Makes spans and metrics of what it does.
        clock: Time, for tests.

    Raises:
        JobRefused: The address cannot be read.
    """

    @keeps_arguments_secret
    def __init__(
        self,
        address: str,
        targets: Targets,
        *,
        concurrency: int = 4,
        egress: str = "",
        lease: float = SECONDS,
        telemetry: JobTelemetry | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._address = Address.parse(address)
        self._url = Secret(address)
        self._database = Database(self._address, egress=egress)
        self._targets = targets
        self._concurrency = concurrency
        self._lease = lease
        self._telemetry = telemetry
        if telemetry is not None:
            telemetry.watch(lambda: self.is_ready)
        self._clock = clock
        self._app: App | None = None
        self._engine: _Engine | None = None
        self._jobs: set[Job] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._fenced: asyncio.Future[None] | None = None
        self._reachable = False

    # For whoever runs it.

    @property
    def is_ready(self) -> bool:
        """Whether it takes tasks: the database was reached lately, and it was not asked to stop."""
        return self._reachable and not self._stopping

    async def run(self) -> None:
        """Work until it is asked to stop.

        Raises:
            ConfigError: There are no credentials for any target.
            JobRefused: The database cannot be used.
            JobInterrupted: It cannot be reached, at the start.
            Fenced: Another worker took over what this one worked on. The process must end without another word to the
                engine.
        """
        self._fenced = asyncio.get_running_loop().create_future()
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._targets.close)
            await self._targets.open()
            undo.push_async_callback(self._database.close)
            await self._database.open()
            await self._sign()
            _log.info("worker %s: serves %d servers", self._database.worker, len(self._targets.queues))
            undo.push_async_callback(self._leave)
            loops = [asyncio.create_task(self._keep(each)) for each in (self._sign, self._reconcile)]
            undo.push_async_callback(_end, loops)
            engine = asyncio.create_task(self._run_engine(), name="aiosymphony worker")
            await asyncio.wait([engine, self._fenced], return_when=asyncio.FIRST_COMPLETED)
            if self._fenced.done():
                self.drain()
                await self._drained()
                self._fenced.result()
            await engine

    def drain(self) -> None:
        """Take no new task, finish requests under way, put back what is left, and end."""
        self._stopping = True
        if self._engine is not None:
            self._engine.stop()

    def leave(self) -> None:
        """End at once: what is under way is looked up by whoever comes next."""
        self.drain()
        for task in self._tasks:
            task.cancel()

    # The engine.

    async def _run_engine(self) -> None:
        """Run the engine. It ends without an error when the database goes, so it is started again."""
        while not self._stopping:
            try:
                app = make_app(self._address, self._carry_out, self._make_job)
                async with app.open_async():
                    self._app = app
                    self._engine = _Engine(
                        self._stop_jobs,
                        app=app,
                        queues=self._targets.queues,
                        name=self._database.worker,
                        concurrency=self._concurrency,
                        fetch_job_polling_interval=min(5.0, self._lease / 6),
                        delete_jobs="always",
                        install_signal_handlers=False,
                        update_heartbeat_interval=self._lease / 6,
                        stalled_worker_timeout=self._lease / 2,
                    )
                    if not self._stopping:
                        await self._engine.work()
            except _UNREACHABLE as error:
                _log.warning("the engine lost its database (%s): it is started again", type(error).__name__)
            finally:
                self._app = self._engine = None
            if not self._stopping:
                await self._clock.sleep(_PAUSE)

    def _stop_jobs(self) -> None:
        """The engine fetches nothing more: what it handed out is put back, and fetched anew if it goes on."""
        for job in self._jobs:
            job.drain()

    async def _drained(self) -> None:
        until = self._clock.monotonic() + self._lease / 6
        while self._jobs and self._clock.monotonic() < until:
            await self._clock.sleep(0.05)

    # A task.

    async def _carry_out(self, job: int, shard: int | None) -> None:
        """Carry out a shard, or audit and end the job if it is None.

        Raises:
            PutBack: Somebody is to take it up later.
        """
        with self._listed():
            await self._carry_out_shard(job, shard)

    async def _carry_out_shard(self, job: int, shard: int | None) -> None:
        try:
            found = await self._database.handed_over(job)
            if found is None or (shard is None and await self._database.has_ended(job)):
                return
            await self._work(found, shard)
            if shard is not None and not await self._database.has_rows_left(job):
                await self._have_ended(job, found)
        except (ConfigError, JobRefused) as error:
            await self._put_back(job, error, 5 * _AGAIN)
        except JobPaused as paused:
            _log.info("worker %s: %s", self._database.worker, visible(str(paused)))
        except LeaseHeld as held:
            raise PutBack(max(held.seconds_left, 0.0) + self._lease / 60) from None
        except Fenced as error:
            if self._fenced is not None and not self._fenced.done():
                self._fenced.set_exception(error)
            # Whatever the engine heard of this task now would be said of another's.
            await asyncio.get_running_loop().create_future()
        except JobInterrupted as error:
            if self._engine is None or self._engine.is_stopping:
                raise PutBack(0.0) from None
            await self._put_back(job, error, min(_AGAIN, self._lease))

    @contextlib.contextmanager
    def _listed(self) -> Iterator[None]:
        """The current task is one that ends when the worker leaves."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the engine makes one
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def _make_job(self, schedule: str) -> None:
        """Make the job of a schedule whose time has come.

        Raises:
            PutBack: Somebody is to take it up later.
        """
        due = await self._database.due(schedule)
        if due is None:
            return
        kind, target = due.schedule.kind, due.schedule.target
        try:
            with self._listed():
                await make_job(self._url, lambda: self._targets.opened(kind, target), due)
        except SymphonyError as error:
            _log.warning(
                "worker %s: the job %s could not be made: %s", self._database.worker, due.job, visible(str(error))
            )
            raise PutBack(min(_AGAIN, self._lease)) from None
        _log.info("worker %s: dealt with %s", self._database.worker, due.job)

    async def _work(self, found: HandedOver, shard: int | None) -> None:
        target = self._targets.get(found.kind, found.target)
        async with PostgresStore(self._url.reveal(), job=found.name, shard=shard) as store:
            job = Job(target, store, lease=self._lease, max_shards=1, clock=self._clock, **found.options)
            self._jobs.add(job)
            try:
                if self._engine is None or self._engine.is_stopping:
                    raise PutBack(0.0)
                with self._followed(job, found, shard):
                    await job.run(finish=shard is None)
            finally:
                self._jobs.discard(job)

    def _followed(self, job: Job, found: HandedOver, shard: int | None) -> AbstractContextManager[None]:
        if self._telemetry is None:
            return contextlib.nullcontext()
        return self._telemetry.follow(job.progress, job=found.name, target=found.target, shard=shard)

    async def _put_back(self, job: int, error: Exception, seconds: float) -> None:
        _log.warning("worker %s: %s; it is tried again in %g s", self._database.worker, visible(str(error)), seconds)
        with contextlib.suppress(JobError):
            stopped = {"at": self._clock.time(), "worker": self._database.worker, "why": str(error)}
            await self._database.note(job, "stopped", stopped)
        raise PutBack(seconds) from None

    async def _have_ended(self, job: int, found: HandedOver) -> None:
        """Have somebody audit and end a job without any row left."""
        if self._app is not None:
            # There may be one already; and if the engine cannot be reached, the reconciler makes one.
            with contextlib.suppress(AlreadyEnqueued, *_UNREACHABLE):
                task = task_of(job, None, queue_of(found.kind, found.target))
                await self._app.job_manager.defer_job_async(task)

    # Beside it.

    async def _keep(self, function: Callable[[], Any]) -> None:
        while True:
            await self._clock.sleep(self._lease / 6)
            try:
                await function()
                self._reachable = True
            except (JobError, ProcrastinateException, *_UNREACHABLE) as error:
                self._reachable = False
                _log.warning("worker %s: %s", self._database.worker, visible(str(error) or type(error).__name__))

    async def _sign(self) -> None:
        await self._database.give_sign(self._targets.queues, draining=self._stopping)
        self._reachable = True

    async def _leave(self) -> None:
        with contextlib.suppress(JobError):
            await self._database.leave()

    async def _reconcile(self) -> None:
        """Bring back tasks of workers that are gone, and make those that are missing, whatever the engine says."""
        app = self._app
        if app is None or self._stopping:
            return
        every = self._lease / 6
        needed = await self._database.without_task(every * 0.9)
        if needed is None:
            return
        # A task is brought back before its lease ends: a process of this machine that is gone is replaced at once.
        for task in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self._lease / 2):
            # Another worker may have brought it back meanwhile.
            with contextlib.suppress(ConnectorException):
                await app.job_manager.retry_job(task)
        there = await waiting(app) if needed else set()
        for task in needed:
            if task.queueing_lock not in there:
                with contextlib.suppress(AlreadyEnqueued):
                    await app.job_manager.defer_job_async(task)


class _Engine(EngineWorker):
    """The engine's worker, which says when it stops: it does so by itself when the database goes."""

    def __init__(self, stopped: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._tell = stopped
        self.is_stopping = False

    async def work(self) -> None:
        run: Callable[[], Coroutine[Any, Any, None]] = super().run  # it has no annotation
        await run()

    def stop(self) -> None:
        stop: Callable[[], None] = super().stop
        self.is_stopping = True
        stop()
        self._tell()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
