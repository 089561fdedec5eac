"""Private files: only their owner can read them, and they are written as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TextIO

from .errors import JobRefused

__all__ = ["NO_FOLLOW", "make_private", "private_file", "regular_file", "sync_folder"]

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Flags for ``os.open``: fail on a symbolic link, and leave line ends alone. A system may have neither."""


@contextlib.contextmanager
def private_file(path: str | PathLike[str]) -> Iterator[TextIO]:
    """Write a text file of mode 0600. Until all of it is on the disk, an old file stays as it was.

    The content goes into a new file beside it, which replaces it at the end. So a full disk or a crash leaves no half
    file, and the new file takes over neither mode nor hard links of the old one.

    Raises:
        JobError: It is a symbolic link or no regular file, or it cannot be written.
    """
    path = Path(path)
    regular_file(path)
    partial = None
    try:
        # mkstemp makes a file that was not there, and that its owner alone can read.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".aiosymphony-")
        partial = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise JobRefused(f"{path} cannot be written: {error.strerror or error}; nothing was changed") from None
    finally:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def regular_file(path: Path) -> os.stat_result | None:
    """The status of a regular file; None if there is no file.

    Raises:
        JobError: It is a symbolic link, a folder or a device, or its status cannot be read.
    """
    try:
        there = path.lstat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise JobRefused(f"{path} cannot be opened: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISLNK(there.st_mode):
        raise JobRefused(f"{path} is a symbolic link, which is not followed: name the file itself")
    if not stat.S_ISREG(there.st_mode):
        raise JobRefused(f"{path} is no regular file: name another one")
    return there


def make_private(descriptor: int) -> None:
    """Make an open file readable and writable by its owner alone. Does nothing on Windows, which has no modes."""
    if sys.platform != "win32" and os.fstat(descriptor).st_mode & 0o177:
        os.fchmod(descriptor, 0o600)


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable, if the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders.
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
