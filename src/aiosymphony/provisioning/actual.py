"""The users of a tenant, in a private temporary database that goes away with the object."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import attrs
import orjson

from ..errors import DecodeError, JobInterrupted
from .rows.base import Kind, keys_of
from .rows.registry import user_class

__all__ = ["Actual", "ActualUser"]


@attrs.frozen
class ActualUser:
    """A user that exists.

    Attributes:
        id: The id by which it is changed: Connect's user id, the Pod's number as text.
        values: Its columns, named as in the rows; what the tenant does not tell is absent.
        active: Whether it may log in; None if the tenant does not tell.
    """

    id: str
    values: Mapping[str, Any]
    active: bool | None = None


class Actual:
    """The users of a tenant, or as many of them as were looked up.

    Args:
        kind: ``connect`` or ``pod``.
        whole: Whether these are all users of the tenant. Only then can one say who is missing from the file.
    """

    def __init__(self, kind: Kind, *, whole: bool = True) -> None:
        self.kind = kind
        self.whole = whole
        self._row = user_class(kind)
        # An empty name is SQLite's private temporary database: in memory while small, on disk when not. One thread at
        # a time uses it, but not always the same one: the journal reads a plan in its own thread.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self.close = weakref.finalize(self, self._db.close)
        self._db.executescript(
            """
            PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -4000;
            CREATE TABLE user (id TEXT PRIMARY KEY, active INTEGER, body BLOB, claimed TEXT) WITHOUT ROWID;
            CREATE TABLE key (key TEXT, id TEXT, PRIMARY KEY (key, id)) WITHOUT ROWID;
            """
        )

    @classmethod
    def of(cls, kind: Kind, users: Iterable[ActualUser], *, whole: bool = True) -> Self:
        actual = cls(kind, whole=whole)
        actual.add(users)
        return actual

    def add(self, users: Iterable[ActualUser]) -> None:
        """Take users in; one that comes twice, because the list moved while it was read, counts once.

        Raises:
            JobError: There is no room for them.
        """
        rows, keys = [], []
        for user in users:
            try:
                body = orjson.dumps(user.values, option=orjson.OPT_SORT_KEYS)
            except TypeError as error:  # a server put something deep, or a huge number, where a text belongs
                raise DecodeError(f"the user {user.id} cannot be kept: {error}") from None
            rows.append((user.id, user.active, body))
            keys += [(key, user.id) for key in keys_of(user.values, self._row)]
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO user (id, active, body) VALUES (?, ?, ?)", rows)
            self._db.executemany("INSERT OR IGNORE INTO key VALUES (?, ?)", keys)
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise JobInterrupted(
                f"the list of users does not fit into the folder of temporary files ({error}): make room there, or set "
                "SQLITE_TMPDIR to another folder"
            ) from None

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM user").fetchone()[0])

    def find(self, keys: Iterable[str]) -> list[ActualUser]:
        """The users that have any of these folded keys, each once."""
        found: dict[str, ActualUser] = {}
        for key in keys:
            for row in self._db.execute(
                "SELECT user.id, active, body FROM key JOIN user ON user.id = key.id WHERE key.key = ?", (key,)
            ):
                user = _user(row)
                # One who was renamed while the list was read is found by the new key alone.
                if key in keys_of(user.values, self._row):
                    found[user.id] = user
        return list(found.values())

    def reset_claims(self) -> None:
        """Forget which users the rows of a file mean."""
        self._db.execute("UPDATE user SET claimed = NULL WHERE claimed IS NOT NULL")

    def claim(self, user_id: str, by: str) -> str | None:
        """Note that a row of the file means this user; returns what an earlier row noted, if one did."""
        earlier = self._db.execute("SELECT claimed FROM user WHERE id = ?", (user_id,)).fetchone()[0]
        self._db.execute("UPDATE user SET claimed = ? WHERE id = ?", (by, user_id))
        return None if earlier is None else str(earlier)

    def unclaimed(self) -> Iterator[ActualUser]:
        """The users that no row of the file means, in a fixed order."""
        for row in self._db.execute("SELECT id, active, body FROM user WHERE claimed IS NULL ORDER BY id"):
            yield _user(row)

    def doubles(self) -> Iterator[tuple[str, list[str]]]:
        """Each key that several users share, with their ids."""
        for key, ids in self._db.execute(
            "SELECT key, json_group_array(id) FROM key GROUP BY key HAVING count(*) > 1 ORDER BY key"
        ):
            yield key, orjson.loads(ids)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _user(row: tuple[str, int | None, bytes]) -> ActualUser:
    user_id, active, body = row
    return ActualUser(user_id, orjson.loads(body), None if active is None else bool(active))
