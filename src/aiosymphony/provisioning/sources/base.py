"""What every reader shares: lines of a file that are not too long, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import attrs

from ...errors import JobError, JobRefused

__all__ = ["MAX_LINE", "Contents", "Reader", "Record", "Scan", "file_digest", "first_bytes", "lines_of", "unreadable"]

MAX_LINE = 1 << 20
"""Bytes of one line beyond which it is refused without being read whole."""
# A record as the file gives it: its line, its cells by the file's own names, and what is wrong with it as a whole.
Record = tuple[int, Mapping[str, object], str]


@attrs.frozen
class Contents:
    """What stands in a file.

    Attributes:
        names: Its header, as it stands there, with doubles and empty names; None for a format that has none.
        records: What follows, record by record. A record has no cell whose name the header has not.
    """

    names: Sequence[str] | None
    records: Iterator[Record]


Scan = Callable[[Path, Any], Contents]
"""Reads a file: its path, and the digest to feed. The names of the columns are the file's own."""


@attrs.frozen
class Reader:
    """A format of files.

    Attributes:
        recognises: Whether a file with this path and these first bytes has this format.
        scan: Reads its header, and then record by record.
    """

    recognises: Callable[[Path, bytes], bool]
    scan: Scan


def file_digest(path: str | PathLike[str]) -> str:
    """SHA-256 of a file, as a plan and a journal remember it."""
    digest = hashlib.sha256()
    for _ in lines_of(Path(path), digest):
        pass
    return digest.hexdigest()


def lines_of(path: Path, digest: Any) -> Iterator[tuple[bytes, bool]]:
    """The file's lines as bytes, and whether one is too long (then empty); feeds the digest."""
    try:
        with path.open("rb") as file:
            first = True
            while piece := file.readline(MAX_LINE):
                digest.update(piece)
                if first:
                    piece = piece.removeprefix(b"\xef\xbb\xbf")
                    first = False
                if len(piece) < MAX_LINE or piece.endswith(b"\n"):
                    yield piece, False
                    continue
                while rest := file.readline(MAX_LINE):
                    digest.update(rest)
                    if rest.endswith(b"\n"):
                        break
                yield b"\n", True
    except OSError as error:
        raise unreadable(f"{path} cannot be read: {error.strerror}") from None


def first_bytes(path: Path) -> bytes:
    """The first line of a file, or 4 kB of it.

    Raises:
        JobError: It is empty or cannot be read.
    """
    for piece, _ in lines_of(path, hashlib.sha256()):
        return piece[:4096]
    raise unreadable(f"{path} is empty")


def unreadable(message: str) -> JobError:
    """What to say of a file that cannot be taken."""
    return JobRefused(message)
