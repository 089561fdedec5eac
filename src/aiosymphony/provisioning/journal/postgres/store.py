"""The journal in PostgreSQL: each group of changes one statement, fenced by epochs, under leases on its clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

import attrs
import psycopg

from ....auth.secrets import keeps_arguments_secret
from ....clock import SYSTEM_CLOCK, Clock
from ....errors import JobError, JobInterrupted, JobRefused
from ....postgres.address import Address
from ....text import visible
from ...plans.actions import ONE_CREATE, Action
from ...plans.sound import Unsound
from ...rows.base import Kind
from ..base import Change, Fenced, JobHeader, JobPaused, JobRow, Pace, Wish, Worker
from ..group_commit import GroupCommit, Mark, Operation, Outcome, Write, answer
from ..owner import Owner
from ..sound import check_row, sound_counts, sound_header, sound_notes, sound_pace
from ..states import State
from .archive import put_away
from .begin import begin_job, write_note
from .changes import Group
from .session import Connection, Session, told, transaction
from .shards import Shards

__all__ = ["PostgresStore"]

T = TypeVar("T")

_log = logging.getLogger("aiosymphony.provisioning")

_SHOWN: Final = 10
_FIND: Final = """
SELECT job, name FROM aiosymphony.job WHERE %(name)s::text IS NULL OR name = %(name)s
  OR %(alike)s AND starts_with(name, %(name)s || '@')
ORDER BY name IS NOT DISTINCT FROM %(name)s DESC, job DESC LIMIT %(limit)s
"""
_ROWS: Final = "SELECT * FROM aiosymphony.rows(%s, %s, %s, %s, %s)"
_WRITE: Final = """
SELECT aiosymphony.write(%(job)s, %(shards)s::int[], %(epochs)s::bigint[], %(seqs)s::bigint[], %(lease)s::float8,
  %(number)s::int[], %(state)s::text[], %(step)s::int[], %(steps)s::json[], %(code)s::text[], %(message)s::text[],
  %(attempts)s::int[], %(id)s::text[], %(at)s::float8[], %(sending)s::int[], %(sent_at)s::float8)
"""
_COUNTS: Final = "SELECT * FROM aiosymphony.counts(%s, %s)"
_COUNT_ANEW: Final = "UPDATE aiosymphony.shard SET counts = NULL WHERE job = %s AND shard = ANY (%s)"
_PACE: Final = """
SELECT min(sent_at), max(done_at),
  count(*) FILTER (WHERE done_at > %(window_from)s AND state NOT IN ('TODO', 'IN_FLIGHT'))
FROM aiosymphony.entry WHERE job = %(job)s AND sent_at >= %(since)s
"""
_FENCED: Final = ("AIO01", "AIO02")
_LAST_ROW: Final = 2**31 - 1


class PostgresStore:
    """A :class:`~aiosymphony.provisioning.JobStore` in PostgreSQL, one of many jobs in a database.

    Args:
        address: ``postgresql://USER@HOST:PORT/DATABASE?job=NAME``.
        job: The job's name, if the address has none. Who only reads may leave it out if the database holds one job
            alone, or name the file: a job of a file is called FILE@TARGET.
        shard: The one shard that this handle is about: it owns no other, and counts that one's rows alone.
        read_only: Only look, as ``status`` and ``report`` do, also while a job runs, and on a standby.
        clock: Time, for tests: leases are kept by the database's.

    Raises:
        JobRefused: The address cannot be read.
    """

    @keeps_arguments_secret
    def __init__(
        self,
        address: str,
        *,
        job: str | None = None,
        shard: int | None = None,
        read_only: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._address = Address.parse(address, job)
        self._read_only = read_only
        self._clock = clock
        self._session = Session(self._address, read_only=read_only)
        self._owner = Owner.this()
        self._job: int | None = None
        self._header: JobHeader | None = None
        self._shard = shard
        self._shards = Shards(shard)
        self._writer: GroupCommit | None = None
        self._broken: JobError | None = None
        self._wish: Wish = "run"

    @property
    def name(self) -> str:
        return self._address.shown

    @property
    def wish(self) -> Wish:
        return self._wish

    @property
    def database(self) -> str:
        """The address of the database, without passwords and without the job."""
        return self._address.database

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect, and check that the database can be used.

        Raises:
            JobError: It cannot be reached, is not prepared (``aiosymphony store init``), would lose what is committed,
                or cannot be written.
        """
        if self._writer is None:
            await asyncio.to_thread(self._session.open)
            self._owner = Owner.this()
            self._writer = GroupCommit(self._carry_out, self._session.close)

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()
        self._owner.retire()

    async def header(self) -> JobHeader | None:
        return await self._do(self._find)

    async def begin(
        self,
        header: JobHeader,
        actions: Iterable[Action],
        *,
        also: Callable[[Connection, int], None] | None = None,
    ) -> None:
        """Take in a job, wholly or not at all; if there is one already, only check that it is the same.

        Args:
            header: Which job.
            actions: Its rows.
            also: Called within the transaction, with the connection and the number of the job: what it writes is there
                if the job is. It is not called if the job is there already.

        Raises:
            JobError: It is another one, or the database cannot be written.
        """
        if (existing := await self.header()) is None:
            name = self._address.job
            if name is None:
                raise JobRefused(f"name the job: {self._address.named('NAME')}")
            now = self._clock.time()
            begin = _Once(lambda connection: begin_job(connection, name, header, actions, now, also))
            await self._do(begin)
            existing = await self.header()
        if existing is None:
            raise JobInterrupted(f"the job {self.name} was not written, as the connection was lost: begin it again")
        existing.check(header, self.name)

    async def archive(self, at: float) -> str:
        """Put the job away under a name of its own, and hold none any more. This process must own all of its shards.

        Args:
            at: A time for the name, in seconds since the epoch.

        Returns:
            The address under which it is found.

        Raises:
            JobInterrupted: Another process works on it.
        """

        def archive(connection: Connection) -> str:
            name = put_away(connection, self._known(connection), self._address.job, at, self._shards)
            if name is None:
                raise JobInterrupted(f"another process works on the job {self.name}: let it finish")
            self._job = self._header = None
            self._shards.forget()
            return self._address.named(name)

        return await self._do(archive)

    async def acquire(self, lease: float, max_shards: int | None = None) -> Sequence[int]:
        self._owner = attrs.evolve(self._owner, since=self._clock.time())
        return await self._do(lambda connection: self._acquire(connection, lease, max_shards))

    async def acquire_next(self, lease: float, max_shards: int | None = None) -> Sequence[int]:
        def acquire_next(connection: Connection) -> Sequence[int]:
            job = self._known(connection)
            taken = self._shards.acquire_next(connection, job, self._owner, lease, max_shards)
            if taken is None:
                raise self._taken_over()
            self._tell_doubts()
            return taken

        return await self._do(acquire_next)

    async def renew(self, lease: float) -> None:
        def renew(connection: Connection) -> None:
            if self._shards and not self._shards.renew(connection, self._known(connection), lease):
                raise self._taken_over()
            self._hear(connection)

        await self._do(renew)

    async def release(self) -> None:
        def release(connection: Connection) -> None:
            if self._shards:
                self._shards.release(connection, self._known(connection))

        await self._do(release)

    async def workers(self) -> list[Worker]:
        def workers(connection: Connection) -> list[Worker]:
            if self._find(connection) is None:
                return []
            return self._shards.workers(connection, self._known(connection), self._clock.time())

        return await self._do(workers)

    async def pace(self, since: float, window_from: float) -> Pace:
        def pace(connection: Connection) -> Pace:
            asked = {"job": self._known(connection), "since": since, "window_from": window_from}
            found = connection.execute(_PACE, asked).fetchone()
            assert found is not None  # noqa: S101 - it is one row
            return sound_pace(Pace(*found))

        return await self._do(pace)

    async def fetch(
        self, states: Sequence[State], *, after: int = 0, limit: int = 500, own: bool = True
    ) -> list[JobRow]:
        def fetch(connection: Connection) -> list[JobRow]:
            if self._header is None and self._find(connection) is None:
                return []
            found: list[JobRow] = []
            for first, last in self._shards.ranges() if own else [(1, _LAST_ROW)]:
                if last > after and len(found) < limit:
                    asked = (self._job, max(first, after + 1), last, [*states], limit - len(found))
                    found += map(self._job_row, connection.execute(_ROWS, asked).fetchall())
            return found

        return await self._do(fetch)

    async def mark_in_flight(self, rows: list[int], at: float) -> None:
        await self._do(Mark(rows, at))

    def record(self, changes: Sequence[Change], at: float) -> asyncio.Future[None]:
        return self._put(Outcome(changes, at), may_linger=True)

    async def counts(self) -> Mapping[tuple[str, State], int]:
        def counts(connection: Connection) -> dict[tuple[str, State], int]:
            if self._find(connection) is None:
                return {}
            found = connection.execute(_COUNTS, (self._job, self._shard))
            return sound_counts({(each[0], each[1]): each[2] for each in found})

        return await self._do(counts)

    async def note(self, name: str, value: object) -> None:
        def note(connection: Connection) -> None:
            write_note(connection, self._known(connection), name, value)

        await self._do(note)

    async def notes(self) -> Mapping[str, Any]:
        def notes(connection: Connection) -> dict[str, Any]:
            if self._find(connection) is None:
                return {}
            statement = "SELECT name, value FROM aiosymphony.note WHERE job = %s"
            return sound_notes(dict(connection.execute(statement, [self._job]).fetchall()))

        return await self._do(notes)

    async def within(self, function: Callable[[Connection, int], T]) -> T:
        """Run a function in a transaction, with the connection and the number of the job.

        Raises:
            JobError: There is no job, or the database cannot be written.
        """

        def within(connection: Connection) -> T:
            job = self._known(connection)
            with transaction(connection):
                return function(connection, job)

        return await self._do(within)

    # In the writer thread.

    def _find(self, connection: Connection) -> JobHeader | None:
        """The job that is meant, whose number is kept."""
        if self._job is None:
            name = self._address.job
            asked = {"name": name, "alike": self._read_only, "limit": _SHOWN + 1}
            found = connection.execute(_FIND, asked).fetchall()
            if not found or (name is None and not self._read_only):
                return None
            if len(found) > 1 and found[0][1] != name:
                names = ", ".join(each for _, each in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
                raise JobRefused(
                    f"{self._address.database} holds several jobs: name one as {self._address.named('NAME')}: {names}"
                )
            self._job = found[0][0]
        row = connection.execute("SELECT header FROM aiosymphony.job WHERE job = %s", [self._job]).fetchone()
        self._header = None if row is None else sound_header(row[0])
        return self._header

    def _known(self, connection: Connection) -> int:
        if self._job is None and self._find(connection) is None:
            raise JobRefused(f"{self.name} holds no job")
        assert self._job is not None  # noqa: S101 - found above
        return self._job

    def _acquire(self, connection: Connection, lease: float, max_shards: int | None) -> Sequence[int]:
        job = self._known(connection)
        if self._hear(connection) == "pause":
            raise JobPaused(f"the job {self.name} is paused: aiosymphony provision resume lets it go on")
        taken = self._shards.acquire(connection, job, self._owner, lease, max_shards)
        if not taken:
            raise self._shards.held_by_another(connection, job, self._owner, self.name)
        self._session.lineage = self._shards.lineage
        # A database that is gone is noticed, and the job stopped, well before the lease ends.
        self._session.give_up_after = min(self._session.give_up_after, lease / 3)
        self._tell_doubts()
        return taken

    def _tell_doubts(self) -> None:
        if count := self._shards.doubted:
            self._shards.doubted = 0
            _log.warning(
                "the database of %s was restored or failed over since: it may have lost what was written last, so the "
                "%d rows that are to do are looked up before they are sent",
                visible(self.name),
                count,
            )

    def _job_row(self, row: Sequence[Any]) -> JobRow:
        number, line, label, action, state, step, attempts, user, sent_at, done_at, code, message, steps, values = row
        assert self._header is not None  # noqa: S101 - found before
        kind: Kind = self._header.kind
        job_row = JobRow(
            number,
            self._shards.shard_of(number, self._header),
            line,
            label,
            action,
            state,
            step,
            attempts,
            user,
            sent_at,
            done_at,
            code,
            message,
            ONE_CREATE if steps is None else steps,
            values,
        )
        check_row(job_row, kind)
        return job_row

    def _write(self, group: Group) -> None:
        """One statement, which may be sent again: the database counts it once."""
        shards = None if self._header is None else self._shards.step(group, self._header)
        if shards is None or self._header is None:
            raise self._taken_over()
        asked = {"job": self._job, "lease": self._shards.lease, **shards, **group.arguments()}
        if elsewhere := self._shards.elsewhere(group, self._header):
            self._session.run(lambda connection: connection.execute(_COUNT_ANEW, (self._job, elsewhere)))
        self._session.run(lambda connection: self._send(connection, asked))

    def _send(self, connection: Connection, asked: Mapping[str, Any]) -> None:
        if (found := connection.execute(_WRITE, asked).fetchone()) is not None:
            self._wish = found[0]

    def _hear(self, connection: Connection) -> Wish:
        found = connection.execute("SELECT wish FROM aiosymphony.job WHERE job = %s", [self._job]).fetchone()
        if found is not None:
            self._wish = found[0]
        return self._wish

    def _taken_over(self) -> Fenced:
        return Fenced(f"another process took over the job {self.name} after this one's lease ran out: stopped")

    def _carry_out(self, operations: Sequence[Operation[Any]]) -> None:
        """Do what was asked for, in its order; what is to be written between two readings is one statement."""
        writes: list[Operation[Any]] = []
        for operation in operations:
            if isinstance(operation.function, Write):
                writes.append(operation)
            else:
                self._flush(writes)
                writes = []
                self._run(operation)
        self._flush(writes)

    def _run(self, operation: Operation[Any]) -> None:
        """Carry out anything but the writing of rows."""
        error: BaseException | None = self._broken
        if error is None:
            function = operation.function
            try:
                operation.result = self._session.run(function, may_repeat=not isinstance(function, _Once))
            except BaseException as raised:  # noqa: BLE001 - whatever it is, the caller gets it
                error = self._failure(raised)
        answer([operation], error=error)

    def _flush(self, operations: Sequence[Operation[Any]]) -> None:
        """Write outcomes and marks: all of them, or none."""
        if not operations:
            return
        error: BaseException | None = self._broken
        if error is None:
            try:
                self._write(Group(operation.function for operation in operations))
            except BaseException as raised:  # noqa: BLE001 - as above
                error = self._failure(raised)
                if isinstance(error, JobError):
                    self._broken = error
        answer(operations, error=error)

    def _failure(self, error: BaseException) -> BaseException:
        """What to tell the caller, without what the error holds on to, which may be a password."""
        match error:
            case psycopg.Error() if error.sqlstate == "AIO01":
                failure: JobError = self._taken_over()
            case psycopg.Error() if error.sqlstate in _FENCED:
                failure = Fenced(f"rows of the job {self.name} were changed by someone else ({told(error)}): stopped")
            case psycopg.Error():
                failure = JobInterrupted(
                    f"the journal {self.name} cannot be reached or written ({told(error)}), so nothing more was sent: "
                    "see to the database, then run the same command again"
                )
            case Unsound() | ValueError() | TypeError() | KeyError() | AttributeError():
                return JobRefused(
                    f"the job {self.name} is damaged, or was edited by hand ({error}): begin a new one under another "
                    "name, after a minute for late writes - its plan finds what was done already"
                )
            case _:
                if isinstance(error, Fenced):
                    self._broken = error
                return error
        self._broken = failure
        return failure

    # In the caller's.

    async def _do(self, function: Callable[[Connection], T] | Write) -> T:
        if self._writer is None:
            await self.open()
        return await self._put(function)

    def _put(self, function: Callable[[Connection], T] | Write, *, may_linger: bool = False) -> asyncio.Future[T]:
        """Hand something to the writer thread."""
        operation: Operation[T] = Operation(function, asyncio.get_running_loop(), may_linger)
        if self._broken is not None:
            operation.future.set_exception(self._broken)
        elif self._writer is None:
            operation.future.set_exception(JobInterrupted(f"the journal {self.name} was closed"))
        else:
            self._writer.put(operation)
        return operation.future


@attrs.frozen
class _Once:
    """Something that cannot be run again from its start."""

    function: Callable[[Connection], None]

    def __call__(self, connection: Connection) -> None:
        self.function(connection)
