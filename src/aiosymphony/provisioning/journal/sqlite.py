"""The journal in an SQLite file: write-ahead log, every commit synced, one writer thread.

Whatever arrives while a commit is being synced goes into the next one together, so that fifty workers cost hardly more
syncs than one. Every transaction first makes sure that the shards it writes to are still this process's.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self, TypeVar

import attrs
import orjson

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import JobError, JobInterrupted, JobRefused
from ...text import visible
from ..plans.actions import ONE_CREATE, Action
from ..plans.sound import Unsound
from ..rows.base import Kind
from .archive import clear, keep_copy
from .base import Change, Fenced, JobHeader, JobRow, Pace, Wish, Worker, first_state, shard_of
from .file import VERSION, check_count, check_shape, damaged, have_journal, hold, let_go, unusable
from .group_commit import GroupCommit, Mark, Operation, Outcome, Write, answer
from .owner import Owner
from .seal import Seal
from .shards import WATCH_EVERY, Shards, Watched
from .sound import check_row, sound_counts, sound_header, sound_notes, sound_pace
from .states import State

__all__ = ["SqliteStore"]

T = TypeVar("T")

_log = logging.getLogger("aiosymphony.provisioning")

_OLDEST = (3, 33, 0)
"""The first release with UPDATE … FROM."""
_CHECKPOINT_PAGES = 4000
"""Pages in the write-ahead log, of 4 kB each, before they are copied into the file."""

# Whole lists go in and out of a statement as JSON: a statement for each row would let go of the interpreter's lock and
# fight for it each time.
# A row's own JSON is put in as the text that it is, rather than read and written anew.
_FETCH = """
SELECT '[' || coalesce(group_concat('[' || facts || ',' || coalesce(steps, 'null') || ',' || wanted || ']'), '') || ']'
FROM (
  SELECT json_array(
    row.number, shard, line, label, action, state, step, attempts, id, sent_at, done_at, code, message
  ) AS facts, steps, wanted.row AS wanted
  FROM row JOIN wanted ON wanted.number = row.number
  WHERE row.number > ? AND state IN (SELECT value FROM json_each(?)) {own}
  ORDER BY row.number LIMIT ?)
"""
_OWN = "AND shard IN (SELECT value FROM json_each(?))"
_MARK_IN_FLIGHT = """
UPDATE row SET state = 'IN_FLIGHT', attempts = attempts + 1, sent_at = ?, code = '', message = ''
WHERE number IN (SELECT value FROM json_each(?)) AND state = 'TODO'
"""
_RECORD = """
UPDATE row SET state = ?, step = coalesce(?, step), steps = coalesce(?, steps), code = ?, message = ?,
  attempts = attempts + ?, id = coalesce(each.value, row.id), done_at = CAST(time.key AS REAL)
FROM json_each(?) AS time, json_each(time.value) AS each WHERE row.number = CAST(each.key AS INTEGER)
"""
_PACE = """
SELECT min(sent_at), max(done_at), count(*) FILTER (WHERE done_at > ? AND state NOT IN ('TODO', 'IN_FLIGHT'))
FROM row WHERE sent_at >= ?
"""
_ONE_CREATE = orjson.dumps(ONE_CREATE).decode()


class SqliteStore:
    """A :class:`~aiosymphony.provisioning.JobStore` in one file (and three beside it: SQLite's two, and the seal).

    Args:
        path: The file. If it is not there and ``read_only`` is not set, the first job makes it, readable by its owner
            alone.
        read_only: Only look, as ``status`` and ``report`` do, also while a job runs.
        clock: Time, for tests.
    """

    wish: Wish = "run"
    """A file holds no wish: its one process is stopped by signals."""

    def __init__(self, path: str | PathLike[str], *, read_only: bool = False, clock: Clock = SYSTEM_CLOCK) -> None:
        self.path = Path(path)
        self._read_only = read_only
        self._clock = clock
        self._shards = Shards(self.path, clock)
        self._kind: Kind | None = None
        self._seal: Seal | None = None
        self._writer: GroupCommit | None = None
        self._broken: JobError | None = None
        self._held = (0, 0)
        self._opening = asyncio.Lock()

    @property
    def name(self) -> str:
        return str(self.path)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the file, and check that it is whole; if it is not there, check that it can be made.

        Raises:
            JobError: It is no journal, damaged, edited by hand, or of another release, or it cannot be made.
        """
        await self._open(make=False)

    async def _open(self, *, make: bool) -> None:
        """Open the file, which is made if it is not there and ``make`` is set."""
        async with self._opening:
            if self._writer is not None:
                return
            connecting = asyncio.get_running_loop().run_in_executor(None, self._connect, make)
            try:
                await asyncio.shield(connecting)
            finally:
                # Whoever was cut off meanwhile closes what was opened with the store.
                await asyncio.wait([connecting])
                if connecting.exception() is None and (db := connecting.result()) is not None:
                    self._shards.owner = Owner.this()
                    carry_out, finish = functools.partial(self._carry_out, db), functools.partial(self._finish, db)
                    self._writer = GroupCommit(carry_out, finish)

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()
        self._shards.owner.retire()

    async def header(self) -> JobHeader | None:
        await self.open()
        return None if self._writer is None else await self._read(_header)

    async def begin(self, header: JobHeader, actions: Iterable[Action]) -> None:
        if (existing := await self.header()) is not None:
            existing.check(header, str(self.path))
            return

        def begin(db: sqlite3.Connection) -> None:
            if _header(db) is not None:
                return  # Another process was faster.
            _keep(db, "header", attrs.asdict(header))
            self._shards.make(db, header.shards)
            now = self._clock.time()
            for number, action in enumerate(actions, 1):
                state, code, done_at = first_state(action, now)
                steps = _json(action.steps)
                db.execute(
                    "INSERT INTO wanted VALUES (?, ?, ?, ?)", (number, action.line, action.label, _json(action.values))
                )
                db.execute(
                    "INSERT INTO row (number, shard, action, state, id, done_at, code, message, steps) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        number,
                        shard_of(number, header.shards),
                        action.do,
                        state,
                        action.id,
                        done_at,
                        code,
                        action.reason,
                        None if steps == _ONE_CREATE else steps,
                    ),
                )

        await self._do(begin)
        if (existing := await self.header()) is not None:
            existing.check(header, str(self.path))

    async def archive(self, at: float) -> str:
        await self._do(self._shards.check_whole)
        kept = await asyncio.to_thread(keep_copy, self.path, at)

        def make_room(db: sqlite3.Connection) -> None:
            self._shards.check_whole(db)
            clear(db)
            self._shards.forget()
            self._kind = None

        await self._do(make_room)
        return str(kept)

    async def acquire(self, lease: float, max_shards: int | None = None) -> Sequence[int]:
        watched: dict[int, Watched] = {}
        told = 0
        while (
            taken := await self._read(lambda db: self._shards.acquire(db, lease, max_shards, watched, self._seal))
        ) is None:
            if len(watched) > told:
                told = len(watched)
                _log.warning(
                    "the job in %s belongs to a process on another machine: looking if that lives", visible(self.name)
                )
            await self._clock.sleep(WATCH_EVERY)
        return taken

    async def acquire_next(self, lease: float, max_shards: int | None = None) -> Sequence[int]:
        return await self._read(lambda db: self._shards.acquire_next(db, lease, max_shards, self._seal))

    async def renew(self, lease: float) -> None:
        await self._do(lambda db: self._shards.renew(db, lease))

    async def release(self) -> None:
        await self._do(self._shards.release)

    async def workers(self) -> list[Worker]:
        return await self._read(self._shards.workers)

    async def pace(self, since: float, window_from: float) -> Pace:
        return await self._read(lambda db: sound_pace(Pace(*db.execute(_PACE, (window_from, since)).fetchone())))

    async def fetch(
        self, states: Sequence[State], *, after: int = 0, limit: int = 500, own: bool = True
    ) -> list[JobRow]:
        def fetch(db: sqlite3.Connection) -> list[JobRow]:
            shards = [_json(self._shards.owned)] if own else []
            statement = _FETCH.format(own=_OWN if own else "")
            (found,) = db.execute(statement, (after, _json(states), *shards, limit)).fetchone()
            rows = [_job_row(row) for row in orjson.loads(found)]
            if rows and self._kind is None and (header := _header(db)) is not None:
                self._kind = header.kind
            for row in rows:
                check_row(row, self._kind or "connect")
            return rows

        return await self._read(fetch)

    async def mark_in_flight(self, rows: list[int], at: float) -> None:
        await self._do(Mark(rows, at))

    def record(self, changes: Sequence[Change], at: float) -> asyncio.Future[None]:
        return self._put(Outcome(changes, at), may_linger=True)

    async def counts(self) -> Mapping[tuple[str, State], int]:
        def counts(db: sqlite3.Connection) -> dict[tuple[str, State], int]:
            rows = db.execute("SELECT action, state, count(*) FROM row GROUP BY action, state")
            return sound_counts({(action, state): count for action, state, count in rows})

        return await self._read(counts)

    async def note(self, name: str, value: object) -> None:
        await self._do(lambda db: _keep(db, name, value))

    async def notes(self) -> Mapping[str, Any]:
        def notes(db: sqlite3.Connection) -> dict[str, Any]:
            found = db.execute("SELECT name, value FROM note")
            return sound_notes({name: orjson.loads(value) for name, value in found})

        return await self._read(notes)

    # The file.

    def _connect(self, make: bool) -> sqlite3.Connection | None:
        """A connection to the file; None if it is not there and not to be made."""
        path = self.path
        if sqlite3.sqlite_version_info < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise JobRefused(f"the journal needs SQLite {oldest}, and this is {sqlite3.sqlite_version}")
        db: sqlite3.Connection | None = None
        held: tuple[int, int] | None = None
        try:
            if not have_journal(path, to_write=not self._read_only, make=make):
                return None
            mode = "ro" if self._read_only else "rw"
            held = hold(path)
            db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=15.0,
            )
            self._prepare(db)
            if not self._read_only:
                self._seal = Seal(path)
        except BaseException as error:
            if db is not None:
                db.close()
            if held is not None:
                let_go(held)
            match error:
                case sqlite3.Error():
                    raise unusable(path, error) from None
                case OSError():
                    raise JobInterrupted(f"the journal {path} cannot be opened: {error.strerror}") from None
                case Unsound():
                    raise damaged(self.path, str(error)) from None
            raise
        self._held = held
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            age = "a newer" if version > VERSION else "an older"
            raise JobRefused(
                f"the journal {self.path} was written by {age} release of aiosymphony (format {version}, this one "
                f"knows {VERSION}): use that release",
            )
        if not self._read_only and (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise damaged(self.path, str(found).replace("*** in database main ***", "").strip().partition("\n")[0])
        check_shape(db)
        check_count(db)
        if self._read_only:
            return
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        # Neighbours change one after the other, and so does each page many times before it is copied into the file.
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")

    # The writer thread.

    async def _do(self, function: Callable[[sqlite3.Connection], T] | Write) -> T:
        if self._writer is None:
            await self._open(make=True)
        return await self._put(function)

    async def _read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Do something that reads what anybody may have edited.

        Raises:
            JobError: What it read is not what a job writes.
        """

        def read(db: sqlite3.Connection) -> T:
            try:
                return function(db)
            except Unsound as error:
                raise damaged(self.path, str(error)) from None
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                raise damaged(self.path, f"a value in it cannot be read: {error}") from None

        return await self._do(read)

    def _put(
        self, function: Callable[[sqlite3.Connection], T] | Write, *, may_linger: bool = False
    ) -> asyncio.Future[T]:
        """Hand something to the writer thread."""
        operation: Operation[T] = Operation(function, asyncio.get_running_loop(), may_linger)
        if self._broken is not None:
            operation.future.set_exception(self._broken)
        elif self._writer is None:
            operation.future.set_exception(JobInterrupted(f"the journal {self.path} was closed"))
        else:
            self._writer.put(operation)
        return operation.future

    def _finish(self, db: sqlite3.Connection) -> None:
        """Close the file, and seal what no other process has taken since."""
        mine: list[tuple[int, int]] = []
        with contextlib.suppress(sqlite3.Error):
            mine = db.execute(
                "SELECT shard, commits FROM shard WHERE seal = ?", (self._shards.sealing.name,)
            ).fetchall()
        db.close()
        if self._seal is not None:
            with contextlib.suppress(OSError):  # Unsealed, its rows are looked up.
                for commits in {commits for _, commits in mine}:
                    shards = [shard for shard, its in mine if its == commits]
                    self._seal.write(shards, self._shards.sealing.name, commits, closed=True)
            self._seal.close()
        let_go(self._held)

    def _carry_out(self, db: sqlite3.Connection, group: Sequence[Operation[Any]]) -> None:
        """One transaction for the whole group: either all of it is durable, or all of it failed."""
        if self._broken is not None:
            answer(group, error=self._broken)
            return
        try:
            db.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
            before = db.total_changes
            writes: list[Write] = []
            for operation in group:
                if isinstance(operation.function, Write):
                    writes.append(operation.function)
                else:
                    self._write(db, writes)
                    writes = []
                    operation.result = operation.function(db)
            self._write(db, writes)
            if db.total_changes == before:
                self._commit(db)
            else:
                self._commit_sealed(db)
        except (sqlite3.Error, OSError) as error:
            self._broken = unusable(self.path, error)
            _roll_back(db)
            answer(group, error=self._broken)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            if isinstance(error, Fenced):
                self._broken = error
            _roll_back(db)
            if len(group) == 1:
                answer(group, error=error)
            else:
                # One was refused; the others are not to suffer for it.
                for operation in group:
                    self._carry_out(db, [operation])
        else:
            answer(group)

    def _write(self, db: sqlite3.Connection, writes: Sequence[Write]) -> None:
        """Outcomes, in their order, then rows that are about to be sent: in as few statements as can be.

        No row is in both, as its mark is durable before it can have an outcome.
        """
        if not writes:
            return
        self._shards.check_fence(db)
        shared: tuple[Any, ...] = ()
        together: dict[float, dict[int, str | None]] = {}
        seen: set[int] = set()
        for outcome in writes:
            if isinstance(outcome, Mark):
                continue
            for change in outcome.changes:
                steps = None if change.steps is None else _json(change.steps)
                values = (change.state, change.step, steps, change.code, change.message, change.attempts)
                if values != shared or not seen.isdisjoint(change.rows):
                    if together:
                        db.execute(_RECORD, (*shared, _json(together)))
                    shared, together, seen = values, {}, set()
                seen.update(change.rows)
                ids = [None] * len(change.rows) if change.ids is None else change.ids
                together.setdefault(outcome.at, {}).update(zip(change.rows, ids, strict=True))
        if together:
            db.execute(_RECORD, (*shared, _json(together)))
        marks = [write for write in writes if isinstance(write, Mark)]
        if marks:
            numbers = [number for mark in marks for number in mark.rows]
            # They leave after this commit: the latest time is the nearest.
            at = max(mark.at for mark in marks)
            if db.execute(_MARK_IN_FLIGHT, (at, _json(numbers))).rowcount != len(numbers):
                raise Fenced(f"rows of the job in {self.path} were changed by someone else: stopped")

    def _commit_sealed(self, db: sqlite3.Connection) -> None:
        """Commit, and note beside the journal that this is its newest state, before anybody acts on it."""
        sealing = self._shards.sealing
        commits = sealing.commits + 1
        db.execute("UPDATE shard SET commits = ? WHERE seal = ?", (commits, sealing.name))
        self._commit(db)
        sealing.commits = commits
        if self._seal is not None and sealing.shards:
            self._seal.write(sealing.shards, sealing.name, commits, closed=sealing.closed)

    def _commit(self, db: sqlite3.Connection) -> None:
        db.execute("COMMIT")


def _roll_back(db: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if db.in_transaction:
            db.execute("ROLLBACK")


def _header(db: sqlite3.Connection) -> JobHeader | None:
    found = db.execute("SELECT value FROM note WHERE name = 'header'").fetchone()
    return None if found is None else sound_header(orjson.loads(found[0]))


def _keep(db: sqlite3.Connection, name: str, value: object) -> None:
    db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, _json(value)))


def _job_row(row: Sequence[Any]) -> JobRow:
    facts, steps, wanted = row
    return JobRow(*[*facts, ONE_CREATE if steps is None else steps, wanted])


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
