"""Which stores there are: one for each kind of place where a journal may lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from os import PathLike
from pathlib import Path
from typing import Final, Protocol

from ...errors import JobRefused
from .base import JobStore
from .file import MAGIC
from .sqlite import SqliteStore

__all__ = ["STORES", "is_address", "is_store", "open_store", "without_password"]


_PASSWORD: Final = re.compile(r"^([^:/]+://[^:/@]*:).*@")


class _Opener(Protocol):
    def __call__(self, where: str, *, read_only: bool) -> AbstractAsyncContextManager[JobStore]: ...


def _sqlite(where: str, *, read_only: bool) -> AbstractAsyncContextManager[JobStore]:
    return SqliteStore(where, read_only=read_only)


STORES: Final[Mapping[str, _Opener]] = {"": _sqlite}
"""What opens a store, by the scheme of its address; a path has none."""


def open_store(where: str | PathLike[str], *, read_only: bool = False) -> AbstractAsyncContextManager[JobStore]:
    """The store at a path or an address, to be entered.

    Raises:
        JobError: No store has such addresses.
    """
    text = str(where)
    scheme, found, _ = text.partition("://")
    opener = STORES.get(scheme if found else "")
    if opener is None:
        raise JobRefused(f"no store is reached by {scheme}://: name the path of a file")
    return opener(text, read_only=read_only)


def is_address(where: str) -> bool:
    """Whether it is the address of a store, and no path."""
    return "://" in where


def without_password(where: str) -> str:
    """The path or the address of a store, as it may be shown."""
    return _PASSWORD.sub(r"\1***@", where) if is_address(where) else where


def is_store(path: Path) -> bool:
    """Whether a file looks like a journal."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
