"""The tables and functions in the database: made by ``aiosymphony store init``, and checked by whoever opens a job.

A release that needs other tables adds a file to ``migrations``, named by the version that it makes, such as
``002_workers.sql``. A file that was released is not changed any more.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import psycopg

from ....errors import JobRefused
from .engine import init_engine

if TYPE_CHECKING:
    from ....postgres.address import Address

__all__ = ["LATEST", "check_schema", "init_schema"]

_LOCK: Final = 0x6169_6F73_796D_7068
"""Only one process at a time makes or changes the schema."""


def _migrations() -> Mapping[int, str]:
    found = files(__name__.rpartition(".")[0]).joinpath("migrations").iterdir()
    return {int(each.name[:3]): each.read_text("utf-8") for each in found if each.name.endswith(".sql")}


LATEST: Final = max(_migrations())
"""The version of the schema that this release knows."""


def init_schema(connection: psycopg.Connection) -> int:
    """Make the schema, or bring it up to date, wholly or not at all; gives the version that it had, 0 if none.

    Raises:
        JobRefused: It is of a newer release.
        psycopg.Error: The user may not do that, or the database failed.
    """
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        # Who may use the schema need not have the right to make one.
        if connection.execute("SELECT to_regnamespace('aiosymphony')").fetchone() == (None,):
            connection.execute("CREATE SCHEMA aiosymphony")
        connection.execute("CREATE TABLE IF NOT EXISTS aiosymphony.version (version integer NOT NULL)")
        before = _version(connection)
        if before > LATEST:
            raise JobRefused(_newer(before))
        for version, script in sorted(_migrations().items()):
            if version > before:
                connection.execute(script.encode())
        init_engine(connection)
        if before != LATEST:
            connection.execute("DELETE FROM aiosymphony.version")
            connection.execute("INSERT INTO aiosymphony.version VALUES (%s)", [LATEST])
    return before


def check_schema(connection: psycopg.Connection, address: Address) -> None:
    """Make sure that the schema is the one that this release knows.

    Raises:
        JobRefused: It is not.
    """
    version = 0
    if connection.execute("SELECT to_regclass('aiosymphony.version')").fetchone() != (None,):
        version = _version(connection)
    if version > LATEST:
        raise JobRefused(f"{address.database}: {_newer(version)}")
    if version < LATEST:
        what = "is of an older release" if version else "has no tables for jobs yet"
        raise JobRefused(f"{address.database} {what}: run aiosymphony store init {shlex.quote(address.database)}")


def _version(connection: psycopg.Connection) -> int:
    found = connection.execute("SELECT coalesce(max(version), 0) FROM aiosymphony.version").fetchone()
    return 0 if found is None else int(found[0])


def _newer(version: int) -> str:
    return (
        f"its tables were made by a newer release of aiosymphony (version {version}, this one knows {LATEST}): use "
        "that release"
    )
