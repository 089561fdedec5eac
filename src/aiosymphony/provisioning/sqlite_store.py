"""The journal in an SQLite file: write-ahead log, every commit synced, one writer thread.

Whatever arrives while a commit is being synced goes into the next one together, so that fifty workers cost hardly more
syncs than one. Every transaction first makes sure that the shards it writes to are still this process's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import attrs
import orjson

from ..errors import JobError
from .owner import Owner
from .planning import ONE_CREATE, Action
from .store import Change, Fenced, JobHeader, JobRow, State

__all__ = ["SqliteStore"]

T = TypeVar("T")

APPLICATION_ID = 0x61735079
VERSION = 1
_OLDEST = (3, 33, 0)
"""The first release with UPDATE … FROM."""
_GROUP = 1000
"""Operations in one commit at most."""
_CHECKPOINT_PAGES = 4000
"""Pages in the write-ahead log, of 4 kB each, before they are copied into the file."""
_PATIENCE = 0.02
"""Seconds that an outcome may wait to be written: for an intent, whose commit it then shares. A crash before that
leaves the row in flight, to be looked up."""

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE shard (shard INTEGER PRIMARY KEY, owner TEXT, epoch INTEGER NOT NULL, lease_until REAL NOT NULL);
-- What changes lies apart from what does not, so that a commit touches few pages.
CREATE TABLE wanted (n INTEGER PRIMARY KEY, line INTEGER NOT NULL, label TEXT NOT NULL, row TEXT NOT NULL);
CREATE TABLE row (
  n INTEGER PRIMARY KEY, shard INTEGER NOT NULL, action TEXT NOT NULL, state TEXT NOT NULL,
  step INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, id TEXT, sent_at REAL, done_at REAL,
  code TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '', steps TEXT
);
"""
# Whole lists go in and out of a statement as JSON: a statement for each row would let go of the interpreter's lock and
# fight for it each time.
# A row's own JSON is put in as the text that it is, rather than read and written anew.
_FETCH = """
SELECT '[' || coalesce(group_concat('[' || facts || ',' || coalesce(steps, 'null') || ',' || wanted || ']'), '') || ']'
FROM (
  SELECT json_array(
    row.n, shard, line, label, action, state, step, attempts, id, sent_at, done_at, code, message
  ) AS facts, steps, wanted.row AS wanted
  FROM row JOIN wanted ON wanted.n = row.n
  WHERE row.n > ? AND state IN (SELECT value FROM json_each(?)) {own}
  ORDER BY row.n LIMIT ?)
"""
_OWN = "AND shard IN (SELECT value FROM json_each(?))"
_INTEND = """
UPDATE row SET state = 'INTENT', attempts = attempts + 1, sent_at = ?, code = '', message = ''
WHERE n IN (SELECT value FROM json_each(?)) AND state = 'TODO'
"""
_RECORD = """
UPDATE row SET state = ?, step = coalesce(?, step), steps = coalesce(?, steps), code = ?, message = ?,
  attempts = attempts + ?, id = coalesce(each.value, row.id), done_at = CAST(time.key AS REAL)
FROM json_each(?) AS time, json_each(time.value) AS each WHERE row.n = CAST(each.key AS INTEGER)
"""
_ONE_CREATE = orjson.dumps(ONE_CREATE).decode()


class SqliteStore:
    """A :class:`~aiosymphony.provisioning.JobStore` in one file (and, while it is open, SQLite's two beside it).

    Args:
        path: The file; it is made, readable by its owner alone, if it is not there and ``read_only`` is not set.
        read_only: Only look, as ``status`` and ``report`` do, also while a job runs.
        clock: Gives the seconds since the epoch by which leases are kept.
    """

    def __init__(
        self, path: str | PathLike[str], *, read_only: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = Path(path)
        self._read_only = read_only
        self._clock = clock
        self._owner = Owner.this()
        self._epochs: dict[int, int] = {}
        self._queue: queue.SimpleQueue[_Operation[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._broken: JobError | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open or make the file, and check that it is whole.

        Raises:
            JobError: It is no journal, damaged, or of a newer release.
        """
        if self._thread is None:
            db = await asyncio.to_thread(self._connect)
            self._owner = Owner.this()
            self._thread = threading.Thread(target=self._work, args=(db,), name="aiosymphony journal", daemon=True)
            self._thread.start()

    async def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)
        self._owner.retire()

    async def header(self) -> JobHeader | None:
        return await self._do(_header)

    async def begin(self, header: JobHeader, actions: Iterable[Action]) -> None:
        def begin(db: sqlite3.Connection) -> None:
            there = _header(db)
            if there is not None:
                there.check(header, str(self.path))
                return
            _keep(db, "header", attrs.asdict(header))
            db.executemany("INSERT INTO shard VALUES (?, NULL, 0, 0)", ((n,) for n in range(header.shards)))
            now = self._clock()
            for n, action in enumerate(actions, 1):
                state, code, done_at = _first_state(action, now)
                steps = _json(action.steps)
                db.execute("INSERT INTO wanted VALUES (?, ?, ?, ?)", (n, action.line, action.label, _json(action.row)))
                db.execute(
                    "INSERT INTO row (n, shard, action, state, id, done_at, code, message, steps) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        n,
                        # Neighbours share a page of the file and a batch: they stay together.
                        n // 1000 % header.shards,
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

    async def acquire(self, lease: float, take: int | None = None) -> Sequence[int]:
        def acquire(db: sqlite3.Connection) -> list[int]:
            now = self._clock()
            free, holders = [], []
            for shard, owner, epoch, until in db.execute("SELECT shard, owner, epoch, lease_until FROM shard"):
                if owner is None or until <= now or Owner.parse(owner).is_gone():
                    free.append((shard, epoch + 1))
                else:
                    holders.append((Owner.parse(owner), until - now))
            if not free or (take is None and holders):
                who, left = holders[0]
                raise JobError(
                    f"{who.described()} is running the job in {self.path}: let it finish or stop it (Ctrl-C); if it "
                    f"hangs, its lease runs out in {max(1, round(left))} s unless it renews it",
                    exit_code=75,
                )
            taken = free if take is None else free[:take]
            db.executemany(
                "UPDATE shard SET owner = ?, epoch = ?, lease_until = ? WHERE shard = ?",
                [(str(self._owner), epoch, now + lease, shard) for shard, epoch in taken],
            )
            self._epochs = dict(taken)
            return [shard for shard, _ in taken]

        return await self._do(acquire)

    async def renew(self, lease: float) -> None:
        def renew(db: sqlite3.Connection) -> None:
            self._check_fence(db)
            db.execute("UPDATE shard SET lease_until = ? WHERE owner = ?", (self._clock() + lease, str(self._owner)))

        await self._do(renew)

    async def release(self) -> None:
        def release(db: sqlite3.Connection) -> None:
            db.execute("UPDATE shard SET owner = NULL, lease_until = 0 WHERE owner = ?", (str(self._owner),))
            self._epochs = {}

        await self._do(release)

    async def running(self) -> list[str]:
        """Who works on the job at the moment, as text for people."""

        def running(db: sqlite3.Connection) -> list[str]:
            owners = db.execute("SELECT DISTINCT owner FROM shard WHERE owner IS NOT NULL AND lease_until > ?", (now,))
            return [who.described() for (owner,) in owners if not (who := Owner.parse(owner)).is_gone()]

        now = self._clock()
        return await self._do(running)

    async def fetch(
        self, states: Sequence[State], *, after: int = 0, limit: int = 500, own: bool = True
    ) -> list[JobRow]:
        def fetch(db: sqlite3.Connection) -> list[JobRow]:
            shards = [_json([*self._epochs])] if own else []
            statement = _FETCH.format(own=_OWN if own else "")
            (found,) = db.execute(statement, (after, _json(states), *shards, limit)).fetchone()
            return [_job_row(row) for row in orjson.loads(found)]

        return await self._do(fetch)

    async def intend(self, rows: list[int], at: float) -> None:
        await self._do(_Intent(rows, at))

    def record(self, changes: Sequence[Change], at: float) -> asyncio.Future[None]:
        return self._put(_Outcome(changes, at), patient=True)

    async def counts(self) -> Mapping[tuple[str, State], int]:
        def counts(db: sqlite3.Connection) -> dict[tuple[str, State], int]:
            rows = db.execute("SELECT action, state, count(*) FROM row GROUP BY action, state")
            return {(action, state): count for action, state, count in rows}

        return await self._do(counts)

    async def note(self, name: str, value: object) -> None:
        await self._do(lambda db: _keep(db, name, value))

    async def notes(self) -> Mapping[str, Any]:
        def notes(db: sqlite3.Connection) -> dict[str, Any]:
            return {name: orjson.loads(value) for name, value in db.execute("SELECT name, value FROM note")}

        return await self._do(notes)

    def _check_fence(self, db: sqlite3.Connection) -> None:
        owned = dict(db.execute("SELECT shard, epoch FROM shard WHERE owner = ?", (str(self._owner),)))
        if owned != self._epochs:
            raise Fenced(f"another process took over the job in {self.path} after this one's lease ran out: stopped")

    # The file.

    def _connect(self) -> sqlite3.Connection:
        path = self.path
        if sqlite3.sqlite_version_info < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise JobError(f"the journal needs SQLite {oldest}, and this is {sqlite3.sqlite_version}", exit_code=64)
        try:
            if not self._read_only:
                self._make()
            elif not path.is_file():
                raise JobError(f"there is no journal {path}", exit_code=64)
            mode = "ro" if self._read_only else "rw"
            db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=15.0,
            )
        except OSError as error:
            raise JobError(f"the journal {path} cannot be opened: {error.strerror}", exit_code=75) from None
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        try:
            self._prepare(db)
        except sqlite3.Error as error:
            db.close()
            raise self._unusable(error) from None
        except BaseException:
            db.close()
            raise
        return db

    def _make(self) -> None:
        try:
            # Made before SQLite sees it, which gives the two files beside it the same permissions.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)

    def _prepare(self, db: sqlite3.Connection) -> None:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables and application != APPLICATION_ID:
            raise JobError(f"{self.path} is not a journal of a provisioning job: name another one", exit_code=64)
        if version > VERSION:
            raise JobError(
                f"the journal {self.path} was written by a newer release of aiosymphony (format {version}, this one "
                f"knows {VERSION}): use that release",
                exit_code=64,
            )
        if self._read_only:
            if not tables:
                raise JobError(f"the journal {self.path} is empty: no job was begun in it", exit_code=64)
            return
        if tables and (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise self._damaged(str(found).splitlines()[0])
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        # Neighbours change one after the other, and so does each page many times before it is copied into the file.
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        db.execute("BEGIN IMMEDIATE")
        # Another process may have made the tables since they were counted.
        if not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
        self._commit(db)

    def _unusable(self, error: sqlite3.Error) -> JobError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self._damaged(str(error))
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return JobError(
                f"the journal {self.path} is locked by another process, which may hang: let it finish or end it, then "
                "run the same command again",
                exit_code=75,
            )
        return JobError(
            f"the journal {self.path} cannot be written ({error}), so nothing more was sent: make room for it or make "
            "it writable, then run the same command again",
            exit_code=75,
        )

    def _damaged(self, what: str) -> JobError:
        return JobError(
            f"the journal {self.path} is damaged ({what}): restore it from a copy, or move it away and plan anew - "
            "the new plan finds what was done already",
            exit_code=64,
        )

    # The writer thread.

    async def _do(self, function: Callable[[sqlite3.Connection], T] | _Write) -> T:
        if self._thread is None:
            await self.open()
        return await self._put(function)

    def _put(self, function: Callable[[sqlite3.Connection], T] | _Write, *, patient: bool = False) -> asyncio.Future[T]:
        """Hand something to the writer thread; what is patient may wait a moment for company."""
        operation: _Operation[T] = _Operation(function, asyncio.get_running_loop(), patient)
        if self._broken is not None:
            operation.future.set_exception(self._broken)
        else:
            self._queue.put(operation)
        return operation.future

    def _work(self, db: sqlite3.Connection) -> None:
        going = True
        while going:
            group, going = self._next_group()
            if group:
                self._carry_out(db, group)
        db.close()

    def _next_group(self) -> tuple[list[_Operation[Any]], bool]:
        """What goes into the next transaction, and whether there will be another."""
        group: list[_Operation[Any]] = []
        patience = None
        while len(group) < _GROUP:
            try:
                hurried = group and patience is None
                item = self._queue.get_nowait() if hurried else self._queue.get(timeout=patience)
            except queue.Empty:
                break
            if item is None:
                return group, False
            if not item.patient:
                patience = None
            elif not group:
                patience = _PATIENCE
            group.append(item)
        return group, True

    def _carry_out(self, db: sqlite3.Connection, group: Sequence[_Operation[Any]]) -> None:
        """One transaction for the whole group: either all of it is durable, or all of it failed."""
        if self._broken is not None:
            _answer(group, error=self._broken)
            return
        try:
            db.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
            writes: list[_Write] = []
            for operation in group:
                if isinstance(operation.function, _Intent | _Outcome):
                    writes.append(operation.function)
                else:
                    self._write(db, writes)
                    writes = []
                    operation.result = operation.function(db)
            self._write(db, writes)
            self._commit(db)
        except sqlite3.Error as error:
            self._broken = self._unusable(error)
            _roll_back(db)
            _answer(group, error=self._broken)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            if isinstance(error, Fenced):
                self._broken = error
            _roll_back(db)
            if len(group) == 1:
                _answer(group, error=error)
            else:
                # One was refused; the others are not to suffer for it.
                for operation in group:
                    self._carry_out(db, [operation])
        else:
            _answer(group)

    def _write(self, db: sqlite3.Connection, writes: Sequence[_Write]) -> None:
        """Outcomes, in their order, then intents: in as few statements as can be.

        No row is in both, as an intent is durable before there can be an outcome.
        """
        if not writes:
            return
        self._check_fence(db)
        shared: tuple[Any, ...] = ()
        together: dict[float, dict[int, str | None]] = {}
        seen: set[int] = set()
        for outcome in writes:
            if isinstance(outcome, _Intent):
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
        intents = [write for write in writes if isinstance(write, _Intent)]
        if intents:
            numbers = [n for intent in intents for n in intent.rows]
            # They leave after this commit: the latest time is the nearest.
            at = max(intent.at for intent in intents)
            if db.execute(_INTEND, (at, _json(numbers))).rowcount != len(numbers):
                raise Fenced(f"rows of the job in {self.path} were changed by someone else: stopped")

    def _commit(self, db: sqlite3.Connection) -> None:
        db.execute("COMMIT")


@attrs.define(eq=False)
class _Intent:
    """Rows that are about to be sent."""

    rows: Sequence[int]
    at: float


@attrs.define(eq=False)
class _Outcome:
    """What became of rows."""

    changes: Sequence[Change]
    at: float


_Write = _Intent | _Outcome
"""What many callers ask for at once, so that it is written together."""


@attrs.define(eq=False)
class _Operation(Generic[T]):
    """Something to do in the writer thread, and the caller who waits for it."""

    function: Callable[[sqlite3.Connection], T] | _Write
    loop: asyncio.AbstractEventLoop
    patient: bool = False
    future: asyncio.Future[T] = attrs.field(init=False)
    result: T | None = None

    def __attrs_post_init__(self) -> None:
        self.future = self.loop.create_future()


def _answer(group: Sequence[_Operation[Any]], *, error: BaseException | None = None) -> None:
    def answer(operations: Sequence[_Operation[Any]]) -> None:
        for operation in operations:
            if operation.future.done():
                continue  # The caller was cancelled; what it asked for is done all the same.
            if error is None:
                operation.future.set_result(operation.result)
            else:
                operation.future.set_exception(error)

    for loop in {operation.loop for operation in group}:
        with contextlib.suppress(RuntimeError):  # The loop was closed: nobody waits any more.
            loop.call_soon_threadsafe(answer, [operation for operation in group if operation.loop is loop])


def _roll_back(db: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if db.in_transaction:
            db.execute("ROLLBACK")


def _header(db: sqlite3.Connection) -> JobHeader | None:
    found = db.execute("SELECT value FROM note WHERE name = 'header'").fetchone()
    return None if found is None else JobHeader(**orjson.loads(found[0]))


def _keep(db: sqlite3.Connection, name: str, value: object) -> None:
    db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, _json(value)))


def _first_state(action: Action, now: float) -> tuple[State, str, float | None]:
    """State, code and time of a row as the plan leaves it."""
    match action.do:
        case "skip":
            return "DONE", "", now
        case "conflict":
            return "CONFLICT", "conflict", now
        case "invalid":
            return "FAILED", "invalid", now
        case _:
            return "TODO", "", None


def _job_row(row: Sequence[Any]) -> JobRow:
    facts, steps, wanted = row
    return JobRow(*[*facts, ONE_CREATE if steps is None else steps, wanted])


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
