"""Which stores there are: one for each kind of place where a journal may lie."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from os import PathLike
from pathlib import Path
from typing import Final, Protocol

from ...auth.secrets import keeps_arguments_secret
from ...errors import JobRefused
from .base import JobStore
from .file import MAGIC
from .sqlite import SqliteStore

__all__ = ["NEEDS_POSTGRES", "STORES", "is_address", "is_store", "open_store", "without_password"]


NEEDS_POSTGRES: Final = "jobs in PostgreSQL need psycopg: pip install 'aiosymphony[postgres]'"


class _Opener(Protocol):
    def __call__(self, where: str, *, job: str | None, read_only: bool) -> AbstractAsyncContextManager[JobStore]: ...


def _sqlite(where: str, *, job: str | None, read_only: bool) -> AbstractAsyncContextManager[JobStore]:
    del job  # a file holds one
    return SqliteStore(where, read_only=read_only)


def _postgres(where: str, *, job: str | None, read_only: bool) -> AbstractAsyncContextManager[JobStore]:
    try:
        from .postgres.store import PostgresStore  # noqa: PLC0415 - needs an extra
    except ImportError:
        raise JobRefused(NEEDS_POSTGRES) from None
    return PostgresStore(where, job=job, read_only=read_only)


STORES: Final[Mapping[str, _Opener]] = {"": _sqlite, "postgres": _postgres, "postgresql": _postgres}
"""What opens a store, by the scheme of its address; a path has none."""


@keeps_arguments_secret
def open_store(
    where: str | PathLike[str], *, job: str | None = None, read_only: bool = False
) -> AbstractAsyncContextManager[JobStore]:
    """The store at a path or an address, to be entered.

    Args:
        where: The path of a file, or ``postgresql://…``.
        job: The name of the job, if the address has none: a file needs none. See :class:`PostgresStore`.
        read_only: Only look.

    Raises:
        JobError: No store has such addresses.
    """
    text = str(where)
    scheme, found, _ = text.partition("://")
    opener = STORES.get(scheme if found else "")
    if opener is None:
        raise JobRefused(f"no store is reached by {scheme}://: name the path of a file")
    return opener(text, job=job, read_only=read_only)


def is_address(where: str) -> bool:
    """Whether it is the address of a store, and no path."""
    return "://" in where


def without_password(where: str) -> str:
    """The path or the address of a store, as it may be shown: without the passwords in it."""
    if not is_address(where):
        return where
    scheme, _, rest = where.partition("://")
    place, _, query = rest.partition("?")
    user, at, hosts = place.rpartition("@")
    kept = [each for each in query.split("&") if each and each.partition("=")[0] not in ("password", "sslpassword")]
    return f"{scheme}://{user.partition(':')[0]}{at}{hosts}" + ("?" + "&".join(kept) if kept else "")


def is_store(path: Path) -> bool:
    """Whether a file looks like a journal."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
