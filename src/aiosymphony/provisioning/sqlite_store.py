"""The journal in an SQLite file: write-ahead log, every commit synced, one writer thread.

Whatever arrives while a commit is being synced goes into the next one together, so that fifty workers cost hardly more
syncs than one. Every transaction first makes sure that the shards it writes to are still this process's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import attrs
import orjson

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import JobError, visible
from .journal_file import VERSION, check_count, check_shape, create_journal, hold, is_journal, let_go
from .owner import Owner
from .planning import ONE_CREATE, Action
from .rows import Kind
from .seal import SEAL, Seal
from .sound import Unsound, check_row, sound_counts, sound_header, sound_notes
from .store import Change, Fenced, JobHeader, JobRow, State

__all__ = ["SqliteStore"]

T = TypeVar("T")

_log = logging.getLogger("aiosymphony.provisioning")

_OLDEST = (3, 33, 0)
"""The first release with UPDATE … FROM."""
_GROUP = 1000
"""Operations in one commit at most."""
_CHECKPOINT_PAGES = 4000
"""Pages in the write-ahead log, of 4 kB each, before they are copied into the file."""
_PATIENCE = 0.02
"""Seconds that an outcome may wait to be written: for an intent, whose commit it then shares. A crash before that
leaves the row in flight, to be looked up."""

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
_DOUBT = """
UPDATE row SET state = 'INTENT', code = '', message = ''
WHERE shard IN (SELECT value FROM json_each(?)) AND state = 'TODO'
"""
_ONE_CREATE = orjson.dumps(ONE_CREATE).decode()
_WATCH_EVERY = 1.0
"""Seconds between two looks at an owner on another machine."""
_LONGEST_WATCH = 3600.0
_UNWRITABLE = (
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
)  # fmt: skip


class SqliteStore:
    """A :class:`~aiosymphony.provisioning.JobStore` in one file (and three beside it: SQLite's two, and the seal).

    Args:
        path: The file; it is made, readable by its owner alone, if it is not there and ``read_only`` is not set.
        read_only: Only look, as ``status`` and ``report`` do, also while a job runs.
        clock: Time, for tests.
    """

    def __init__(self, path: str | PathLike[str], *, read_only: bool = False, clock: Clock = SYSTEM_CLOCK) -> None:
        self.path = Path(path)
        self._read_only = read_only
        self._clock = clock
        self._owner = Owner.this()
        self._epochs: dict[int, int] = {}
        self._kind: Kind | None = None
        self._seal: Seal | None = None
        self._sealing = _Sealing()
        self._queue: queue.SimpleQueue[_Operation[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._broken: JobError | None = None
        self._held = (0, 0)

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
            JobError: It is no journal, damaged, edited by hand, or of a newer release.
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
        return await self._read(_header)

    async def begin(self, header: JobHeader, actions: Iterable[Action]) -> None:
        if (there := await self.header()) is not None:
            there.check(header, str(self.path))
            return

        def begin(db: sqlite3.Connection) -> None:
            if _header(db) is not None:
                return  # Another process was faster.
            _keep(db, "header", attrs.asdict(header))
            # Sealed from the start, so that whoever takes a shard first need not look anything up.
            self._sealing = _Sealing(secrets.token_hex(8), [*range(header.shards)], closed=True)
            db.executemany(
                "INSERT INTO shard VALUES (?, NULL, 0, 0, 0, 0, ?, 0)",
                ((n, self._sealing.name) for n in self._sealing.shards),
            )
            now = self._clock.time()
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
        if (there := await self.header()) is not None:
            there.check(header, str(self.path))

    async def acquire(self, lease: float, take: int | None = None) -> Sequence[int]:
        watched: dict[int, _Watched] = {}
        told = 0
        while (taken := await self._read(lambda db: self._acquire(db, lease, take, watched))) is None:
            if len(watched) > told:
                told = len(watched)
                _log.warning(
                    "the job in %s belongs to a process on another machine: looking if that lives", visible(self.name)
                )
            await self._clock.sleep(_WATCH_EVERY)
        return taken

    def _acquire(
        self, db: sqlite3.Connection, lease: float, take: int | None, watched: dict[int, _Watched]
    ) -> list[int] | None:
        """Take what is free; None if an owner on another machine has to be watched for longer."""
        now = self._clock.monotonic()
        free: list[int] = []
        waiting = False
        refused = ""
        epochs: dict[int, int] = {}
        sealed: dict[int, tuple[str, int]] = {}
        rows = db.execute("SELECT shard, owner, epoch, lease, alive_until, seal, commits FROM shard ORDER BY shard")
        for shard, text, epoch, length, until, name, commits in rows:
            epochs[shard] = epoch + 1
            sealed[shard] = (name, commits + 0)
            if text is None or (owner := Owner.parse(text)).is_gone():
                free.append(shard)
            elif owner.clock == self._owner.clock:
                # Where the clock is the same one, a lease is kept by it: the time of day may be set meanwhile.
                if until <= now:
                    free.append(shard)
                else:
                    refused = refused or (
                        f"{owner.described()} is running the job in {self.path}: let it finish or stop it (Ctrl-C); "
                        f"if it hangs, end it, or wait: its lease runs out in {max(1, round(until - now))} s unless "
                        "it renews it"
                    )
            else:
                # Clocks of two machines tell nothing. An owner that lives renews its lease while it is watched.
                first = watched.setdefault(shard, _Watched((epoch, until), now))
                if first.sign != (epoch, until):
                    refused = refused or (
                        f"{owner.described()} is running the job in {self.path}: let it finish or stop it there"
                    )
                elif now - first.since >= min(length, _LONGEST_WATCH):
                    free.append(shard)
                else:
                    waiting = True
        if (take is None and refused) or (not free and not waiting):
            raise JobError(refused or f"{self.path} holds no job", exit_code=75 if refused else 64)
        if waiting and (take is None or not free):
            return None
        taken = free if take is None else free[:take]
        self._doubt_unproven(db, {shard: sealed[shard] for shard in taken})
        self._epochs = {shard: epochs[shard] for shard in taken}
        self._sealing = _Sealing(secrets.token_hex(8), taken)
        db.executemany(
            "UPDATE shard SET owner = ?, epoch = ?, lease = ?, lease_until = ?, alive_until = ?, seal = ?, commits = 0 "
            "WHERE shard = ?",
            [
                (str(self._owner), epoch, lease, self._clock.time() + lease, now + lease, self._sealing.name, shard)
                for shard, epoch in self._epochs.items()
            ],
        )
        return taken

    def _doubt_unproven(self, db: sqlite3.Connection, sealed: Mapping[int, tuple[str, int]]) -> None:
        """Put rows that are to do in doubt if a later state of the journal may have sent them."""
        if self._seal is None:
            return  # Opened to be read: nothing is sent by it.
        unproven = [shard for shard, (name, commits) in sealed.items() if not self._seal.proves(shard, name, commits)]
        if unproven and (count := db.execute(_DOUBT, (_json(unproven),)).rowcount):
            _log.warning(
                "the journal %s does not show that it is the newest: it was restored, copied or moved, or the machine "
                "went down; so the %d rows that are to do are looked up before they are sent",
                visible(self.name),
                count,
            )

    async def renew(self, lease: float) -> None:
        def renew(db: sqlite3.Connection) -> None:
            self._check_fence(db)
            db.execute(
                "UPDATE shard SET lease = ?, lease_until = ?, alive_until = ? WHERE owner = ?",
                (lease, self._clock.time() + lease, self._clock.monotonic() + lease, str(self._owner)),
            )

        await self._do(renew)

    async def release(self) -> None:
        def release(db: sqlite3.Connection) -> None:
            db.execute(
                "UPDATE shard SET owner = NULL, lease_until = 0, alive_until = 0 WHERE owner = ?", (str(self._owner),)
            )
            self._epochs = {}

        await self._do(release)

    async def running(self) -> list[str]:
        """Who works on the job at the moment, as text for people."""

        def running(db: sqlite3.Connection) -> list[str]:
            found = db.execute("SELECT DISTINCT owner, lease_until, alive_until FROM shard WHERE owner IS NOT NULL")
            alive = []
            for text, until, alive_until in found:
                owner = Owner.parse(text)
                same_clock = owner.clock == self._owner.clock
                left = alive_until - self._clock.monotonic() if same_clock else until - self._clock.time()
                if left > 0 and not owner.is_gone():
                    alive.append(owner.described())
            return list(dict.fromkeys(alive))

        return await self._read(running)

    async def fetch(
        self, states: Sequence[State], *, after: int = 0, limit: int = 500, own: bool = True
    ) -> list[JobRow]:
        def fetch(db: sqlite3.Connection) -> list[JobRow]:
            shards = [_json([*self._epochs])] if own else []
            statement = _FETCH.format(own=_OWN if own else "")
            (found,) = db.execute(statement, (after, _json(states), *shards, limit)).fetchone()
            rows = [_job_row(row) for row in orjson.loads(found)]
            if rows and self._kind is None and (header := _header(db)) is not None:
                self._kind = header.kind
            for row in rows:
                check_row(row, self._kind or "connect")
            return rows

        return await self._read(fetch)

    async def intend(self, rows: list[int], at: float) -> None:
        await self._do(_Intent(rows, at))

    def record(self, changes: Sequence[Change], at: float) -> asyncio.Future[None]:
        return self._put(_Outcome(changes, at), patient=True)

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
        db: sqlite3.Connection | None = None
        held: tuple[int, int] | None = None
        try:
            self._find()
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
                    raise self._unusable(error) from None
                case OSError():
                    raise JobError(f"the journal {path} cannot be opened: {error.strerror}", exit_code=75) from None
                case Unsound():
                    raise self._damaged(str(error)) from None
            raise
        self._held = held
        return db

    def _find(self) -> None:
        """Make sure that the file is there, and a journal."""
        if is_journal(self.path, to_write=not self._read_only):
            return
        if self._read_only:
            raise JobError(f"there is no journal {self.path}", exit_code=64)
        create_journal(self.path)

    def _prepare(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise JobError(
                f"the journal {self.path} was written by a newer release of aiosymphony (format {version}, this one "
                f"knows {VERSION}): use that release",
                exit_code=64,
            )
        if not self._read_only and (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise self._damaged(str(found).replace("*** in database main ***", "").strip().partition("\n")[0])
        check_shape(db)
        check_count(db)
        if self._read_only:
            return
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        # Neighbours change one after the other, and so does each page many times before it is copied into the file.
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")

    def _unusable(self, error: sqlite3.Error | OSError) -> JobError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return JobError(
                f"the journal {self.path} is locked by another process, which may hang: let it finish or end it, then "
                "run the same command again",
                exit_code=75,
            )
        if code and code not in _UNWRITABLE:
            return self._damaged(str(error))
        return JobError(
            f"the journal {self.path} cannot be written ({error}), so nothing more was sent: make room for it or make "
            "it writable, then run the same command again",
            exit_code=75,
        )

    def _damaged(self, what: str) -> JobError:
        return JobError(
            f"the journal {self.path} is damaged, or was edited by hand ({_one_line(what)}): move it away, with the "
            f"files beside it (-wal, -shm and {SEAL}), wait a minute for late writes, and plan anew - the new plan "
            "finds what was done already",
            exit_code=64,
        )

    # The writer thread.

    async def _do(self, function: Callable[[sqlite3.Connection], T] | _Write) -> T:
        if self._thread is None:
            await self.open()
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
                raise self._damaged(str(error)) from None
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                raise self._damaged(f"a value in it cannot be read: {error}") from None

        return await self._do(read)

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
        self._finish(db)

    def _finish(self, db: sqlite3.Connection) -> None:
        """Close the file, and seal what no other process has taken since."""
        mine: list[tuple[int, int]] = []
        with contextlib.suppress(sqlite3.Error):
            mine = db.execute("SELECT shard, commits FROM shard WHERE seal = ?", (self._sealing.name,)).fetchall()
        db.close()
        if self._seal is not None:
            with contextlib.suppress(OSError):  # Unsealed, its rows are looked up.
                for commits in {commits for _, commits in mine}:
                    shards = [shard for shard, its in mine if its == commits]
                    self._seal.write(shards, self._sealing.name, commits, closed=True)
            self._seal.close()
        let_go(self._held)

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
            before = db.total_changes
            writes: list[_Write] = []
            for operation in group:
                if isinstance(operation.function, _Intent | _Outcome):
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

    def _commit_sealed(self, db: sqlite3.Connection) -> None:
        """Commit, and note beside the journal that this is its newest state, before anybody acts on it."""
        sealing = self._sealing
        commits = sealing.commits + 1
        db.execute("UPDATE shard SET commits = ? WHERE seal = ?", (commits, sealing.name))
        self._commit(db)
        sealing.commits = commits
        if self._seal is not None and sealing.shards:
            self._seal.write(sealing.shards, sealing.name, commits, closed=sealing.closed)

    def _commit(self, db: sqlite3.Connection) -> None:
        db.execute("COMMIT")


@attrs.define(eq=False)
class _Sealing:
    """What the seal is to say of this process: the name of its acquisition, its shards, and how often it committed."""

    name: str = ""
    shards: Sequence[int] = ()
    commits: int = 0
    closed: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class _Watched:
    """What an owner's last sign of life was, and since when it has been watched for another."""

    sign: tuple[object, ...]
    since: float


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
    return None if found is None else sound_header(orjson.loads(found[0]))


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


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
