"""The connection to the database: made anew when it is lost, and never waited for without end.

It is psycopg's plain one, used by one thread: so it does not matter which event loop the program runs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, TypeAlias, TypeVar

import orjson
import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

from ....auth.secrets import keeps_arguments_secret
from ....errors import JobInterrupted, JobRefused
from ....postgres.address import Address
from .schema import check_schema

__all__ = ["Connection", "Session", "ask_once", "connect", "lineage", "told", "transaction"]

T = TypeVar("T")

GIVE_UP_AFTER: Final = 10.0
"""Seconds to wait for an answer of the database, and for a lost connection to be made anew."""
_PAUSE: Final = 0.1
_AGAIN: Final = ("40001", "40P01")
"""Codes of statements that were rolled back because of others: the same may succeed now."""
_CHECK: Final = """
SELECT current_setting('fsync') = 'on', current_setting('synchronous_commit'), pg_is_in_recovery(),
  current_setting('transaction_read_only') = 'on'
"""
_OLDEST: Final = 13


Connection: TypeAlias = psycopg.Connection[TupleRow]


class _Timed(psycopg.Connection[TupleRow]):
    """A connection that fails when an answer takes too long: the other side may be stopped, or cut off."""

    timeout: float = GIVE_UP_AFTER

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        return super().wait(_within(self.timeout, gen), *args, **kwargs)


def connect(address: Address) -> _Timed:
    """Connect, and make sure that the database can be used.

    Raises:
        JobInterrupted: It cannot be reached.
        JobRefused: It is too old, or keeps other text than UTF-8.
    """
    try:
        return _connect(address)
    except psycopg.Error as error:
        what = told(error)
    raise JobInterrupted(f"the database {address.database} cannot be reached: {what}")


def _connect(address: Address) -> _Timed:
    connection = _Timed.connect(autocommit=True, **address.parameters())
    version, encoding = connection.info.server_version // 10000, connection.info.parameter_status("server_encoding")
    if version >= _OLDEST and encoding == "UTF8":
        set_json_loads(orjson.loads, connection)
        return connection
    connection.close()
    if version < _OLDEST:
        raise JobRefused(f"{address.database} is PostgreSQL {version}: jobs need {_OLDEST} or newer")
    raise JobRefused(f"the database {address.database} keeps text as {encoding}: jobs need one that keeps UTF8")


class Session:
    """Runs functions that use the connection; when that is lost, with a new one.

    Args:
        address: Of the database.
        read_only: Whether a standby, or a database that is not durable, will do.
    """

    def __init__(self, address: Address, *, read_only: bool) -> None:
        self._address = address
        self._read_only = read_only
        self._connection: _Timed | None = None
        self.give_up_after = GIVE_UP_AFTER
        self.lineage: str | None = None
        """Which history of the database is written to; None while nothing is."""

    def open(self) -> None:
        """Connect.

        Raises:
            JobError: The database cannot be reached, or cannot be used.
        """
        connection = connect(self._address)
        try:
            self._check(connection, JobRefused)
        except psycopg.Error as error:
            what = told(error)
        except BaseException:
            connection.close()
            raise
        else:
            self._connection = connection
            return
        connection.close()
        raise JobInterrupted(f"the database {self._address.database} cannot be used: {what}")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def run(self, function: Callable[[Connection], T], *, may_repeat: bool = True) -> T:
        """Run a function that may be run again from its start, as long as ``may_repeat``.

        Raises:
            psycopg.Error: The database is gone, or refused it.
            JobError: The new connection is to a database that cannot be used.
        """
        until = time.monotonic() + self.give_up_after
        while True:
            try:
                if self._connection is None:
                    self._connection = self._connect_anew()
                self._connection.timeout = self.give_up_after
                return function(self._connection)
            except psycopg.Error as error:
                lost = self._is_lost(error)
                if lost:
                    self.close()
                if not may_repeat or not (lost or error.sqlstate in _AGAIN) or time.monotonic() >= until:
                    raise
            time.sleep(_PAUSE)

    def ask(self, function: Callable[[Connection], T]) -> T:
        """As :meth:`run`, for whoever tells people.

        Raises:
            JobInterrupted: The database is gone, or refused it.
            JobRefused: It cannot be used.
        """
        try:
            return self.run(function)
        except psycopg.Error as error:
            what = told(error)
        raise JobInterrupted(f"the database {self._address.database} cannot be reached or written: {what}")

    def _is_lost(self, error: psycopg.Error) -> bool:
        connection = self._connection
        return connection is None or connection.closed or isinstance(error, _Overdue)

    def _connect_anew(self) -> _Timed:
        connection = _connect(self._address)
        try:
            self._check(connection, _NotYet)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: Connection, unwritable: type[JobRefused | _NotYet]) -> None:
        """Make sure that what is committed stays, and that the schema is ours."""
        where = self._address.database
        found = connection.execute(_CHECK).fetchone()
        assert found is not None  # noqa: S101 - it is one row
        fsync, synchronous, standby, read_only = found
        if not self._read_only:
            if standby or read_only:
                what = "a standby" if standby else "read-only"
                raise unwritable(f"{where} is {what}, so no job can be written there: name the primary")
            if not fsync or synchronous == "off":
                setting = "fsync" if not fsync else "synchronous_commit"
                raise JobRefused(f"{where} runs with {setting} = off: it may lose what a job wrote, so turn it on")
        check_schema(connection, self._address)
        if self.lineage is not None and lineage(connection) != self.lineage:
            raise JobInterrupted(
                f"{where} was restored or failed over, and may have lost what was written last: run the same command "
                "again, and what may have been sent is looked up first"
            )


class _Overdue(psycopg.OperationalError):
    """There was no answer in time."""


class _NotYet(psycopg.OperationalError):
    """What answers is no primary, or none yet."""

    sqlstate = "25006"


@keeps_arguments_secret
def ask_once(text: str, function: Callable[[Connection], T], *, read_only: bool) -> T:
    """Run a function over a connection of its own, to the database at an address.

    Raises:
        JobRefused: The address cannot be read, or the database cannot be used.
        JobInterrupted: It is gone, or refused it.
    """
    session = Session(Address.parse(text), read_only=read_only)
    session.open()
    try:
        return session.ask(function)
    finally:
        session.close()


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A transaction that the database ends if this process is stopped in it: nobody else is to wait for its locks."""
    with connection.transaction():
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = '30s'")
        yield


def lineage(connection: Connection) -> str:
    """Which history of which database this is."""
    found = connection.execute("SELECT aiosymphony.lineage()").fetchone()
    return "" if found is None else str(found[0])


def told(error: psycopg.Error) -> str:
    """What an error says, in one line."""
    return " ".join((error.diag.message_primary or str(error)).split()) or type(error).__name__


def _within(seconds: float, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
    """A generator of psycopg's, which is resumed when there is an answer or a moment passed, for so many seconds."""
    until = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            # After a stop of this process the answer may be there: what counts is whether it is.
            if not ready and time.monotonic() >= until:
                raise _Overdue(f"no answer for {seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
