"""The seal: a small file beside the journal, by which a journal shows that it is the newest state of its job.

A journal that was restored from an older copy, or moved without its ``-wal``, looks like any other. What tells it apart
is a count of its commits, kept in the journal and here. After each commit, and before its caller hears of it, the
process that owns a shard writes here: which acquisition it is (a random name), the number of the commit, and the
journal's inode, size and time of last change. A write to an open file survives the end of its process, but perhaps not
that of the machine: what was not closed before the last boot proves nothing.

The seal does not vouch for itself either if it was copied: it names its own inode, and the time at which it was
written, which the system has kept as well.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from ...errors import JobInterrupted, JobRefused
from ...files import NO_FOLLOW, make_private, regular_file, sync_folder
from .owner import boot_id

__all__ = ["SEAL", "Seal", "check_seal"]

SEAL: Final = "-seal"
"""What its name ends with, after the journal's."""
_BLOCK: Final = 256
"""Bytes of one record: the first is the file's own, then there is one of each shard."""
_SAME_TIME: Final = 2_000_000_000
"""Nanoseconds that may lie between reading the clock and the write that notes it."""


def check_seal(journal: Path) -> None:
    """Check that nothing else has the name of a journal's seal.

    Raises:
        JobError: Something has, or it cannot be read.
    """
    path = journal.with_name(journal.name + SEAL)
    if regular_file(path) is None:
        return
    try:
        with path.open("rb") as file:
            _check_first(file.read(1), path, journal)
    except OSError as error:
        raise JobInterrupted(f"{path} cannot be opened: {error.strerror}") from None


def _check_first(byte: bytes, path: Path, journal: Path) -> None:
    """Refuse a file that does not begin as a seal does."""
    if byte not in (b"", b"{", b"\0"):
        raise JobRefused(f"{path} is not a file of the journal {journal}: move it away")


class Seal:
    """The seal of one journal, open for writing.

    Args:
        journal: The journal's path.

    Raises:
        JobError: It cannot be opened, or something else has its name.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        path = journal.with_name(journal.name + SEAL)
        is_new = regular_file(path) is None
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600)
            self._file = os.fdopen(descriptor, "r+b", buffering=0)
            try:
                _check_first(self._file.read(1), path, journal)
            except JobRefused:
                self._file.close()
                raise
            make_private(descriptor)
        except OSError as error:
            raise JobInterrupted(f"{path} cannot be opened: {error.strerror}") from None
        if is_new:
            sync_folder(path.parent)

    def proves(self, shard: int, name: str, commits: int) -> bool:
        """Whether nothing was committed to the shard after this commit of the acquisition of this name."""
        whole, its = self._read(0), self._read(shard + 1)
        try:
            existing = os.fstat(self._file.fileno())
            return (
                whole["inode"] == existing.st_ino
                and abs(_changed_at(existing) - whole["at"]) < _SAME_TIME
                and whole["journal"] == self._identity()
                and its["name"] == name
                # Of a commit that its process did not live to note here, nobody had heard either.
                and commits - its["commits"] in ((0,) if its["closed"] else (0, 1))
                and (its["closed"] is True or its["boot"] == boot_id() != "")
            )
        except (OSError, KeyError, TypeError):
            return False

    def write(self, shards: Iterable[int], name: str, commits: int, *, closed: bool = False) -> None:
        """Note the latest commit to shards; ``closed`` if there will be no other, and so that it outlasts the machine.

        Raises:
            OSError: It cannot be written.
        """
        its = {"name": name, "commits": commits, "closed": closed, "boot": boot_id()}
        for shard in shards:
            self._put(shard + 1, its)
        inode = os.fstat(self._file.fileno()).st_ino
        self._put(0, {"inode": inode, "journal": self._identity(), "at": time.time_ns()})
        if closed:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()

    def _identity(self) -> list[int]:
        existing = os.stat(self._journal, follow_symlinks=False)  # noqa: PTH116 - at every commit
        return [existing.st_ino, existing.st_size, _changed_at(existing)]

    def _read(self, block: int) -> dict[str, Any]:
        try:
            self._file.seek(block * _BLOCK)
            found = orjson.loads(self._file.read(_BLOCK))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _put(self, block: int, record: dict[str, Any]) -> None:
        self._file.seek(block * _BLOCK)
        self._file.write(orjson.dumps(record).ljust(_BLOCK - 1) + b"\n")


def _changed_at(existing: os.stat_result) -> int:
    """When a file was last changed. Nobody can set the one time, which Windows does not have."""
    return max(existing.st_ctime_ns, existing.st_mtime_ns)
