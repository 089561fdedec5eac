"""The journal as a file: made whole under its name, known by its first bytes, and told from what anybody else made.

Nothing is done to a file that is no journal, nor to the files beside it: neither to their bytes nor to their modes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Final

import orjson

from ...errors import JobError, JobInterrupted, JobRefused
from ...files import NO_FOLLOW, make_private, regular_file, sync_folder
from ..plans.sound import Unsound
from .seal import SEAL, check_seal
from .sound import sound_header

__all__ = [
    "APPLICATION_ID",
    "MAGIC",
    "VERSION",
    "check_count",
    "check_shape",
    "create_journal",
    "damaged",
    "have_journal",
    "hold",
    "is_journal",
    "let_go",
    "publish",
    "unusable",
]

APPLICATION_ID: Final = 0x61735079
VERSION: Final = 2
SCHEMA: Final = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
BEGIN;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- Who works on a part of the job: until when by the clock of the machine that all can compare, and by the owner's
-- monotonic one. The seal is the name of an acquisition, and the number of its commits.
CREATE TABLE shard (
  shard INTEGER PRIMARY KEY, owner TEXT, epoch INTEGER NOT NULL, lease REAL NOT NULL, lease_until REAL NOT NULL,
  alive_until REAL NOT NULL, seal TEXT NOT NULL, commits INTEGER NOT NULL
);
-- What changes lies apart from what does not, so that a commit touches few pages.
CREATE TABLE wanted (number INTEGER PRIMARY KEY, line INTEGER NOT NULL, label TEXT NOT NULL, row TEXT NOT NULL);
CREATE TABLE row (
  number INTEGER PRIMARY KEY, shard INTEGER NOT NULL, action TEXT NOT NULL, state TEXT NOT NULL,
  step INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, id TEXT, sent_at REAL, done_at REAL,
  code TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '', steps TEXT
);
COMMIT;
"""
MAGIC: Final = b"SQLite format 3\0"
_HEADER_SIZE: Final = 100
_SQLITES: Final = ("-wal", "-shm", "-journal")
"""The endings of the files that SQLite puts beside a database."""
_SHAPE = """
SELECT thing.type, thing.name, part.name, part.type, part."notnull", part.pk
FROM sqlite_schema AS thing LEFT JOIN pragma_table_info(thing.name) AS part
WHERE thing.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 2, 3
"""

_COUNT = """
SELECT
  (SELECT value FROM note WHERE name = 'header'),
  (SELECT count(*) FROM row JOIN wanted ON wanted.number = row.number WHERE shard IN (SELECT shard FROM shard)),
  (SELECT count(*) FROM row), (SELECT count(*) FROM wanted), (SELECT count(*) FROM shard)
"""

_UNWRITABLE = (
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
)  # fmt: skip

_held: Counter[tuple[int, int]] = Counter()
_lock = threading.Lock()


def have_journal(path: Path, *, to_write: bool, make: bool) -> bool:
    """Whether a file is there, which is a journal, to be opened; it is made if it is to be.

    Raises:
        JobError: It is something else, or is not there and cannot be made, or is only to be read.
        sqlite3.Error: It cannot be written.
    """
    if is_journal(path, to_write=to_write):
        return True
    if not to_write:
        raise JobRefused(f"there is no journal {path}: aiosymphony provision apply makes it when its plan is made")
    if make:
        create_journal(path)
    else:
        _check_room(path)
    return make


def is_journal(path: Path, *, to_write: bool) -> bool:
    """Whether there is a journal of that name; False if there is nothing.

    With ``to_write``, rights that others have to it and to the files beside it are taken away.

    Raises:
        JobError: There is something else, or it cannot be read.
    """
    existing = regular_file(path)
    if existing is None:
        return False
    beside = [file for suffix in (*_SQLITES, SEAL) if regular_file(file := _beside(path, suffix)) is not None]
    # To close a file drops the locks that SQLite has on it in this process. It was looked at when it was opened.
    if not _held[existing.st_dev, existing.st_ino]:
        try:
            _look_at(path, to_write=to_write)
            if to_write:
                for file in beside:
                    _narrow(file)
        except OSError as error:
            raise _cannot_be_opened(path, error) from None
    return True


def _look_at(path: Path, *, to_write: bool) -> None:
    descriptor = os.open(path, os.O_RDONLY | NO_FOLLOW)
    try:
        head = os.read(descriptor, _HEADER_SIZE)
        application = int.from_bytes(head[68:72])
        if len(head) < _HEADER_SIZE or not head.startswith(MAGIC) or application != APPLICATION_ID:
            raise JobRefused(f"{path} is not a journal of a provisioning job: name another one")
        if to_write:
            make_private(descriptor)
    finally:
        os.close(descriptor)


def _narrow(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # Its process has just closed it.
        descriptor = os.open(path, os.O_RDONLY | NO_FOLLOW)
        try:
            make_private(descriptor)
        finally:
            os.close(descriptor)


def _check_room(path: Path) -> None:
    """Check that a journal can be made here. Nothing is left behind."""
    _check_beside(path)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".aiosymphony-"):
            pass
    except OSError as error:
        raise _cannot_be_opened(path, error) from None


def create_journal(path: Path) -> None:
    """Make an empty journal. It gets its name when it is whole; SQLite gives the files beside it the same rights.

    Raises:
        JobError: It cannot be made, or files of another journal lie where its own will be.
        sqlite3.Error: It cannot be written.
    """
    _check_beside(path)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".aiosymphony-")
        os.close(descriptor)
        try:
            with contextlib.closing(sqlite3.connect(name, isolation_level=None)) as db:
                db.executescript(SCHEMA)
            publish(Path(name), path)
        finally:
            Path(name).unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise _cannot_be_opened(path, error) from None


def _check_beside(path: Path) -> None:
    """Refuse a name beside which files of another journal lie."""
    check_seal(path)
    for suffix in ("-wal", "-journal"):
        # SQLite would read them into the new one. Whoever only looked at a journal leaves an empty log behind.
        if (existing := regular_file(_beside(path, suffix))) is not None and existing.st_size:
            raise JobRefused(
                f"{_beside(path, suffix)} belongs to another journal, which is not there: put that back, move this "
                "away, or name another journal",
            )


def _cannot_be_opened(path: Path, error: OSError) -> JobInterrupted:
    return JobInterrupted(f"the journal {path} cannot be opened: {error.strerror}")


def publish(made: Path, path: Path) -> bool:
    """Give a file its name, unless somebody else has just used that; whether it has it."""
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:  # There are file systems without hard links.
        if os.path.lexists(path):
            return False
        made.replace(path)
    return True


def check_shape(db: sqlite3.Connection) -> None:
    """Check that there is what a journal has and nothing besides: no trigger acts on what is written to it.

    Raises:
        Unsound: A table, a column or a row is missing, or there is more.
    """
    if db.execute(_SHAPE).fetchall() != _shape():
        raise Unsound("its tables are not those of a journal")


def check_count(db: sqlite3.Connection) -> None:
    """Check that all rows and shards of the job are there, each with both of its parts.

    Raises:
        Unsound: Some are missing, or there are too many.
    """
    # One statement sees one state, whoever writes meanwhile.
    header, *existing = db.execute(_COUNT).fetchone()
    if header is None:
        wanted = [0, 0, 0, 0]
    else:
        try:
            job = sound_header(orjson.loads(header))
        except (ValueError, TypeError):
            raise Unsound("its header is not that of a job") from None
        wanted = [job.rows, job.rows, job.rows, job.shards]
    if existing != wanted:
        raise Unsound("rows of it are missing or too many")


@functools.cache
def _shape() -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(SCHEMA)
        return db.execute(_SHAPE).fetchall()


def hold(path: Path) -> tuple[int, int]:
    """Note that this process has a journal open; what comes back is for ``let_go``."""
    existing = path.stat()
    with _lock:
        _held[existing.st_dev, existing.st_ino] += 1
    return existing.st_dev, existing.st_ino


def let_go(held: tuple[int, int]) -> None:
    """Note that a journal was closed."""
    with _lock:
        _held[held] -= 1
        if not _held[held]:
            del _held[held]


def unusable(path: Path, error: sqlite3.Error | OSError) -> JobError:
    """What to say of an error of the file while it is used."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JobInterrupted(
            f"the journal {path} is locked by another process, which may hang: let it finish or end it, then "
            "run the same command again",
        )
    if code and code not in _UNWRITABLE:
        return damaged(path, str(error))
    return JobInterrupted(
        f"the journal {path} cannot be written ({error}), so nothing more was sent: make room for it or make "
        "it writable, then run the same command again",
    )


def damaged(path: Path, what: str) -> JobError:
    """What to say of a file that holds what no job writes."""
    return JobRefused(
        f"the journal {path} is damaged, or was edited by hand ({' '.join(what.split())}): move it away, with the "
        f"files beside it (-wal, -shm and {SEAL}), wait a minute for late writes, and plan again - the new plan "
        "finds what was done already",
    )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
