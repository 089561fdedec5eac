"""Room for a new job in a journal file: the old one is copied to a file of its own, and taken out.

The copy gets its name when it is whole and on the disk, and takes nobody's. Only then are the rows taken out, in one
transaction of the process that owns the job. Killed in between, the next process finds its copy and goes on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ...errors import JobRefused
from ...files import sync_folder
from .file import publish

__all__ = ["clear", "keep_copy"]

_HEADER: Final = "SELECT value FROM note WHERE name = 'header'"


def keep_copy(path: Path, at: float) -> Path:
    """Copy a journal beside itself, and give the name of the copy, with this time (in seconds since the epoch) in it.

    Raises:
        JobRefused: It cannot be written.
    """
    try:
        with contextlib.closing(_open(path)) as journal:
            header = journal.execute(_HEADER).fetchone()
            for place in _names(path, at):
                if os.path.lexists(place):
                    if _header_of(place) == header:
                        return place
                elif _copy(journal, place):
                    return place
    except (sqlite3.Error, OSError) as error:
        what = getattr(error, "strerror", None) or error
        raise JobRefused(
            f"the last job in {path} cannot be kept beside it ({what}): make room there or make the folder writable, "
            "or name another journal (--journal). Nothing was changed"
        ) from None
    raise AssertionError  # there are names without end


def clear(db: sqlite3.Connection) -> None:
    """Take the job out of a journal, in a transaction of the caller's."""
    for table in ("row", "wanted", "shard", "note"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - these four


def _names(path: Path, at: float) -> Iterator[Path]:
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H%M%SZ")
    yield path.with_name(f"{path.stem}.{when}{path.suffix}")
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}.{when}-{number}{path.suffix}")


def _copy(journal: sqlite3.Connection, place: Path) -> bool:
    """Copy it to a new file; False if somebody else has just used the name."""
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".aiosymphony-")
    os.close(descriptor)
    try:
        with contextlib.closing(sqlite3.connect(name, isolation_level=None)) as copy:
            journal.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("PRAGMA synchronous = FULL")
            # The owner lives, and goes on with another job.
            copy.execute("UPDATE shard SET owner = NULL, lease_until = 0, alive_until = 0")
        with open(name, "rb+") as file:  # noqa: PTH123 - the name of mkstemp
            os.fsync(file.fileno())
        if not publish(Path(name), place):
            return False
        sync_folder(place.parent)
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def _header_of(place: Path) -> object:
    """The header in a file, as it stands there; None if it is no journal."""
    if place.is_symlink() or not place.is_file():
        return None
    try:
        with contextlib.closing(_open(place)) as journal:
            return journal.execute(_HEADER).fetchone()
    except sqlite3.Error:
        return None


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=15.0)
