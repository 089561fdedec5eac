"""The users of a tenant, in a private temporary database that goes away with the object."""

from __future__ import annotations

import contextlib
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import attrs
import orjson

from ..errors import DecodeError, JobInterrupted
from ..text import fold, skeleton
from .rows.base import Kind, User, full_name, keys_of
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
        self._has_spoilt = self._has_names = False
        # An empty name is SQLite's private temporary database: in memory while small, on disk when not. One thread at
        # a time uses it, but not always the same one: the journal reads a plan in its own thread.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self.close = weakref.finalize(self, self._db.close)
        self._db.executescript(
            """
            PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -4000;
            CREATE TABLE user (id TEXT PRIMARY KEY, active INTEGER, body BLOB, claimed INTEGER, line INTEGER)
                WITHOUT ROWID;
            CREATE TABLE key (key TEXT, id TEXT, PRIMARY KEY (key, id)) WITHOUT ROWID;
            CREATE TABLE spoilt (key TEXT, id TEXT, PRIMARY KEY (key, id)) WITHOUT ROWID;
            CREATE TABLE name (name TEXT, local TEXT, id TEXT, PRIMARY KEY (name, local, id)) WITHOUT ROWID;
            CREATE TABLE newcomer (name TEXT, local TEXT, line INTEGER, PRIMARY KEY (name, local, line)) WITHOUT ROWID;
            CREATE TABLE dispute (line INTEGER PRIMARY KEY, id TEXT, other INTEGER);
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
        rows, keys, spoilt, names = [], [], [], []
        for user in users:
            try:
                body = orjson.dumps(user.values, option=orjson.OPT_SORT_KEYS)
            except TypeError as error:  # a server put something deep, or a huge number, where a text belongs
                raise DecodeError(f"the user {user.id} cannot be kept: {error}") from None
            rows.append((user.id, user.active, body))
            folded = keys_of(user.values, self._row)
            keys += [(key, user.id) for key in folded]
            if any(not key.isascii() or ":'" in key for key in folded):
                meant = keys_of(user.values, self._row, skeleton)
                spoilt += [(key, user.id) for key in meant if key not in folded]
            if (name := full_name(user.values)) and self._row.is_person(user.values):
                names.append((name, _local_part(user.values, self._row), user.id))
        self._has_spoilt |= bool(spoilt)
        self._has_names |= bool(names)
        with self._needing_room():
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO user (id, active, body) VALUES (?, ?, ?)", rows)
            self._db.executemany("INSERT OR IGNORE INTO key VALUES (?, ?)", keys)
            self._db.executemany("INSERT OR IGNORE INTO spoilt VALUES (?, ?)", spoilt)
            self._db.executemany("INSERT OR IGNORE INTO name VALUES (?, ?, ?)", names)
            self._db.execute("COMMIT")

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM user").fetchone()[0])

    def count_active(self) -> int:
        """Users that can log in, or of whom the tenant does not tell it."""
        return int(self._db.execute("SELECT count(*) FROM user WHERE active IS NOT 0").fetchone()[0])

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

    def find_spoilt(self, keys: Iterable[str]) -> list[ActualUser]:
        """The users whose keys would be among these folded ones, were it not for what nobody sees in them."""
        found: dict[str, ActualUser] = {}
        for key in keys if self._has_spoilt else ():
            for row in self._db.execute(
                "SELECT user.id, active, body FROM spoilt JOIN user ON user.id = spoilt.id WHERE spoilt.key = ?", (key,)
            ):
                user = _user(row)
                if key in keys_of(user.values, self._row, skeleton):
                    found[user.id] = user
        return list(found.values())

    # Which rows of a file mean which users.

    def reset_claims(self) -> None:
        """Forget which users the rows of a file mean."""
        self._db.executescript(
            """
            UPDATE user SET claimed = NULL, line = NULL WHERE claimed IS NOT NULL;
            DELETE FROM newcomer; DELETE FROM dispute;
            """
        )

    def claim(self, user_id: str) -> None:
        """Note that the file is about this user."""
        with self._needing_room():
            self._db.execute("UPDATE user SET claimed = 1 WHERE id = ?", (user_id,))

    def claim_for(self, user_id: str, line: int) -> None:
        """Note that the row in this line means this user alone; two such rows dispute the user."""
        (earlier,) = self._db.execute("SELECT line FROM user WHERE id = ?", (user_id,)).fetchone()
        with self._needing_room():
            if earlier is None:
                self._db.execute("UPDATE user SET claimed = 1, line = ? WHERE id = ?", (line, user_id))
            else:
                pairs = [(earlier, user_id, line), (line, user_id, earlier)]
                self._db.executemany("INSERT OR IGNORE INTO dispute VALUES (?, ?, ?)", pairs)

    def add_newcomer(self, user: User, line: int) -> None:
        """Note that the row in this line means nobody who is there, for ``find_renames``."""
        if not self._has_names:
            return
        values = user.to_dict()
        name = full_name(values)
        # Of nearly all newcomers nobody there has the name, and nothing of them is kept.
        if name and self._db.execute("SELECT 1 FROM name WHERE name = ? LIMIT 1", (name,)).fetchone():
            with self._needing_room():
                self._db.execute("INSERT INTO newcomer VALUES (?, ?, ?)", (name, _local_part(values, self._row), line))

    def find_renames(self, *, by_name: bool, own_id: str | None) -> None:
        """Find newcomers that are probably users whom no row means, under another key; these are claimed for them.

        That is so if both have the same name and the same address before the ``@``, and nobody else on either side has.

        Args:
            by_name: The same name alone is enough, for users that are active.
            own_id: A user that is left out of this.
        """
        if self._db.execute("SELECT 1 FROM newcomer LIMIT 1").fetchone() is None:
            return
        with self._needing_room():
            for what, only in (("name, local", "AND local != ''"), ("name", "AND user.active IS NOT 0"))[
                : 2 if by_name else 1
            ]:
                self._db.execute(
                    f"""
                    INSERT INTO dispute (line, id)
                    SELECT line, id FROM
                        (SELECT {what}, min(line) AS line FROM newcomer WHERE line NOT IN (SELECT line FROM dispute)
                            GROUP BY {what} HAVING count(*) = 1)
                    JOIN
                        (SELECT {what}, min(user.id) AS id FROM name JOIN user ON user.id = name.id
                            WHERE name IN (SELECT name FROM newcomer)
                                AND user.claimed IS NULL AND user.id IS NOT ? {only}
                            GROUP BY {what} HAVING count(*) = 1)
                    USING ({what})
                    """,  # noqa: S608 - of the words above
                    (own_id,),
                )
                self._db.execute("UPDATE user SET claimed = 1 WHERE claimed IS NULL AND id IN (SELECT id FROM dispute)")

    def has_disputes(self) -> bool:
        """Whether there is a row for ``dispute``."""
        return self._db.execute("SELECT 1 FROM dispute LIMIT 1").fetchone() is not None

    def dispute(self, line: int) -> tuple[ActualUser, int | None] | None:
        """The user whom another row means too, with its line; or, without a line, who is probably this newcomer."""
        row = self._db.execute(
            "SELECT user.id, active, body, other FROM dispute JOIN user ON user.id = dispute.id WHERE dispute.line = ?",
            (line,),
        ).fetchone()
        return None if row is None else (_user(row[:3]), row[3])

    def unclaimed(self) -> Iterator[ActualUser]:
        """The users that no row of the file means, in a fixed order."""
        for row in self._db.execute("SELECT id, active, body FROM user WHERE claimed IS NULL ORDER BY id"):
            yield _user(row)

    @contextlib.contextmanager
    def _needing_room(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise JobInterrupted(
                f"the list of users does not fit into the folder of temporary files ({error}): make room there, or set "
                "SQLITE_TMPDIR to another folder"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _local_part(values: Mapping[str, Any], user_type: type[User]) -> str:
    """An address before its ``@``, folded."""
    return fold(values.get(user_type.address)).rpartition("@")[0]


def _user(row: tuple[str, int | None, bytes]) -> ActualUser:
    user_id, active, body = row
    return ActualUser(user_id, orjson.loads(body), None if active is None else bool(active))
