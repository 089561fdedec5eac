"""The tables of procrastinate, the engine that hands tasks to workers. They lie beside ours, in the same schema."""

from __future__ import annotations

from collections.abc import Container
from importlib.resources import files
from typing import Final

import psycopg

from ....errors import JobRefused

__all__ = ["SEARCH_PATH", "check_engine", "init_engine"]

SEARCH_PATH: Final = "aiosymphony, pg_catalog, pg_temp"
"""Where the engine's statements find their tables: they name no schema."""
_DONE: Final = "SELECT name FROM aiosymphony.engine_migration"


def init_engine(connection: psycopg.Connection) -> None:
    """Make the engine's tables, or bring them up to date, within the caller's transaction.

    Raises:
        JobRefused: They are of a newer engine.
        psycopg.Error: The database failed.
    """
    known = _migrations()
    done = _done(connection)
    connection.execute(f"SET LOCAL search_path = {SEARCH_PATH}".encode())
    if not done:
        connection.execute(files("procrastinate.sql").joinpath("schema.sql").read_bytes())
    else:
        _check(done, known)
        for name in sorted(known.keys() - done):
            connection.execute(known[name])
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO aiosymphony.engine_migration VALUES (%s)", [(name,) for name in sorted(known.keys() - done)]
        )
    connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")


def check_engine(connection: psycopg.Connection, database: str) -> None:
    """Make sure that the engine's tables are those that this one knows.

    Raises:
        JobRefused: They are not.
    """
    known, done = _migrations().keys(), _done(connection)
    _check(done, known)
    if known - done:
        raise JobRefused(f"{database} has tables of an older procrastinate: run aiosymphony store init again")


def _check(done: set[str], known: Container[str]) -> None:
    if newer := sorted(name for name in done if name not in known):
        raise JobRefused(
            f"the database has tables of a newer procrastinate ({newer[-1]}): install that release here, too"
        )


def _done(connection: psycopg.Connection) -> set[str]:
    return {str(name) for (name,) in connection.execute(_DONE).fetchall()}


def _migrations() -> dict[str, bytes]:
    found = files("procrastinate.sql").joinpath("migrations").iterdir()
    return {each.name: each.read_bytes() for each in found if each.name.endswith(".sql")}
